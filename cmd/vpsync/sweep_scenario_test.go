//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// sweepScenario is a file of testdata/sweep; the README there tells what the lines mean.
type sweepScenario struct {
	name    string
	lines   [][]string // to carry out before the kill, word by word
	kill    []string   // what is killed
	code    int        // with which it ends where it is not
	again   []string   // what is done after a kill
	once    []string   // operations that must not be carried out more often than in a run that is not killed
	twice   bool       // the run that recovers is killed, too
	settles bool       // that one only while it settles
	signals int        // it is interrupted in other ways, too: in so many of them at each point
	example string     // folder of examples/ that the stack comes from
	files   map[string][]byte
}

func sweepScenarios(t *testing.T) []*sweepScenario {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/sweep/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var all []*sweepScenario
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		s, err := readScenario(strings.TrimSuffix(filepath.Base(path), ".txtar"), txtar.Parse(data))
		require.NoError(t, err, path)
		all = append(all, s)
	}
	return all
}

func readScenario(name string, archive *txtar.Archive) (*sweepScenario, error) {
	s := &sweepScenario{name: name, files: map[string][]byte{}}
	for _, f := range archive.Files {
		s.files[f.Name] = f.Data
	}
	for line := range strings.Lines(string(archive.Comment)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		words := sweepWords(line)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "kill":
			if code, err := strconv.Atoi(words[1]); err == nil {
				s.code, words = code, words[1:]
			}
			s.kill = words[2:]
		case "again":
			s.again = words[2:]
		case "once":
			s.once = words[1:]
		case "twice":
			s.twice = true
			s.settles = len(words) > 1 && words[1] == "settling"
		case "signals":
			s.signals = len(endings)
			if len(words) > 1 {
				n, err := strconv.Atoi(words[1])
				if err != nil || n < 1 || n > len(endings) {
					return nil, fmt.Errorf("signals takes a number from 1 to %d", len(endings))
				}
				s.signals = n
			}
		case "example":
			s.example = words[1]
		case "vpsync", "exits", "after", "forget":
			s.lines = append(s.lines, words)
		default:
			return nil, fmt.Errorf("%q is no line of a scenario", words[0])
		}
	}
	if len(s.kill) == 0 {
		return nil, fmt.Errorf("nothing is killed")
	}
	if s.again == nil {
		s.again = s.kill
	}
	return s, nil
}

// family of the fault matrix that its kills belong to: A1 for what sends requests, A3 for what works on the state alone.
func (s *sweepScenario) family() string {
	switch s.kill[0] {
	case "apply", "destroy", "task":
		return "A1"
	}
	return "A3"
}

// sweepWords are the words of a line; what stands in single quotes is one.
func sweepWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// stack puts the files of before/ or after/ in the place of those that are there.
func (s *sweepScenario) stack(dir, which string) error {
	old, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if s.example != "" {
		if err := copyTree(filepath.Join("..", "..", "examples", s.example), dir); err != nil {
			return err
		}
	}
	for name, data := range s.files {
		if base, ok := strings.CutPrefix(name, which+"/"); ok {
			if err := os.WriteFile(filepath.Join(dir, base), data, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare makes the folder in which the kill happens.
func (s *sweepScenario) prepare(f sweepFolder) error {
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return err
	}
	if err := s.stack(f.dir, "before"); err != nil {
		return err
	}
	for _, line := range s.lines {
		want, args := 0, line[1:]
		switch line[0] {
		case "after":
			if err := s.stack(f.dir, "after"); err != nil {
				return err
			}
			continue
		case "forget": // the state, as by a lost disk
			for _, name := range []string{"state.db", "state.lock"} {
				if err := os.Remove(filepath.Join(f.dir, ".vpsync", "sandbox", name)); err != nil {
					return err
				}
			}
			continue
		case "exits":
			n, err := strconv.Atoi(line[1])
			if err != nil {
				return err
			}
			want, args = n, line[3:]
		}
		if r := f.vpsync(hooks{}, args...); r.code != want {
			return fmt.Errorf("%s: exit code %d, want %d\n%s", strings.Join(line, " "), r.code, want, r.text)
		}
	}
	if _, err := os.Stat(filepath.Join(f.dir, ".vpsync", "sandbox", "accounts")); err == nil {
		if r := f.vpsync(hooks{}, "sandbox", "log", "--clear"); r.code != 0 {
			return fmt.Errorf("sandbox log --clear: %s", r.text)
		}
	}
	return nil
}

// copyTree copies a folder with the modes of its files.
func copyTree(from, to string) error {
	return filepath.Walk(from, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if info.IsDir() {
			if info.Name() == ".vpsync" && strings.Contains(from, "examples") {
				return filepath.SkipDir
			}
			return os.MkdirAll(target, info.Mode().Perm())
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm())
	})
}
