package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/github/githubtest"
	"go.yaml.in/yaml/v3"
)

// actionRun runs the Action's command in this process, on the sandbox, and gives what the runner made of it.
func actionRun(t *testing.T, dir string, more map[string]string) (code int, commands []githubtest.Command, outputs map[string]string, printed string) {
	t.Helper()
	temp := t.TempDir()
	event := filepath.Join(temp, "event.json")
	require.NoError(t, os.WriteFile(event, []byte(orElse(more["EVENT"], "{}")), 0o600))
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": event, "GITHUB_WORKSPACE": dir, "RUNNER_TEMP": temp, "HOME": temp, "PATH": os.Getenv("PATH"),
		"GITHUB_OUTPUT": filepath.Join(temp, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(temp, "summary")}
	maps.Copy(env, more)
	var out bytes.Buffer
	width := func() int { return 80 }
	code = run(t.Context(), []string{"github", "run", "--sandbox"}, env, streams{in: strings.NewReader(""), out: &out, errs: &out, outWidth: width, errWidth: width}, nil, hooks{})
	file, err := os.ReadFile(env["GITHUB_OUTPUT"])
	if err == nil {
		outputs, err = githubtest.Outputs(string(file))
		require.NoError(t, err)
	}
	return code, githubtest.Commands(out.String()), outputs, out.String()
}

func TestCommandsStayText(t *testing.T) {
	for i, evil := range githubtest.CommandAttacks {
		t.Run(fmt.Sprintf("stack/%d", i), func(t *testing.T) {
			dir := t.TempDir()
			text := strconv.Quote(evil)
			text = strings.NewReplacer(`\r`, `\u000d`, `\x1b`, `\u001b`).Replace(text)
			hcl := "provider \"servosphere\" {}\nserver \"web\" {\n  name = " + text + "\n  plan = \"vps-small\"\n  location = \"AMS\"\n}\noutput \"evil\" {\n  value = " + text + "\n}\n"
			if i%2 == 0 { // a mistake is told with the line that it is on
				hcl += "network \"net\" {\n  name = " + text + "\n  cidr = " + text + "\n}\n"
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(hcl), 0o600))
			_, commands, outputs, printed := actionRun(t, dir, nil)
			require.Contains(t, printed, map[bool]string{true: "Error: Value not allowed", false: "server.web"}[i%2 == 0])
			for _, c := range commands {
				require.Contains(t, []string{"error", "warning"}, c.Name, printed)
				require.Equal(t, "main.hcl", c.Properties["file"], printed)
				require.NotEqual(t, "evil", c.Data)
			}
			require.Equal(t, slices.Sorted(slices.Values(actionOutputs)), slices.Sorted(maps.Keys(outputs)))
			require.NotEqual(t, "evil", outputs["changes"])
		})
	}
	// What would be an option of git, or leads out of the repository.
	for i, evil := range []string{"../x", "/etc", "a/../../x", "--upload-pack=evil\n", "a\x00b", "..", "x\n../y"} {
		for _, input := range []string{"INPUT_DIRECTORY", "INPUT_VAR_FILES"} {
			t.Run(fmt.Sprintf("%s/%d", input, i), func(t *testing.T) {
				code, _, _, printed := actionRun(t, t.TempDir(), map[string]string{input: evil})
				require.Equal(t, exitFailed, code)
				require.NotContains(t, printed, "panic")
			})
		}
	}
	for i, evil := range []string{"--upload-pack=touch evil", "ext::sh -c touch% evil", "HEAD", "main", "-", "$(touch evil)", strings.Repeat("a", 39), strings.Repeat("A", 40)} {
		for _, side := range []string{"head", "base"} {
			t.Run(fmt.Sprintf("%s/%d", side, i), func(t *testing.T) {
				sides := map[string]string{"head": strings.Repeat("1", 40), "base": strings.Repeat("2", 40)}
				sides[side] = evil
				dir := t.TempDir()
				code, _, _, printed := actionRun(t, dir, map[string]string{"GITHUB_EVENT_NAME": "pull_request",
					"EVENT": fmt.Sprintf(`{"pull_request":{"number":1,"head":{"sha":%q},"base":{"sha":%q}}}`, sides["head"], sides["base"])})
				require.Equal(t, exitFailed, code)
				require.Contains(t, printed, "The event cannot be read")
				left, err := os.ReadDir(dir)
				require.NoError(t, err)
				require.Empty(t, left)
			})
		}
	}
}

// action.yml hands on every input and every output that the command has, and no other.
func TestActionFile(t *testing.T) {
	text, err := os.ReadFile("../../action.yml")
	require.NoError(t, err)
	var file struct {
		Inputs  map[string]struct{ Default string } `yaml:"inputs"`
		Outputs map[string]struct{ Value string }   `yaml:"outputs"`
		Runs    struct {
			Steps []struct {
				Env map[string]string `yaml:"env"`
				Run string            `yaml:"run"`
			} `yaml:"steps"`
		} `yaml:"runs"`
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.Equal(t, slices.Sorted(slices.Values(actionOutputs)), slices.Sorted(maps.Keys(file.Outputs)))
	for name, o := range file.Outputs {
		require.Equal(t, "${{ steps.run.outputs."+name+" }}", o.Value)
	}
	env := map[string]string{}
	for _, s := range file.Runs.Steps {
		require.NotContains(t, s.Run, "${{", "an input that is pasted into a script is a script")
		maps.Copy(env, s.Env)
	}
	defaults := map[string]string{}
	for name, in := range file.Inputs {
		if name == "version" {
			require.Equal(t, "${{ inputs.version }}", env["VPSYNC_VERSION"])
			continue
		}
		require.Equal(t, "${{ inputs."+name+" }}", env["INPUT_"+strings.ToUpper(name)])
		defaults["INPUT_"+strings.ToUpper(name)] = in.Default
	}
	given, err := readInputs(defaults)
	require.NoError(t, err)
	given.token = ""
	none, err := readInputs(map[string]string{})
	require.NoError(t, err)
	require.Equal(t, none, given, "the defaults of action.yml are those of the command")
	page, err := os.ReadFile("../../docs/github-action.md")
	require.NoError(t, err)
	for name := range file.Inputs {
		require.Contains(t, string(page), "| `"+name+"` |")
	}
	for _, name := range actionOutputs {
		require.Contains(t, string(page), "`"+name+"`")
	}
}
