package state

import (
	"fmt"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
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
	{"what a resource uses is an address", "deletions could not be ordered", usesAreAddresses},
	{"an open intent says what it is about", "it could not be settled", intentsComplete},
	{"an address has at most one open create", "two would be two purchases", oneCreate},
	{"values are known and hold no secret", "state is no place for secrets", plainValues},
	{"a digest names its key", "under a key without a name it could never be compared", digestKeys},
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

// place names a record in a message.
func place(r *Resource) string {
	if r.Deposed == "" {
		return r.Address.String()
	}
	return r.Address.String() + " (deposed " + r.Deposed + ")"
}

func uniqueAddresses(s *State, broken func(string, ...any)) {
	type key struct {
		address spec.Address
		deposed string
	}
	seen := make(map[key]bool, len(s.Resources))
	for _, r := range s.Resources {
		k := key{r.Address, r.Deposed}
		if seen[k] {
			broken("%s is recorded twice", place(r))
		}
		seen[k] = true
	}
}

func uniqueObjects(s *State, broken func(string, ...any)) {
	owner := make(map[[3]string]*Resource, len(s.Resources))
	for _, r := range s.Resources {
		key := [3]string{r.Account, r.Address.Kind, r.ID}
		if other := owner[key]; other != nil {
			broken("%s %s belongs to %s and to %s", r.Address.Kind, r.ID, place(other), place(r))
		}
		owner[key] = r
	}
	let := make(map[[3]string]bool, len(s.Leftovers))
	for _, l := range s.Leftovers {
		key := [3]string{l.Account, l.Kind, l.ID}
		if other := owner[key]; other != nil {
			broken("%s %s belongs to %s and to the leftovers", l.Kind, l.ID, place(other))
		}
		if let[key] {
			broken("%s %s is twice among the leftovers", l.Kind, l.ID)
		}
		let[key] = true
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
		if _, known := s.Accounts[l.Account]; !known {
			broken("the leftover %s %s lives in the account %q, which is not recorded", l.Kind, l.ID, l.Account)
		}
	}
}

func usesAreAddresses(s *State, broken func(string, ...any)) {
	wrong := func(u spec.Address) bool { return u.Kind == "" || u.Name == "" }
	for _, r := range s.Resources {
		if slices.ContainsFunc(r.Uses, wrong) {
			broken("%s uses something without a name", place(r))
		}
	}
	for _, i := range s.Intents {
		if slices.ContainsFunc(i.Uses, wrong) {
			broken("the intent %s uses something without a name", i.ID)
		}
	}
}

// actions are those that send a request, a task among them: what a plan does otherwise is never in the journal.
var actions = map[string]bool{"create": true, "update": true, "replace": true, "delete": true, "adopt": true, "task": true}

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
		if _, known := s.Accounts[i.Account]; !known {
			broken("the intent %s of %s is of the account %q, which is not recorded", i.ID, i.Address, i.Account)
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
	check := func(values spec.Values, who func() string) {
		for name, v := range values {
			if problem := unstorable(v); problem != "" {
				broken("%s of %s %s", name, who(), problem)
			}
		}
	}
	for _, r := range s.Resources {
		who := func() string { return place(r) }
		check(r.Applied, who)
		check(r.Observed, who)
	}
	for _, l := range s.Leftovers {
		who := func() string { return "the leftover " + l.ID }
		check(l.Applied, who)
		check(l.Observed, who)
	}
	for _, i := range s.Intents {
		check(i.Applied, func() string { return "the intent " + i.ID })
	}
}

func digestKeys(s *State, broken func(string, ...any)) {
	check := func(digests map[string]Digest, who func() string) {
		for name, d := range digests {
			if d.KeyID == "" || d.Sum == "" {
				broken("the digest of %s of %s names no key", name, who())
			}
		}
	}
	for _, r := range s.Resources {
		check(r.Secrets, func() string { return place(r) })
	}
	for _, l := range s.Leftovers {
		check(l.Secrets, func() string { return "the leftover " + l.ID })
	}
	for _, i := range s.Intents {
		check(i.Secrets, func() string { return "the intent " + i.ID })
	}
}

// CheckAccount refuses what would live in an account that is not recorded; who names it in the error. An error of recorded is passed on.
func CheckAccount(who, account string, recorded func(account string) (bool, error)) error {
	known, err := recorded(account)
	if err == nil && !known {
		err = fmt.Errorf("%s lives in the account %q, which is not recorded", who, account)
	}
	return err
}

// CheckOpen holds the open requests of an address to what several rows could break together, so that a store refuses to write what
// [Verify] would find: each is about an account that is recorded, and at most one is a create. An error of recorded is passed on.
func CheckOpen(address string, open []*Intent, recorded func(account string) (bool, error)) error {
	creates := 0
	for _, i := range open {
		if err := CheckAccount("the intent "+i.ID, i.Account, recorded); err != nil {
			return err
		}
		if i.Operation == spec.OpCreate {
			creates++
		}
	}
	if creates > 1 {
		return fmt.Errorf("%s would have %d open creates", address, creates)
	}
	return nil
}
