package spec

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// stateBlock says where the state is kept. Its arguments are constants: whoever looks for the state evaluates nothing.
func (s *Stack) stateBlock(b *hclsyntax.Block) Diagnostics {
	diags, ok := s.labels(b)
	if !ok {
		return diags
	}
	if s.stateAt != nil {
		return append(diags, s.problem(b.DefRange(), "Two state blocks", fmt.Sprintf("Where the state is kept stands at %s already.", s.stateAt), ""))
	}
	s.stateAt = rangeOf(b.DefRange())
	diags = append(diags, s.only(b, within(Blocks(), b.Type))...)
	to := &s.Settings.State
	for name, into := range map[string]any{"backend": &to.Backend, "remote": &to.Remote, "name": &to.Name, "seal": &to.Seal} {
		diags = append(diags, s.constant(b.Body.Attributes[name], into)...)
	}
	switch a := b.Body.Attributes["backend"]; {
	case a == nil:
		diags = append(diags, s.problem(b.DefRange(), "No backend", "A state block says what keeps the state.", "backend = \"git\""))
	case diags.HasErrors():
	case to.Backend != BackendSQLite && to.Backend != BackendGit:
		diags = append(diags, s.problem(a.Expr.Range(), "No such backend", fmt.Sprintf("A state is kept by sqlite, in a file, or by git, in the repository's remote, and not by %q.", to.Backend), "backend = \"git\""))
	case to.Backend == BackendSQLite:
		for _, a := range inOrder(b.Body.Attributes) {
			if a.Name != "backend" {
				diags = append(diags, s.problem(a.NameRange, "Not an argument of this backend", fmt.Sprintf("%s belongs to the backend git: sqlite keeps the state in a file, which --state names.", a.Name), "backend = \"git\""))
			}
		}
	case strings.HasPrefix(to.Remote, "-") || strings.ContainsAny(to.Remote, ":/ \t\n"):
		// A URL could bring another host, and other credentials, along with a change of the stack.
		diags = append(diags, s.problem(b.Body.Attributes["remote"].Expr.Range(), "Not the name of a remote", fmt.Sprintf("%q is no name: the repository's own configuration says where a remote lies.", to.Remote), "git remote add state URL"))
	}
	return diags
}

// Unparsed: a file could not be read as a whole, so that the stack may say more than is known.
func (s *Stack) Unparsed() bool { return s.unparsed }
