package providers_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/evotic"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// TestLogHoldsNoSecret: what an operator attaches to a bug report holds neither the token nor a password, in the request,
// in the answer, or in an error that quotes them.
func TestLogHoldsNoSecret(t *testing.T) {
	src := strings.Replace(tiny, `  create {`, `  attribute "password" {
    type      = string
    optional  = true
    sensitive = true
    sent_as   = "root_pass"
    read      = "login.pass"
    on_change = "next_create"
  }

  create {`, 1)
	src = strings.Replace(src, `sends      = ["name"]`, `sends      = ["name", "password"]`, 1)
	var log bytes.Buffer
	s := &script{answers: answers(
		says(201, `{"id":1,"name":"a","login":{"pass":"other-canary"},"echo":"Bearer t0ken"}`),
		says(400, `{"message":"password hunter2-canary is too weak"}`))}
	s.answers = append(s.answers, fails(errors.New("proxy said t0ken and hunter2-canary")))
	c := client(t, src, s, func(c *providers.Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	call := create("web")
	call.Desired["password"] = cty.StringVal("hunter2-canary").Mark("x")
	result, err := c.Do(t.Context(), call, nil)
	require.NoError(t, err)
	require.Equal(t, cty.StringVal("other-canary"), result.Object.Values["password"])
	require.Contains(t, s.body, `"root_pass":"hunter2-canary"`)
	for range 2 {
		_, err = c.Do(t.Context(), call, nil)
		require.ErrorContains(t, err, "(sensitive)")
		require.NotContains(t, err.Error(), "canary")
		require.NotContains(t, err.Error(), "t0ken")
	}
	text := log.String()
	require.Contains(t, text, "POST /boxes")
	require.Contains(t, text, `name=\"web\" root_pass=(sensitive)`)
	require.NotContains(t, text, "canary")
	require.NotContains(t, text, "t0ken")
	require.NotContains(t, text, "Authorization")
}

// TestFormHoldsNoSecret: a complaint that repeats a form repeats the password as the form had it.
func TestFormHoldsNoSecret(t *testing.T) {
	s := &script{answers: answers(says(400, `{"type":"invalid_request","message":"cannot read name=a&password=can%2Fary%26"}`))}
	c := client(t, string(evotic.Source), s)
	_, err := c.Do(t.Context(), providers.Call{Kind: "server", Operation: "create", Desired: spec.Values{
		"name": cty.StringVal("a"), "password": cty.StringVal("can/ary&"),
	}}, nil)
	require.Equal(t, "name=a&password=can%2Fary%26", s.body)
	require.ErrorContains(t, err, "password=(sensitive)")
	require.NotContains(t, err.Error(), "ary")
}
