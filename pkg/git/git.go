// Package git runs the program git, hardened: no hook, no prompt, no configured program of a repository that vpsync does not need,
// and no work tree or index touched. It knows objects, references and one remote at a time; what is kept in them is its caller's.
//
// A reader starts at [Open], which finds the repository that a folder lies in, and [Repo.Push].
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Options of Open.
type Options struct {
	// Env is the environment that git may see a part of: what it needs to find itself, a proxy, and the user's credentials. A provider's
	// token never gets there.
	Env map[string]string
	// Home, where it is not empty, is a folder that stands for the user's: neither the user's configuration nor the system's is read then.
	// Whoever works in a user's own repository leaves it empty, since the credentials of its remote are configured there.
	Home string
	// Offline: no remote is spoken to, not even for what a partial clone lacks, so git sees no credentials; the repository may be another
	// user's; and files are written as they are in it.
	Offline bool
	// Timeout is how long one run of git may take that talks to a remote; 0 is a minute.
	Timeout time.Duration
}

// Repo is a repository on this machine, used through its plumbing.
type Repo struct {
	dir     string // any folder in it
	prefix  string
	options Options
	env     []string
}

// Error is a run of git that failed.
type Error struct {
	Doing  string // in words: "push to origin"
	Output string // what git said, without credentials
	Err    error
}

func (e *Error) Error() string {
	said := e.Output
	if said == "" && e.Err != nil {
		said = e.Err.Error()
	}
	return fmt.Sprintf("git could not %s: %s", withoutCredentials(e.Doing), said)
}

func (e *Error) Unwrap() error { return e.Err }

// ErrNoRepository: the folder lies in no repository.
var ErrNoRepository = errors.New("the folder lies in no git repository")

// hardened are settings that no configuration overrides. What may run a program is switched off, but for what speaks to a remote:
// credential helpers and ssh.
var hardened = []string{
	"core.hooksPath=/dev/null", "core.fsmonitor=false", "core.pager=cat", "core.askPass=", "core.quotePath=true",
	"protocol.allow=never", "protocol.https.allow=always", "protocol.http.allow=always", "protocol.ssh.allow=always", "protocol.file.allow=always", "protocol.git.allow=always",
	"transfer.fsckObjects=true", "submodule.recurse=false", "fetch.recurseSubmodules=false", "push.recurseSubmodules=no",
	"push.gpgSign=false", "commit.gpgSign=false", "push.followTags=false", "fetch.prune=false", "fetch.writeCommitGraph=false",
	"gc.auto=0", "maintenance.auto=false", "core.logAllRefUpdates=false", "core.filesRefLockTimeout=5000", "advice.detachedHead=false", "log.showSignature=false",
	"i18n.commitEncoding=UTF-8", "i18n.logOutputEncoding=UTF-8",
}

// offline are the settings of [Options].Offline.
var offline = []string{
	"protocol.https.allow=never", "protocol.http.allow=never", "protocol.ssh.allow=never", "protocol.file.allow=never", "protocol.git.allow=never",
	"safe.directory=*", "core.autocrlf=false",
}

// passedOffline are the variables that git sees where no remote is spoken to.
var passedOffline = []string{"PATH", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "SystemRoot", "PATHEXT", "COMSPEC"}

// passed are the variables that git sees of the environment. Those that say where a repository lies are not among them: a hook or an
// alias that starts vpsync sets them.
var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
	"SYSTEMROOT", "SystemRoot", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "ProgramData", "HOMEDRIVE", "HOMEPATH", "PATHEXT", "COMSPEC",
	"SSH_AUTH_SOCK", "SSH_AGENT_PID", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
	"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM",
	"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
	"GH_TOKEN", "GITHUB_TOKEN", // of the credential helper of gh
}

// Open finds the repository that a folder lies in. The error is ErrNoRepository where there is none.
func Open(ctx context.Context, dir string, o Options) (*Repo, error) {
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	r := &Repo{dir: dir, options: o, env: environment(o)}
	out, err := r.run(ctx, nil, "find the repository", "rev-parse", "--show-prefix")
	var failed *Error
	switch {
	case err == nil:
		r.prefix = strings.Trim(strings.TrimSuffix(out, "\n"), "/")
		return r, nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, &Error{Doing: "be started", Output: "there is no program git in the PATH", Err: err}
	case errors.As(err, &failed) && strings.Contains(failed.Output, "not a git repository"):
		return nil, ErrNoRepository
	}
	return nil, err
}

func environment(o Options) []string {
	env := []string{"GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "GIT_PROTOCOL_FROM_USER=0", "GIT_FLUSH=1", "GIT_OPTIONAL_LOCKS=0", "GCM_INTERACTIVE=never"}
	names := passed
	if o.Offline {
		env, names = append(env, "GIT_NO_LAZY_FETCH=1"), passedOffline
	}
	always := len(env)
	for _, name := range names {
		if v, ok := o.Env[name]; ok {
			env = append(env, name+"="+v)
		}
	}
	for name := range maps.Keys(o.Env) { // a CI system may hand credentials over in these
		if o.Home == "" && !o.Offline && (name == "GIT_CONFIG_COUNT" || strings.HasPrefix(name, "GIT_CONFIG_KEY_") || strings.HasPrefix(name, "GIT_CONFIG_VALUE_")) {
			env = append(env, name+"="+o.Env[name])
		}
	}
	if o.Home != "" { // the last of equal names counts
		env = append(env, "HOME="+o.Home, "XDG_CONFIG_HOME="+o.Home, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	}
	slices.Sort(env[always:])
	return env
}

// Prefix is the path of the folder inside the repository, with slashes, or empty for its root.
func (r *Repo) Prefix() string { return r.prefix }

// mostSaid is how much of what git says is kept, in bytes.
const mostSaid = 4 << 10

// run runs git and gives what it printed. The error is an *Error, or the context's.
func (r *Repo) run(ctx context.Context, in io.Reader, doing string, args ...string) (string, error) {
	var all []string
	settings := hardened
	if r.options.Offline {
		settings = slices.Concat(hardened, offline)
	}
	for _, setting := range settings {
		all = append(all, "-c", setting)
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append(all, args...)...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = r.dir, r.env, in, &out, &errs
	cmd.WaitDelay = 2 * time.Second // a helper of git's may keep the pipes open
	alone(cmd)
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("it took longer than %s", time.Since(begun).Round(100*time.Millisecond)) // a caller may have less time than that
		errs.Reset()
	}
	return out.String(), &Error{Doing: doing, Output: said(errs.String() + rejections(out.String())), Err: err}
}

// said makes what git printed fit for a message: one line, no credentials of a URL.
func said(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.ReplaceAll(line, "\t", " "))
		if line == "" || strings.HasPrefix(line, "hint:") {
			continue
		}
		lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(line, "fatal: "), "error: "))
	}
	out := withoutCredentials(strings.Join(lines, "; "))
	if len(out) > mostSaid {
		out = strings.ToValidUTF8(out[:mostSaid], "") + "…"
	}
	return out
}

// rejections are the lines of `push --porcelain` about what was not taken.
func rejections(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "!\t"); ok { // ID:REFERENCE, a tab, and why
			what, why, _ := strings.Cut(rest, "\t")
			_, ref, _ := strings.Cut(what, ":")
			b.WriteString("\n" + ref + ": " + why)
		}
	}
	return b.String()
}

// withoutCredentials takes user and password out of URLs.
func withoutCredentials(text string) string {
	var b strings.Builder
	for {
		scheme, rest, found := strings.Cut(text, "://")
		b.WriteString(scheme)
		if !found {
			return b.String()
		}
		b.WriteString("://")
		end := strings.IndexAny(rest, "/ '\"\n")
		if end < 0 {
			end = len(rest)
		}
		if at := strings.LastIndex(rest[:end], "@"); at >= 0 {
			rest = rest[at+1:]
		}
		text = rest
	}
}
