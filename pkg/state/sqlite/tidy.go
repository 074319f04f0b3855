package sqlite

import (
	"os"
	"path/filepath"
	"strings"
)

// What a file is until it has its name.
const (
	scratchNew     = ".new-"     // a state that is being made
	scratchLock    = ".lock-"    // the note of a lock that is being broken
	scratchRestore = ".restore-" // a state that is about to be put in place
)

// scratch is the pattern for such a file. Several states may lie in one folder, so that its name ends in that of the state.
func (s *Store) scratch(what string) string { return what + "*-" + filepath.Base(s.path) }

// tidy removes what a crash left unfinished: files of this state that are made only while its lock is held, which the caller does.
// (Unlock makes its own while another holds the lock; whoever calls this has taken it since, and there is nothing more to break.)
// What cannot be removed harms nobody.
func (s *Store) tidy() {
	dir := filepath.Dir(s.path)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if s.isScratch(e.Name()) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	entries, _ = os.ReadDir(s.backupDir())
	for _, e := range entries {
		name, own := strings.CutPrefix(e.Name(), s.backupStem())
		if own && name != "" && name[0] >= '0' && name[0] <= '9' && (strings.HasSuffix(name, unfinishedSuffix) || strings.HasSuffix(name, unfinishedSuffix+"-journal")) {
			_ = os.Remove(filepath.Join(s.backupDir(), e.Name()))
		}
	}
}

// isScratch: the name is one that scratch made for this state, or that SQLite keeps beside one.
func (s *Store) isScratch(name string) bool {
	for _, what := range []string{scratchNew, scratchLock, scratchRestore} {
		if rest, ok := strings.CutPrefix(name, what); ok {
			digits, of, _ := strings.Cut(rest, "-")
			for _, beside := range []string{"-wal", "-shm", "-journal"} {
				of = strings.TrimSuffix(of, beside)
			}
			return of == filepath.Base(s.path) && strings.Trim(digits, "0123456789") == ""
		}
	}
	return false
}
