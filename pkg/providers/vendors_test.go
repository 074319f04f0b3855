package providers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/evotic"
	"github.com/vpsync/vpsync/pkg/providers/providertest"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/providers/vpsorg"
	"github.com/vpsync/vpsync/pkg/spec"
)

// vendors are the embedded definitions, each judged by the folder of its name.
var vendors = map[string][]byte{"servosphere": servosphere.Source, "vpsorg": vpsorg.Source, "evotic": evotic.Source}

func folder(vendor string) string { return "../../testdata/api/" + vendor }

func definitionOf(t testing.TB, vendor string) *providers.Definition {
	t.Helper()
	def, diags := providers.Decode(vendors[vendor], vendor+".provider.hcl")
	require.Empty(t, diags)
	return def
}

// TestExchanges runs every recorded exchange: the client must send exactly the recorded requests, and make of the
// recorded answers what the file says.
func TestExchanges(t *testing.T) {
	for vendor := range vendors {
		def := definitionOf(t, vendor)
		for _, e := range providertest.Load(t, folder(vendor)) {
			t.Run(vendor+"/"+e.Name, func(t *testing.T) { play(t, def, e) })
		}
	}
}

func play(t *testing.T, def *providers.Definition, e providertest.Exchange) {
	wire := &player{t: t, exchange: e, left: e.Messages}
	client, err := providers.New(def, providers.Config{Account: def.Name, Token: providertest.Token, Transport: wire, UserAgent: "vpsync/test", PollEvery: time.Nanosecond, Lag: new(time.Duration)})
	require.NoError(t, err)
	objects, absent, err := perform(t.Context(), t, client, e)
	require.Empty(t, wire.left, "requests that were never sent")
	if e.Error != nil {
		var failed *providers.Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, e.Error.Outcome, string(failed.Outcome))
		require.Equal(t, e.Error.Status, failed.Status)
		require.Equal(t, e.Error.Code, failed.Code)
		require.Contains(t, failed.Error()+failed.Details, e.Error.Message)
		return
	}
	require.NoError(t, err)
	kind := schemaOf(def, e.Call)
	if made := madeBy(def, e.Call); made != nil {
		kind = made
	}
	require.Len(t, objects, len(e.Objects))
	for i, want := range e.Objects {
		got := objects[i]
		require.Equal(t, want.ID, got.ID)
		require.Equal(t, want.Absent, absent)
		requireValues(t, want.Values.Spec(t, kind), got.Values)
		if want.Ready != nil {
			require.Equal(t, *want.Ready, got.Ready, "ready")
		}
		if want.Failed != nil {
			require.Equal(t, *want.Failed, got.Failed, "failed")
		}
		if want.Status != "" {
			require.Equal(t, want.Status, got.Status)
		}
		if v, ok := got.Values["created_at"]; ok && e.Call.Operation != providertest.Ask {
			created, err := time.Parse(time.RFC3339, v.AsString())
			require.NoError(t, err)
			require.True(t, created.Equal(got.CreatedAt))
		}
	}
}

// TestEveryOperationHasAnExchange: no operation of the definition is judged by nobody.
func TestEveryOperationHasAnExchange(t *testing.T) {
	for vendor := range vendors {
		seen := map[string]bool{}
		for _, e := range providertest.Load(t, folder(vendor)) {
			if e.Error == nil {
				seen[e.Call.Operation+" "+e.Call.Kind] = true
			}
		}
		for name, kind := range definitionOf(t, vendor).Kinds {
			operations := slices.Collect(maps.Keys(kind.Operations))
			if kind.Wait != nil && kind.Wait.Operation != nil {
				operations = append(operations, "wait")
			}
			for _, op := range operations {
				require.Truef(t, seen[op+" "+name], "no exchange in %s shows %s of %s", folder(vendor), op, name)
			}
		}
		for on, tasks := range definitionOf(t, vendor).Tasks {
			for name, task := range tasks {
				require.Truef(t, seen[task.Call+" "+task.Of], "no exchange in %s shows the task %s of %s", folder(vendor), name, on)
			}
		}
		for name := range definitionOf(t, vendor).Data {
			require.Truef(t, seen[providertest.Ask+" "+name], "no exchange in %s asks for %s", folder(vendor), name)
		}
	}
}

// schemaOf is the kind that a call is about, or the data source, or the arguments of a task.
func schemaOf(def *providers.Definition, c providertest.Call) *spec.Kind {
	if c.Operation == providertest.Ask {
		return def.Schema.Data[c.Kind]
	}
	if task, ok := strings.CutPrefix(c.Operation, "task."); ok {
		return def.Tasks[c.Kind][task].Schema
	}
	return def.Schema.Kinds[c.Kind]
}

// madeBy is the kind of the object that a task makes, or nil.
func madeBy(def *providers.Definition, c providertest.Call) *spec.Kind {
	if task, ok := strings.CutPrefix(c.Operation, "task."); ok && def.Tasks[c.Kind][task].Makes != "" {
		return def.Schema.Kinds[def.Tasks[c.Kind][task].Makes]
	}
	return nil
}

func perform(ctx context.Context, t *testing.T, client *providers.Client, e providertest.Exchange) (objects []spec.Object, absent bool, err error) {
	switch e.Call.Operation {
	case spec.OpList:
		objects, err = client.List(ctx, e.Call.Kind)
	case spec.OpRead:
		var o spec.Object
		var ok bool
		if o, ok, err = client.Read(ctx, e.Call.Kind, e.Call.ID); ok {
			objects = []spec.Object{o}
		}
	case "wait": // every state that was seen, and what became of it
		var last spec.Object
		last, err = client.Wait(ctx, e.Call.Kind, e.Call.ID, func(o spec.Object) { objects = append(objects, o) })
		objects = append(objects, last)
	case providertest.Ask:
		var answer spec.Values
		if answer, err = client.Ask(ctx, e.Call.Kind, e.Desired.Spec(t, schemaOf(client.Definition(), e.Call))); err == nil {
			objects = []spec.Object{{Values: answer}}
		}
	default:
		kind := schemaOf(client.Definition(), e.Call)
		var result providers.Result
		result, err = client.Do(ctx, providers.Call{
			Kind: e.Call.Kind, Operation: e.Call.Operation, ID: e.Call.ID,
			Desired: e.Desired.Spec(t, kind), Live: e.Live.Spec(t, kind),
		}, nil)
		objects, absent = []spec.Object{result.Object}, result.Absent
	}
	return objects, absent, err
}

func requireValues(t *testing.T, want, got spec.Values) {
	t.Helper()
	for name, w := range want {
		require.Containsf(t, got, name, "decoded values")
		require.Truef(t, w.RawEquals(got[name]), "%s: want %#v, got %#v", name, w, got[name])
	}
	for name := range got {
		require.Containsf(t, want, name, "decoded although the answer does not hold it")
	}
}

// player answers with the recorded messages and holds the client to the recorded requests.
type player struct {
	t        *testing.T
	exchange providertest.Exchange

	mu   sync.Mutex
	left []providertest.Message
}

func (p *player) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	path := r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	for i, m := range p.left { // later pages are asked for side by side
		if m.Request.Method != r.Method || m.Request.Path != path {
			continue
		}
		p.left = append(p.left[:i:i], p.left[i+1:]...)
		want := m.Request.Header.Clone()
		want.Set("User-Agent", "vpsync/test")
		if !equal(p.t, want, r.Header) {
			return nil, errors.New("headers differ")
		}
		if m.Request.Body == "" {
			if len(body) > 0 {
				p.t.Errorf("a body where none belongs: %s", body)
			}
		} else if want := exact(p.t, m.Request); !bytes.Equal(want, body) {
			p.t.Errorf("body:\nwant %s\ngot  %s", want, body)
		}
		return m.Response.HTTP(r), nil
	}
	p.t.Errorf("not recorded: %s %s", r.Method, path)
	return nil, errors.New("not recorded")
}

func equal(t *testing.T, want, got http.Header) bool {
	a, b := url.Values(want).Encode(), url.Values(got).Encode()
	if a != b {
		t.Errorf("headers:\nwant %s\ngot  %s", a, b)
	}
	return a == b
}

// exact is a recorded body as it must arrive: JSON without the white space that readers need, anything else as it stands.
func exact(t *testing.T, r providertest.Request) []byte {
	if r.Header.Get("Content-Type") != "application/json" {
		return []byte(r.Body)
	}
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, []byte(r.Body)))
	return b.Bytes()
}
