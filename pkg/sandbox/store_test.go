package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

func keptIn(dir string) func(*Options) {
	return func(o *Options) { o.Dir = dir }
}

// sameAccount insists that two sandboxes hold the same, to the last value.
func sameAccount(t *testing.T, want, got *Sandbox) {
	t.Helper()
	a, b := must(want.Objects("")), must(got.Objects(""))
	require.Len(t, b, len(a))
	for i := range a {
		require.Equal(t, a[i].ID, b[i].ID)
		require.Equal(t, a[i].Kind, b[i].Kind)
		require.True(t, a[i].CreatedAt.Equal(b[i].CreatedAt))
		require.Len(t, b[i].Values, len(a[i].Values))
		for name, v := range a[i].Values {
			require.Truef(t, v.RawEquals(b[i].Values[name]), "%s.%s: %#v is not %#v", a[i].ID, name, b[i].Values[name], v)
		}
	}
	require.Equal(t, must(want.Log()), must(got.Log()))
	require.Equal(t, must(want.Faults()), must(got.Faults()))
}

// fill leaves something of everything in the account.
func (w *world) fill() {
	w.t.Helper()
	server := w.create("/servers", strings.Replace(serverBody, "{", `{"ssh_keys":["a","b"],`, 1))
	volume := w.create("/storage/volumes", volumeBody)
	w.do("POST", "/storage/volumes/"+volume+"/attach", `{"server_id":"`+server+`"}`).want(200)
	w.create("/networks", networkBody)
	w.create("/monitoring/alerts", `{"name":"n","metric":"cpu","threshold":0.1,"condition":"greater_than"}`)
	w.arm(Fault{Request: "GET /servers", Nth: 3, Do: FaultStatus, Status: 500, Header: http500})
	w.do("GET", "/servers?limit=5", "").want(200)
	w.do("DELETE", "/servers/"+w.create("/servers", serverBody), "").want(204)
}

var http500 = map[string][]string{"X-Test": {"1"}}

func TestStoreIsReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "sandbox")
	w := newWorld(t, keptIn(dir))
	w.fill()
	sameAccount(t, w.Sandbox, newWorld(t, keptIn(dir)).Sandbox)

	info := must(os.Stat(dir))
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	for _, name := range []string{"servosphere.jsonl", "servosphere.lock"} {
		require.Equal(t, fs.FileMode(0o600), must(os.Stat(filepath.Join(dir, name))).Mode().Perm(), name)
	}
	require.NoError(t, w.store.locked(func() error { return w.store.compact(w.now()) }))
	sameAccount(t, w.Sandbox, newWorld(t, keptIn(dir)).Sandbox)
	require.Equal(t, fs.FileMode(0o600), must(os.Stat(filepath.Join(dir, "servosphere.jsonl"))).Mode().Perm())
	require.Len(t, must(os.ReadDir(dir)), 2, "nothing is left lying about")
}

func TestAccountsHaveFilesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	eu := newWorld(t, keptIn(dir), func(o *Options) { o.Account = "servosphere.eu" })
	eu.create("/servers", serverBody)
	require.Empty(t, must(newWorld(t, keptIn(dir)).Objects("")))
	_, err := Open(decodeDefinition(t, string(servosphere.Source)), Options{Dir: dir, Account: "../up"})
	require.ErrorContains(t, err, "cannot name a file")
}

// TestTornLog cuts the file at every byte, as a crash in the middle of a write would. The store opens, holds what
// every complete line says, and goes on.
func TestTornLog(t *testing.T) {
	whole := t.TempDir()
	w := newWorld(t, keptIn(whole))
	w.create("/servers", serverBody)
	w.arm(Fault{Request: "GET /backups", Do: FaultHang})
	w.create("/networks", networkBody)
	data := must(os.ReadFile(filepath.Join(whole, "servosphere.jsonl")))
	def := decodeDefinition(t, string(servosphere.Source))
	for size := range len(data) + 1 {
		dir := t.TempDir()
		file := filepath.Join(dir, "servosphere.jsonl")
		require.NoError(t, os.WriteFile(file, data[:size], 0o600))
		s, err := Open(def, Options{Dir: dir, Token: token, Clock: w.clock})
		require.NoErrorf(t, err, "cut at %d", size)
		lines := max(0, bytes.Count(data[:size], []byte("\n"))-1) // the first line is the head
		objects := must(s.Objects(""))
		require.Lenf(t, objects, []int{0, 1, 1, 2}[lines], "cut at %d", size)
		require.Lenf(t, must(s.Faults()), []int{0, 0, 1, 1}[lines], "cut at %d", size)

		again := &world{Sandbox: s, t: t, clock: w.clock}
		id := again.create("/servers", serverBody)
		reopened, err := Open(def, Options{Dir: dir, Token: token, Clock: w.clock})
		require.NoErrorf(t, err, "cut at %d", size)
		objects = must(reopened.Objects(""))
		require.Equalf(t, id, objects[len(objects)-1].ID, "cut at %d", size)
		require.NoError(t, s.Close())
		require.NoError(t, reopened.Close())
	}
}

func TestDamagedStoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, keptIn(dir))
	w.create("/servers", serverBody)
	w.create("/servers", serverBody)
	file := filepath.Join(dir, "servosphere.jsonl")
	data := must(os.ReadFile(file))
	def := decodeDefinition(t, string(servosphere.Source))
	for says, damaged := range map[string][]byte{
		"damaged at byte":        bytes.Replace(data, []byte(`"put":[`), []byte(`"put":{`), 1),
		`a kind that`:            bytes.Replace(data, []byte(`"kind":"server"`), []byte(`"kind":"blimp"`), 1),
		"name must be a string":  bytes.Replace(data, []byte(`"name":"web"`), []byte(`"name":17   `), 1),
		`not of "servosphere"`:   bytes.Replace(data, []byte(`{"sandbox":"servosphere"`), []byte(`{"sandbox":"other"`), 1),
		"remove the file to sta": []byte("nonsense\n"),
	} {
		require.NoError(t, os.WriteFile(file, damaged, 0o600))
		_, err := Open(def, Options{Dir: dir})
		require.ErrorContains(t, err, says)
	}
	// An attribute that the definition no longer has is no damage.
	require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(data, []byte(`"os":`), []byte(`"so":`)), 0o600))
	s, err := Open(def, Options{Dir: dir})
	require.NoError(t, err)
	require.Len(t, must(s.Objects("")), 2)
}

func TestTwoShareAStore(t *testing.T) {
	dir := t.TempDir()
	a, b := newWorld(t, keptIn(dir)), newWorld(t, keptIn(dir))
	ids := map[string]bool{}
	for i := range 20 {
		one, other := a, b
		if i%2 == 1 {
			one, other = b, a
		}
		id := one.create("/firewall/rules", ruleBody)
		require.False(t, ids[id], "numbered once")
		ids[id] = true
		other.do("PUT", "/firewall/rules/"+id, ruleBody).want(200)
		if i%5 == 0 {
			require.NoError(t, other.store.locked(func() error { return other.store.compact(other.now()) }))
		}
	}
	sameAccount(t, a.Sandbox, b.Sandbox)
	require.Len(t, must(b.Log()), 40)

	// A fault that one arms hits the other.
	a.arm(Fault{Request: "GET /servers", Do: FaultCloseBefore})
	_, err := b.try(context.Background(), "GET", "/servers", "")
	require.Error(t, err)
	require.Empty(t, must(a.Faults()))

	require.NoError(t, a.Reset())
	require.Empty(t, must(b.Objects("")))

	// Even a store that vanished is only an empty one.
	require.NoError(t, os.RemoveAll(dir))
	b.create("/servers", serverBody)
	require.Len(t, must(a.Objects("")), 1)
}

func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	worlds := []*world{newWorld(t, keptIn(dir)), newWorld(t, keptIn(dir))}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			w := worlds[i%2]
			for range 10 {
				id := w.create("/firewall/rules", ruleBody)
				w.do("GET", "/firewall/rules?limit=100", "").want(200)
				_, err := w.Set("firewall_rule", id, spec.Values{"priority": cty.NumberIntVal(int64(i))})
				require.NoError(t, err)
				w.do("DELETE", "/firewall/rules/"+w.create("/firewall/rules", ruleBody), "").want(204)
				_, err = w.Objects("")
				require.NoError(t, err)
			}
		})
	}
	wait.Wait()
	require.Len(t, must(worlds[0].Objects("")), 80)
	require.Len(t, must(worlds[1].Log()), 8*10*4)
	sameAccount(t, worlds[0].Sandbox, worlds[1].Sandbox)
}

func TestCompactionKeepsTheLogShort(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, keptIn(dir))
	id := must(w.Create("network", spec.Values{"name": cty.StringVal("n"), "cidr": cty.StringVal("10.0.0.0/24")})).ID
	big := cty.StringVal(strings.Repeat("x", 256<<10))
	for range 100 {
		_, err := w.Set("network", id, spec.Values{"location": big})
		require.NoError(t, err)
		w.clock.pass(2 * remembered) // nothing lags by that much
	}
	require.Less(t, must(os.Stat(filepath.Join(dir, "servosphere.jsonl"))).Size(), int64(8<<20))
	sameAccount(t, w.Sandbox, newWorld(t, keptIn(dir)).Sandbox)
}

func TestClosedStore(t *testing.T) {
	w := newWorld(t, keptIn(t.TempDir()))
	require.NoError(t, w.Close())
	_, err := w.Create("server", serverValues("a"))
	require.ErrorIs(t, err, errClosed)
	w.do("GET", "/servers", "").want(500)
	require.NoError(t, w.Close())
}

// A write that fails, as on a full disk, fails the request, and the account is as it was.
func TestUnwritableStoreChangesNothing(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, keptIn(dir))
	w.create("/servers", serverBody)
	readOnly, err := os.Open(filepath.Join(dir, "servosphere.jsonl"))
	require.NoError(t, err)
	writable := w.store.log.file
	w.store.log.file = readOnly
	w.do("POST", "/servers", serverBody).want(500)
	w.store.log.file = writable
	require.Len(t, must(w.Objects("")), 1)
	require.NoError(t, readOnly.Close())
}

// TestKilled ends real processes at random moments of their writes. Whatever they were answered is there.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	answered := map[string]bool{}
	for round := range 8 {
		child := exec.Command(os.Args[0], "-test.run=^TestMain$")
		child.Env = append(os.Environ(), "SANDBOX_CHILD="+dir, "GORACE=atexit_sleep_ms=0")
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			answered[lines.Text()] = true
			if n == 5+round*3 {
				require.NoError(t, child.Process.Kill())
			}
		}
		_ = child.Wait()
	}
	require.Greater(t, len(answered), 8*5)
	w := newWorld(t, keptIn(dir))
	have := map[string]bool{}
	for _, o := range must(w.Objects("server")) {
		require.False(t, have[o.ID], "numbered once")
		have[o.ID] = true
	}
	for id := range answered {
		require.Truef(t, have[id], "%s was answered and is gone", id)
	}
}

// TestMain lets the test binary be the process that is killed: it creates servers for ever, and prints their ids.
func TestMain(m *testing.M) {
	dir := os.Getenv("SANDBOX_CHILD")
	if dir == "" {
		os.Exit(m.Run())
	}
	def, _ := providers.Decode(servosphere.Source, "servosphere.provider.hcl")
	s, err := Open(def, Options{Dir: dir})
	for err == nil {
		var o spec.Object
		if o, err = s.Create("server", serverValues("a")); err == nil {
			fmt.Println(o.ID)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestSpeed(t *testing.T) {
	if testing.Short() {
		t.Skip("times are for a quiet machine")
	}
	dir := t.TempDir()
	w := newWorld(t, keptIn(dir), func(o *Options) { o.Unlimited = true })
	began := time.Now()
	w.seed("server", 1000, func(i int) spec.Values { return serverValues(fmt.Sprint("s", i)) })
	servers := must(w.Objects("server"))
	w.seed("firewall_rule", 9000, func(i int) spec.Values {
		return spec.Values{"name": cty.StringVal(fmt.Sprint("r", i)), "protocol": cty.StringVal("tcp"), "port_range": cty.StringVal("80"),
			"source": cty.StringVal("0.0.0.0/0"), "action": cty.StringVal("allow"), "server_id": cty.StringVal(servers[i%1000].ID)}
	})
	t.Logf("10,000 objects seeded in %s", time.Since(began))
	require.Less(t, time.Since(began), 10*time.Second)

	began = time.Now()
	again := newWorld(t, keptIn(dir), func(o *Options) { o.Unlimited = true })
	t.Logf("opened in %s", time.Since(began))
	began = time.Now()
	for page := range 10 {
		require.Len(t, again.do("GET", fmt.Sprintf("/servers?limit=100&page=%d", page+1), "").want(200).at("data"), 100)
	}
	t.Logf("1,000 servers listed in %s", time.Since(began))
	require.Less(t, time.Since(began), 2*time.Second)
}
