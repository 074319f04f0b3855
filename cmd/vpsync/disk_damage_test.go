//go:build unix

package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
)

// Two stacks of an account: what was applied, and what is to be applied now. That there is something to do gives the tests
// of damage their teeth: a run that goes on sends a request.
const (
	stackBefore = `
provider "servosphere" {}

network "a" {
  name = "a"
  cidr = "10.0.0.0/24"
}

server "web" {
  name     = "web"
  plan     = "vps-small"
  location = "AMS"
}

firewall_rule "http" {
  name       = "http"
  server_id  = server.web.id
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}
`
	stackAfter = stackBefore + `
network "b" {
  name = "b"
  cidr = "10.1.0.0/24"
}
`
)

// damaged is a place whose state will be spoilt again and again.
type damaged struct {
	*place
	good map[string]file
	plan string // that is made of the sound state
	sent string // by an apply of it
}

func newDamaged(t *testing.T, p *place) *damaged {
	t.Helper()
	p.clearLog()
	d := &damaged{place: p, good: p.snapshot()}
	d.plan = changesOf(t, p.must("plan", "--json"))
	require.Equal(t, exitDone, p.run("apply", "--auto-approve"), p.streams)
	d.sent = strings.Join(p.writes(), "\n")
	require.Contains(t, d.sent, "POST /networks")
	p.reset(d.good)
	return d
}

// judge carries out plan and apply on a spoilt state. Each refuses before any request that writes, or it does what it would have done
// with the sound one. It puts everything back, and says whether the state was refused.
func (d *damaged) judge(how string) (refused bool) {
	d.t.Helper()
	switch code := d.run("plan", "--json"); code {
	case exitDone:
		require.Equal(d.t, d.plan, changesOf(d.t, d.streams.stdout.String()), "%s: another plan", how)
	case exitFailed:
		refused = true
		require.Regexp(d.t, `The state is damaged|The state (cannot|is of)`, d.said(), how)
	default:
		d.t.Fatalf("%s: plan ended with %d\n%s", how, code, d.streams)
	}
	switch code := d.run("apply", "--auto-approve"); code {
	case exitDone:
		require.Equal(d.t, d.sent, strings.Join(d.writes(), "\n"), "%s: another apply", how)
		d.nothingLostOrTwice(how)
	case exitFailed:
		refused = true
		require.Regexp(d.t, `Nothing was|nothing in it was|neither reads nor`, d.said(), how)
		require.Empty(d.t, d.writes(), "%s: it was refused after requests had been sent", how)
	default:
		d.t.Fatalf("%s: apply ended with %d\n%s", how, code, d.streams)
	}
	d.reset(d.good)
	return refused
}

// applied is a place with something recorded and something to do.
func applied(t *testing.T) *place {
	t.Helper()
	p := newPlace(t, map[string]string{"main.hcl": stackBefore})
	p.must("apply", "--auto-approve")
	write(t, p.dir, map[string]string{"main.hcl": stackAfter})
	return p
}

// killedAtPoint runs a child that is killed at the first point of this name: the state has a write-ahead log then.
func killedAtPoint(t *testing.T, p *place, point string, args ...string) {
	t.Helper()
	h := startHolder(t, p, point, args...)
	h.kill(t)
}

func TestDamage(t *testing.T) {
	begun, cases := time.Now(), 0
	flips, cuts := 60, 12
	if testing.Short() {
		flips, cuts = 12, 4
	}
	random := rand.New(rand.NewPCG(7, 11))

	t.Run("bytes of the state", func(t *testing.T) {
		d := newDamaged(t, applied(t))
		whole, err := os.ReadFile(d.state)
		require.NoError(t, err)
		spoil := func(how string, bad []byte) bool {
			cases++
			require.NoError(t, os.WriteFile(d.state, bad, 0o600))
			return d.judge(how)
		}
		flip := func(at int) bool {
			bad := append([]byte(nil), whole...)
			bad[at] ^= 1 << random.IntN(8)
			return spoil(fmt.Sprintf("byte %d flipped", at), bad)
		}
		for range flips / 2 { // all over the file: much of it is history, indices and room, and what lies where differs from run to run
			flip(random.IntN(len(whole)))
		}
		rows := rowBodies(t, d.state)
		for i := range flips / 2 { // in what vpsync acts on
			row := rows[i%len(rows)]
			begins := bytes.Index(whole, row)
			require.GreaterOrEqual(t, begins, 0, "the row is in the file in one piece: %s", row)
			at := begins + random.IntN(len(row))
			require.True(t, flip(at), "byte %d is of a row, and was flipped unseen: %s", at, row)
		}
		for i := range cuts {
			size := []int{0, 1, 511, 512, 4096, len(whole) - 1}[i%6]
			if i >= 6 {
				size = random.IntN(len(whole))
			}
			require.True(t, spoil(fmt.Sprintf("cut to %d bytes", size), whole[:size]), "cut to %d", size)
		}
	})

	t.Run("bytes of the write-ahead log", func(t *testing.T) {
		p := applied(t)
		killedAtPoint(t, p, "opening", "apply", "--auto-approve")
		log := p.state + "-wal"
		whole, err := os.ReadFile(log)
		require.NoError(t, err)
		d := newDamaged(t, p)
		spoil := func(how string, spoil func() error) {
			cases++
			require.NoError(t, os.Remove(d.state+"-shm"))
			require.NoError(t, spoil())
			d.judge(how)
		}
		const frame = 24 + 4096
		for at := 32; at < len(whole); at += frame { // a truncation at each frame
			spoil(fmt.Sprintf("the log cut to %d bytes", at), func() error { return os.Truncate(log, int64(at)) })
		}
		for i := range flips / 2 {
			at := i * len(whole) / (flips / 2)
			bad := append([]byte(nil), whole...)
			bad[at] ^= 1 << random.IntN(8)
			spoil(fmt.Sprintf("byte %d of the log flipped", at), func() error { return os.WriteFile(log, bad, 0o600) })
		}
		spoil("the log is missing", func() error { return os.Remove(log) })
		spoil("the log is a folder", func() error {
			if err := os.Remove(log); err != nil {
				return err
			}
			return os.Mkdir(log, 0o700)
		})
	})

	t.Run("bytes of a saved plan", func(t *testing.T) {
		p := applied(t)
		p.must("plan", "--out", filepath.Join(p.dir, "monday.vpsplan"))
		path := filepath.Join(p.dir, "monday.vpsplan")
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		p.clearLog()
		good := p.snapshot()
		spoil := func(how string, bad []byte) {
			cases++
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			require.Equal(t, exitFailed, p.run("apply", path), "%s\n%s", how, p.streams)
			require.Contains(t, p.streams.stderr.String(), "Not a plan to carry out", how)
		}
		for i := range flips {
			at := i*len(whole)/flips + random.IntN(len(whole)/flips)
			bad := append([]byte(nil), whole...)
			bad[at] ^= 1 << random.IntN(8)
			spoil(fmt.Sprintf("byte %d of the plan flipped", at), bad)
		}
		for i := range cuts {
			spoil(fmt.Sprintf("the plan cut to a part of it, %d", i), whole[:i*len(whole)/cuts])
		}
		require.Empty(t, p.writes())
		p.reset(good)
		p.must("apply", path)
		require.NotEmpty(t, p.writes())
	})

	t.Run("what lies in its place", func(t *testing.T) {
		d := newDamaged(t, applied(t))
		lock := filepath.Join(filepath.Dir(d.state), "state.lock")
		older := d.good[filepath.Join(".vpsync", "sandbox", "state.db")].data
		backups := filepath.Join(filepath.Dir(d.state), "backups")
		// Somebody else's, which a link leads to.
		const others = "somebody else's"
		elsewhere, err := os.MkdirTemp(filepath.Dir(d.dir), "vpsync-test-") // on the same disk, as hard links are
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(elsewhere)) })
		victim := filepath.Join(elsewhere, "file")
		instead := func(path string, put func(path string) error) func() error {
			return func() error {
				if err := os.RemoveAll(path); err != nil {
					return err
				}
				return put(path)
			}
		}
		toVictim := func(path string) error { return os.Symlink(victim, path) }
		nameOfVictim := func(path string) error { return os.Link(victim, path) }
		pipe := func(path string) error { return syscall.Mkfifo(path, 0o600) }
		// What is to be refused, and what does no harm.
		for how, c := range map[string]struct {
			spoil   func() error
			refused bool
			says    string
		}{
			"missing":   {func() error { return os.Remove(d.state) }, true, "missing"},
			"a symlink": {func() error { return symlinked(d.state) }, true, "not a regular file"},
			"dangling":  {func() error { _ = os.Remove(d.state); return os.Symlink("nowhere", d.state) }, true, "not a regular file"},
			"a folder":  {func() error { _ = os.Remove(d.state); return os.Mkdir(d.state, 0o700) }, true, "folder"},
			"a pipe":    {func() error { _ = os.Remove(d.state); return syscall.Mkfifo(d.state, 0o600) }, true, "not a regular file"},
			"text":      {func() error { return os.WriteFile(d.state, []byte(strings.Repeat("state ", 999)), 0o600) }, true, "not a database"},
			"another's": {func() error { return statement(d.state, `PRAGMA application_id = 7`) }, true, "not a state of vpsync's"},
			"newer":     {func() error { return statement(d.state, `PRAGMA user_version = 99`) }, true, "newer vpsync"},
			"no schema": {func() error { return statement(d.state, `PRAGMA user_version = 0`) }, true, "schema is missing"},
			"a row less": {func() error {
				return statement(d.state, `DELETE FROM resources WHERE key LIKE 'network%'`)
			}, true, "row is missing"},
			"another lineage": {func() error {
				other := newPlace(t, map[string]string{"main.hcl": `provider "servosphere" {}`})
				other.must("apply", "--auto-approve")
				return os.Rename(other.state, d.state)
			}, true, "another state was put in its place"},
			"an older serial": {func() error {
				if code := d.run("apply", "--auto-approve"); code != exitDone {
					return fmt.Errorf("apply: %d", code)
				}
				d.clearLog()
				return os.WriteFile(d.state, older, 0o600)
			}, true, "older copy"},
			"a folder of backups that is a file": {instead(backups, func(path string) error { return os.WriteFile(path, nil, 0o600) }), true, "is a file and not a folder"},
			"a folder of backups elsewhere":      {instead(backups, func(path string) error { return os.Symlink(elsewhere, path) }), true, "is a symbolic link and not a folder"},
			"a lock that is a folder":            {instead(lock, func(path string) error { return os.Mkdir(path, 0o700) }), true, "is a folder and not a regular file"},
			"a lock that is a symlink":           {instead(lock, toVictim), true, "is a symbolic link and not a regular file"},
			"a lock that is a dangling symlink":  {instead(lock, func(path string) error { return os.Symlink(filepath.Join(elsewhere, "new"), path) }), true, "is a symbolic link and not a regular file"},
			"a lock that is a pipe":              {instead(lock, pipe), true, "is a pipe and not a regular file"},
			"a lock with a second name":          {instead(lock, nameOfVictim), true, "has a second name"},
			"a state with a second name":         {func() error { return os.Link(d.state, filepath.Join(elsewhere, "state.db")) }, true, "has a second name"},
			"a log that is a symlink":            {instead(d.state+"-wal", toVictim), true, "is a symbolic link and not a regular file"},
			"a log that is a pipe":               {instead(d.state+"-wal", pipe), true, "is a pipe and not a regular file"},
			"a log with a second name":           {instead(d.state+"-wal", nameOfVictim), true, "has a second name"},
			"a journal with a second name":       {instead(d.state+"-journal", nameOfVictim), true, "has a second name"},
			"an index that is a symlink":         {instead(d.state+"-shm", toVictim), true, "is a symbolic link and not a regular file"},
			"a lock of nothing":                  {func() error { return os.WriteFile(lock, nil, 0o600) }, false, ""},
			"a lock of zeros":                    {func() error { return os.WriteFile(lock, make([]byte, 4096), 0o600) }, false, ""},
			"no lock":                            {func() error { return os.Remove(lock) }, false, ""},
			"a lock of another shape":            {func() error { return os.WriteFile(lock, []byte(` {"owner":3,"serial":"x"}`), 0o600) }, false, ""},
			"a log without a state's":            {func() error { return os.WriteFile(d.state+"-wal", []byte(strings.Repeat("x", 9000)), 0o600) }, false, ""},
			"an index of rubbish":                {func() error { return os.WriteFile(d.state+"-shm", []byte(strings.Repeat("x", 32768)), 0o600) }, false, ""},
			"read by others":                     {func() error { return os.Chmod(d.state, 0o644) }, false, ""},
			"backups gone":                       {func() error { return os.RemoveAll(backups) }, false, ""},
			"killed while it was made":           {func() error { return os.Link(d.state, filepath.Join(filepath.Dir(d.state), ".new-1-state.db")) }, false, ""},
		} {
			cases++
			d.clearLog()
			require.NoError(t, os.WriteFile(victim, []byte(others), 0o640))
			require.NoError(t, c.spoil(), how)
			said := ""
			if d.run("plan") == exitFailed {
				said = d.said()
			}
			if c.refused {
				require.Contains(t, said, c.says, how)
			}
			if how == "read by others" {
				require.Contains(t, d.streams.stderr.String(), "chmod 600", how)
			}
			require.Equal(t, c.refused, d.judge(how), "%s: refused or not\n%s", how, d.streams)
			text, err := os.ReadFile(victim)
			require.NoError(t, err)
			require.Equal(t, others, string(text), "%s: somebody else's file was written", how)
			info, err := os.Stat(victim)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o640), info.Mode(), how)
			there, err := os.ReadDir(elsewhere)
			require.NoError(t, err)
			for _, e := range there {
				path := filepath.Join(elsewhere, e.Name())
				switch e.Name() {
				case "file":
				case "state.db":
					same, err := os.ReadFile(path)
					require.NoError(t, err)
					require.Equal(t, older, same, how)
				default:
					t.Errorf("%s: %s was made elsewhere", how, path)
				}
				require.NoError(t, os.Remove(path))
			}
		}
	})

	if os.Geteuid() != 0 { // root may write what is read-only; the disks of TestFullDisk are truly so
		t.Run("read-only", func(t *testing.T) {
			d := newDamaged(t, applied(t))
			dir := filepath.Dir(d.state)
			require.NoError(t, os.Chmod(dir, 0o500))
			t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
			require.Equal(t, exitFailed, d.run("apply", "--auto-approve"), d.streams)
			require.Contains(t, d.streams.stderr.String(), "cannot be written")
			cases++
			require.NoError(t, os.Chmod(dir, 0o700))
			require.Empty(t, d.writes())
		})
	}
	matrix.Ran(t, "D3", cases, begun)
}

// rowBodies are what the rows of the resources hold, as it stands in the file.
func rowBodies(t *testing.T, path string) (all [][]byte) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&immutable=1")
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.Query(`SELECT body FROM resources ORDER BY key`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var body []byte
		require.NoError(t, rows.Scan(&body))
		all = append(all, body)
	}
	require.NoError(t, rows.Err())
	require.Len(t, all, 3, "a network, a server, a rule")
	return all
}

func symlinked(path string) error {
	if err := os.Rename(path, path+".real"); err != nil {
		return err
	}
	return os.Symlink(path+".real", path)
}

// statement changes a state behind vpsync's back.
func statement(path, text string) error {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(text)
	return err
}
