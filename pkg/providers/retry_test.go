package providers_test

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
)

var unsent = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}

// TestWritesAreNotRepeated: once a write may have left, it is sent no second time.
func TestWritesAreNotRepeated(t *testing.T) {
	for name, first := range map[string]func() (*http.Response, error){
		"500":   answers(says(500, ""))[0],
		"reset": fails(errors.New("connection reset")),
		"HTML":  answers(says(200, "<html>"))[0],
		"400":   answers(says(400, ""))[0],
	} {
		s := &script{answers: []func() (*http.Response, error){first}}
		_, err := client(t, tiny, s).Do(t.Context(), create("a"), nil)
		require.Error(t, err, name)
		require.Len(t, s.asked, 1, name)
	}
}

// TestWritesAreRepeatedWhereSafe: not sent, and refused with 429. ready is asked each time.
func TestWritesAreRepeatedWhereSafe(t *testing.T) {
	s := &script{answers: []func() (*http.Response, error){
		fails(unsent), answers(says(429, "", "Retry-After", "7"))[0], answers(says(201, `{"id":12,"name":"a"}`))[0],
	}}
	virtual := newClock()
	var waits []string
	c := client(t, tiny, s, func(c *providers.Config) {
		c.Clock = virtual
		c.Waiting = func(class string, until time.Time) { waits = append(waits, until.Format("15:04:05")) }
	})
	asked := 0
	result, err := c.Do(t.Context(), create("a"), func() error { asked++; return nil })
	require.NoError(t, err)
	require.Equal(t, "12", result.Object.ID)
	require.Equal(t, 3, asked)
	require.Equal(t, []string{"03:04:12"}, waits)
	require.Equal(t, "7.25s", virtual.total().String(), "half of the first backoff, then what the API asked for")
	_, writes := c.Requests()
	require.Equal(t, 3, writes)
}

func TestReadsAreRepeated(t *testing.T) {
	s := &script{answers: []func() (*http.Response, error){
		fails(errors.New("reset")), answers(says(503, "<html>"))[0], answers(says(200, "[{"))[0], answers(says(200, `[{"id":1}]`))[0],
	}}
	virtual := newClock()
	c := client(t, tiny, s, func(c *providers.Config) { c.Clock = virtual })
	list, err := c.List(t.Context(), "box")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "[250ms 500ms 1s]", sprint(virtual.slept))

	s = &script{} // 500 for ever
	_, err = client(t, tiny, s).List(t.Context(), "box")
	require.ErrorContains(t, err, "500")
	require.Len(t, s.asked, 4)
	s = &script{answers: answers(says(302, "", "Location", "/elsewhere"))}
	_, err = client(t, tiny, s).List(t.Context(), "box")
	require.ErrorContains(t, err, "never follows")
	require.Len(t, s.asked, 1)
}

func TestRetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		header []string
		want   string
	}{
		"seconds":   {[]string{"Retry-After", "90"}, "[1m30s]"},
		"a date":    {[]string{"Retry-After", "Fri, 02 Jan 2026 03:05:05 GMT"}, "[1m0s]"},
		"past date": {[]string{"Retry-After", "Fri, 02 Jan 2015 03:05:05 GMT"}, "[1s]"},
		"none":      {nil, "[250ms]"},
		"nonsense":  {[]string{"Retry-After", "soon"}, "[250ms]"},
	} {
		t.Run(name, func(t *testing.T) {
			virtual := newClock()
			s := &script{answers: answers(says(429, "", c.header...), says(200, "[]"))}
			_, err := client(t, tiny, s, func(c *providers.Config) { c.Clock = virtual }).List(t.Context(), "box")
			require.NoError(t, err)
			require.Equal(t, c.want, sprint(virtual.slept))
		})
	}
}

// TestStormOf429: neither an endless row of refusals nor a huge wait holds a run for ever.
func TestStormOf429(t *testing.T) {
	storm := tripper(func(*http.Request) (*http.Response, error) { return says(429, "", "Retry-After", "1"), nil })
	virtual := newClock()
	c := client(t, tiny, storm, func(c *providers.Config) { c.Clock = virtual })
	_, err := c.Do(t.Context(), create("a"), nil)
	require.ErrorContains(t, err, "429")
	require.Equal(t, "7s", virtual.total().String())

	long := tripper(func(*http.Request) (*http.Response, error) { return says(429, "", "Retry-After", "1000000000"), nil })
	c = client(t, tiny, long, func(c *providers.Config) { c.Clock = virtual })
	_, err = c.Do(t.Context(), create("a"), nil)
	var e *providers.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, providers.Refused, e.Outcome)
	require.Equal(t, "7s", virtual.total().String())
}
