package confined_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/spec/confined"
	"github.com/zclconf/go-cty/cty"
)

// TestMain is also the child, and a few that misbehave.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-") {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "serve":
		if err := confined.Serve(os.Stdin, os.Stdout, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "babble":
		fmt.Println(`{"Declarations": [1]}`)
	case "endless":
		for {
			if _, err := fmt.Print(strings.Repeat(" ", 1<<20)); err != nil {
				return
			}
		}
	case "complaint":
		fmt.Fprint(os.Stderr, "Error: it cannot go on\n\n  The disk is full.\n\ngoroutine 1 [running]:\nmain.main()\n")
		os.Exit(1)
	case "environment":
		fmt.Fprint(os.Stderr, strings.Join(os.Environ(), " "))
	}
}

func options(t *testing.T, does string) confined.Options {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	return confined.Options{Program: program, Arguments: []string{does}}
}

var acme = map[string]*spec.Schema{"acme": {Provider: "acme", Kinds: map[string]*spec.Kind{"server": {
	Name: "server", Identity: []string{"name"}, Attributes: []*spec.Attribute{
		{Name: "name", Type: cty.String, Required: true},
		{Name: "size", Type: cty.Number, Optional: true},
		{Name: "address", Type: cty.String, Computed: true},
	},
}}}}

func folder(t *testing.T, hcl string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.hcl"), []byte("provider \"acme\" {}\n"+hcl), 0o600))
	return dir
}

func open(t *testing.T, dir string, o confined.Options) *confined.Stack {
	t.Helper()
	s, diags := confined.Load(t.Context(), dir, o)
	require.Empty(t, diags)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// TestTheSame: what the child answers is what this process would have worked out, step by step.
func TestTheSame(t *testing.T) {
	dir := folder(t, `
variable "password" { sensitive = true }
variable "sizes" {
  type    = map(number)
  default = { a = 1, b = 2 }
}
server "web" {
  for_each = var.sizes
  name     = each.key
  size     = each.value
  lifecycle {
    postcondition {
      condition     = self.address != ""
      error_message = "It has no address."
    }
  }
}
server "proxy" { name = "proxy-${server.web["a"].address}" }
output "secret" {
  value     = "x${var.password}"
  sensitive = true
}
moved {
  from = server.old
  to   = server.proxy
}
`)
	there := open(t, dir, options(t, "serve"))
	here, diags := spec.Load(dir)
	require.Empty(t, diags)
	require.Equal(t, here.Declarations, there.Declarations)
	request := spec.Request{Schemas: acme, Variables: []spec.VariableValue{{Name: "password", Source: "hunter2", Origin: "--var"}}}
	same := func(want, got any) {
		t.Helper()
		w, err := json.Marshal(want)
		require.NoError(t, err)
		g, err := json.Marshal(got)
		require.NoError(t, err)
		require.JSONEq(t, string(w), string(g))
	}
	want, got := here.Evaluate(request), there.Evaluate(request)
	require.Empty(t, want.Diagnostics)
	require.Len(t, got.Resources, 3)
	same(want, got)
	require.Same(t, acme["acme"].Kinds["server"], got.Resources[0].Kind)

	values, diags := there.VariableValues(request.Variables)
	require.Empty(t, diags)
	require.True(t, spec.IsSensitive(values["password"]))

	near, far := here.Open(request), there.Open(request)
	web := spec.Address{Kind: "server", Name: "web", Key: spec.StringKey("a")}
	proxy := spec.Address{Kind: "server", Name: "proxy"}
	for _, address := range []string{"", "192.0.2.1"} {
		for _, x := range []spec.Evaluation{near, far} {
			x.Know(web, spec.Values{"id": cty.StringVal("7"), "name": cty.StringVal("a"), "address": cty.StringVal(address)})
		}
		for _, a := range []spec.Address{web, proxy, {Kind: "server", Name: "none"}} {
			r1, d1 := near.Resource(a)
			r2, d2 := far.Resource(a)
			same(r1, r2)
			same(d1, d2)
			same(near.Postconditions(a), far.Postconditions(a))
			u1, _ := near.Unanswered(a)
			u2, _ := far.Unanswered(a)
			same(u1, u2)
		}
	}
	last, _ := far.Resource(proxy)
	require.Equal(t, "proxy-192.0.2.1", last.Values["name"].AsString())
}

// TestExhausting: what takes too much ends, within the limit, and is said with its place.
func TestExhausting(t *testing.T) {
	small := options(t, "serve")
	small.Time, small.Memory = 400*time.Millisecond, 256<<20
	for name, c := range map[string]struct{ hcl, summary string }{
		"time":   {`all = [for x in range(30000) : [for y in range(30000) : true if x == y]]`, "Evaluation takes too long"},
		"memory": {`all = [for x in range(100000) : "${x}${format("%9000s", "")}"]`, "Evaluation takes too much memory"},
	} {
		t.Run(name, func(t *testing.T) {
			o := small
			if name == "memory" {
				o.Time = 30 * time.Second // whatever else the machine does
			}
			s := open(t, folder(t, "locals {\n  "+c.hcl+"\n}\n"), o)
			begun := time.Now()
			got := s.Evaluate(spec.Request{Schemas: acme})
			require.Less(t, time.Since(begun), o.Time+5*time.Second)
			require.Len(t, got.Diagnostics, 1)
			require.Equal(t, c.summary, got.Diagnostics[0].Summary)
			require.Equal(t, 3, got.Diagnostics[0].Range.Start.Line)
			require.Contains(t, got.Diagnostics[0].Snippet, "range(")
			require.Equal(t, got.Diagnostics, s.Evaluate(spec.Request{Schemas: acme}).Diagnostics, "it has ended")
		})
	}
}

// TestManyQuestions: a child has one time for all that it is asked. A question alone takes a small part of it; enough of them end it.
func TestManyQuestions(t *testing.T) {
	dir := folder(t, "locals {\n  all = [for x in range(80) : [for y in range(80) : true if x == y]]\n}\n")
	ask := func(s *confined.Stack) spec.Diagnostics { return s.Evaluate(spec.Request{Schemas: acme}).Diagnostics }
	o := options(t, "serve")
	o.Time = time.Minute
	s := open(t, dir, o)
	require.Empty(t, ask(s)) // the first one takes longer
	begun := time.Now()
	require.Empty(t, ask(s))
	o.Time = max(20*time.Since(begun), 500*time.Millisecond)

	s = open(t, dir, o)
	answered := 0
	var diags spec.Diagnostics
	for diags = ask(s); len(diags) == 0; diags = ask(s) {
		answered++
		require.Less(t, answered, 1000, "each question has a time of its own")
	}
	t.Logf("%d questions in %s", answered, o.Time)
	require.Equal(t, "Evaluation takes too long", diags[0].Summary)
	require.Greater(t, answered, 2)
	require.Equal(t, diags, ask(s), "it has ended")
}

// TestChildMisbehaves: whatever a child does, the parent ends with an error, and holds no more than it should.
func TestChildMisbehaves(t *testing.T) {
	t.Setenv("ACME_TOKEN", "canary")
	for does, want := range map[string]string{
		"babble": "Evaluation broke off", "endless": "The configuration is too large", "environment": "Evaluation broke off", "none": "Evaluation broke off",
	} {
		t.Run(does, func(t *testing.T) {
			o := options(t, does)
			o.Time = 30 * time.Second
			s, diags := confined.Load(t.Context(), t.TempDir(), o)
			require.Nil(t, s)
			require.Len(t, diags, 1)
			require.Equal(t, want, diags[0].Summary)
			require.NotContains(t, diags[0].Detail, "canary")
			require.NotContains(t, diags[0].Detail, "PATH=")
		})
	}
	t.Run("complaint", func(t *testing.T) { // all that it says, and nothing of a runtime's stacks
		_, diags := confined.Load(t.Context(), t.TempDir(), options(t, "complaint"))
		require.Equal(t, "The process that evaluates the untrusted stack ended: Error: it cannot go on The disk is full.", diags[0].Detail)
	})
	t.Run("no program", func(t *testing.T) {
		_, diags := confined.Load(t.Context(), t.TempDir(), confined.Options{Program: filepath.Join(t.TempDir(), "none")})
		require.Equal(t, "No process to evaluate in", diags[0].Summary)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s, diags := confined.Load(ctx, folder(t, ""), options(t, "serve"))
		require.Empty(t, diags)
		cancel()
		got := s.Evaluate(spec.Request{Schemas: acme})
		for !got.Diagnostics.HasErrors() { // the signal is on its way
			got = s.Evaluate(spec.Request{Schemas: acme})
		}
		require.Equal(t, "Evaluation broke off", got.Diagnostics[0].Summary)
	})
}

// TestWithheld: what derives from a withheld value is a secret and unknown, whatever the stack does with it.
func TestWithheld(t *testing.T) {
	s := open(t, folder(t, `
variable "password" { type = string }
server "web" { name = nonsensitive("x${var.password}") }
output "can" { value = nonsensitive(can(regex("^h", var.password))) }
`), options(t, "serve"))
	got := s.Evaluate(spec.Request{Schemas: acme, Variables: []spec.VariableValue{{Name: "password", Withheld: true, Origin: "--var"}}})
	require.Empty(t, got.Diagnostics)
	require.Equal(t, []string{"name"}, got.Resources[0].Withheld)
	require.False(t, got.Resources[0].Values["name"].IsKnown())
	require.False(t, got.Outputs[0].Value.IsKnown())
}
