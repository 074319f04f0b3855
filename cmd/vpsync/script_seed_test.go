//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/vpsync/vpsync/pkg/state/sqlite"
	"github.com/zclconf/go-cty/cty"
)

// cmdSeed fills the sandbox and the state with servers, and with rules that refer to them, as an apply would have.
func cmdSeed(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: seed SERVERS RULES")
	}
	servers, err := strconv.Atoi(args[0])
	ts.Check(err)
	rules, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(seed(ts.MkAbs("."), servers, rules))
}

// seed writes the stack, the account and the state of so many servers and rules into dir.
func seed(dir string, servers, rules int) error {
	source := fmt.Sprintf(`provider "servosphere" {}

server "s" {
  count    = %d
  name     = "s-${count.index}"
  plan     = "vps-small"
  location = "AMS"
}

firewall_rule "r" {
  count      = %d
  name       = "r-${count.index}"
  server_id  = server.s[count.index %% %d].id
  protocol   = "tcp"
  port_range = tostring(1000 + floor(count.index / %d))
  source     = "10.0.0.0/8"
  action     = "allow"
}
`, servers, rules, servers, servers)
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(source), 0o644); err != nil {
		return err
	}
	def, err := embeddedDefinition("servosphere")
	if err != nil {
		return err
	}
	emulated, err := sandbox.Open(def, sandbox.Options{Dir: filepath.Join(dir, ".vpsync", "sandbox", "accounts"), Account: "servosphere", Token: sandboxToken})
	if err != nil {
		return err
	}
	defer emulated.Close()
	old := time.Now().Add(-time.Hour)
	var objects []spec.Object
	for i := range servers {
		objects = append(objects, spec.Object{Kind: "server", CreatedAt: old, Values: spec.Values{
			"name": cty.StringVal(fmt.Sprintf("s-%d", i)), "plan": cty.StringVal("vps-small"), "location": cty.StringVal("AMS"),
		}})
	}
	made, err := emulated.CreateMany(objects)
	if err != nil {
		return err
	}
	objects = nil
	for i := range rules {
		objects = append(objects, spec.Object{Kind: "firewall_rule", CreatedAt: old, Values: spec.Values{
			"name": cty.StringVal(fmt.Sprintf("r-%d", i)), "server_id": cty.StringVal(made[i%servers].ID), "protocol": cty.StringVal("tcp"),
			"port_range": cty.StringVal(strconv.Itoa(1000 + i/servers)), "source": cty.StringVal("10.0.0.0/8"), "action": cty.StringVal("allow"),
		}})
	}
	more, err := emulated.CreateMany(objects)
	if err != nil {
		return err
	}
	return seedState(filepath.Join(dir, ".vpsync", "sandbox", "state.db"), made, more)
}

func seedState(path string, servers, rules []spec.Object) error {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	defer store.Close()
	lock, err := store.Lock(ctx, state.Owner{ID: newID(), Command: "seed"})
	if err != nil {
		return err
	}
	defer lock.Release()
	writes := []state.Write{state.PutAccount{Account: state.Account{Name: "servosphere", Provider: "servosphere", Endpoint: sandboxEndpoint}}, state.SetSettled{}}
	put := func(block string, i int, o spec.Object, applied []string, uses []spec.Address) {
		r := &state.Resource{Address: spec.Address{Kind: o.Kind, Name: block, Key: spec.IntKey(i)}, Account: "servosphere", ID: o.ID,
			Applied: spec.Values{}, Observed: spec.Values{}, Policy: state.Policy{Unsupported: spec.UnsupportedError, Uses: uses}, CreatedAt: time.Now()}
		for name, v := range o.Values {
			if name != "plan" {
				r.Observed[name] = v
			}
		}
		for _, name := range applied {
			r.Applied[name] = o.Values[name]
		}
		writes = append(writes, state.PutResource{Resource: r})
	}
	for i, o := range servers {
		put("s", i, o, []string{"name", "plan", "location"}, nil)
	}
	for i, o := range rules {
		put("r", i, o, []string{"name", "server_id", "protocol", "port_range", "source", "action"},
			[]spec.Address{{Kind: "server", Name: "s", Key: spec.IntKey(i % len(servers))}})
	}
	return store.Commit(ctx, writes...)
}

// TestPlanIsLinear: twice the resources allocate about twice as much, so a plan's time doubles too. Allocations are
// counted because, unlike time, they are the same on a busy machine.
func TestPlanIsLinear(t *testing.T) {
	measure := func(servers, rules int) float64 {
		dir := t.TempDir()
		require.NoError(t, seed(dir, servers, rules))
		return testing.AllocsPerRun(1, func() {
			s := testStreams()
			code := run(context.Background(), []string{"-C", dir, "plan", "--sandbox", "--detailed-exitcode"}, map[string]string{"HOME": dir}, s.streams, nil, hooks{})
			require.Equal(t, exitDone, code, s.String())
		})
	}
	small, large := measure(250, 1250), measure(500, 2500)
	require.Lessf(t, large/small, 2.3, "%0.f allocations became %0.f when the stack doubled", small, large)
}
