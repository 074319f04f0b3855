//go:build unix

package main

import (
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
)

// cmdGitLab does what a runner of GitLab does with a job of docs/gitlab.md: gitlab CODE JOB. What its script printed is in stdout.
func cmdGitLab(ts *testscript.TestScript, _ bool, args []string) {
	_, block, _ := strings.Cut(ts.ReadFile(ts.Getenv("GITLAB_PAGE")), "```yaml\n")
	block, _, _ = strings.Cut(block, "```")
	var jobs map[string]yaml.Node
	ts.Check(yaml.Unmarshal([]byte(block), &jobs))
	var job struct {
		Script      []string `yaml:"script"`
		AfterScript []string `yaml:"after_script"`
	}
	named := jobs[args[1]]
	ts.Check(named.Decode(&job))
	variables := map[string]string{}
	given := jobs["variables"]
	ts.Check(given.Decode(&variables))
	for name, value := range variables {
		ts.Setenv(name, value)
	}
	do := func(lines []string) (string, int) {
		c := exec.Command("bash", "-c", "set -eo pipefail\n"+strings.Join(lines, "\n"))
		c.Dir = ts.Getenv("CI_PROJECT_DIR")
		for _, name := range []string{"PATH", "HOME", "STACK", "DIGEST", "CI_PROJECT_DIR", "CI_MERGE_REQUEST_DIFF_BASE_SHA", "CI_MERGE_REQUEST_IID", "CI_API_V4_URL", "CI_PROJECT_ID", "COMMENT_TOKEN",
			"SERVOSPHERE_API_URL", "SERVOSPHERE_API_KEY", "VPSYNC_GRACE"} {
			c.Env = append(c.Env, name+"="+ts.Getenv(name))
		}
		said, err := c.CombinedOutput()
		if c.ProcessState == nil {
			ts.Check(err)
		}
		ts.Logf("%s", said)
		return string(said), c.ProcessState.ExitCode()
	}
	_, code := do(job.Script)
	do(job.AfterScript)
	if want, err := strconv.Atoi(args[0]); err != nil || code != want {
		ts.Fatalf("the job %s ended with %d", args[1], code)
	}
}
