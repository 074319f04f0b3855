package statetest

import (
	"math/big"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"
)

// Resource thinks of a record that a state may hold, of [Account].
func Resource(t *rapid.T) *state.Resource {
	r := &state.Resource{
		Address: address().Draw(t, "address"), Deposed: rapid.StringMatching(`([0-9a-f]{8})?`).Draw(t, "deposed"),
		Account: Account.Name, ID: rapid.String().Draw(t, "id"),
		Applied: values().Draw(t, "applied"), Observed: values().Draw(t, "observed"),
		Assumed: texts().Draw(t, "assumed"), Pending: texts().Draw(t, "pending"),
		Unready: rapid.Bool().Draw(t, "unready"),
		Policy: state.Policy{
			Unsupported:    rapid.SampledFrom([]spec.OnUnsupported{"", spec.UnsupportedError, spec.UnsupportedForget, spec.UnsupportedIgnore}).Draw(t, "unsupported"),
			PreventDestroy: rapid.Bool().Draw(t, "prevent_destroy"),
			BackupBefore:   rapid.SliceOfN(rapid.SampledFrom([]string{spec.BackupDelete, spec.BackupReplace}), 1, 2).Draw(t, "backup_before"),
			Uses:           rapid.SliceOfN(address(), 1, 3).Draw(t, "uses"),
			Hidden:         rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "hidden"),
		},
		Detail: rapid.String().Draw(t, "detail"), DetailTrusted: rapid.Bool().Draw(t, "trusted"),
		CreatedAt: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "created"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
	}
	if rapid.Bool().Draw(t, "due") {
		r.Due = map[string]string{rapid.String().Draw(t, "trigger"): "00"}
	}
	if rapid.Bool().Draw(t, "secret") {
		r.Secrets = map[string]state.Digest{rapid.String().Draw(t, "name"): {KeyID: "k", Place: rapid.String().Draw(t, "place"), Sum: "00"}}
	}
	return r
}

func address() *rapid.Generator[spec.Address] {
	return rapid.Custom(func(t *rapid.T) spec.Address {
		a := spec.Address{Kind: rapid.StringMatching(`[a-z_]{1,8}`).Draw(t, "kind"), Name: rapid.StringMatching(`[a-z][a-z0-9_-]{0,8}`).Draw(t, "block")}
		switch rapid.IntRange(0, 2).Draw(t, "form") {
		case 1:
			a.Key = spec.IntKey(rapid.IntRange(0, 1<<20).Draw(t, "index"))
		case 2:
			a.Key = spec.StringKey(text().Draw(t, "key"))
		}
		return a
	})
}

func texts() *rapid.Generator[[]string] { return rapid.SliceOfN(rapid.String(), 1, 3) }

// text is what cty makes of a string: composed Unicode.
func text() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string { return cty.NormalizeString(rapid.String().Draw(t, "text")) })
}

func values() *rapid.Generator[spec.Values] {
	return rapid.Custom(func(t *rapid.T) spec.Values {
		out := spec.Values{}
		for _, name := range rapid.SliceOfN(rapid.StringMatching(`[a-z_]{1,10}`), 0, 5).Draw(t, "names") {
			out[name] = value(3).Draw(t, name)
		}
		return out
	})
}

// value thinks of values of the types that JSON implies.
func value(depth int) *rapid.Generator[cty.Value] {
	return rapid.Custom(func(t *rapid.T) cty.Value {
		form := rapid.IntRange(0, 6).Draw(t, "form")
		if depth == 0 {
			form %= 5
		}
		switch form {
		case 0:
			return cty.NullVal(cty.DynamicPseudoType)
		case 1:
			return cty.BoolVal(rapid.Bool().Draw(t, "bool"))
		case 2:
			return cty.NumberIntVal(rapid.Int64().Draw(t, "int"))
		case 3:
			// Decimal digits, as a configuration writes them.
			digits := rapid.StringMatching(`-?[0-9]{1,40}(\.[0-9]{1,40})?(e-?[0-9]{1,2})?`).Draw(t, "number")
			f, _, err := big.ParseFloat(digits, 10, 512, big.ToNearestEven)
			if err != nil {
				t.Fatal(err)
			}
			return cty.NumberVal(f)
		case 4:
			return cty.StringVal(text().Draw(t, "string"))
		case 5:
			n := rapid.IntRange(0, 3).Draw(t, "members")
			members := make([]cty.Value, n)
			for i := range members {
				members[i] = value(depth-1).Draw(t, "member")
			}
			return cty.TupleVal(members)
		}
		members := map[string]cty.Value{}
		for range rapid.IntRange(0, 3).Draw(t, "attributes") {
			members[text().Draw(t, "attribute")] = value(depth-1).Draw(t, "of")
		}
		return cty.ObjectVal(members)
	})
}
