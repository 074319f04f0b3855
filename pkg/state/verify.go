package state

import (
	"fmt"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// Error names the state, what is wrong with it, and what to do.
func (e *DamagedError) Error() string {
	text := fmt.Sprintf("the state %s is damaged: %s", e.Path, e.Problem)
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// Error says who holds the lock.
func (e *LockedError) Error() string {
	o := e.Owner
	if o.ID == "" {
		return "the state is locked by another run"
	}
	text := fmt.Sprintf("the state is locked by vpsync %s (run %s) of %s on %s, process %d, since %s", o.Command, o.Run, o.User, o.Host, o.PID, o.Since)
	if o.URL != "" {
		text += ", " + o.URL
	}
	return text
}

// Problem is an invariant that a state breaks.
type Problem struct {
	Invariant string // what should hold
	Why       string // it matters
	Detail    string // where it does not hold
}

// invariants are what every state obeys, whatever was done to it. A state that breaks one is not acted upon.
var invariants = []struct {
	holds string
	why   string
	check func(s *State, broken func(format string, args ...any))
}{
	{"an address has one object, and each deposed key too", "a second row would be forgotten by whoever reads the first", uniqueAddresses},
	{"an object has one owner", "two owners would undo each other's changes, and each deletes what the other needs", uniqueObjects},
	{"a recorded object has an id and an account that is known", "it could be neither read nor deleted", complete},
	{"an open intent says what it is about", "it could not be settled", intentsComplete},
	{"an address has at most one open create", "two would be two purchases", oneCreate},
	{"values are known and hold no secret", "state is no place for secrets", plainValues},
	{"digests are under the state's key", "a digest under an unnamed key could never be compared", digestKeys},
}

// Verify lists the invariants that a state breaks.
func Verify(s *State) []Problem {
	var out []Problem
	for _, inv := range invariants {
		inv.check(s, func(format string, args ...any) {
			out = append(out, Problem{Invariant: inv.holds, Why: inv.why, Detail: fmt.Sprintf(format, args...)})
		})
	}
	return out
}

func place(r *Resource) string {
	if r.Deposed == "" {
		return r.Address.String()
	}
	return r.Address.String() + " (deposed " + r.Deposed + ")"
}

func uniqueAddresses(s *State, broken func(string, ...any)) {
	seen := make(map[string]bool, len(s.Resources))
	for _, r := range s.Resources {
		if seen[place(r)] {
			broken("%s is recorded twice", place(r))
		}
		seen[place(r)] = true
	}
}

func uniqueObjects(s *State, broken func(string, ...any)) {
	owner := make(map[[3]string]string, len(s.Resources))
	claim := func(account, kind, id, who string) {
		key := [3]string{account, kind, id}
		if other, taken := owner[key]; taken {
			broken("%s %s belongs to %s and to %s", kind, id, other, who)
		}
		owner[key] = who
	}
	for _, r := range s.Resources {
		claim(r.Account, r.Address.Kind, r.ID, place(r))
	}
	for _, l := range s.Leftovers {
		claim(l.Account, l.Kind, l.ID, "the leftovers")
	}
}

func complete(s *State, broken func(string, ...any)) {
	for _, r := range s.Resources {
		if r.ID == "" || r.Address.Kind == "" || r.Address.Name == "" {
			broken("%s has no id or no address", place(r))
		}
		if _, known := s.Accounts[r.Account]; !known {
			broken("%s lives in the account %q, which is not recorded", place(r), r.Account)
		}
	}
	for _, l := range s.Leftovers {
		if l.ID == "" || l.Kind == "" {
			broken("a leftover of %s has no id or no kind", l.Address)
		}
	}
}

var actions = map[string]bool{"create": true, "update": true, "replace": true, "delete": true, "adopt": true}

func intentsComplete(s *State, broken func(string, ...any)) {
	for _, i := range s.Intents {
		switch {
		case i.ID == "" || i.Operation == "" || i.Kind == "" || i.Account == "":
			broken("the intent %q of %s says too little", i.ID, i.Address)
		case !actions[i.Action]:
			broken("the intent %s of %s has the unknown action %q", i.ID, i.Address, i.Action)
		case i.Operation != spec.OpCreate && i.ObjectID == "":
			broken("the intent %s of %s wants %s of no object", i.ID, i.Address, i.Operation)
		}
	}
}

func oneCreate(s *State, broken func(string, ...any)) {
	seen := map[spec.Address]bool{}
	for _, i := range s.Intents {
		if i.Operation != spec.OpCreate {
			continue
		}
		if seen[i.Address] {
			broken("%s has two open creates", i.Address)
		}
		seen[i.Address] = true
	}
}

func plainValues(s *State, broken func(string, ...any)) {
	check := func(who string, all ...spec.Values) {
		for _, v := range all {
			for name, value := range v {
				if value == cty.NilVal || value.ContainsMarked() || !value.IsWhollyKnown() {
					broken("%s.%s is a secret or not known", who, name)
				}
			}
		}
	}
	for _, r := range s.Resources {
		check(place(r), r.Applied, r.Observed)
	}
	for _, l := range s.Leftovers {
		check("leftover "+l.ID, l.Applied, l.Observed)
	}
	for _, i := range s.Intents {
		check("intent "+i.ID, i.Applied)
	}
}

func digestKeys(s *State, broken func(string, ...any)) {
	check := func(who string, all map[string]Digest) {
		for name, d := range all {
			if d.KeyID == "" || strings.TrimSpace(d.Sum) == "" {
				broken("the digest of %s.%s names no key", who, name)
			}
		}
	}
	for _, r := range s.Resources {
		check(place(r), r.Secrets)
	}
	for _, l := range s.Leftovers {
		check("leftover "+l.ID, l.Secrets)
	}
}
