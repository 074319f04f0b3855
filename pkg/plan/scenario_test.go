package plan_test

import (
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

var update = flag.Bool("update", false, "rewrite the expected plans in testdata")

// TestScenarios runs testdata/*.txtar. testdata/README.md says what the sections hold.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			sections := map[string]string{}
			for _, f := range archive.Files {
				sections[f.Name] = string(f.Data)
			}
			for i := range archive.Files {
				f := &archive.Files[i]
				name, ok := strings.CutPrefix(f.Name, "plan")
				if !ok {
					continue
				}
				// "plan adopt" is the plan of the same world with other options.
				in := parseInput(t, sections, strings.Fields(name))
				got := describe(plan.Compute(in))
				if *update {
					f.Data = []byte(got)
					continue
				}
				require.Equal(t, string(f.Data), got)
			}
			if *update {
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
		})
	}
}

func parseInput(t *testing.T, sections map[string]string, options []string) plan.Input {
	in := plan.Input{
		Config: &spec.Response{}, State: &state.State{Outputs: map[string]state.Output{}}, Schemas: map[string]*spec.Schema{"acme": testSchema()},
		Budgets: map[string][]plan.Budget{}, Key: testKey(t),
	}
	for _, line := range lines(sections["desired"]) {
		parseDesired(t, &in, line)
	}
	for _, line := range lines(sections["state"]) {
		parseState(t, &in, line)
	}
	if text, ok := sections["live"]; ok {
		in.Live = &plan.Live{Kinds: map[plan.KindRef]*plan.LiveKind{}, Reads: 4}
		for name, kind := range in.Schemas["acme"].Kinds {
			if kind.Can(spec.OpList) {
				in.Live.Kinds[plan.KindRef{Account: "acme", Kind: name}] = &plan.LiveKind{Listed: true, Objects: map[string]*spec.Object{}, Gone: map[string]bool{}, Pages: 1}
			}
		}
		for _, line := range lines(text) {
			parseLive(t, &in, line)
		}
	}
	if text, ok := sections["prices"]; ok {
		in.Prices = map[plan.KindRef]plan.PriceList{}
		for _, line := range lines(text) {
			parsePrice(t, &in, line)
		}
	}
	for _, o := range append(options, strings.Fields(sections["options"])...) {
		name, value, _ := strings.Cut(o, "=")
		switch name {
		case "destroy":
			in.Options.Destroy = true
		case "adopt":
			in.Options.Adopt = true
		case "confirm-gone":
			in.Options.ConfirmGone = true
		case "allow":
			in.Options.Allow, _ = strconv.Atoi(value)
		case "settings-allow":
			in.Config.Settings.Allow, _ = strconv.Atoi(value)
		case "heal":
			in.Options.Heal = &plan.Healing{Unasked: true}
		case "heal-asked":
			in.Options.Heal = &plan.Healing{}
		case "heal-destroy":
			in.Options.Heal = &plan.Healing{Unasked: true, Destroy: true}
		case "no-key":
			in.Key = state.Key{}
		case "remaining":
			n, err := strconv.Atoi(value)
			require.NoError(t, err)
			in.Budgets["acme"] = []plan.Budget{{Class: "standard", Limit: 100, Remaining: n}}
		default:
			t.Fatalf("unknown option %q", o)
		}
	}
	if in.Options.Heal != nil {
		then := plan.Input{Config: &spec.Response{}, Schemas: in.Schemas}
		for _, line := range lines(sections["then"]) {
			parseDesired(t, &then, line)
		}
		in.Config = plan.AsApplied(in.Config, then.Config, in.State, in.Key, func(a spec.Address) bool {
			return slices.ContainsFunc(in.State.Resources, func(r *state.Resource) bool {
				return in.Live != nil && r.Address == a && in.Live.Kinds[plan.KindRef{Account: r.Account, Kind: a.Kind}].Gone[r.ID]
			})
		})
	}
	return in
}

// fields are what the JSON part of a line may hold.
type fields struct {
	Values      map[string]any
	Applied     map[string]any
	Observed    map[string]any
	Secrets     map[string]string
	Uses        []string
	Unsupported string
	Pending     []string
	Unready     bool
	Deposed     string
	Assumed     []string
	Account     string
	Seen        []string
	ID          string
	Question    bool
	Status      string
	Failed      bool
	Detail      bool
	Prevent     bool     // lifecycle.prevent_destroy
	First       bool     // lifecycle.create_before_destroy
	Ignore      []string // lifecycle.ignore_changes
	Triggers    []string // lifecycle.replace_triggered_by: "server.web", or "server.web plan" for an attribute
	Drift       string   // lifecycle.on_drift
}

func triggers(t *testing.T, all []string) []spec.Trigger {
	var out []spec.Trigger
	for _, text := range all {
		a, attribute, _ := strings.Cut(text, " ")
		out = append(out, spec.Trigger{Address: address(t, a), Attribute: attribute})
	}
	return out
}

// split takes a line apart: words, then JSON.
func split(t *testing.T, line string) (words []string, f fields) {
	head, body, ok := strings.Cut(line, "{")
	if ok {
		d := json.NewDecoder(strings.NewReader("{" + body))
		d.UseNumber()
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&f), line)
	}
	return strings.Fields(head), f
}

func parseDesired(t *testing.T, in *plan.Input, line string) {
	words, f := split(t, line)
	if words[0] == "output" {
		o := &spec.Output{Name: words[1]}
		if f.Values == nil {
			o.Value, o.Sensitive = cty.StringVal("hunter2").Mark(spec.Sensitive), true
		} else {
			o.Value = implied(t, f.Values["value"])
		}
		in.Config.Outputs = append(in.Config.Outputs, o)
		return
	}
	a := address(t, words[0])
	kind := in.Schemas["acme"].Kinds[a.Kind]
	require.NotNil(t, kind, line)
	in.Config.Resources = append(in.Config.Resources, &spec.Resource{
		Address: a, Account: orDefault(f.Account, "acme"), Kind: kind, Values: typed(t, kind, f.Values), Uses: addresses(t, f.Uses),
		Lifecycle: spec.Lifecycle{
			Unsupported: spec.OnUnsupported(orDefault(f.Unsupported, "error")), PreventDestroy: f.Prevent, CreateFirst: f.First,
			IgnoreAll: slices.Contains(f.Ignore, "all"), IgnoreChanges: f.Ignore, Triggers: triggers(t, f.Triggers), OnDrift: spec.OnDrift(f.Drift),
		},
		Range: spec.Range{File: "main.hcl"},
	})
}

func parseState(t *testing.T, in *plan.Input, line string) {
	words, f := split(t, line)
	switch words[0] {
	case "settled":
		in.State.Settled = true
		return
	case "output":
		v := implied(t, f.Values["value"])
		value, err := ctyjson.Marshal(v, v.Type())
		require.NoError(t, err)
		typ, err := ctyjson.MarshalType(v.Type())
		require.NoError(t, err)
		in.State.Outputs[words[1]] = state.Output{Name: words[1], Value: value, Type: typ}
		return
	case "intent":
		a := address(t, words[1])
		in.State.Intents = append(in.State.Intents, &state.Intent{
			ID: "int_1", Run: "run_1", Address: a, Account: "acme", Kind: a.Kind, Action: "create", Operation: words[2], ObjectID: f.ID,
			Applied: impliedValues(t, f.Applied), Seen: f.Seen, Policy: state.Policy{Uses: addresses(t, f.Uses)}, Question: f.Question, Opened: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Reason: f.Status,
		})
		return
	}
	left := words[0] == "leftover"
	if left {
		words = words[1:]
	}
	a := address(t, words[0])
	kind := in.Schemas["acme"].Kinds[a.Kind]
	if f.Values != nil {
		// Applied and answered alike.
		f.Applied, f.Observed = f.Values, map[string]any{}
		for name, v := range f.Values {
			if kind == nil || !kind.Attribute(name).Unreadable {
				f.Observed[name] = v
			}
		}
	}
	secrets := map[string]state.Digest{}
	for name, plain := range f.Secrets {
		secrets[name] = digest(t, "acme", a, name, plain)
	}
	if left {
		in.State.Leftovers = append(in.State.Leftovers, &state.Leftover{
			ID: words[1], Kind: a.Kind, Account: "acme", Address: a, Applied: impliedValues(t, f.Applied), Observed: impliedValues(t, f.Observed), Secrets: secrets,
		})
		return
	}
	in.State.Resources = append(in.State.Resources, &state.Resource{
		Address: a, Deposed: f.Deposed, Account: orDefault(f.Account, "acme"), ID: words[1], Applied: impliedValues(t, f.Applied), Observed: impliedValues(t, f.Observed),
		Secrets: secrets, Assumed: f.Assumed, Pending: f.Pending, Unready: f.Unready,
		Policy: state.Policy{Uses: addresses(t, f.Uses), PreventDestroy: f.Prevent, Unsupported: spec.OnUnsupported(orDefault(f.Unsupported, "error"))},
	})
}

func parseLive(t *testing.T, in *plan.Input, line string) {
	words, f := split(t, line)
	switch words[0] {
	case "as-recorded":
		for _, r := range in.State.Resources {
			if k := in.Live.Kinds[plan.KindRef{Account: r.Account, Kind: r.Address.Kind}]; k != nil {
				v, err := spec.Conform(in.Schemas["acme"].Kinds[r.Address.Kind], r.Observed)
				require.NoError(t, err)
				k.Objects[r.ID] = &spec.Object{Kind: r.Address.Kind, ID: r.ID, Values: v, Ready: true}
			}
		}
		return
	case "gone":
		k := in.Live.Kinds[plan.KindRef{Account: "acme", Kind: words[1]}]
		k.Gone[words[2]] = true
		delete(k.Objects, words[2])
		return
	}
	k := in.Live.Kinds[plan.KindRef{Account: "acme", Kind: words[0]}]
	require.NotNil(t, k, line)
	k.Objects[words[1]] = &spec.Object{
		Kind: words[0], ID: words[1], Values: typed(t, in.Schemas["acme"].Kinds[words[0]], f.Values),
		Ready: !f.Unready && !f.Failed, Failed: f.Failed, Status: f.Status, Detail: f.Detail,
	}
}

func parsePrice(t *testing.T, in *plan.Input, line string) {
	words, f := split(t, line)
	ref := plan.KindRef{Account: orDefault(f.Account, "acme"), Kind: words[0]}
	if len(words) == 1 {
		in.Prices[ref] = plan.PriceList{}
		return
	}
	monthly, ok := new(big.Rat).SetString(words[1])
	require.True(t, ok, line)
	e := plan.PriceEntry{Values: typed(t, in.Schemas["acme"].Kinds[words[0]], f.Values), Monthly: monthly}
	if len(words) > 2 {
		e.Currency = words[2]
	}
	in.Prices[ref] = append(in.Prices[ref], e)
}

// typed turns JSON into values of the kind's types. "?" is unknown, "secret:x" is a secret x.
func typed(t *testing.T, kind *spec.Kind, from map[string]any) spec.Values {
	out := spec.Values{}
	for name, v := range from {
		a := kind.Attribute(name)
		require.NotNil(t, a, name)
		if s, ok := v.(string); ok && s == "?" {
			out[name] = cty.UnknownVal(a.Type)
			continue
		}
		s, _ := v.(string)
		plain, secret := strings.CutPrefix(s, "secret:")
		if secret {
			v = plain
		}
		b, err := json.Marshal(v)
		require.NoError(t, err)
		value, err := ctyjson.Unmarshal(b, a.Type)
		require.NoError(t, err, name)
		if secret {
			value = value.Mark(spec.Sensitive)
		}
		out[name] = value
	}
	return out
}

func impliedValues(t *testing.T, from map[string]any) spec.Values {
	out := spec.Values{}
	for name, v := range from {
		out[name] = implied(t, v)
	}
	return out
}

func implied(t *testing.T, v any) cty.Value {
	if v == "?" {
		return cty.UnknownVal(cty.String)
	}
	b, err := json.Marshal(v)
	require.NoError(t, err)
	typ, err := ctyjson.ImpliedType(b)
	require.NoError(t, err)
	value, err := ctyjson.Unmarshal(b, typ)
	require.NoError(t, err)
	return value
}

func address(t testing.TB, s string) spec.Address {
	a, err := spec.ParseAddress(s)
	require.NoError(t, err)
	return a
}

func addresses(t testing.TB, all []string) []spec.Address {
	var out []spec.Address
	for _, s := range all {
		out = append(out, address(t, s))
	}
	return out
}

func lines(text string) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

func orDefault(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
