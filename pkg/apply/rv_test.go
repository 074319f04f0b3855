package apply_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/state"
)

func rvRule(def, sens string) string {
	return fmt.Sprintf(`
variable "v" {
  type = string
  default = %q
  sensitive = %s
}
firewall_rule "a" {
  name       = var.v
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}
`, def, sens)
}

const rvDep = `
firewall_rule "b" {
  name       = "${firewall_rule.a.name}-b"
  protocol   = "tcp"
  port_range = "81"
  source     = "0.0.0.0/0"
  action     = "allow"
}
`

func TestRVSecretPlain(t *testing.T) {
	for _, dep := range []string{"", rvDep} {
		for _, to := range []string{"one", "two"} {
			for _, s := range []string{"true", "false"} {
				t.Run(to+s+fmt.Sprint(dep != ""), func(t *testing.T) {
					inWorld(t, func(t *testing.T, w *world) {
						other := map[string]string{"true": "false", "false": "true"}[s]
						w.write(rvRule("one", s) + dep)
						w.converge()
						w.write(rvRule(to, other) + dep)
						t.Log(summary(w.plan().Plan))
						w.converge()
						st, _ := w.store.Load(t.Context())
						for _, r := range st.Resources {
							t.Logf("%s %#v %#v %v", r.Address, r.Applied["name"], r.Observed["name"], r.Secrets)
						}
						require.Empty(t, state.Verify(st))
					})
				})
			}
		}
	}
}

func TestRVForgetThenRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		hcl := replaceOnce(oneAlert, "condition = \"greater_than\"", "condition = \"greater_than\"\n lifecycle { on_unsupported = \"forget\" }")
		w.write(hcl)
		w.converge()
		w.write(replaceOnce(hcl, "90", "91"))
		require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "POST /monitoring/alerts", Do: sandbox.FaultStatus, Status: 403}))
		result := w.apply()
		st, _ := w.store.Load(t.Context())
		t.Log(result.ExitCode(), result.Changed, len(st.Leftovers), len(st.Resources), result.Failures)
	})
}
