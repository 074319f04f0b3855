package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// habit is what people write who come from Terraform, with what to write here.
type habit struct{ summary, detail, remedy string }

// rootHabits are first words of references that mean nothing here.
var rootHabits = map[string]habit{
	"module": {"There are no modules", "A stack is one folder. Blocks are repeated by for_each, and stacks pass values on in files of variables.",
		"vpsync output --json > ../other/base.auto.vars.hcl.json"},
	"path": {"There are no paths", "Files are named by their path in the stack's folder, wherever that lies.", "file(\"user-data.yaml\")"},
	"terraform": {"There are no workspaces", "A stack is one folder with one state. What tells environments apart is a variable.",
		"variable \"environment\" {\n  default = \"production\"\n}"},
}

// innerHabits are blocks in a resource that there are none of.
var innerHabits = map[string]habit{
	"connection": {"There are no provisioners", "vpsync sends requests to an API, and reaches no machine. Give the addresses to what does.",
		"vpsync output --json"},
	"provisioner": {"There are no provisioners", "vpsync sends requests to an API, and runs nothing. Run it after an apply, with the outputs that it needs.",
		"vpsync apply\nvpsync output --json"},
	"timeouts": {"There are no timeouts", "How long a request may take is known to the definition of the API. A run that is interrupted goes on with the next apply.",
		"remove the block"},
}

// typeHabits are resources of Terraform that stand for no object, by the provider's name: the part before the first underscore.
var typeHabits = map[string]habit{
	"local":     {"", "vpsync writes no files. Show a value as an output, and write the file from that.", "vpsync output --raw NAME > FILE"},
	"null":      {"", "There is nothing to make, and nothing to run. What should be replaced along with something else says so in its lifecycle block.", "replace_triggered_by = [server.web]"},
	"random":    {"", "What is random is made once, and given as a variable.", "export VPSYNC_VAR_password=\"$(openssl rand -hex 16)\""},
	"terraform": {"", "There is nothing to make. Values with a name stand in a locals block; what follows their change says so in its lifecycle block.", "locals {\n  NAME = ...\n}"},
	"time":      {"", "A plan knows no time, so that it says the same tomorrow. Give the time as a variable.", "variable \"since\" {\n  default = \"2026-01-01T00:00:00Z\"\n}"},
	"tls":       {"", "A private key in the configuration would be a secret at rest. Make it outside, and name the public half.", "ssh-keygen -t ed25519 -f FILE"},
}

// foreignBlock says what to write in the place of a top-level block that there is none of.
func (s *Stack) foreignBlock(b *hclsyntax.Block) Diagnostic {
	switch b.Type {
	case "terraform":
		for _, inner := range b.Body.Blocks {
			if inner.Type == "required_providers" {
				return s.problem(b.TypeRange, "There is no terraform block",
					"A provider block is all that an account needs: definitions of APIs are part of the program, and there is no backend.", "provider \"servosphere\" {}")
			}
		}
		for _, inner := range b.Body.Blocks {
			if inner.Type == "backend" || inner.Type == "cloud" {
				return s.problem(b.TypeRange, "There is no terraform block",
					"The state lies in a file beside the stack. Where that is forgotten, as by a CI runner, a state block has it kept in the repository's remote.", "state {\n  backend = \"git\"\n}")
			}
		}
		return s.problem(b.TypeRange, "There is no terraform block",
			"vpsync needs no backend and no required providers; its own settings stand in a vpsync block.", "vpsync {\n}")
	case "module":
		h := rootHabits[b.Type]
		return s.problem(b.TypeRange, h.summary, h.detail, h.remedy)
	}
	kind, name := "server", "web"
	if len(b.Labels) == 2 {
		kind, name = b.Labels[0], b.Labels[1]
		provider, rest, prefixed := strings.Cut(kind, "_")
		if h, ok := typeHabits[provider]; ok && prefixed {
			return s.problem(b.TypeRange, "No object stands behind this", fmt.Sprintf("%s is no kind of any provider. %s", kind, h.detail), h.remedy)
		}
		if prefixed {
			kind = rest // "servosphere_server"
		}
	}
	return s.problem(b.TypeRange, "The block type is the kind", fmt.Sprintf("vpsync has no resource blocks: a %s is declared by a %s block.", kind, kind),
		fmt.Sprintf("%s %q {\n  ...\n}", kind, name))
}

// foreignNames are how Terraform's files are called, and how this program's are that hold the same.
var foreignNames = []struct{ theirs, ours string }{
	{"terraform.tfvars", "vpsync.vars.hcl"}, {"terraform.tfvars.json", "vpsync.vars.hcl.json"},
	{".auto.tfvars", ".auto.vars.hcl"}, {".auto.tfvars.json", ".auto.vars.hcl.json"},
	{".tf", ".hcl"}, {".tf.json", ".hcl.json"}, {".tofu", ".hcl"}, {".tofu.json", ".hcl.json"},
}

// plainPath is a path that a shell takes as it stands.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_/.][A-Za-z0-9_/.-]*$`)

// foreignFiles finds those of Terraform in a folder, which are not read, and gives the commands that rename them.
func foreignFiles(dir string, entries []os.DirEntry) (found, renames []string) {
	for _, e := range entries {
		for _, n := range foreignNames {
			if stem, ok := strings.CutSuffix(e.Name(), n.theirs); ok && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
				found = append(found, e.Name())
				if at := filepath.Join(dir, e.Name()); plainPath.MatchString(at) {
					renames = append(renames, "mv -n "+at+" "+filepath.Join(dir, stem+n.ours))
				}
				break
			}
		}
	}
	return found, renames
}
