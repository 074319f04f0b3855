package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/providertest"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// FuzzBody sends each vendor's recorded requests with another body. Whatever it holds, the sandbox does not fail; what it refuses
// leaves the account as it was and is told where the vendor tells it; and of what it accepts the client can make objects that fit
// the schema: the two implementations of one definition agree.
func FuzzBody(f *testing.F) {
	definitions := map[string]*providers.Definition{}
	var all []providertest.Exchange
	vendorOf := map[int]string{}
	for _, vendor := range slices.Sorted(maps.Keys(vendors)) {
		definitions[vendor] = decodeDefinition(f, string(vendors[vendor]))
		for _, e := range providertest.Load(f, "../../testdata/api/"+vendor) {
			if e.Messages[0].Request.Body != "" {
				f.Add(uint16(len(all)), e.Messages[0].Request.Body)
				f.Add(uint16(len(all)), `{"name":1e100000000,"size_gb":1e100000000,"a":[[]]}`)
				vendorOf[len(all)], all = vendor, append(all, e)
			}
		}
	}
	require.Greater(f, len(all), 15, "the exchanges are the seeds")
	f.Fuzz(func(t *testing.T, which uint16, body string) {
		if len(body) > 10_000 {
			t.Skip()
		}
		defer time.AfterFunc(20*time.Second, func() { panic("it takes too long") }).Stop()
		at := int(which) % len(all)
		def, e := definitions[vendorOf[at]], all[at]
		clock := &testClock{now: start}
		s, err := Open(def, Options{Token: providertest.Token, Clock: clock, Unlimited: true})
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		w := &world{Sandbox: s, t: t, clock: clock}
		w.move(e.Account)
		clock.pass(time.Hour)
		before := accountOf(t, s)

		host, err := url.Parse(def.BaseURL)
		require.NoError(t, err)
		sent := e.Messages[0].Request
		sent.Body = body
		answer, err := s.Transport().RoundTrip(sent.NewRequest(t, host.Host))
		require.NoError(t, err)
		got := read(t, answer)
		require.Less(t, got.Status, 500, got.Body)
		if got.Body != "" {
			require.True(t, json.Valid([]byte(got.Body)), got.Body)
		}
		if got.Status >= 300 {
			require.Equal(t, before, accountOf(t, s), "what is refused changes nothing")
			requireToldTo(t, def, got)
		}
		requireReadable(t, def, s, clock)
	})
}

// requireToldTo: the client finds in a refusal what is wrong.
func requireToldTo(t *testing.T, def *providers.Definition, got response) {
	client, err := providers.New(def, providers.Config{Account: "a", Token: providertest.Token, Transport: says{got}})
	require.NoError(t, err)
	_, err = client.List(t.Context(), "server")
	var e *providers.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, providers.Refused, e.Outcome, got.Body)
	require.NotEmpty(t, e.Code+e.Message, got.Body)
}

// says answers every request with one answer.
type says struct{ response }

func (s says) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.Status, Header: s.Header, Body: readCloser(s.Body), Request: r}, nil
}

// accountOf is everything that exists, as text.
func accountOf(t *testing.T, s *Sandbox) string {
	objects, err := s.Objects("")
	require.NoError(t, err)
	text, err := json.Marshal(objects)
	require.NoError(t, err)
	return string(text)
}

// requireReadable: the client reads what the sandbox holds, all of it and as it is.
func requireReadable(t *testing.T, def *providers.Definition, s *Sandbox, clock *testClock) {
	client, err := providers.New(def, providers.Config{Account: "a", Token: providertest.Token, Transport: s.Transport(), Clock: clock})
	require.NoError(t, err)
	for name, kind := range def.Kinds {
		if kind.Operations[spec.OpList] == nil {
			continue
		}
		listed, err := client.List(t.Context(), name)
		require.NoError(t, err)
		held, err := s.Objects(name)
		require.NoError(t, err)
		held = slices.DeleteFunc(held, func(o spec.Object) bool { return o.Leaving })
		require.Len(t, listed, len(held), name)
		for _, o := range listed {
			i := slices.IndexFunc(held, func(h spec.Object) bool { return h.ID == o.ID })
			require.GreaterOrEqual(t, i, 0, o.ID)
			for a, v := range o.Values {
				require.True(t, v.Type().Equals(kind.Schema.Attribute(a).Type))
				if h := held[i].Values[a]; h != cty.NilVal {
					require.True(t, v.RawEquals(h), "%s of %s: %#v and %#v", a, o.ID, v, h)
				}
			}
		}
	}
}
