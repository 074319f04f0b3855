package sandbox

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// TestRoundTrip is the engine and the sandbox talking: what one says the other understands.
func TestRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := decodeDefinition(t, string(servosphere.Source))
		s, err := Open(def, Options{Token: token, Provisioning: 30 * time.Second})
		require.NoError(t, err)
		client, err := providers.New(def, providers.Config{Account: "servosphere", Token: token, Transport: s.Transport()})
		require.NoError(t, err)
		ctx := t.Context()
		do := func(c providers.Call) (spec.Object, error) {
			r, err := client.Do(ctx, c, func() error { return nil })
			return r.Object, err
		}

		server, err := do(providers.Call{Kind: "server", Operation: spec.OpCreate, Desired: serverValues("web")})
		require.NoError(t, err)
		require.Equal(t, "srv_1000000001", server.ID)
		require.False(t, server.Ready)
		server, err = client.Wait(ctx, "server", server.ID, func(spec.Object) {})
		require.NoError(t, err)
		require.True(t, server.Ready)
		require.Equal(t, cty.StringVal("AMS"), server.Values["location"], "in the configuration's words")
		require.Equal(t, cty.StringVal("185.123.45.67"), server.Values["ip_address"])

		volume, err := do(providers.Call{Kind: "volume", Operation: spec.OpCreate, Desired: spec.Values{
			"name": cty.StringVal("data"), "size_gb": cty.NumberIntVal(10), "type": cty.StringVal("ssd")}})
		require.NoError(t, err)
		volume, err = do(providers.Call{Kind: "volume", Operation: "attach", ID: volume.ID, Desired: spec.Values{"server_id": cty.StringVal(server.ID)}})
		require.NoError(t, err)
		require.Equal(t, cty.StringVal("attached"), volume.Values["status"])

		require.NoError(t, s.AddFault(Fault{Request: "POST /monitoring/alerts", Do: FaultCloseAfter}))
		_, err = do(providers.Call{Kind: "alert_rule", Operation: spec.OpCreate, Desired: spec.Values{"name": cty.StringVal("n"),
			"metric": cty.StringVal("cpu"), "threshold": cty.NumberIntVal(90), "condition": cty.StringVal("less_than")}})
		var failed *providers.Error
		require.True(t, errors.As(err, &failed))
		require.Equal(t, providers.Unknown, failed.Outcome)

		_, err = do(providers.Call{Kind: "server", Operation: spec.OpCreate, Desired: spec.Values{
			"name": cty.StringVal("a"), "plan": cty.StringVal("vps-giant"), "location": cty.StringVal("AMS")}})
		require.True(t, errors.As(err, &failed))
		require.Equal(t, providers.Refused, failed.Outcome)
		require.Equal(t, "VALIDATION_ERROR", failed.Code)
		require.JSONEq(t, `{"field":"plan"}`, failed.Details)

		_, err = do(providers.Call{Kind: "server", Operation: spec.OpDelete, ID: server.ID})
		require.NoError(t, err)
		for kind, want := range map[string]int{"server": 0, "volume": 1, "network": 0} {
			list, err := client.List(ctx, kind)
			require.NoError(t, err)
			require.Len(t, list, want)
		}
		require.Len(t, must(s.Objects("alert_rule")), 1)
	})
}

// TestAllPagesAreRead holds the engine's paging against the sandbox's.
func TestAllPagesAreRead(t *testing.T) {
	w := newWorld(t)
	w.seed("server", 250, func(int) spec.Values { return serverValues("web") })
	client, err := providers.New(w.model.def, providers.Config{Account: "servosphere", Token: token, Transport: w.Transport()})
	require.NoError(t, err)
	servers, err := client.List(t.Context(), "server")
	require.NoError(t, err)
	require.Len(t, servers, 250)
	require.Len(t, must(w.Log()), 3)
}
