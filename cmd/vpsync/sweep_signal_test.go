//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// endings are what else may befall a run.
var endings = []string{endInterrupt, endInterrupt2, endTerminate, endHangUp, endNoReader}

// endingsAt are those that befall it at a point: interrupts always, and of the others as many as the story asks for, in turn. A part takes
// one at a time.
func (r *scenarioRun) endingsAt(at int) []string {
	switch {
	case r.signals == 0:
		return nil
	case !*sweepAll && r.signals == len(endings):
		return endings[at%len(endings):][:1]
	case !*sweepAll:
		const stride = 3
		if at%stride != r.n%stride {
			return nil
		}
		return endings[at/stride%len(endings):][:1]
	}
	const interrupts = 2
	chosen := slices.Clone(endings[:min(interrupts, r.signals)])
	for i := range r.signals - len(chosen) {
		others := endings[interrupts:]
		chosen = append(chosen, others[(at+i)%len(others)])
	}
	return chosen
}

// interrupt is a case of a story with the line "signals": something befalls the run at its n-th point. Its exit code must be true, and
// the next run makes everything well.
func (r *scenarioRun) interrupt(n int, by string) {
	r.slots <- struct{}{}
	defer func() { <-r.slots }()
	f, err := r.fresh(fmt.Sprintf("s%d-%s", n, strings.ReplaceAll(by, " ", "-")))
	if err == nil {
		var e ended
		if by == endNoReader {
			e, err = f.unread(n, r.sweepScenario.kill...)
		} else {
			e, err = f.child(n, by, r.sweepScenario.kill...)
		}
		switch {
		case err != nil:
		case e.at == nil:
			err = fmt.Errorf("it did not get there, and ended with %d\n%s", e.code, e.text)
		default:
			r.died(*e.at, &r.row.signals)
			if err = r.truthful(f, e, by); err == nil {
				err = r.well(f)
			}
		}
	}
	if err != nil {
		r.failed(f, fmt.Sprintf("%s at point %d, %s", by, n, r.points[n-1]), err)
		return
	}
	if err := os.RemoveAll(f.dir); err != nil {
		r.t.Error(err)
	}
}

// truthful: an exit code says what happened in the account.
func (r *scenarioRun) truthful(f sweepFolder, e ended, by string) error {
	// Where answers are lost, an interrupt ends the wait for what became of them, and that is a question.
	asks := r.code == exitNeedsAnswer
	allowed := map[string][]int{
		endInterrupt:  {r.code, exitIncomplete, exitInterrupted},
		endTerminate:  {r.code, exitIncomplete, exitInterrupted},
		endInterrupt2: {r.code, exitIncomplete, exitNeedsAnswer, exitInterrupted},
		endHangUp:     {-1},
		endNoReader:   {r.code}, // a reader that goes away ends the output, not the run
	}[by]
	if !slices.Contains(allowed, e.code) {
		return fmt.Errorf("it ended with %d, and not with one of %v\n%s", e.code, allowed, e.text)
	}
	log, err := f.log()
	if err != nil {
		return err
	}
	wrote := writesIn(log)
	open := 0
	if _, err := os.Stat(f.statePath()); err == nil {
		st, err := f.recorded()
		if err != nil {
			return err
		}
		open = len(st.Intents)
	}
	switch {
	case e.code == exitInterrupted && wrote > 0:
		return fmt.Errorf("it says that nothing was changed, and sent %d requests that write\n%s", wrote, e.text)
	case e.code == exitIncomplete && wrote == 0:
		return fmt.Errorf("it says that something was changed, and sent no request that writes\n%s", e.text)
	case e.code == exitNeedsAnswer && open == 0:
		return fmt.Errorf("it says that an answer is needed, and no request is open\n%s", e.text)
	case e.code == exitDone:
		got, err := f.picture(r.sweepScenario)
		if err != nil {
			return err
		}
		if open > 0 || !slices.Equal(got, r.did) {
			return fmt.Errorf("it says that everything is done, and it is not:\n%s\n%s", strings.Join(got, "\n"), e.text)
		}
	case (by == endInterrupt || by == endTerminate) && open > 0 && !(asks && e.code == exitNeedsAnswer):
		return fmt.Errorf("interrupted once it finishes what is in flight, and %d requests are open\n%s", open, e.text)
	}
	return nil
}

// unread runs as a process whose output nobody reads any more from its n-th point on, as after the death of its parent.
func (f sweepFolder) unread(n int, args ...string) (ended, error) {
	self, err := os.Executable()
	if err != nil {
		return ended{}, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return ended{}, err
	}
	cmd := &exec.Cmd{Path: self, Args: append([]string{"vpsync"}, f.arguments(args)...), Stdout: in, Stderr: in,
		Env: append(f.environment(), "VPSYNC_TEST_SWEEP_AT="+strconv.Itoa(n), "VPSYNC_TEST_SWEEP_BY="+endNoReader)}
	hold, err := cmd.StdinPipe()
	if err != nil {
		return ended{}, errors.Join(err, out.Close(), in.Close())
	}
	if err := errors.Join(cmd.Start(), in.Close()); err != nil {
		return ended{}, errors.Join(err, out.Close())
	}
	var text strings.Builder
	e := ended{}
	for lines := bufio.NewScanner(out); e.at == nil && lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		e.at = pointIn(lines.Text())
	}
	err = errors.Join(out.Close(), hold.Close())
	var exit *exec.ExitError
	if waited := cmd.Wait(); !errors.As(waited, &exit) {
		err = errors.Join(err, waited)
	}
	e.code, e.text = cmd.ProcessState.ExitCode(), text.String()
	return e, err
}
