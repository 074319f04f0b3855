//go:build unix

package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
)

// place is a stack with an emulated account, whose state the tests of disks and of concurrent runs treat badly. What they
// say of the account afterwards they have from the sandbox's own files, never from vpsync.
type place struct {
	t       *testing.T
	dir     string
	state   string   // of its file
	apart   bool     // run vpsync in a process of its own
	streams captured // of the last run
}

func newPlace(t *testing.T, files map[string]string) *place {
	t.Helper()
	dir := quickDir(t)
	write(t, dir, files)
	return &place{t: t, dir: dir, state: filepath.Join(dir, ".vpsync", "sandbox", "state.db")}
}

// quickDir is a folder in memory, where there is one: thousands of syncs need no disk to be tried.
func quickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "vpsync-test-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// args are those of a run here.
func (p *place) args(args ...string) []string {
	return append(append([]string{"-C", p.dir}, args...), "--sandbox")
}

// run is vpsync in this process, unless it is to be apart.
func (p *place) run(args ...string) int {
	p.t.Helper()
	if p.apart {
		return p.runChild(p.child("", args...))
	}
	p.streams = testStreams()
	env := map[string]string{"HOME": p.dir, "NO_COLOR": "1"}
	return run(context.Background(), p.args(args...), env, p.streams.streams, nil, hooks{})
}

// must is a run that ends well, and what it printed.
func (p *place) must(args ...string) string {
	p.t.Helper()
	require.Equal(p.t, exitDone, p.run(args...), "%v\n%s", args, p.streams)
	return p.streams.stdout.String()
}

var emulatedDefinition = sync.OnceValues(func() (*providers.Definition, error) { return embeddedDefinition("servosphere") })

func (p *place) account() *sandbox.Sandbox {
	p.t.Helper()
	def, err := emulatedDefinition()
	require.NoError(p.t, err)
	s, err := sandbox.Open(def, sandbox.Options{Dir: filepath.Join(p.dir, ".vpsync", "sandbox", "accounts"), Account: "servosphere", Token: sandboxToken})
	require.NoError(p.t, err)
	return s
}

// writes are the requests that arrived and were meant to change something.
func (p *place) writes() []string {
	p.t.Helper()
	s := p.account()
	defer s.Close()
	log, err := s.Log()
	require.NoError(p.t, err)
	all := []string{}
	for _, r := range log {
		if r.Method != "GET" && r.Method != "HEAD" {
			all = append(all, r.Method+" "+r.Path)
		}
	}
	return all
}

func (p *place) clearLog() {
	p.t.Helper()
	s := p.account()
	defer s.Close()
	require.NoError(p.t, s.ClearLog())
}

// said is what the last run printed, its lines joined: where they break depends on the length of names.
func (p *place) said() string { return strings.Join(strings.Fields(p.streams.String()), " ") }

// recorded is the state as it is on the disk.
func (p *place) recorded() (*state.State, error) {
	s, err := sqlite.Open(p.t.Context(), p.state, sqlite.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Load(p.t.Context())
}

// sound insists on a state that is whole to its last page, and gives it.
func (p *place) sound(when string) *state.State {
	p.t.Helper()
	s, err := sqlite.Open(p.t.Context(), p.state, sqlite.Options{ReadOnly: true})
	require.NoError(p.t, err, when)
	defer s.Close()
	require.NoError(p.t, s.Verify(p.t.Context()), when)
	st, err := s.Load(p.t.Context())
	require.NoError(p.t, err, when)
	return st
}

// nothingLostOrTwice: each object of the account is recorded or named by an open intent, and none of them is there twice.
func (p *place) nothingLostOrTwice(when string) {
	p.t.Helper()
	st, err := p.recorded()
	require.NoError(p.t, err, when)
	owned := map[string]bool{}
	for _, r := range st.Resources {
		owned[r.Address.Kind+" "+r.ID] = true
	}
	for _, l := range st.Leftovers {
		owned[l.Kind+" "+l.ID] = true
	}
	s := p.account()
	defer s.Close()
	seen := map[string]bool{}
	for _, kind := range accountKinds {
		objects, err := s.Objects(kind)
		require.NoError(p.t, err)
		for _, o := range objects {
			name := kind + " " + o.Values["name"].AsString()
			require.Falsef(p.t, seen[name], "%s: %s is there twice", when, name)
			seen[name] = true
			require.Truef(p.t, owned[kind+" "+o.ID], "%s: %s (%s) has no owner", when, name, o.ID)
		}
	}
}

var accountKinds = []string{"firewall_rule", "network", "server", "volume"}

// objects are the kinds and names of what is in the account.
func (p *place) objects() (all []string) {
	p.t.Helper()
	s := p.account()
	defer s.Close()
	for _, kind := range accountKinds {
		objects, err := s.Objects(kind)
		require.NoError(p.t, err)
		for _, o := range objects {
			all = append(all, kind+" "+o.Values["name"].AsString())
		}
	}
	slices.Sort(all)
	return all
}

// converges: what was begun is finished by the next apply, and there is nothing to do after it.
func (p *place) converges(when string) {
	p.t.Helper()
	code := p.run("apply", "--auto-approve")
	require.Equalf(p.t, exitDone, code, "%s: the next apply ended with %d\n%s", when, code, p.streams)
	p.nothingLostOrTwice(when)
	code = p.run("plan", "--detailed-exitcode")
	require.Equalf(p.t, exitDone, code, "%s: the second plan is not empty\n%s", when, p.streams)
}

// file is one of a snapshot.
type file struct {
	data []byte
	mode fs.FileMode
}

// snapshot is all that lies in the place; nobody may have it open.
func (p *place) snapshot() map[string]file {
	p.t.Helper()
	all := map[string]file{}
	require.NoError(p.t, filepath.WalkDir(p.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == p.dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		f := file{mode: info.Mode()}
		if !e.IsDir() {
			if f.data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		rel, err := filepath.Rel(p.dir, path)
		all[rel] = f
		return err
	}))
	return all
}

// reset puts everything back as it was in a snapshot.
func (p *place) reset(all map[string]file) {
	p.t.Helper()
	entries, err := os.ReadDir(p.dir)
	require.NoError(p.t, err)
	for _, e := range entries {
		require.NoError(p.t, os.RemoveAll(filepath.Join(p.dir, e.Name())))
	}
	for rel, f := range all {
		path := filepath.Join(p.dir, rel)
		if f.mode.IsDir() {
			require.NoError(p.t, os.MkdirAll(path, f.mode.Perm()))
			continue
		}
		require.NoError(p.t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(p.t, os.WriteFile(path, f.data, f.mode.Perm()))
	}
}

// changesOf is what a plan does, without when it was made.
func changesOf(t *testing.T, out string) string {
	t.Helper()
	var doc map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(out), &doc), out)
	text, err := json.Marshal([]json.RawMessage{doc["changes"], doc["counts"], doc["pending"]})
	require.NoError(t, err)
	return string(text)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
