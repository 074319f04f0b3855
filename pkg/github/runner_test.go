package github_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/github"
	"github.com/vpsync/vpsync/pkg/github/githubtest"
)

func TestCommandsStayText(t *testing.T) {
	begun, cases := time.Now(), 0
	one := func(name string, test func(t *testing.T)) {
		t.Run(name, test)
		cases++
	}
	for i, evil := range githubtest.CommandAttacks {
		one(fmt.Sprintf("output/%d", i), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "output")
			r := &github.Runner{Outputs: file}
			require.NoError(t, r.SetOutputs([]github.Output{{Name: "first", Value: evil}, {Name: "second", Value: "2"}}))
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			got, err := githubtest.Outputs(string(text))
			require.NoError(t, err)
			require.Equal(t, map[string]string{"first": evil, "second": "2"}, got)
		})
		one(fmt.Sprintf("annotation/%d", i), func(t *testing.T) {
			var out bytes.Buffer
			r := &github.Runner{Out: &out}
			r.Annotate(github.Annotation{Level: "error", Title: evil, Message: evil, File: evil, Line: 3})
			got := githubtest.Commands(out.String())
			require.Equal(t, []githubtest.Command{{Name: "error", Data: evil, Properties: map[string]string{"title": evil, "file": evil, "line": "3"}}}, got)
		})
		one(fmt.Sprintf("mask/%d", i), func(t *testing.T) { // a token is the workflow's own, and still no more than a mask
			var out bytes.Buffer
			(&github.Runner{Out: &out}).Mask(evil)
			for _, c := range githubtest.Commands(out.String()) {
				require.Equal(t, "add-mask", c.Name)
			}
		})
		one(fmt.Sprintf("log/%d", i), func(t *testing.T) {
			var out bytes.Buffer
			r := &github.Runner{Out: &out}
			end := r.Quiet()
			fmt.Fprintln(&out, evil)
			end()
			r.Annotate(github.Annotation{Level: "notice", Message: "heard"})
			got := githubtest.Commands(out.String())
			require.Len(t, got, 1)
			require.Equal(t, "heard", got[0].Data)
		})
	}
	matrix.Ran(t, "G9", cases, begun)
}

// The reader of the log sees what it is to see: each attack on the log is a command where nothing is done against it.
func TestRunnerReaderHasTeeth(t *testing.T) {
	seen := 0
	for _, evil := range githubtest.CommandAttacks {
		if len(githubtest.Commands(evil+"\n::x::y")) > 1 || strings.Contains(evil, "stop-commands") {
			seen++
		}
	}
	require.Equal(t, 9, seen)
}
