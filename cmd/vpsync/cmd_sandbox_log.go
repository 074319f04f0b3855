package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/sandbox"
)

func (a *app) sandboxLogCommand(o *sandboxOptions) *cobra.Command {
	var clearIt bool
	c := &cobra.Command{Use: "log", Short: "Show every request that arrived",
		Example: "  vpsync sandbox log\n  vpsync sandbox log --account servosphere\n  vpsync sandbox log --clear",
		RunE: func(*cobra.Command, []string) error {
			if clearIt {
				return a.clearLog(*o)
			}
			return a.writeLog(*o)
		}}
	c.Flags().BoolVar(&clearIt, "clear", false, "forget the requests so far")
	return c
}

func (a *app) clearLog(o sandboxOptions) error {
	n := 0
	if _, err := a.eachEmulated(o, func(_ string, s *sandbox.Sandbox, _ *providers.Definition) error {
		log, err := s.Log()
		if err != nil {
			return err
		}
		n += len(log)
		return s.ClearLog()
	}); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(clearedDocument{formatVersion, n})
	}
	_, err := fmt.Fprintf(a.out, "%s forgotten.\n", render.Plural(n, "request"))
	return err
}

// requestDocument is a request, and the account at which it arrived.
type requestDocument struct {
	Account string `json:"account"`
	sandbox.LogEntry
}

func (a *app) writeLog(o sandboxOptions) error {
	log := []requestDocument{}
	several, err := a.eachEmulated(o, func(account string, s *sandbox.Sandbox, _ *providers.Definition) error {
		entries, err := s.Log()
		for _, e := range entries {
			log = append(log, requestDocument{account, e})
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(log, func(a, b requestDocument) int { return a.Time.Compare(b.Time) })
	if a.json {
		return a.printJSON(struct {
			FormatVersion string            `json:"format_version"`
			Requests      []requestDocument `json:"requests"`
		}{formatVersion, log})
	}
	for _, e := range log {
		status := fmt.Sprint(e.Status)
		if e.Status == 0 {
			status = "no answer"
		}
		line := e.Time.UTC().Format("15:04:05.000") + "  "
		if several {
			line += e.Account + "  "
		}
		line += fmt.Sprintf("%s %s: %s", e.Method, render.Escape(e.Path), status)
		if e.Fault != "" {
			line += fmt.Sprintf(" (fault %s)", e.Fault)
		}
		fmt.Fprintln(a.out, line)
	}
	return nil
}
