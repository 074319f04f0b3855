package providers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/providertest"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/spec"
)

const exchanges = "../../testdata/api/servosphere"

func servosphereDefinition(t testing.TB) *providers.Definition {
	t.Helper()
	def, diags := providers.Decode(servosphere.Source, "servosphere.provider.hcl")
	require.Empty(t, diags)
	return def
}

// TestExchanges runs every recorded exchange: the client must send exactly the recorded requests, and make of the
// recorded answers what the file says.
func TestExchanges(t *testing.T) {
	def := servosphereDefinition(t)
	for _, e := range providertest.Load(t, exchanges) {
		t.Run(e.Name, func(t *testing.T) {
			wire := &player{t: t, exchange: e, left: e.Messages}
			client, err := providers.New(def, providers.Config{Account: "servosphere", Token: providertest.Token, Transport: wire, UserAgent: "vpsync/test"})
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
				if v, ok := got.Values["created_at"]; ok {
					require.Equal(t, v.AsString(), got.CreatedAt.Format("2006-01-02T15:04:05Z"))
				}
			}
		})
	}
}

// TestEveryOperationHasAnExchange: no operation of the definition is judged by nobody.
func TestEveryOperationHasAnExchange(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range providertest.Load(t, exchanges) {
		if e.Error == nil {
			seen[e.Call.Operation+" "+e.Call.Kind] = true
		}
	}
	for name, kind := range servosphereDefinition(t).Kinds {
		for op := range kind.Operations {
			require.Truef(t, seen[op+" "+name], "no exchange in %s shows %s of %s", exchanges, op, name)
		}
	}
	for name := range servosphereDefinition(t).Data {
		require.Truef(t, seen[providertest.Ask+" "+name], "no exchange in %s asks for %s", exchanges, name)
	}
}

// schemaOf is the kind that a call is about, or the data source.
func schemaOf(def *providers.Definition, c providertest.Call) *spec.Kind {
	if c.Operation == providertest.Ask {
		return def.Schema.Data[c.Kind]
	}
	return def.Schema.Kinds[c.Kind]
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
		} else if !bytes.Equal(compact(p.t, []byte(m.Request.Body)), body) {
			p.t.Errorf("body:\nwant %s\ngot  %s", compact(p.t, []byte(m.Request.Body)), body)
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

func compact(t *testing.T, document []byte) []byte {
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, document))
	return b.Bytes()
}
