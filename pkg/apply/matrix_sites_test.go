package apply_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/providers/evotic"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
	"github.com/vpsync/vpsync/pkg/providers/vpsorg"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// site is a place where vpsync sends a request: an operation of a kind, the question of a wait, a data source.
type site struct {
	def      *providers.Definition
	kind     string // empty for a data source
	name     string // "server.create", as the sandbox's log has it
	method   string
	path     *regexp.Regexp // of the whole URL's path
	op       *providers.Operation
	scenario scenario
}

func (s *site) String() string { return s.def.Name + "/" + s.name }

func (s *site) write() bool { return s.method != http.MethodGet }

// blind: the API shows nothing of such objects, so that only a person can tell what an unanswered create did.
func (s *site) blind() bool {
	k := s.def.Schema.Kinds[s.kind]
	return k != nil && !k.Can(spec.OpList) && !k.Can(spec.OpRead)
}

func (s *site) matches(r *http.Request) bool {
	return r.Method == s.method && s.path.MatchString(r.URL.Path)
}

// scenario is a stack before and after, by which vpsync comes to send something.
type scenario struct {
	name          string
	before, after string
	mode          apply.RefreshMode
}

// definitions are those that are built in, decoded once.
var definitions = sync.OnceValue(func() []*providers.Definition {
	var all []*providers.Definition
	for _, source := range []struct {
		name string
		hcl  []byte
	}{{"servosphere", servosphere.Source}, {"vpsorg", vpsorg.Source}, {"evotic", evotic.Source}} {
		def, diags := providers.Decode(source.hcl, source.name+".provider.hcl")
		if len(diags) > 0 {
			panic(diags[0].Summary)
		}
		all = append(all, def)
	}
	return all
})

// allSites lists the requests of the definitions, each with a scenario that was seen to send it, and those that no apply sends.
func allSites(t *testing.T) (sites []*site, unsent []string) {
	for _, def := range definitions() {
		candidates := candidatesOf(def)
		sent := map[string]scenario{} // by operation, from the sandbox's log
		for _, c := range candidates {
			for _, name := range requestsOf(t, def, c) {
				if _, ok := sent[name]; !ok {
					sent[name] = c
				}
			}
		}
		add := func(kind, name string, op *providers.Operation) {
			s := &site{def: def, kind: kind, name: name, method: op.Method, op: op, path: pathOf(op.Path)}
			var ok bool
			if s.scenario, ok = sent[op.Method+" "+op.Path]; !ok {
				unsent = append(unsent, s.String())
				return
			}
			sites = append(sites, s)
		}
		for _, kind := range slices.Sorted(maps.Keys(def.Kinds)) {
			k := def.Kinds[kind]
			for _, name := range slices.Sorted(maps.Keys(k.Operations)) {
				add(kind, kind+"."+name, k.Operations[name])
			}
			if k.Wait != nil && k.Wait.Operation != nil {
				add(kind, kind+".wait", k.Wait.Operation)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(def.Data)) {
			add("", "data."+name, def.Data[name].Operation)
		}
		for _, on := range slices.Sorted(maps.Keys(def.Tasks)) {
			for _, name := range slices.Sorted(maps.Keys(def.Tasks[on])) {
				if task := def.Tasks[on][name]; task.Call == providers.TaskOperation(name) {
					add(on, on+".task."+name, task.Operation)
				}
			}
		}
	}
	return sites, unsent
}

// pathOf matches the paths that a template makes.
func pathOf(template string) *regexp.Regexp {
	parts := strings.Split(template, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "[^/]+"
		} else {
			parts[i] = regexp.QuoteMeta(p)
		}
	}
	return regexp.MustCompile(`^/(api/)?v\d` + strings.Join(parts, "/") + "$")
}

// requestsOf runs a scenario in peace, and tells which operations' requests its second half sent.
func requestsOf(t *testing.T, def *providers.Definition, c scenario) []string {
	t.Helper()
	var sent []string
	inDefinition(t, def, func(t *testing.T, w *world) {
		w.prepare(c)
		w.write(c.after)
		w.mode = c.mode
		require.NoError(t, w.sandbox.ClearLog())
		w.converge()
		log, err := w.sandbox.Log()
		require.NoError(t, err)
		for _, e := range log {
			path, _, _ := strings.Cut(e.Path, "?")
			for _, op := range operationsOf(def) {
				if op.Method == e.Method && pathOf(op.Path).MatchString("/v1"+path) {
					sent = append(sent, op.Method+" "+op.Path)
				}
			}
		}
	})
	return sent
}

func operationsOf(def *providers.Definition) []*providers.Operation {
	var all []*providers.Operation
	for _, k := range def.Kinds {
		all = slices.AppendSeq(all, maps.Values(k.Operations))
		if k.Wait != nil && k.Wait.Operation != nil {
			all = append(all, k.Wait.Operation)
		}
	}
	for _, q := range def.Data {
		all = append(all, q.Operation)
	}
	return all
}

// prepare brings the account to where a scenario begins. Nothing of it is so young afterwards that a list may miss it.
func (w *world) prepare(c scenario) {
	w.t.Helper()
	if c.before != "" {
		w.write(c.before)
		w.requireWell(w.apply())
	}
	time.Sleep(time.Hour)
}

func inDefinition(t *testing.T, def *providers.Definition, test func(t *testing.T, w *world)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir, def)
		w.parallelism = 1
		test(t, w)
		require.NoError(t, w.sandbox.Close())
	})
}

// candidatesOf are the scenarios that a definition allows: of each kind one is made, read again, changed in each way, and deleted;
// each data source is asked.
func candidatesOf(def *providers.Definition) []scenario {
	var all []scenario
	for _, kind := range slices.Sorted(maps.Keys(def.Kinds)) {
		k := def.Schema.Kinds[kind]
		plain := blocks(def, kind, nil)
		all = append(all, scenario{name: kind + " create", after: plain})
		if k.Can(spec.OpUpdate) {
			for _, a := range k.Attributes {
				if a.OnChange == spec.OnUpdate && slices.Contains(k.Operations[spec.OpUpdate].Sets, a.Name) {
					after := blocks(def, kind, map[string]string{a.Name: literal(def, a, 1)})
					all = append(all, scenario{name: kind + " update", before: plain, after: after})
					break
				}
			}
		}
		for _, a := range k.Attributes {
			if a.Operation != "" {
				after := blocks(def, kind, map[string]string{a.Name: literal(def, a, 0)})
				all = append(all, scenario{name: kind + " " + a.Operation, before: plain, after: after})
			}
			for _, value := range slices.Sorted(maps.Keys(a.Operations)) {
				for _, from := range slices.Sorted(maps.Keys(a.Operations)) {
					if from != value {
						before := blocks(def, kind, map[string]string{a.Name: fmt.Sprintf("%q", from)})
						after := blocks(def, kind, map[string]string{a.Name: fmt.Sprintf("%q", value)})
						all = append(all, scenario{name: kind + " " + a.Operations[value], before: before, after: after})
					}
				}
			}
		}
		if k.Can(spec.OpDelete) {
			all = append(all, scenario{name: kind + " delete", before: plain, after: without(def, kind)})
		}
		if k.Can(spec.OpRead) {
			all = append(all, scenario{name: kind + " read", before: plain, after: plain, mode: apply.RefreshFull})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(def.Data)) {
		before := ""
		var body strings.Builder
		for _, a := range def.Schema.Data[name].Attributes {
			if a.Required {
				if a.Refers != "" && def.Schema.Kinds[a.Refers] != nil {
					before = blocks(def, a.Refers, nil)
				}
				fmt.Fprintf(&body, "  %s = %s\n", a.Name, literal(def, a, 0))
			}
		}
		after := before + fmt.Sprintf("data %q \"it\" {\n%s}\noutput \"it\" {\n  value = data.%s.it\n}\n", name, body.String(), name)
		all = append(all, scenario{name: "data " + name, before: before, after: after})
	}
	return all
}

// blocks is a stack with one block of a kind, called "it", and what it refers to. Set overrides attributes, or adds them.
func blocks(def *providers.Definition, kind string, set map[string]string) string {
	k := def.Schema.Kinds[kind]
	var before strings.Builder
	var b strings.Builder
	fmt.Fprintf(&b, "%s \"it\" {\n", kind)
	refers := map[string]bool{}
	for _, a := range k.Attributes {
		value, ok := set[a.Name]
		if !ok && a.Required {
			value, ok = literal(def, a, 0), true
		}
		if ok {
			fmt.Fprintf(&b, "  %s = %s\n", a.Name, value)
		}
		if a.Refers != "" && a.Refers != kind && (ok || a.Operation != "") && !refers[a.Refers] {
			refers[a.Refers] = true
			before.WriteString(blocks(def, a.Refers, nil))
		}
	}
	if !k.Can(spec.OpDelete) {
		b.WriteString("  lifecycle { on_unsupported = \"forget\" }\n")
	}
	b.WriteString("}\n")
	return before.String() + b.String()
}

// without is blocks without the last one.
func without(def *providers.Definition, kind string) string {
	before, _, _ := strings.Cut(blocks(def, kind, nil), kind+" \"it\" {")
	return before
}

// literal is the n-th of the values that an attribute may have, as the definition tells them.
func literal(def *providers.Definition, a *spec.Attribute, n int) string {
	if a.Refers != "" && def.Schema.Kinds[a.Refers] != nil {
		return a.Refers + ".it.id"
	}
	return string(hclwrite.TokensForValue(valueOf(a, n)).Bytes())
}

func valueOf(a *spec.Attribute, n int) cty.Value {
	var known []cty.Value
	var format spec.Format
	for _, c := range a.Checks {
		known = append(known, c.OneOf...)
		if c.Format != "" {
			format = c.Format
		}
	}
	known = append(known, a.Catalog...)
	if n < len(known) {
		return known[n]
	}
	if byFormat := map[spec.Format][]string{
		spec.FormatCIDR: {"10.0.0.0/24", "10.1.0.0/24"}, spec.FormatIP: {"10.0.0.7", "10.0.0.8"}, spec.FormatIPOrCIDR: {"192.0.2.1", "192.0.2.2"},
		spec.FormatPortRange: {"80", "81"}, spec.FormatCron: {"0 2 * * *", "0 3 * * *"},
	}[format]; byFormat != nil {
		return cty.StringVal(byFormat[n])
	}
	switch a.Type {
	case cty.String:
		return cty.StringVal(fmt.Sprintf("it-%d", n))
	case cty.Bool:
		return cty.BoolVal(n == 0)
	case cty.Number:
		return cty.NumberIntVal(int64(20 + n))
	}
	return cty.ListVal([]cty.Value{cty.StringVal(fmt.Sprintf("it-%d", n))})
}

// bystander makes an object of a kind that nobody asked vpsync about, and that is not like any other.
func (w *world) bystander(kind string) spec.Object {
	w.t.Helper()
	values := spec.Values{}
	for _, a := range w.def.Schema.Kinds[kind].Attributes {
		if a.Required {
			v := valueOf(a, 1)
			if a.Refers != "" {
				v = map[bool]cty.Value{true: cty.NumberIntVal(99), false: cty.StringVal("srv_99")}[a.Type == cty.Number]
			} else if a.Name == "name" {
				v = cty.StringVal("bystander")
			}
			values[a.Name] = v
		}
	}
	o, err := w.sandbox.Create(kind, values)
	require.NoError(w.t, err)
	return o
}

// TestSites: every request of every definition is sent by some scenario, but for those that only a task sends.
func TestSites(t *testing.T) {
	sites, unsent := allSites(t)
	t.Logf("%d call sites; only by tasks: %v", len(sites), unsent)
	for _, s := range sites {
		require.Truef(t, s.path.MatchString("/v1"+strings.NewReplacer("{", "", "}", "").Replace(s.op.Path)), "%s", s)
	}
	require.Equal(t, []string{
		"servosphere/server.task.restore", "servosphere/volume.task.snapshot", "vpsorg/server.reboot", "vpsorg/server.task.replace_settings",
	}, unsent)
}
