package githubtest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/github"
)

// Repository is a checkout of the server's repository, as actions/checkout leaves one for a run, and what GitHub tells that run.
type Repository struct {
	Dir    string
	Server *Server
	Event  string // the file of the event
	// Remote, where it is set, is the folder of the repository itself, which the server offers to git. Dir is somebody's clone of it then,
	// and a run has a checkout of its own: see Checkout.
	Remote string

	commit string // of the run
}

// Git runs git in the checkout.
func (r *Repository) Git(args ...string) (string, error) {
	c := exec.Command("git", append([]string{"-C", r.Dir, "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"}, args...)...)
	c.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "HOME="+r.Dir)
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func (r *Repository) all(commands ...[]string) error {
	for _, c := range commands {
		if _, err := r.Git(c...); err != nil {
			return err
		}
	}
	return nil
}

// Begin commits what is in the folder as the branch main.
func (r *Repository) Begin() error {
	if err := r.all([]string{"init", "-q"}, []string{"add", "-A"}, []string{"commit", "-qm", "begin"}, []string{"branch", "-M", "main"}); err != nil || r.Remote == "" {
		return err
	}
	r.Server.Lock()
	r.Server.Git = r.Remote
	r.Server.Unlock()
	return r.all([]string{"init", "-q", "--bare", r.Remote}, []string{"-C", r.Remote, "config", "http.receivepack", "true"}, []string{"remote", "add", "origin", r.Remote}, []string{"push", "-q", "origin", "main"})
}

// Checkout makes of an empty folder, or none, what actions/checkout leaves for the run that was told last: that commit alone, with so much of
// its history, and in git's configuration a token. May the token not push, the workflow had contents: read.
func (r *Repository) Checkout(dir string, depth int, push bool) error {
	run := &Repository{Dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	url, header := r.Server.GitAccess(push)
	return run.all([]string{"init", "-q"}, []string{"remote", "add", "origin", url}, []string{"config", "http." + url + ".extraheader", header},
		[]string{"fetch", "-q", "--no-tags", "--depth", strconv.Itoa(depth), "origin", r.commit}, []string{"checkout", "-q", "--detach", "FETCH_HEAD"})
}

// push brings a reference to the remote, where there is one.
func (r *Repository) push(from, ref string) error {
	if r.Remote == "" {
		return nil
	}
	_, err := r.Git("push", "-q", "--force", "origin", from+":"+ref)
	return err
}

// Open commits what is in the folder to a pull request, makes its trial merge with main the checkout, and gives what the run is told.
func (r *Repository) Open(number int, fork bool) (map[string]string, error) {
	branch := fmt.Sprintf("pull-%d", number)
	if err := r.all([]string{"checkout", "-qB", branch}, []string{"add", "-A"}, []string{"commit", "--allow-empty", "-qm", "propose"}); err != nil {
		return nil, err
	}
	head, err := r.Git("rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	base, err := r.Git("rev-parse", "main")
	if err != nil {
		return nil, err
	}
	if err := r.all([]string{"checkout", "-q", "--detach", "main"}, []string{"merge", "-q", "--no-ff", "-m", "trial", branch}); err != nil {
		return nil, err
	}
	if err := r.push("HEAD", fmt.Sprintf("refs/pull/%d/merge", number)); err != nil {
		return nil, err
	}
	repo, from := &github.Repo{FullName: r.Server.Repository}, &github.Repo{FullName: r.Server.Repository}
	if fork {
		from = &github.Repo{FullName: "mallory/infra"}
	}
	p := github.Pull{Number: number, State: "open", Head: github.Side{SHA: head, Ref: branch, Repo: from}, Base: github.Side{SHA: base, Ref: "main", Repo: repo}}
	r.Server.Lock()
	r.Server.Pulls[number] = p
	r.Server.Unlock()
	return r.told("pull_request", github.Event{Pull: &p, Repository: repo})
}

// Merge merges a pull request into main, which becomes the checkout, and gives what the run of the push is told.
func (r *Repository) Merge(number int) (map[string]string, error) {
	if err := r.all([]string{"checkout", "-q", "main"}, []string{"merge", "-q", "--no-ff", "-m", "merge", fmt.Sprintf("pull-%d", number)}); err != nil {
		return nil, err
	}
	if err := r.push("main", "refs/heads/main"); err != nil {
		return nil, err
	}
	commit, err := r.Git("rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	r.Server.Lock()
	p := r.Server.Pulls[number]
	at := time.Unix(1, 0)
	p.State, p.MergedAt, p.MergeCommit = "closed", &at, commit
	r.Server.Pulls[number] = p
	r.Server.Unlock()
	return r.told("push", github.Event{After: commit, Repository: p.Base.Repo})
}

// Other is what a run for another event is told; where there is a remote, the run is one of main.
func (r *Repository) Other(name string, e github.Event) (map[string]string, error) {
	if r.Remote != "" {
		if err := r.all([]string{"checkout", "-q", "main"}, []string{"push", "-q", "origin", "main"}); err != nil {
			return nil, err
		}
	}
	return r.told(name, e)
}

func (r *Repository) told(name string, e github.Event) (map[string]string, error) {
	commit, err := r.Git("rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	r.commit = commit
	data, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return map[string]string{"GITHUB_EVENT_NAME": name, "GITHUB_SHA": commit, "GITHUB_EVENT_PATH": r.Event, "GITHUB_WORKSPACE": r.Dir}, os.WriteFile(r.Event, data, 0o600)
}

// Environment is what every run of the repository is told.
func (s *Server) Environment(temp string) map[string]string {
	return map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_API_URL": s.URL, "GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": s.Repository, "GITHUB_RUN_ID": "42",
		"GITHUB_ACTOR": "ops", "RUNNER_TEMP": temp, "GITHUB_OUTPUT": filepath.Join(temp, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(temp, "summary"),
	}
}
