//go:build unix

package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

// The tests here need processes: a lock that the kernel frees, and a death in the middle of a commit. The test binary
// starts itself again as a writer: it takes the lock and commits until it dies, or until it loses the lock.

const writerVariable = "VPSYNC_TEST_WRITE_STATE"

// stepVariable makes the writer wait for a line before each commit but the first.
const stepVariable = "VPSYNC_TEST_WRITE_STEPS"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerVariable); path != "" {
		fmt.Println("ended:", writeForEver(path))
		return
	}
	if path := os.Getenv(restorerVariable); path != "" {
		fmt.Println("ended:", restoreAndDie(path))
		return
	}
	if path := os.Getenv(migratorVariable); path != "" {
		fmt.Println("ended:", migrateAndDie(path))
		return
	}
	os.Exit(m.Run())
}

// writeForEver commits pairs of rows, and says of each pair when it is durable.
func writeForEver(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path, Options{})
	if err != nil {
		return err
	}
	l, err := s.Lock(ctx, statetest.Owner("writer"))
	if err != nil {
		return err
	}
	if err := s.Commit(ctx, state.PutAccount{Account: statetest.Account}); err != nil {
		return err
	}
	steps := bufio.NewScanner(os.Stdin)
	for i := 1; ; i++ {
		if i > 1 && os.Getenv(stepVariable) != "" && !steps.Scan() {
			return errors.New("no more steps")
		}
		if err := l.Check(); err != nil {
			return fmt.Errorf("check: %w", err)
		}
		a, b := statetest.Server("a"), statetest.Server("b")
		a.Detail, b.Detail = strconv.Itoa(i), strings.Repeat("x", i%5000)
		if err := s.Commit(ctx, state.PutResource{Resource: a}, state.PutResource{Resource: b}); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		fmt.Println(i)
	}
}

// writer is such a process.
type writer struct {
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func startWriter(t *testing.T, path string, env ...string) *writer {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), writerVariable+"="+path, "GORACE=atexit_sleep_ms=0")
	cmd.Env = append(cmd.Env, env...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &writer{cmd, in, bufio.NewScanner(out)}
}

// line is the next line of the writer.
func (w *writer) line(t *testing.T) string {
	t.Helper()
	require.True(t, w.out.Scan(), "the writer ended")
	return w.out.Text()
}

// until reads on to the n-th commit.
func (w *writer) until(t *testing.T, n int) {
	t.Helper()
	for {
		got, err := strconv.Atoi(w.line(t))
		require.NoError(t, err, w.out.Text())
		if got >= n {
			return
		}
	}
}

func (w *writer) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	require.NoError(t, w.cmd.Process.Signal(sig))
	if sig == syscall.SIGSTOP {
		// The signal is on its way when kill returns; the writer stands still once the kernel says so.
		var status syscall.WaitStatus
		_, err := syscall.Wait4(w.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		require.NoError(t, err)
		require.True(t, status.Stopped())
	}
}

// kill ends the writer as nothing else does, and says what it had announced last.
func (w *writer) kill(t *testing.T) (last int) {
	t.Helper()
	w.signal(t, syscall.SIGKILL)
	for w.out.Scan() {
		if n, err := strconv.Atoi(w.out.Text()); err == nil {
			last = n
		}
	}
	_ = w.cmd.Wait()
	return last
}

// committed is the number of the last pair in a state, which must be whole.
func committed(t *testing.T, st *state.State) int {
	t.Helper()
	require.Len(t, st.Resources, 2)
	n, err := strconv.Atoi(st.Resources[0].Detail)
	require.NoError(t, err)
	require.Len(t, st.Resources[1].Detail, n%5000)
	return n
}

func TestKilledWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".vpsync", "state.db")
	for round := range 8 {
		w := startWriter(t, path)
		w.until(t, 1+round*round)
		// A reader needs no lock, while the writer writes.
		st, err := openLoad(t, path, Options{ReadOnly: true})
		require.NoError(t, err)
		committed(t, st)
		last := max(1+round*round, w.kill(t))

		st, err = openLoad(t, path, Options{ReadOnly: true})
		require.NoError(t, err)
		n := committed(t, st)
		require.GreaterOrEqual(t, n, last, "what was announced is there")
		require.LessOrEqual(t, n, last+1)
	}
	// The lock of the dead one is free, and was not broken.
	s := openAt(t, path)
	require.ErrorContains(t, s.Unlock(t.Context(), "writer"), "has ended")
	require.Zero(t, statetest.Take(t, s, "next").BrokenAt())
}

// TestCopiedWhileWriting stops a writer again and again and loads a copy of its files, as a backup program or a power
// failure would leave them; then it cuts the write-ahead log off everywhere.
func TestCopiedWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".vpsync", "state.db")
	w := startWriter(t, path)
	var dir string
	last := 0
	for range 6 {
		last += 7
		w.until(t, last)
		w.signal(t, syscall.SIGSTOP)
		dir = t.TempDir()
		copyFiles(t, filepath.Dir(path), dir)
		w.signal(t, syscall.SIGCONT)
		st, err := openLoad(t, filepath.Join(dir, "state.db"), Options{})
		require.NoError(t, err)
		require.GreaterOrEqual(t, committed(t, st), last)
	}
	w.until(t, last+5)
	w.kill(t)

	copyFiles(t, filepath.Dir(path), dir)
	log, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	require.Greater(t, len(log), 4096)
	whole, err := openLoad(t, path, Options{ReadOnly: true})
	require.NoError(t, err)
	refused := 0
	for cut := 0; cut < len(log); cut += len(log)/15 + 1 {
		cutDir := t.TempDir()
		copyFiles(t, dir, cutDir)
		require.NoError(t, os.Truncate(filepath.Join(cutDir, "state.db-wal"), int64(cut)))
		st, err := openLoad(t, filepath.Join(cutDir, "state.db"), Options{})
		if err != nil {
			require.ErrorContains(t, err, "is damaged")
			refused++
			continue
		}
		require.Equal(t, whole, st)
	}
	require.Positive(t, refused, "a log that lost commits is an older state")
}

func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	files, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, f := range files {
		if f.IsDir() || strings.HasSuffix(f.Name(), "-shm") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, f.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, f.Name()), data, 0o600))
	}
}

func TestLockBetweenProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".vpsync", "state.db")
	w := startWriter(t, path, stepVariable+"=yes")
	w.until(t, 1)
	s := openAt(t, path)
	_, err := s.Lock(t.Context(), statetest.Owner("mine"))
	var locked *state.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, statetest.Owner("writer"), locked.Owner)

	// A holder that is stopped keeps the lock. Broken, and awake again, it can neither write nor send.
	w.signal(t, syscall.SIGSTOP)
	_, err = s.Lock(t.Context(), statetest.Owner("mine"))
	require.ErrorAs(t, err, &locked)
	require.NoError(t, s.Unlock(t.Context(), "writer"))
	l := statetest.Take(t, s, "mine")
	require.NotZero(t, l.BrokenAt())
	before := statetest.Load(t, s)
	w.signal(t, syscall.SIGCONT)
	_, err = fmt.Fprintln(w.in, "go on")
	require.NoError(t, err)
	require.Equal(t, "ended: check: "+state.ErrLockLost.Error(), w.line(t))
	require.Equal(t, before, statetest.Load(t, s))
	require.NoError(t, l.Check())
	statetest.Commit(t, s, state.SetSettled{})
}
