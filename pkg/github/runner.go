package github

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Runner is the program that carries out a step. It reads what the step prints for commands, so all that is foreign is printed between
// [Runner.Quiet] and the function that it returns.
type Runner struct {
	Out     io.Writer
	Outputs string // the file GITHUB_OUTPUT
	Summary string // the file GITHUB_STEP_SUMMARY
}

// mostSummary is how long the page of a step may be.
const mostSummary = 1 << 20

// Quiet keeps the runner from taking anything for a command, until the function that it returns is called.
func (r *Runner) Quiet() (end func()) {
	token := rand.Text()
	fmt.Fprintf(r.Out, "::stop-commands::%s\n", token)
	return func() { fmt.Fprintf(r.Out, "\n::%s::\n", token) }
}

// Mask keeps a secret, and each of its lines, out of the log.
func (r *Runner) Mask(secret string) {
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintf(r.Out, "::add-mask::%s\n", EscapeData(line))
		}
	}
}

// Annotation is a message at a place.
type Annotation struct {
	Level                         string // error, warning, notice
	Title, Message                string
	File                          string // from the repository's root, with slashes; or empty
	Line, EndLine, Column, EndCol int    // from 1; 0 is none
}

// Annotate shows a message on the lines that it is about.
func (r *Runner) Annotate(a Annotation) {
	var properties []string
	add := func(name, value string) { properties = append(properties, name+"="+EscapeProperty(value)) }
	if a.File != "" {
		add("file", a.File)
		for _, n := range []struct {
			name  string
			value int
		}{{"line", a.Line}, {"endLine", a.EndLine}, {"col", a.Column}, {"endColumn", a.EndCol}} {
			if n.value > 0 {
				add(n.name, fmt.Sprint(n.value))
			}
		}
	}
	if a.Title != "" {
		add("title", a.Title)
	}
	fmt.Fprintf(r.Out, "::%s %s::%s\n", a.Level, strings.Join(properties, ","), EscapeData(a.Message))
}

// Output is a value for later steps.
type Output struct{ Name, Value string }

// SetOutputs writes values for later steps. Each is ended by a line that nobody can know beforehand.
func (r *Runner) SetOutputs(all []Output) error {
	var b bytes.Buffer
	for _, o := range all {
		end := "vpsync_" + rand.Text()
		if strings.Contains(o.Value, end) || strings.ContainsAny(o.Name, "=<\r\n") {
			return fmt.Errorf("the output %q cannot be written", o.Name)
		}
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", o.Name, end, o.Value, end)
	}
	return appendTo(r.Outputs, b.Bytes())
}

// Page adds Markdown to the page of the step.
func (r *Runner) Page(markdown string) error {
	return appendTo(r.Summary, []byte(markdown[:min(len(markdown), mostSummary-1)]+"\n"))
}

func appendTo(path string, text []byte) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// EscapeData makes text the message of a command, on one line.
func EscapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// EscapeProperty makes text a property of a command.
func EscapeProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
