package apply_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/sandbox"
)

const threeServers = `
server "web" {
  count    = 3
  name     = "web-${count.index}"
  plan_id  = 1
  os_id    = 5
  location = "us-west"
}`

// TestPricesThatNobodyWaitsFor: a list of prices that does not come holds a plan up for a while and no longer, and nobody who
// interrupts it.
func TestPricesThatNobodyWaitsFor(t *testing.T) {
	inVPSOrg(t, func(t *testing.T, w *world) {
		w.write(threeServers)
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "GET /plans/", Do: sandbox.FaultHang, Times: -1}))
		began := time.Now()
		p := w.plan().Plan
		require.Equal(t, 15*time.Second, time.Since(began).Truncate(time.Second))
		require.Len(t, p.Changes, 3)
		require.Equal(t, []plan.PricedObjects{{Account: "vpsorg", Kind: "server", Objects: 3}}, p.Prices.Unknown)
		require.Len(t, p.Warnings, 1)
		require.Contains(t, p.Warnings[0].Detail, "no answer within 15s")

		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r := w.process("plan")
		st, err := w.store.Load(ctx)
		require.NoError(t, err)
		_, _, err = r.Planner.Make(ctx, st)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// TestPriceLists: whatever a list of prices holds, a plan is made, and no sum has the noise of binary fractions.
func TestPriceLists(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		total  string // of three servers of plan 1; empty: not known
		warned bool
	}{
		"tenths":        {`{"count":1,"results":[{"id":1,"price_monthly":0.1}]}`, "0.30", false},
		"text":          {`{"count":1,"results":[{"id":"1","price_monthly":"4.99"}]}`, "14.97", false},
		"thirds":        {`{"count":1,"results":[{"id":1,"price_monthly":3.335}]}`, "10.01", false},
		"twice":         {`{"count":2,"results":[{"id":1,"price_monthly":5},{"id":1,"price_monthly":5.00}]}`, "15.00", false},
		"contradiction": {`{"count":2,"results":[{"id":1,"price_monthly":5},{"id":1,"price_monthly":6}]}`, "", false},
		"no price":      {`{"count":2,"results":[{"id":1,"price_monthly":null},{"id":1}]}`, "", false},
		"no id":         {`{"count":2,"results":[{"price_monthly":5},{"id":null,"price_monthly":5},null]}`, "", false},
		"others":        {`{"count":1,"results":[{"id":2,"price_monthly":5}]}`, "", false},
		"nothing":       {`{"count":0,"results":[]}`, "", false},
		"no list":       {`{"plans":"sold out"}`, "", true},
		"no JSON":       {`<html>`, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			inVPSOrg(t, func(t *testing.T, w *world) {
				w.wire = func(next http.RoundTripper) http.RoundTripper {
					return roundTripper(func(r *http.Request) (*http.Response, error) {
						if !strings.HasSuffix(r.URL.Path, "/plans/") {
							return next.RoundTrip(r)
						}
						return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(test.answer)), Request: r}, nil
					})
				}
				w.write(threeServers)
				p := w.plan().Plan
				require.Len(t, p.Changes, 3)
				require.Equal(t, test.warned, len(p.Warnings) > 0, "%v", p.Warnings)
				if test.total == "" {
					require.Equal(t, []plan.PricedObjects{{Account: "vpsorg", Kind: "server", Objects: 3}}, p.Prices.Unknown)
					require.Empty(t, p.Prices.Totals)
					return
				}
				require.Equal(t, []plan.PriceTotal{{Account: "vpsorg", Money: plan.Money{Amount: test.total}}}, p.Prices.Totals)
			})
		})
	}
}
