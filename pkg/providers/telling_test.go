package providers_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
)

// TestTellingIDs: an id that has a whole secret in it is none. One that shares a piece with a secret, or has a short one in it, is an id.
func TestTellingIDs(t *testing.T) {
	const password, short = "kqzjwxvhpb-57", "kvwzjqx"
	secrets := &providers.Secrets{}
	secrets.Hide(password, short)
	asks := func(answer string) *providers.Client {
		return client(t, tiny, &script{answers: answers(says(200, answer))}, func(c *providers.Config) { c.Secrets = secrets })
	}
	for name, id := range map[string]string{
		"as it is": password, "in the middle": "box-" + password + "-1", "hex": hex.EncodeToString([]byte(password)),
		"base64": base64.RawURLEncoding.EncodeToString([]byte("x" + password + "y")),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := asks(fmt.Sprintf(`{"id":%q,"name":"a"}`, id)).Do(t.Context(), create("a"), nil)
			var e *providers.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, providers.Unknown, e.Outcome, "it was made, or was not")
			_, listed := asks(fmt.Sprintf(`[{"id":"b1","name":"b"},{"id":%q,"name":"a"}]`, id)).List(t.Context(), "box")
			require.ErrorContains(t, listed, "entry 2 of the list")
			_, _, read := asks(fmt.Sprintf(`{"id":%q,"name":"a"}`, id)).Read(t.Context(), "box", "b1")
			for _, err := range []error{err, listed, read} {
				require.ErrorContains(t, err, "the id of an object repeats a secret")
				require.NotContains(t, err.Error(), id)
			}
			for _, err := range []error{listed, read} {
				require.ErrorAs(t, err, &e)
				require.True(t, e.Unfit)
			}
		})
	}
	for name, id := range map[string]string{"its beginning": password[:12], "a short one": short + "-0123456", "hex of a short one": hex.EncodeToString([]byte(short)), "neither": "b1"} {
		t.Run(name, func(t *testing.T) {
			made, err := asks(fmt.Sprintf(`{"id":%q,"name":"a"}`, id)).Do(t.Context(), create("a"), nil)
			require.NoError(t, err)
			require.Equal(t, id, made.Object.ID)
			list, err := asks(fmt.Sprintf(`[{"id":%q,"name":"a"}]`, id)).List(t.Context(), "box")
			require.NoError(t, err)
			require.Equal(t, id, ids(list))
		})
	}
}

// TestRepeats: whoever decides about an attribute, it is noted where its value, or what is said of it, repeats a secret.
func TestRepeats(t *testing.T) {
	secrets := &providers.Secrets{}
	secrets.Hide("kqzjwxvhpb-57")
	c := client(t, slow, &script{answers: answers(says(200, `[{"id":"b1","name":"for kqzjwxvhpb-57","status":"is kqzjwxvhpb-57"},{"id":"b2","name":"for kqzj","status":"up"}]`))},
		func(c *providers.Config) { c.Secrets = secrets })
	list, err := c.List(t.Context(), "box")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"name", "status"}, list[0].Repeats)
	require.Equal(t, "is (sensitive)", list[0].Status)
	require.Empty(t, list[1].Repeats)
	require.Equal(t, "up", list[1].Status)

	apart := strings.Replace(tiny, "  create {", `  wait {
    request    = "GET /boxes/{id}/progress"
    documented = true
    attribute "step" { type = string }
    ready   = { step = ["done"] }
    failed  = { step = ["lost kqzjwxvhpb-57"] }
    every   = "10s"
    timeout = "5m"
  }
  create {`, 1)
	c = client(t, apart, &script{answers: answers(says(200, `{"step":"lost kqzjwxvhpb-57"}`))}, func(c *providers.Config) { c.Secrets = secrets })
	_, err = c.Wait(t.Context(), "box", "b1", nil)
	require.EqualError(t, err, `box b1 failed: its status is "lost (sensitive)"`)
}

// TestTellingTasks: what a task made has no id that is believed either.
func TestTellingTasks(t *testing.T) {
	secrets := &providers.Secrets{}
	secrets.Hide("kqzjwxvhpb-57")
	def := tiny + `
task "copy" {
  description = "Makes another box."
  on          = "box"
  makes       = "box"
  request     = "POST /boxes/{id}/copy"
  documented  = true
}
`
	c := client(t, def, &script{answers: answers(says(201, `{"id":"kqzjwxvhpb-57","name":"b"}`))}, func(c *providers.Config) { c.Secrets = secrets })
	_, err := c.Do(t.Context(), providers.Call{Kind: "box", Operation: providers.TaskOperation("copy"), ID: "b1"}, nil)
	var e *providers.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, providers.Unknown, e.Outcome)
	require.ErrorContains(t, err, "the id of an object repeats a secret")
}
