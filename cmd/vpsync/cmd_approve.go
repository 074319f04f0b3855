package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

type approveOptions struct{ url string }

func (a *app) approveCommand() *cobra.Command {
	var o approveOptions
	c := &cobra.Command{
		Use: "approve RUN", Short: "Let a daemon carry out a plan that it proposed",
		Long: `Says yes to a plan that a vpsync daemon keeps ready (mode = "propose"). The daemon makes the plan again, and carries it out only if it
is the same, as the next turn of its stack and within the stack's windows. RUN is in its log and on its status page.

The token comes from VPSYNC_APPROVE_TOKEN, and is sent to that address alone.`,
		Example: "  vpsync approve 1f0c9a7be2d3\n  vpsync approve 1f0c9a7be2d3 --url https://vpsync.example.com",
		RunE:    func(c *cobra.Command, args []string) error { return a.approve(c.Context(), args[0], o) },
	}
	c.Flags().StringVar(&o.url, "url", "http://"+daemon.DefaultAddress, "the daemon's `address`")
	return c
}

// approvedDocument says which run was approved.
type approvedDocument struct {
	FormatVersion string `json:"format_version"`
	Approved      string `json:"approved"`
}

// mostAnswer is how much of an answer is read, in bytes.
const mostAnswer = 64 << 10

func (a *app) approve(ctx context.Context, run string, o approveOptions) error {
	base, err := url.Parse(strings.TrimRight(o.url, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return wrongUsage("--url takes an address such as http://" + daemon.DefaultAddress + "")
	}
	token := a.env["VPSYNC_APPROVE_TOKEN"]
	if token == "" {
		return &remedyError{summary: "No token", detail: "The daemon carries a plan out only for who knows its token. VPSYNC_APPROVE_TOKEN is not set.", remedy: "export VPSYNC_APPROVE_TOKEN=...    # as the daemon has it"}
	}
	if name := base.Hostname(); base.Scheme == "http" && name != "127.0.0.1" && name != "::1" && name != "localhost" {
		return &remedyError{summary: "The token would be sent in the clear", detail: fmt.Sprintf("%s is reached over http, where anybody on the way can read the token.", base.Host), remedy: "--url https://" + base.Host}
	}
	body, err := json.Marshal(map[string]string{"who": a.actor()})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base.JoinPath("api", "v1", "runs", url.PathEscape(run), "approve").String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("User-Agent", "vpsync/"+versionText())
	client := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return &remedyError{summary: "The daemon does not answer", detail: sentenceOf(fmt.Sprintf("%s: %s", base.Host, err)), remedy: "vpsync approve " + run + " --url http://" + daemon.DefaultAddress + "    # where it listens"}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil {
		return err
	}
	var said struct {
		Accepted string `json:"accepted"`
		Error    string `json:"error"`
		Remedy   string `json:"remedy"`
	}
	if json.Unmarshal(text, &said) != nil {
		said.Error = fmt.Sprintf("its answer is no JSON (status %d)", answer.StatusCode)
	}
	if answer.StatusCode/100 != 2 || said.Accepted == "" {
		return &remedyError{summary: "Not approved", detail: sentenceOf(orElse(said.Error, fmt.Sprintf("the daemon answers with status %d", answer.StatusCode))), remedy: said.Remedy}
	}
	if a.json {
		return a.printJSON(approvedDocument{formatVersion, run})
	}
	fmt.Fprintf(a.out, "Approved: %s\n", sentenceOf(render.Escape(said.Accepted)))
	return nil
}
