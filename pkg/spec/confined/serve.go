package confined

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// Serve is the child: it answers questions until there are no more. arguments are those that the parent added.
func Serve(in io.Reader, out io.Writer, arguments []string) error {
	limits, err := parse(arguments)
	if err != nil {
		return fmt.Errorf("%q are no limits: %w", arguments, err)
	}
	if err := confine(limits.Memory); err != nil {
		return fmt.Errorf("the process cannot be confined: %w", err)
	}
	c := &child{out: out}
	go c.watch(limits)
	questions := json.NewDecoder(bufio.NewReader(in))
	for {
		var q question
		if err := questions.Decode(&q); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		c.since.Store(time.Now().UnixNano())
		got := c.answer(q)
		got.Diagnostics = readable(got.Diagnostics)
		if got.Response != nil {
			got.Response.Diagnostics = readable(got.Response.Diagnostics)
		}
		c.spent.Add(time.Now().UnixNano() - c.since.Swap(0))
		if err := c.say(got); err != nil {
			return err
		}
	}
}

// child is the stack that was loaded, and what is open on it.
type child struct {
	mu     sync.Mutex // of out
	out    io.Writer
	since  atomic.Int64 // when the question came that is being answered; 0 between two
	spent  atomic.Int64 // nanoseconds on those before
	stack  *spec.Stack
	loaded atomic.Pointer[spec.Stack] // is stack, for the watch
	opened *spec.Session
}

// say writes an answer; of one that nobody would read to its end, only that it is that long.
func (c *child) say(a answer) error {
	if a.texts() >= maxAnswer {
		a = answer{TooLong: true} // before it is written, which takes several times as much memory, and cannot be stopped
	}
	data, err := json.Marshal(a)
	if err == nil && len(data) >= maxAnswer {
		data, err = json.Marshal(answer{TooLong: true})
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err = c.out.Write(append(data, '\n'))
	return err
}

// texts is how many bytes the texts in the values of an answer have, about up to maxAnswer.
func (a answer) texts() int {
	var all []cty.Value
	of := func(list []*spec.Resource) {
		for _, r := range list {
			all = slices.AppendSeq(all, maps.Values(r.Values))
		}
	}
	of(a.Resources)
	all = slices.AppendSeq(all, maps.Values(a.Values))
	if a.Response != nil {
		of(a.Response.Resources)
		of(a.Response.Data)
		for _, o := range a.Response.Outputs {
			all = append(all, o.Value)
		}
	}
	return spec.TextBytes(maxAnswer, all...)
}

func (c *child) answer(q question) answer {
	if q.Do != doLoad && c.stack == nil {
		return failed("no stack was loaded")
	}
	switch q.Do {
	case doLoad:
		stack, diags := spec.Load(q.Dir)
		c.stack = stack
		c.loaded.Store(stack)
		if stack == nil {
			return answer{Diagnostics: diags}
		}
		return answer{Declarations: &stack.Declarations, Diagnostics: diags}
	case doEvaluate:
		return answer{Response: c.stack.Evaluate(*q.Request)}
	case doFiles:
		given, diags := c.stack.VariableFiles()
		return answer{Given: given, Diagnostics: diags}
	case doVariables:
		values, diags := c.stack.VariableValues(q.Request.Variables)
		return answer{Values: values, Diagnostics: diags}
	case doOpen:
		c.opened = c.stack.Session(*q.Request)
		return answer{}
	}
	if c.opened == nil || q.Address == nil {
		return failed("no evaluation is open")
	}
	switch q.Do {
	case doKnow:
		c.opened.Know(*q.Address, q.Values)
		return answer{}
	case doResource:
		r, diags := c.opened.Resource(*q.Address)
		if r == nil {
			return answer{Diagnostics: diags}
		}
		return answer{Resources: []*spec.Resource{r}, Diagnostics: diags}
	case doUnanswered:
		list, diags := c.opened.Unanswered(*q.Address)
		return answer{Resources: list, Diagnostics: diags}
	case doPostconditions:
		return answer{Diagnostics: c.opened.Postconditions(*q.Address)}
	}
	return failed(fmt.Sprintf("it cannot %q", q.Do))
}

// maxDiagnostics is how many problems of a stack are told: whoever has more of them means to fill a log.
const maxDiagnostics = 1000

// readable is as much of what is wrong as anybody reads: errors before warnings where there is too much.
func readable(all spec.Diagnostics) spec.Diagnostics {
	if len(all) <= maxDiagnostics {
		return all
	}
	slices.SortStableFunc(all, func(a, b spec.Diagnostic) int {
		switch x, y := a.Severity == spec.SeverityError, b.Severity == spec.SeverityError; {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	return append(all[:maxDiagnostics:maxDiagnostics], spec.Diagnostic{Severity: all[maxDiagnostics].Severity, Summary: fmt.Sprintf("%d more problems", len(all)-maxDiagnostics),
		Detail: "They are not shown, since the stack is not trusted."})
}

func failed(why string) answer {
	return answer{Diagnostics: spec.Diagnostics{{Severity: spec.SeverityError, Summary: "Evaluation broke off", Detail: why}}}
}

// watch gives up a little before the process is killed, and says where it was: whoever kills it cannot know.
func (c *child) watch(limits Limits) {
	held, worked := memoryHeld(), c.worked
	for range time.Tick(5 * time.Millisecond) {
		last := &stopped{}
		switch {
		case held() > limits.Memory/8*7:
		case worked() > limits.Time/10*9:
			last.Time = true
		default:
			continue
		}
		if stack := c.loaded.Load(); stack != nil {
			last.At, last.Snippet = stack.Busy()
		}
		_ = c.say(answer{Stopped: last})
		return // the parent ends the process
	}
}

// worked is for how long the process has worked.
func (c *child) worked() time.Duration {
	if used, ok := processorTime(); ok {
		return used
	}
	since, spent := c.since.Load(), time.Duration(c.spent.Load())
	if since == 0 {
		return spent
	}
	return spent + time.Since(time.Unix(0, since))
}

// mapped is what the runtime has of the system.
func mapped() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
