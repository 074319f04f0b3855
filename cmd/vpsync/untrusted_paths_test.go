//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/spec"
)

// outside is a text that no stack of the tests may show, in a folder that is not theirs.
const outside = "canary-outside-5d41402a"

// pathAttacks are expressions that would read something that is not the stack's, by what they are refused with. ABOVE is an absolute
// folder that holds the text, in a file "secret"; the stack has links: link (to that file), folder (to that folder), self (to itself),
// private (to .vpsync), repository (to .git), and a named pipe.
var pathAttacks = [][2]string{
	{`file("../secret")`, "leads out of the stack"},
	{`file("./../secret")`, "leads out of the stack"},
	{`file("folder/../../secret")`, "leads out of the stack"},
	{`file("sub/../../secret")`, "leads out of the stack"},
	{`file("ABOVE/secret")`, "leads out of the stack"},
	{`file("//ABOVE/secret")`, "leads out of the stack"},
	{`file("link")`, "cannot be read"},
	{`file("folder/secret")`, "cannot be read"},
	{`file("sub/up/secret")`, "cannot be read"},
	{`file("self")`, "cannot be read"},
	{`file("pipe")`, "not a regular file"},
	{`file("sub")`, "not a regular file"},
	{`file("")`, "cannot be read"},
	{`file("/proc/self/environ")`, "leads out of the stack"},
	{`file("/dev/zero")`, "leads out of the stack"},
	{`file("zero")`, "cannot be read"},
	{`file("environ")`, "cannot be read"},
	{`file("descriptor/0")`, "cannot be read"},
	{`file("se\u0000cret")`, "cannot be read"},
	{`file("..\\secret")`, "cannot be read"},
	{`file("C:\\secret")`, "cannot be read"},
	{`file("\\\\host\\share")`, "cannot be read"},
	{`file("%2e%2e/secret")`, "cannot be read"},
	{`file(".vpsync/state.db")`, "belongs to vpsync itself"},
	{`file("sub/../.vpsync/state.db")`, "belongs to vpsync itself"},
	{`file("private/state.db")`, "belongs to vpsync itself"},
	{`file(".git/config")`, "belongs to git"},
	{`file("sub/.git/config")`, "belongs to git"},
	{`file(".GIT/config")`, "belongs to git"},
	{`file("repository/config")`, "belongs to git"},
	{`filebase64("link")`, "cannot be read"},
	{`filebase64(".git/config")`, "belongs to git"},
	{`filesha256("folder/secret")`, "cannot be read"},
	{`filemd5("../secret")`, "leads out of the stack"},
	{`fileexists("../secret")`, "leads out of the stack"},
	{`fileexists("folder/secret")`, "cannot be looked for"},
	{`fileexists(".git/config")`, "belongs to git"},
	{`templatefile("link", {})`, "cannot be read"},
	{`templatefile("../secret", {})`, "leads out of the stack"},
	{`templatefile("inner.tpl", {})`, "cannot be read"},
	{`templatefile("pipe", {})`, "not a regular file"},
	{`templatestring(format("$%sfile(\"../secret\")}", "{"), {})`, "leads out of the stack"},
	{`fileset("..", "*")`, "leads out of the stack"},
	{`fileset("ABOVE", "*")`, "leads out of the stack"},
	{`fileset("folder", "*")`, "cannot be opened"},
	{`fileset("sub/up", "*")`, "cannot be opened"},
	{`fileset(".git", "*")`, "belongs to git"},
	{`fileset("/proc/self", "*")`, "leads out of the stack"},
	// Patterns see nothing of what lies elsewhere: what they match is looked at below.
	{`tonumber(join(",", fileset(".", "{folder,sub/up,private,repository,.git,.vpsync}/**")))`, `cannot convert "" to number`},
	{`tonumber(join(",", fileset(".", "../*")))`, `cannot convert "" to number`},
}

func TestUntrustedPaths(t *testing.T) {
	begun := time.Now()
	above := plant(t, tree{
		"secret": outside, "stack/sub/x": "", "stack/.vpsync/state.db": outside, "stack/.git/config": outside, "stack/sub/.git/config": outside,
		"stack/inner.tpl": `${file("link")}`,
	})
	stack := filepath.Join(above, "stack")
	for name, to := range map[string]string{
		"link": filepath.Join(above, "secret"), "folder": above, "self": "self", "sub/up": "../..", "private": ".vpsync", "repository": ".git",
		"zero": "/dev/zero", "environ": "/proc/self/environ", "descriptor": "/proc/self/fd",
	} {
		require.NoError(t, os.Symlink(to, filepath.Join(stack, name)))
	}
	require.NoError(t, syscall.Mkfifo(filepath.Join(stack, "pipe"), 0o600))
	var b strings.Builder
	for i, attack := range pathAttacks {
		fmt.Fprintf(&b, "output \"a%d\" { value = %s }\n", i, strings.ReplaceAll(attack[0], "ABOVE", above))
	}
	write(t, stack, tree{"main.hcl": b.String()})
	got := inProcess(t, above, []string{"ACME_TOKEN=" + outside}, "-C", stack, "validate", "--untrusted", "--json")
	got.refusedInTime(t)
	require.NotContains(t, got.said(), outside)
	var told struct {
		Diagnostics []struct {
			Severity, Detail string
			Range            struct{ Start struct{ Line int } }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &told), got.said())
	refused := map[int]string{}
	for _, d := range told.Diagnostics {
		if d.Severity == "error" {
			refused[d.Range.Start.Line] = d.Detail
		}
	}
	for i, attack := range pathAttacks {
		detail, ok := refused[i+1]
		require.True(t, ok, "%s is not refused", attack[0])
		require.Contains(t, detail, attack[1], attack[0])
	}
	matrix.Ran(t, "G2", len(pathAttacks)+partAttacks(t)+folderAttacks(t)+swapAttack(t), begun)
}

// partAttacks are stacks of which a part is no file of theirs.
func partAttacks(t *testing.T) int {
	const own = "provider \"acme\" { definition = \"PATH\" }\n"
	all := []struct {
		part, leads string // a name in the stack, and where its link leads; "|" is a pipe, "/" a folder
		main, says  string
		trusting    bool // a definition is looked at in a stack that is trusted
	}{
		{"x.hcl", "../secret", "", "File cannot be read", false},
		{"x.hcl", "/proc/self/environ", "", "File cannot be read", false},
		{"x.hcl", "/dev/zero", "", "File cannot be read", false},
		{"x.hcl", "|", "", "not a regular file", false},
		{"x.hcl", "/", "", "not a regular file", false},
		{"x.hcl", "x.hcl", "", "File cannot be read", false},
		{"x.hcl.json", "../secret", "", "File cannot be read", false},
		{"x.auto.vars.hcl", "../secret", "", "Variables cannot be read", false},
		{"x.auto.vars.hcl", "|", "", "not a regular file", false},
		{"x.auto.vars.hcl.json", "/dev/zero", "", "Variables cannot be read", false},
		{"vpsync.vars.hcl", "/proc/self/environ", "", "Variables cannot be read", false},
		{"vpsync.vars.hcl", "/", "", "not a regular file", false},
		{"a.provider.hcl", "../acme.provider.hcl", strings.ReplaceAll(own, "PATH", "a.provider.hcl"), "Definition cannot be read", true},
		{"a.provider.hcl", "|", strings.ReplaceAll(own, "PATH", "a.provider.hcl"), "not a regular file", true},
		{"a.provider.hcl", "/dev/zero", strings.ReplaceAll(own, "PATH", "a.provider.hcl"), "Definition cannot be read", true},
		{"x", "/", strings.ReplaceAll(own, "PATH", "../acme.provider.hcl"), "Definition cannot be read", true},
		{"x", "..", strings.ReplaceAll(own, "PATH", "x/acme.provider.hcl"), "Definition cannot be read", true},
		{"x", "/", strings.ReplaceAll(own, "PATH", "/etc/acme.provider.hcl"), "Definition cannot be read", true},
		{"x", "/", strings.ReplaceAll(own, "PATH", "a\\u0000.provider.hcl"), "Definition cannot be read", true},
		{"x", "/", strings.ReplaceAll(own, "PATH", "..\\\\acme.provider.hcl"), "Definition cannot be read", true},
	}
	for _, c := range all {
		above := plant(t, tree{"secret": outside, "acme.provider.hcl": outside, "stack/main.hcl": c.main + "locals {}\n"})
		stack := filepath.Join(above, "stack")
		switch part := filepath.Join(stack, c.part); c.leads {
		case "|":
			require.NoError(t, syscall.Mkfifo(part, 0o600))
		case "/":
			require.NoError(t, os.Mkdir(part, 0o700))
		default:
			require.NoError(t, os.Symlink(c.leads, part))
		}
		args := []string{"-C", stack, "validate", "--untrusted"}
		if c.trusting {
			args = args[:3]
		}
		got := inProcess(t, above, nil, args...)
		got.refusedInTime(t)
		require.Contains(t, got.stderr, c.says, "%+v", c)
		require.NotContains(t, got.said(), outside, "%+v", c)
	}
	return len(all)
}

// folderAttacks put a link in the place of the stack's folder, or of one above it.
func folderAttacks(t *testing.T) int {
	const stack = "provider \"evotic\" {}\n"
	above := plant(t, tree{
		"reviewed/infra/prod/main.hcl": stack, "proposed/infra/real/main.hcl": stack, "proposed/main.hcl": stack, "elsewhere/prod/main.hcl": stack,
	})
	proposed := filepath.Join(above, "proposed")
	require.NoError(t, os.Symlink("../../elsewhere/prod", filepath.Join(proposed, "infra/prod")))
	require.NoError(t, os.Symlink("..", filepath.Join(proposed, "infra/up")))
	require.NoError(t, os.Symlink("../elsewhere", filepath.Join(proposed, "other")))
	require.NoError(t, os.MkdirAll(filepath.Join(above, "reviewed/other/prod"), 0o700))
	all := [][]string{
		{"-C", "proposed/infra/prod", "plan", "--sandbox", "--base", "reviewed/infra/prod"},
		{"-C", "proposed/infra/prod", "validate"},
		{"-C", "proposed/infra/up", "validate"},
		{"-C", "proposed/other/prod", "plan", "--sandbox", "--base", "reviewed/other/prod"},
		{"-C", filepath.Join(proposed, "other/prod"), "plan", "--sandbox", "--base", "reviewed/other/prod"},
	}
	for _, args := range all {
		got := inProcess(t, above, nil, append(args, "--untrusted")...)
		require.Equal(t, exitFailed, got.code, "%v", args)
		require.Contains(t, got.stderr, "The stack's folder is a link", "%v", args)
	}
	got := inProcess(t, above, nil, "-C", "proposed/infra/real", "plan", "--untrusted", "--sandbox", "--base", "reviewed/infra/prod")
	require.Equal(t, exitDone, got.code, got.said())
	return len(all)
}

// swapAttack changes a file into a link, a pipe and back while it is read. It is read as it was, or not at all, and nobody waits.
func swapAttack(t *testing.T) int {
	above := plant(t, tree{"secret": outside, "stack/x": "mine"})
	stack := filepath.Join(above, "stack")
	stop, swapped := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(swapped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			next := filepath.Join(above, "next")
			var err error
			switch i % 3 {
			case 0:
				err = os.Symlink("../secret", next)
			case 1:
				err = syscall.Mkfifo(next, 0o600)
			case 2:
				err = os.WriteFile(next, []byte("mine"), 0o600)
			}
			if err == nil {
				err = os.Rename(next, filepath.Join(stack, "x"))
			}
			if err != nil {
				swapped <- err
				return
			}
		}
	}()
	read := map[string]int{}
	for range 5000 {
		data, err := spec.ReadFile(stack, "x")
		if err == nil {
			read[string(data)]++
		}
	}
	close(stop)
	require.NoError(t, <-swapped)
	require.Len(t, read, 1, "%v", read)
	require.Positive(t, read["mine"])
	return 1
}
