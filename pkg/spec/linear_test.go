package spec

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// walk does what an apply does: it makes servers one after the other, and evaluates the rules of each right then.
func walk(t testing.TB, stack *Stack, response *Response) {
	session := stack.Session(acme())
	rules := map[Address][]Address{}
	for _, r := range response.Resources {
		for _, a := range r.Uses {
			rules[a] = append(rules[a], r.Address)
		}
	}
	for _, r := range response.Resources {
		if r.Address.Kind != "server" {
			continue
		}
		if _, diags := session.Resource(r.Address); diags.HasErrors() {
			t.Fatal(diags)
		}
		session.Know(r.Address, Values{"id": text(r.Address.String())})
		for _, rule := range rules[r.Address] {
			got, diags := session.Resource(rule)
			if diags.HasErrors() || !got.Values["server_id"].RawEquals(text(r.Address.String())) {
				t.Fatalf("%s: %v, %v", rule, got, diags)
			}
		}
	}
}

// TestCostIsLinear holds that twice the stack costs twice, not four times: allocations are counted, since they do not
// depend on how busy the machine is.
func TestCostIsLinear(t *testing.T) {
	for name, source := range commonForms {
		t.Run(name, func(t *testing.T) {
			evaluating := func(n int) float64 {
				stack := load(t, fmt.Sprintf(source, n))
				return testing.AllocsPerRun(1, func() { require.Len(t, stack.Evaluate(acme()).Resources, 6*n) })
			}
			applying := func(n int) float64 {
				stack := load(t, fmt.Sprintf(source, n))
				response := stack.Evaluate(acme())
				return testing.AllocsPerRun(1, func() { walk(t, stack, response) })
			}
			require.Less(t, evaluating(160)/evaluating(80), 2.6, "evaluating all")
			require.Less(t, applying(160)/applying(80), 2.6, "evaluating again while applying")
		})
	}
}

// BenchmarkEvaluate is 1,000 servers, and 5,000 rules that refer to them.
func BenchmarkEvaluate(b *testing.B) {
	for name, source := range commonForms {
		b.Run(name, func(b *testing.B) {
			stack := load(b, fmt.Sprintf(source, 1000))
			b.ReportAllocs()
			for b.Loop() {
				if r := stack.Evaluate(acme()); len(r.Resources) != 6000 {
					b.Fatal(r.Diagnostics)
				}
			}
		})
	}
}

// BenchmarkApply evaluates them once more, one by one, as they come to be known.
func BenchmarkApply(b *testing.B) {
	for name, source := range commonForms {
		b.Run(name, func(b *testing.B) {
			stack := load(b, fmt.Sprintf(source, 1000))
			response := stack.Evaluate(acme())
			b.ReportAllocs()
			for b.Loop() {
				walk(b, stack, response)
			}
		})
	}
}

// TestChain: a chain of locals costs what it names, and one that is too long to be worked out is refused rather than tried.
func TestChain(t *testing.T) {
	chain := func(n int) string {
		var b strings.Builder
		b.WriteString("locals {\n  a0 = 1\n")
		for i := 1; i <= n; i++ {
			fmt.Fprintf(&b, "  a%d = local.a%d\n", i, i-1)
		}
		return b.String() + "}\noutput \"end\" {\n  value = local.a" + strconv.Itoa(n) + "\n}\n"
	}
	for n, want := range map[int]string{maxChain - 1: "", 4 * maxChain: "References are too deep"} {
		stack, diags := Load(folder(t, map[string]string{"main.hcl": chain(n)}))
		require.Empty(t, diags)
		response := stack.Evaluate(acme())
		if want == "" {
			require.Empty(t, response.Diagnostics)
			require.Len(t, response.Outputs, 1)
			continue
		}
		require.Equal(t, want, response.Diagnostics[0].Summary)
	}
}
