package daemon

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
)

// Config is what a daemon looks after. [ReadConfig] reads one from a file.
type Config struct {
	// Data is the folder for what comes from git sources.
	Data string
	// Parallel is how many stacks are worked on at once.
	Parallel int
	Listen   Listen
	Notify   []Receiver // by name
	Stacks   []*Stack   // by name
}

// Listen is the address at which a daemon shows itself.
type Listen struct {
	// Address is HOST:PORT, or [NoAddress]. Port 0 is one that is free.
	Address string
	// Names by which browsers call it, without a port, besides those of this machine's loopback.
	Names []string
	// TokenEnv is the variable of the environment with the token that approves plans.
	TokenEnv string
}

// MinSecret is how many characters a secret has at least by which somebody is let in: a short one is guessed, from what it signed or by
// trying.
const MinSecret = 16

// SecretEnv are the variables of the environment that hold secrets of the daemon's own.
func (c *Config) SecretEnv() []string {
	names := []string{c.Listen.TokenEnv}
	for _, r := range c.Notify {
		names = append(names, r.URLEnv, r.SecretEnv)
	}
	for _, s := range c.Stacks {
		if s.Git != nil {
			names = append(names, s.Git.HookSecretEnv)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// Receiver is somebody who is told what becomes of stacks. Where that is and what it is signed with are in the environment, since either
// lets others in.
type Receiver struct {
	Name      string
	Kind      string // slack, discord or webhook
	URLEnv    string // its URL: https, or http to this machine
	SecretEnv string // with what a webhook is signed; empty for the other kinds
	Range     spec.Range
}

// Stack is one stack of a daemon, with all that is decided about it outside of its own files.
type Stack struct {
	Name string
	// Dir is the stack's folder, where its source is no repository.
	Dir string
	Git *Git
	// State is the file of its state, and Memory that of what the daemon remembers of it.
	State, Memory string
	// VarFiles are files of variables, in order of rising precedence.
	VarFiles     []string
	Mode         Mode
	AllowDestroy bool // healing may delete and replace, too
	Schedule     *Schedule
	Windows      Windows
	Jitter       time.Duration // how much later than the schedule says a turn may begin
	Range        spec.Range    // of its block; zero where no file has it
}

// Git is a branch of a repository that a stack comes from.
type Git struct {
	URL    string
	Branch string
	Path   string // of the stack's folder in it, with slashes; empty for its root
	Poll   time.Duration
	// HookSecretEnv is the variable of the environment with the secret under which a git host signs its calls; empty: none calls.
	HookSecretEnv string
}

// Source is where a stack comes from, in words.
func (s *Stack) Source() string {
	if s.Git == nil {
		return s.Dir
	}
	text := s.Git.URL + " " + s.Git.Branch
	if s.Git.Path != "" {
		text += " " + s.Git.Path
	}
	return text
}

// cutLast cuts at the last separator; where there is none, all of it is after it.
func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return "", s, false
}

// checkURL says why git is not to fetch from a URL, or nothing. What it lets through may be shown: it holds no secret.
func checkURL(url string) error {
	scheme, rest, found := strings.Cut(url, "://")
	authority, _, _ := strings.Cut(rest, "/")
	user, host, signs := cutLast(authority, "@")
	switch {
	case url == "" || strings.HasPrefix(url, "-") || strings.Contains(url, "::") || found && (host == "" && scheme != "file" || strings.HasPrefix(host, "-")):
		return errors.New("it is where git fetches from: https, ssh, git or file")
	case strings.HasPrefix(scheme, "http") && (signs || strings.ContainsAny(rest, "?#")) || strings.Contains(user, ":"):
		return errors.New("it may hold a secret, and is shown on pages; git signs in by a credential helper, or an ssh key")
	}
	return nil
}
