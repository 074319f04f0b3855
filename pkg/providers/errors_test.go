package providers_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

func create(name string) providers.Call {
	return providers.Call{Kind: "box", Operation: "create", Desired: spec.Values{"name": cty.StringVal(name)}}
}

// TestOutcomes is the table of what is known after a create.
func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		answer *http.Response
		err    error
		want   providers.Outcome
		text   string
	}{
		"400":             {answer: says(400, `{"code":"BAD","message":"name is taken"}`), want: providers.Refused, text: "create box: POST /boxes: 400 BAD: name is taken"},
		"401":             {answer: says(401, `{"detail":"no"}`), want: providers.Refused, text: "create box: POST /boxes: 401 Unauthorized: no"},
		"402":             {answer: says(402, `{"code":"INSUFFICIENT_CREDIT","message":"text"}`), want: providers.Refused, text: "create box: POST /boxes: 402 INSUFFICIENT_CREDIT: text"},
		"403":             {answer: says(403, ``), want: providers.Refused, text: "create box: POST /boxes: 403 Forbidden"},
		"404 names line":  {answer: says(404, `{"message":"no such path"}`), want: providers.Refused, text: "if your account differs, correct acme.provider.hcl:24"},
		"405 names line":  {answer: says(405, ``), want: providers.Refused, text: "acme.provider.hcl:24"},
		"409":             {answer: says(409, `{}`), want: providers.Refused, text: "holds no message where the definition looks for one"},
		"413":             {answer: says(413, ``), want: providers.Refused, text: "413"},
		"415":             {answer: says(415, ``), want: providers.Refused, text: "415"},
		"422":             {answer: says(422, `{"message":["a","b"]}`), want: providers.Refused, text: `["a","b"]`},
		"501":             {answer: says(501, ``), want: providers.Refused, text: "501"},
		"408":             {answer: says(408, ``), want: providers.Unknown, text: "408"},
		"500":             {answer: says(500, `{"message":"oops"}`), want: providers.Unknown, text: "500 Internal Server Error: oops"},
		"502 HTML":        {answer: says(502, "<html>\x1b[31m"+strings.Repeat("x", 500), "Content-Type", "text/html; charset=utf-8"), want: providers.Unknown, text: `the answer is not JSON ("text/html"): "<html>\x1b[31m` + strings.Repeat("x", 109) + `\u2026"`},
		"200 HTML":        {answer: says(200, "<html>", "Content-Type", "text/html"), want: providers.Unknown, text: "is not JSON"},
		"301":             {answer: says(301, "", "Location", "https://evil.example/x?y"), want: providers.Unknown, text: `redirects to host "evil.example"`},
		"201 empty":       {answer: says(201, ""), want: providers.Unknown, text: "holds no id"},
		"201 without id":  {answer: says(201, `{"name":"a"}`), want: providers.Unknown, text: "holds no id"},
		"201 truncated":   {answer: says(201, `{"id":1,"na`), want: providers.Unknown, text: "not JSON"},
		"201 key twice":   {answer: says(201, `{"id":1,"id":2}`, "Content-Type", "application/json"), want: providers.Unknown, text: "appears twice"},
		"201 more":        {answer: says(201, `{"id":1} {"id":2}`), want: providers.Unknown, text: "not JSON"},
		"201 deep":        {answer: says(201, `{"id":`+strings.Repeat("[", 100_000), "Content-Type", "application/json"), want: providers.Unknown, text: "nested deeper"},
		"201 cut":         {answer: &http.Response{StatusCode: 201, Header: http.Header{}, Body: io.NopCloser(io.MultiReader(strings.NewReader("{"), broken{}))}, want: providers.Unknown, text: "broke off"},
		"201 bomb":        {answer: &http.Response{StatusCode: 201, Header: http.Header{}, Body: io.NopCloser(endless{})}, want: providers.Unknown, text: "larger than 16 MiB"},
		"reset":           {err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}, want: providers.Unknown, text: "connection reset"},
		"timeout":         {err: context.DeadlineExceeded, want: providers.Unknown, text: "deadline exceeded"},
		"EOF":             {err: io.ErrUnexpectedEOF, want: providers.Unknown, text: "unexpected EOF"},
		"refused to dial": {err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, want: providers.NotSent, text: "connection refused"},
		"no such host":    {err: &net.DNSError{Err: "no such host", Name: "api.acme.example"}, want: providers.NotSent, text: "no such host"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, tiny, tripper(func(*http.Request) (*http.Response, error) { return c.answer, c.err })).Do(t.Context(), create("a"), nil)
			var e *providers.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.want, e.Outcome)
			require.Contains(t, err.Error(), c.text)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cut") }

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// TestDeleteOfNothing: 404 of a delete means that there is nothing to delete, but only if the API itself says so.
func TestDeleteOfNothing(t *testing.T) {
	del := providers.Call{Kind: "box", Operation: "delete", ID: "7"}
	for _, status := range []int{404, 410} {
		c := client(t, tiny, &script{answers: answers(says(status, `{"message":"gone"}`))})
		result, err := c.Do(t.Context(), del, nil)
		require.NoError(t, err)
		require.True(t, result.Absent)
		require.Contains(t, result.Refusal.Error(), "DELETE /boxes/7")
	}
	c := client(t, tiny, &script{answers: answers(says(404, `<html>`))})
	result, err := c.Do(t.Context(), del, nil)
	require.ErrorContains(t, err, "not JSON")
	require.False(t, result.Absent)
}

// TestWhatCannotBeSent: mistakes of a call are NotSent, and nothing leaves.
func TestWhatCannotBeSent(t *testing.T) {
	s := &script{}
	c := client(t, tiny, s)
	for text, call := range map[string]providers.Call{
		`no kind "bux"`:                   {Kind: "bux", Operation: "create"},
		`no operation "grow" of box`:      {Kind: "box", Operation: "grow"},
		`cannot hold ".."`:                {Kind: "box", Operation: "delete", ID: ".."},
		`cannot hold ""`:                  {Kind: "box", Operation: "delete"},
		`name is not known yet`:           {Kind: "box", Operation: "create", Desired: spec.Values{"name": cty.UnknownVal(cty.String)}},
		"cannot hold \"a\\nb\" as its id": {Kind: "box", Operation: "delete", ID: "a\nb"},
	} {
		_, err := c.Do(t.Context(), call, nil)
		var e *providers.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, providers.NotSent, e.Outcome)
		require.ErrorContains(t, err, text)
	}
	ready := errors.New("the lock is lost")
	_, err := c.Do(t.Context(), create("a"), func() error { return ready })
	require.ErrorIs(t, err, ready)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Do(ctx, create("a"), nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, s.asked)
	reads, writes := c.Requests()
	require.Zero(t, reads+writes)
}
