//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// unlocks breaks the lock of a run that was stopped (SIGSTOP) with a request on its way, by an unlock that is killed at each of its
// points and then done again. The holder goes on then, and sends nothing more; the next run settles what it left.
func (w *sweep) unlocks(t *testing.T, of *sweepScenario) error {
	s := *of
	s.name = "unlock"
	r := &scenarioRun{sweepScenario: &s, sweep: w, t: t, row: &row{family: "A3"}, prepared: sweepFolder{filepath.Join(w.root, s.name, "prepared")}}
	w.mu.Lock()
	w.rows[s.name] = r.row
	w.mu.Unlock()
	if err := r.clean(); err != nil {
		return err
	}
	for n := 1; ; n++ {
		killed, err := r.unlock(n)
		if err != nil {
			return fmt.Errorf("unlock, killed at point %d: %w", n, err)
		}
		if killed == nil {
			if n == 1 {
				return errors.New("unlock passes no point")
			}
			return nil
		}
		w.mu.Lock()
		w.visited[*killed]++
		r.row.points, r.row.killed = n, n
		w.mu.Unlock()
	}
}

func (r *scenarioRun) unlock(n int) (_ *point, err error) {
	f, err := r.fresh(strconv.Itoa(n))
	if err != nil {
		return nil, err
	}
	holder, end, err := f.stopped(r.sweepScenario.kill)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	id, err := f.holder()
	if err != nil {
		return nil, err
	}
	if e := f.vpsync(hooks{}, r.again...); e.code != exitLocked {
		return nil, fmt.Errorf("beside a holder apply ended with %d\n%s", e.code, e.text)
	}
	killed, err := f.child(n, endKill, "unlock", id)
	if err != nil {
		return nil, err
	}
	if killed.at == nil && killed.code != 0 {
		return nil, fmt.Errorf("unlock ended with %d\n%s", killed.code, killed.text)
	}
	if killed.at != nil {
		if e := f.vpsync(hooks{}, "unlock", id); e.code != 0 {
			return nil, fmt.Errorf("the next unlock ended with %d\n%s", e.code, e.text)
		}
	}
	// The holder wakes up, notices, and ends.
	before, err := f.log()
	if err != nil {
		return nil, err
	}
	if err := holder.Signal(syscall.SIGCONT); err != nil {
		return nil, err
	}
	state, err := holder.Wait()
	if err != nil {
		return nil, err
	}
	after, err := f.log()
	if err != nil {
		return nil, err
	}
	if state.ExitCode() == 0 || writesIn(after) > writesIn(before) {
		return nil, fmt.Errorf("the holder whose lock was broken ended with %d, and sent %d requests that write", state.ExitCode(), writesIn(after)-writesIn(before))
	}
	return killed.at, r.well(f)
}

// stopped is a run that has stopped with its intent durable and its request not sent. What is returned with it ends it if need be.
func (f sweepFolder) stopped(args []string) (*os.Process, func() error, error) {
	var seen recorder
	counted, err := f.copyTo(f.dir + "-counted")
	if err != nil {
		return nil, nil, err
	}
	counted.vpsync(hooks{boundary: seen.pass}, args...)
	at := 0
	for i, p := range seen.points {
		if p.name == "intent" {
			at = i + 1
			break
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := &exec.Cmd{Path: self, Args: append([]string{"vpsync"}, f.arguments(args)...),
		Env: append(f.environment(), "VPSYNC_TEST_SWEEP_AT="+strconv.Itoa(at), "VPSYNC_TEST_SWEEP_BY="+endStop)}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	end := func() error {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		return nil
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		return nil, nil, errors.Join(err, fmt.Errorf("the holder did not stop: %v", status), end())
	}
	return cmd.Process, end, nil
}

// holder is the id of the lock that somebody holds.
func (f sweepFolder) holder() (string, error) {
	data, err := os.ReadFile(filepath.Join(f.dir, ".vpsync", "sandbox", "state.lock"))
	if err != nil {
		return "", err
	}
	var note struct {
		Owner struct {
			ID string `json:"id"`
		} `json:"owner"`
	}
	if err := json.Unmarshal(data, &note); err != nil {
		return "", err
	}
	return note.Owner.ID, nil
}
