package daemon

import (
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
	Stacks   []*Stack // by name
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
}

// Source is where a stack comes from, in words, without what may be a password.
func (s *Stack) Source() string {
	if s.Git == nil {
		return s.Dir
	}
	text := withoutPassword(s.Git.URL) + " " + s.Git.Branch
	if s.Git.Path != "" {
		text += " " + s.Git.Path
	}
	return text
}

// withoutPassword is a URL without who signs in.
func withoutPassword(url string) string {
	scheme, rest, found := strings.Cut(url, "://")
	if !found {
		return url
	}
	host, path, slash := strings.Cut(rest, "/")
	host = host[strings.LastIndex(host, "@")+1:]
	if slash {
		path = "/" + path
	}
	return scheme + "://" + host + path
}
