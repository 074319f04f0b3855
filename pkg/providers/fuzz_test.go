package providers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/providertest"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// question is something that a client asks an API, of which any answer may come back.
type question struct {
	vendor string
	def    *providers.Definition
	call   providertest.Call
	asked  spec.Values
}

// questions are everything that the vendors' recorded exchanges ask, each once, and what was answered to each.
func questions(t testing.TB) (all []question, answered map[int][]providertest.Response) {
	at := map[string]int{}
	answered = map[int][]providertest.Response{}
	for _, vendor := range slices.Sorted(maps.Keys(vendors)) {
		def := definitionOf(t, vendor)
		for _, e := range providertest.Load(t, folder(vendor)) {
			name := vendor + " " + e.Call.Operation + " " + e.Call.Kind
			if _, known := at[name]; !known {
				at[name] = len(all)
				all = append(all, question{vendor, def, e.Call, e.Desired.Spec(t, schemaOf(def, e.Call))})
			}
			for _, m := range e.Messages {
				answered[at[name]] = append(answered[at[name]], m.Response)
			}
		}
	}
	require.Greater(t, len(all), 30, "the exchanges are the seeds")
	return all, answered
}

// numbers are those in JSON.
var numbers = regexp.MustCompile(`(: ?)[0-9][0-9.]*`)

// FuzzAnswer holds what the rest of vpsync relies on, whatever an API answers: the client comes to an end without a panic, in
// time and requests that have a bound; what it makes of the answer has an id, fits the schema and can be written down; and what
// it does not understand is an *Error that says which request it was, and no secret.
func FuzzAnswer(f *testing.F) {
	all, answered := questions(f)
	for i, list := range answered {
		for _, a := range list {
			f.Add(uint16(i), a.Status, []byte(a.Body))
		}
	}
	for i := range all { // a number of eleven characters, which has a hundred million digits
		for _, r := range answered[i] {
			f.Add(uint16(i), 200, numbers.ReplaceAll([]byte(r.Body), []byte(`${1}1e100000000`)))
		}
	}
	f.Fuzz(func(t *testing.T, which uint16, status int, body []byte) {
		if len(body) > 10_000 || status < 200 || status > 599 {
			t.Skip()
		}
		defer time.AfterFunc(20*time.Second, func() { panic("it takes too long") }).Stop()
		q := all[int(which)%len(all)]
		var requests atomic.Int64 // pages are read side by side
		clock := newClock()
		began := clock.Now()
		config := providers.Config{Account: "acme", Token: "t0ken-and-more", Clock: clock, Jitter: func() float64 { return 0 }}
		config.Transport = tripper(func(r *http.Request) (*http.Response, error) {
			if requests.Add(1) > 3 && status < 300 && q.call.Operation != "wait" {
				return says(200, "[]"), nil // enough pages
			}
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
		})
		client, err := providers.New(q.def, config)
		require.NoError(t, err)
		q.ask(t, client, body)
		require.LessOrEqual(t, clock.Now().Sub(began), 3*time.Hour, "how long it waited")
		require.Less(t, requests.Load(), int64(10_000))
	})
}

// ask asks, and judges what comes out.
func (q question) ask(t *testing.T, client *providers.Client, body []byte) {
	kind, ctx := q.def.Schema.Kinds[q.call.Kind], t.Context()
	switch q.call.Operation {
	case spec.OpList:
		objects, err := client.List(ctx, q.call.Kind)
		requireTold(t, err)
		seen := map[string]bool{}
		for _, o := range objects {
			requireObject(t, kind, o, body)
			require.False(t, seen[o.ID], "an object that is listed twice")
			seen[o.ID] = true
		}
	case spec.OpRead:
		o, ok, err := client.Read(ctx, q.call.Kind, q.call.ID)
		requireTold(t, err)
		if ok {
			require.NoError(t, err)
			require.Equal(t, q.call.ID, o.ID)
			require.True(t, o.Detail)
			requireObject(t, kind, o, body)
		}
	case "wait":
		o, err := client.Wait(ctx, q.call.Kind, q.call.ID, func(o spec.Object) {
			require.Equal(t, q.call.ID, o.ID)
			require.False(t, o.Ready && o.Failed)
			requireObject(t, kind, o, body)
		})
		require.Equal(t, q.call.ID, o.ID)
		require.Equal(t, err == nil, o.Ready, "ready, and said to be")
		var late *providers.NotReadyError
		if !errors.As(err, &late) {
			requireTold(t, err)
		}
	case providertest.Ask:
		answer, err := client.Ask(ctx, q.call.Kind, q.asked)
		requireTold(t, err)
		if err != nil {
			return
		}
		for _, a := range q.def.Schema.Data[q.call.Kind].Attributes {
			require.Equal(t, a.Computed, answer[a.Name] != cty.NilVal, a.Name)
		}
		requireFits(t, q.def.Schema.Data[q.call.Kind], answer, body)
	default:
		result, err := client.Do(ctx, providers.Call{Kind: q.call.Kind, Operation: q.call.Operation, ID: q.call.ID, Desired: q.asked}, nil)
		requireTold(t, err)
		if err != nil {
			return
		}
		if made := madeBy(q.def, q.call); made != nil && result.Object.Kind == made.Name {
			kind = made
		} else if q.call.ID != "" {
			require.Equal(t, q.call.ID, result.Object.ID)
		}
		require.Equal(t, result.Absent, result.Refusal != nil)
		requireObject(t, kind, result.Object, body)
	}
}

// requireTold: an error says what is known of the request, at whose account, and nothing that is a secret.
func requireTold(t *testing.T, err error) {
	if err == nil {
		return
	}
	var e *providers.Error
	require.ErrorAs(t, err, &e)
	require.Contains(t, []providers.Outcome{providers.Refused, providers.NotSent, providers.Unknown}, e.Outcome)
	require.Equal(t, "acme", e.Account)
	require.NotEmpty(t, e.Operation)
	require.NotEmpty(t, e.Request)
	text := e.Error() + e.Details
	require.NotContains(t, text, "t0ken-and-more")
	require.True(t, utf8.ValidString(text))
	require.Less(t, utf8.RuneCountInString(text), 5000, "an answer is not repeated at length")
}

func requireObject(t *testing.T, kind *spec.Kind, o spec.Object, body []byte) {
	require.Equal(t, kind.Name, o.Kind)
	require.NotEmpty(t, strings.Trim(o.ID, "/"))
	if kind.Parent != "" {
		parent, own, _ := strings.Cut(o.ID, "/")
		require.NotEmpty(t, parent)
		require.NotEmpty(t, own)
	}
	requireFits(t, kind, o.Values, body)
}

// requireFits: the values are known values of the attributes' types, and take no more room than what they were read from.
func requireFits(t *testing.T, kind *spec.Kind, values spec.Values, body []byte) {
	for name, v := range values {
		a := kind.Attribute(name)
		require.NotNil(t, a, name)
		require.False(t, a.Unreadable, name)
		require.True(t, v.Type().Equals(a.Type), "%s: %#v", name, v.Type())
		require.True(t, v.IsWhollyKnown())
		require.False(t, v.ContainsMarked())
	}
	written, err := json.Marshal(values)
	require.NoError(t, err)
	require.Less(t, len(written), 1000*len(kind.Attributes)+10*len(body))
	var again spec.Values
	require.NoError(t, json.Unmarshal(written, &again))
	require.Len(t, again, len(values))
	for name, v := range values {
		require.True(t, v.RawEquals(again[name]), "%s: %#v and %#v", name, v, again[name])
	}
}

// FuzzHeaders holds what the headers of an answer may do: a request is never held back for longer than what an API is believed,
// nor let through at once after a refusal, and the budget stays one.
func FuzzHeaders(f *testing.F) {
	for _, vendor := range slices.Sorted(maps.Keys(vendors)) {
		for _, e := range providertest.Load(f, folder(vendor)) {
			for _, m := range e.Messages {
				h := m.Response.Header
				f.Add(m.Response.Status, h.Get("Retry-After"), h.Get("X-RateLimit-Limit"), h.Get("X-RateLimit-Remaining"), h.Get("X-RateLimit-Reset"))
			}
		}
	}
	f.Add(429, "Fri, 02 Jan 2026 03:05:05 GMT", "", "", "")
	f.Add(429, "9223372036854775807", "-1", "-1", "-9223372036854775808")
	f.Add(200, "0", "9223372036854775807", "9223372036854775807", "9223372036854775807")
	def := definitionOf(f, "servosphere")
	kind := "server"
	f.Fuzz(func(t *testing.T, status int, after, limit, remaining, reset string) {
		if status < 200 || status > 599 {
			t.Skip()
		}
		clock := newClock()
		config := providers.Config{Account: "acme", Token: "t0ken-and-more", Clock: clock, Jitter: func() float64 { return 0 }}
		headers := http.Header{}
		for name, value := range map[string]string{"Retry-After": after, def.Headers.Limit: limit, def.Headers.Remaining: remaining, def.Headers.Reset: reset} {
			headers.Set(name, value)
		}
		asked := []time.Time{}
		config.Transport = tripper(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, clock.Now())
			answer := says(200, `{"data":[]}`)
			if len(asked) == 1 {
				answer = says(status, "")
				answer.Header = headers
			}
			return answer, nil
		})
		client, err := providers.New(def, config)
		require.NoError(t, err)
		_, first := client.List(t.Context(), kind)
		_, second := client.List(t.Context(), kind)
		var e *providers.Error
		if first != nil {
			require.ErrorAs(t, first, &e)
		}
		require.NoError(t, second, "one answer's headers do not stop what follows")
		require.LessOrEqual(t, clock.total(), 3*time.Hour)
		if status == 429 && len(asked) > 1 {
			require.Greater(t, asked[1].Sub(asked[0]), 100*time.Millisecond, "a refusal is waited out")
		}
		for _, b := range client.Budgets() {
			require.Positive(t, b.Limit)
			require.GreaterOrEqual(t, b.Remaining, -1)
			require.LessOrEqual(t, b.Remaining, 1<<30)
			require.Less(t, b.Reset.Sub(clock.Now()), 25*time.Hour)
		}
	})
}
