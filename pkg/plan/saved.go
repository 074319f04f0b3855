package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// Saved is a plan together with what it rests on: enough to carry out exactly this plan later, and to refuse where something that it
// rests on has moved. It holds no secrets and no sources. As a file it is one line that names what it is and the checksum of the rest,
// and JSON.
type Saved struct {
	Made    time.Time
	Vpsync  string // the version that made it
	Sandbox bool

	Lineage     string            // of the state
	Endpoints   map[string]string // by account
	Definitions map[string]string // hashes by account
	Sources     map[string]string // hashes of the configuration's files, by name
	// Variables are those that were given and are not secret; Secrets are digests of the others.
	Variables []spec.VariableValue
	Secrets   map[string]state.Digest
	// Rows are the versions of the recorded resources that the plan touches or reads; 0 where nothing was recorded.
	Rows map[string]int64

	Options Options
	Digest  string
	Plan    *Plan
}

// savedFormat is the first word of the file, and the version of what follows.
const (
	savedFormat  = "vpsync-plan"
	savedVersion = 1
)

// SavedMagic is what every saved plan begins with, of whatever version.
const SavedMagic = savedFormat + " "

// SavedError is a file that is no plan, or none that this version can carry out.
type SavedError struct {
	Reason string // a sentence without its stop
	Remedy string
}

func (e *SavedError) Error() string { return e.Reason }

// Rest notes what a plan rests on in the state: the rows of what it changes, and of what that uses.
func Rest(p *Plan, config *spec.Response, st *state.State) map[string]int64 {
	rows := map[string]int64{}
	touched := map[spec.Address]bool{}
	for _, c := range p.Changes {
		touched[c.Address] = true
	}
	uses := func(all []spec.Address) {
		for _, u := range all {
			rows[u.String()] = 0
		}
	}
	for _, r := range config.Resources {
		if touched[r.Address] {
			uses(r.Uses)
		}
	}
	for a := range touched {
		rows[a.String()] = 0
	}
	for _, r := range st.Resources {
		if touched[r.Address] {
			uses(r.Uses)
		}
	}
	versions := versionsOf(st)
	for name := range rows {
		rows[name] = versions[name]
	}
	for _, r := range st.Resources {
		if r.Deposed != "" && touched[r.Address] {
			rows[rowName(r)] = r.Version
		}
	}
	return rows
}

func rowName(r *state.Resource) string {
	if r.Deposed == "" {
		return r.Address.String()
	}
	return r.Address.String() + " " + r.Deposed
}

func versionsOf(st *state.State) map[string]int64 {
	versions := make(map[string]int64, len(st.Resources))
	for _, r := range st.Resources {
		versions[rowName(r)] = r.Version
	}
	return versions
}

// Moved are the resources that the plan rests on and that were recorded anew since, sorted.
func (s *Saved) Moved(st *state.State) []string {
	to := make(map[spec.Address]spec.Address, len(s.Plan.Moved)) // the plan names them as they are after its moves
	for _, m := range s.Plan.Moved {
		to[m.From] = m.To
	}
	versions := make(map[string]int64, len(st.Resources))
	for _, r := range st.Resources {
		row := *r
		if now, ok := to[r.Address]; ok {
			row.Address = now
		}
		versions[rowName(&row)] = r.Version
	}
	var moved []string
	for _, name := range slices.Sorted(maps.Keys(s.Rows)) {
		if versions[name] != s.Rows[name] {
			moved = append(moved, name)
		}
	}
	return moved
}

// Only are the addresses that the plan is about.
func (s *Saved) Only() map[spec.Address]bool {
	only := map[spec.Address]bool{}
	for _, c := range s.Plan.Changes {
		only[c.Address] = true
	}
	return only
}

// Encode writes the file.
func (s *Saved) Encode() ([]byte, error) {
	shown := *s.Plan
	shown.Records = nil // made again, from the state as it is then
	out := *s
	out.Plan = &shown
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	return append(fmt.Appendf(nil, "%s %d %s\n", savedFormat, savedVersion, hex.EncodeToString(sum[:])), body...), nil
}

// DecodeSaved reads a file that Encode wrote, or says why it is none with a *SavedError.
func DecodeSaved(data []byte) (*Saved, error) {
	head, body, _ := bytes.Cut(data, []byte("\n"))
	words := strings.Fields(string(head[:min(len(head), 200)]))
	if len(words) != 3 || words[0] != savedFormat {
		return nil, &SavedError{Reason: "it is not a plan that vpsync saved", Remedy: "vpsync plan --out plan.vpsplan"}
	}
	var version int
	if _, err := fmt.Sscanf(words[1], "%d", &version); err != nil || version < 1 {
		return nil, &SavedError{Reason: "it is damaged: its first line makes no sense", Remedy: "vpsync plan --out FILE"}
	}
	if version > savedVersion {
		return nil, &SavedError{Reason: fmt.Sprintf("a newer vpsync made it: its form is %d, and this vpsync knows %d", version, savedVersion),
			Remedy: "use the vpsync that made it, or plan again"}
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != words[2] {
		return nil, &SavedError{Reason: "it is damaged: it is not as it was written", Remedy: "vpsync plan --out FILE"}
	}
	s := &Saved{}
	if err := json.Unmarshal(body, s); err != nil || s.Plan == nil || !s.Plan.whole() {
		return nil, &SavedError{Reason: "it is damaged: it cannot be read", Remedy: "vpsync plan --out FILE"}
	}
	return s, nil
}

// whole: no index leads out of the plan, and nothing that it lists is missing. Whoever makes a file can make its checksum, too.
func (p *Plan) whole() bool {
	if slices.Contains(p.Changes, nil) || slices.Contains(p.Records, nil) || slices.Contains(p.Leftovers, nil) || slices.Contains(p.SeenGone, nil) {
		return false
	}
	for i, s := range p.Steps {
		if s.Change < 0 || s.Change >= len(p.Changes) || slices.ContainsFunc(s.After, func(before int) bool { return before < 0 || before >= i }) {
			return false
		}
	}
	return true
}

// Difference says in a few lines what another plan does otherwise: what was reviewed, and what would be done.
func Difference(reviewed, now *Plan) []string {
	return DifferenceOf(reviewed.Fingerprints(), now.Fingerprints())
}

// Fingerprint stands for a change where two plans are compared: its action, and what tells it from another change of the same resource.
type Fingerprint struct {
	Action Action `json:"action"`
	Digest string `json:"digest"` // the first 16 digits of one that covers what Plan.Digest covers
}

// Fingerprints are those of all changes but no-ops, by address.
func (p *Plan) Fingerprints() map[string]Fingerprint {
	all := map[string]Fingerprint{}
	for _, c := range p.Changes {
		if c.Action == NoOp {
			continue
		}
		one := Plan{Changes: []*Change{c}, Definitions: p.Definitions}
		name := c.Address.String()
		if c.Deposed != "" {
			name += " (replaced object " + c.Deposed + ")"
		}
		all[name] = Fingerprint{c.Action, one.Digest()[:16]}
	}
	return all
}

// DifferenceOf is Difference of what is known of two plans.
func DifferenceOf(was, is map[string]Fingerprint) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(was)) {
		before, after := was[name], is[name]
		switch {
		case after == before:
		case after.Action == "":
			out = append(out, fmt.Sprintf("%s: %s was planned, and nothing is to be done now", name, before.Action))
		case before.Action != after.Action:
			out = append(out, fmt.Sprintf("%s: %s was planned, and now it is %s", name, before.Action, after.Action))
		default:
			out = append(out, fmt.Sprintf("%s: another %s than the one that was planned", name, before.Action))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, both := was[name]; !both {
			out = append(out, fmt.Sprintf("%s: %s was not planned", name, is[name].Action))
		}
	}
	return out
}
