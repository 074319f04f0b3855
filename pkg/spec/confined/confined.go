// Package confined evaluates stacks that nobody vouches for: those of a pull request, say.
//
// The expression language cannot be interrupted, and a hostile stack can make it take any time and memory. So a child process of
// the same binary, in which [Serve] runs, reads, parses and evaluates it. The child has nothing of the parent's environment and so
// none of its secrets, no more memory than it is given where the system has such limits, writes no file, and is killed when an
// answer takes too long. A [Stack] is the parent's end. What it answers is what a [spec.Stack] would: there is one evaluator.
package confined

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// Limits of a child. Zero values are [DefaultLimits].
type Limits struct {
	Memory uint64 // bytes; elsewhere than on Linux the child looks after itself
	// Time is how long the child may work, all questions together: a plan asks anew whenever it has learnt something, and a stack could
	// make it learn something each time. It is processor time where the system tells it, so that a busy machine refuses nobody.
	Time time.Duration
}

// patience is how often the limit may pass on the clock until the child is killed, whatever it says of itself.
const patience = 5

// DefaultLimits is more than a stack of 10,000 resources takes.
var DefaultLimits = Limits{Memory: 1 << 30, Time: 2 * time.Second}

// arguments are the limits as a child is told of them, and parse reads.
func (l Limits) arguments() []string {
	return []string{strconv.FormatUint(l.Memory, 10), l.Time.String()}
}

func parse(arguments []string) (l Limits, err error) {
	if len(arguments) != 2 {
		return l, fmt.Errorf("%d limits instead of 2", len(arguments))
	}
	if l.Memory, err = strconv.ParseUint(arguments[0], 10, 63); err != nil {
		return l, err
	}
	l.Time, err = time.ParseDuration(arguments[1])
	if l.Memory == 0 || l.Time <= 0 {
		err = errors.New("a limit of nothing")
	}
	return l, err
}

const (
	// maxAnswer is how many bytes one answer of a child may have.
	maxAnswer = 64 << 20
	// maxComplaint is how much of what a child says when it dies is listened to.
	maxComplaint = 64 << 10
)

// Options say how a child is started.
type Options struct {
	// Program is a binary whose main calls Serve, with whatever follows them, when it is called with Arguments.
	Program   string
	Arguments []string
	Limits
}

// Stack is a stack that a child process holds. Close ends it.
type Stack struct {
	spec.Declarations

	limits Limits
	mu     sync.Mutex
	spent  time.Duration // by all questions
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	quota  *io.LimitedReader
	said   *complaint
	ended  *spec.Diagnostics // why it answers no more
}

// Load starts a child that reads the stack in dir. As with [spec.Load] the stack is nil only where nothing could be parsed; then
// nothing is left running. The child is killed when ctx ends.
func Load(ctx context.Context, dir string, o Options) (*Stack, spec.Diagnostics) {
	s := &Stack{limits: Limits{Memory: cmp.Or(o.Memory, DefaultLimits.Memory), Time: cmp.Or(o.Time, DefaultLimits.Time)}, said: &complaint{}}
	s.Dir = dir
	if err := s.start(ctx, o); err != nil {
		return nil, spec.Diagnostics{{Severity: spec.SeverityError, Summary: "No process to evaluate in", Detail: fmt.Sprintf("An untrusted stack is evaluated by a process of its own, which cannot be started: %s.", err)}}
	}
	got, diags := s.ask(question{Do: doLoad, Dir: dir})
	if diags != nil || got.Declarations == nil {
		s.Close()
		if diags == nil {
			diags = got.Diagnostics
		}
		return nil, diags
	}
	s.Declarations = *got.Declarations
	return s, got.Diagnostics
}

func (s *Stack) start(ctx context.Context, o Options) error {
	s.cmd = exec.CommandContext(ctx, o.Program, append(slices.Clone(o.Arguments), s.limits.arguments()...)...)
	s.cmd.Env = []string{} // not even a token's name
	s.cmd.Stderr = s.said
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	s.quota = &io.LimitedReader{R: out}
	s.out = json.NewDecoder(s.quota)
	return s.cmd.Start()
}

// Close ends the child. It may be called more than once.
func (s *Stack) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = &spec.Diagnostics{{Severity: spec.SeverityError, Summary: "Evaluation has ended", Detail: "The stack was closed."}}
		s.stop()
	}
	return nil
}

// stop kills the child and takes its remains away. How it ended says nothing: it was killed.
func (s *Stack) stop() {
	_ = s.in.Close()
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// Evaluate is [spec.Stack.Evaluate]. That the child had to be stopped is an error among the diagnostics.
func (s *Stack) Evaluate(r spec.Request) *spec.Response {
	got, diags := s.ask(question{Do: doEvaluate, Request: &r})
	if diags == nil && got.Response == nil {
		diags = s.babble("nothing")
	}
	if diags == nil {
		if err := got.Response.Bind(r.Schemas); err != nil {
			diags = s.babble(err.Error())
		}
	}
	if diags != nil {
		return &spec.Response{Settings: s.Settings, Diagnostics: diags}
	}
	return got.Response
}

// VariableValues is [spec.Stack.VariableValues].
func (s *Stack) VariableValues(given []spec.VariableValue) (map[string]cty.Value, spec.Diagnostics) {
	got, diags := s.ask(question{Do: doVariables, Request: &spec.Request{Variables: given}})
	if diags != nil {
		return nil, diags
	}
	return got.Values, got.Diagnostics
}

// VariableFiles is [spec.Stack.VariableFiles].
func (s *Stack) VariableFiles() ([]spec.VariableValue, spec.Diagnostics) {
	got, diags := s.ask(question{Do: doFiles})
	if diags != nil {
		return nil, diags
	}
	return got.Given, got.Diagnostics
}

// Open is [spec.Stack.Open]. The child has one evaluation open at a time: opening another ends the one before.
func (s *Stack) Open(r spec.Request) spec.Evaluation {
	_, diags := s.ask(question{Do: doOpen, Request: &r})
	return &evaluation{stack: s, schemas: r.Schemas, lost: diags}
}

// ask puts a question to the child and waits for the answer, at most as long as the limit says. Diagnostics mean that there is none.
func (s *Stack) ask(q question) (answer, spec.Diagnostics) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return answer{}, *s.ended
	}
	left := patience*s.limits.Time - s.spent
	late := time.AfterFunc(left, func() { _ = s.cmd.Process.Kill() })
	begun := time.Now()
	got, err := s.exchange(q)
	inTime := late.Stop()
	took := time.Since(begun)
	s.spent += took
	if err == nil {
		if got.Stopped == nil {
			return got, nil
		}
		s.stop()
		return answer{}, s.end(spec.Diagnostics{s.exhausted(got.Stopped)})
	}
	s.stop()
	switch {
	case !inTime || took >= left:
		return answer{}, s.end(spec.Diagnostics{s.exhausted(&stopped{Time: true})})
	case s.said.outOfMemory():
		return answer{}, s.end(spec.Diagnostics{s.exhausted(&stopped{})})
	case errors.Is(err, errTooLong):
		return answer{}, s.end(spec.Diagnostics{{Severity: spec.SeverityError, Summary: "The configuration is too large",
			Detail: fmt.Sprintf("What it comes to has more than %d MiB. It is not trusted, so it is not read any further.", maxAnswer>>20)}})
	}
	return answer{}, s.end(spec.Diagnostics{{Severity: spec.SeverityError, Summary: "Evaluation broke off",
		Detail: fmt.Sprintf("The process that evaluates the untrusted stack ended: %s.", s.said.reason(err))}})
}

var errTooLong = errors.New("the answer is too long")

func (s *Stack) exchange(q question) (answer, error) {
	data, err := json.Marshal(q)
	if err != nil {
		return answer{}, err
	}
	if _, err := s.in.Write(append(data, '\n')); err != nil {
		return answer{}, err
	}
	var got answer
	s.quota.N = maxAnswer
	err = s.out.Decode(&got)
	if err != nil && s.quota.N <= 0 || got.TooLong {
		err = errTooLong
	}
	return got, err
}

// end notes why there are no more answers.
func (s *Stack) end(why spec.Diagnostics) spec.Diagnostics {
	s.ended = &why
	return why
}

// babble is about an answer that is none.
func (s *Stack) babble(why string) spec.Diagnostics {
	return spec.Diagnostics{{Severity: spec.SeverityError, Summary: "Evaluation broke off", Detail: fmt.Sprintf("The process that evaluates the untrusted stack answered what cannot be: %s.", why)}}
}

// exhausted is about a stack that needs more than it may have.
func (s *Stack) exhausted(by *stopped) spec.Diagnostic {
	d := spec.Diagnostic{Severity: spec.SeverityError, Range: by.At, Snippet: by.Snippet}
	what := "The stack"
	if by.At != nil {
		what = "This expression"
	}
	switch {
	case by.Time:
		d.Summary = "Evaluation takes too long"
		d.Detail = fmt.Sprintf("%s was not worked out within %s. It is not trusted, so it gets no more time.", what, s.limits.Time)
	default:
		d.Summary = "Evaluation takes too much memory"
		d.Detail = fmt.Sprintf("%s needs more than %d MiB. It is not trusted, so it gets no more.", what, s.limits.Memory>>20)
	}
	d.Remedy = "make it smaller: name what is needed instead of combining everything with everything"
	if by.Time {
		d.Remedy += "\n--evaluation-timeout 10s    # where somebody has seen that it is honest"
	}
	return d
}

// complaint is what a child writes when it dies, as far as it is listened to.
type complaint struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *complaint) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if room := maxComplaint - c.text.Len(); room > 0 {
		c.text.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (c *complaint) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// outOfMemory: the runtime says so, in one of its ways.
func (c *complaint) outOfMemory() bool {
	text := c.String()
	return strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate memory") || strings.Contains(text, "failed to create new OS thread")
}

// mostReason is how much of what a child said is told, in bytes.
const mostReason = 2 << 10

// reason is what was said, in one line, or how the process ended.
func (c *complaint) reason(err error) string {
	text, _, _ := strings.Cut(c.String(), "\ngoroutine ") // where a runtime's own account begins
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return err.Error()
	}
	if len(text) > mostReason {
		text = strings.ToValidUTF8(text[:mostReason], "") + "…"
	}
	return strings.TrimRight(text, ".")
}
