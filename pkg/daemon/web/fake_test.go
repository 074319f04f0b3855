package web

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render/graph"
	"github.com/vpsync/vpsync/pkg/spec"
)

// fake is a daemon that is as it was told to be.
type fake struct {
	mu       sync.Mutex
	snap     daemon.Snapshot
	changed  chan struct{}
	approved []string // run, name
	turns    []string // stack, why
	asked    int      // how often for a snapshot
}

func newFake(snap daemon.Snapshot) *fake { return &fake{snap: snap, changed: make(chan struct{})} }

func (f *fake) Snapshot() daemon.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	snap := f.snap
	snap.Stacks = append([]daemon.StackState(nil), f.snap.Stacks...)
	return snap
}

func (f *fake) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// change changes the snapshot, and says so.
func (f *fake) change(how func(*daemon.Snapshot)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snap.Stacks = append([]daemon.StackState(nil), f.snap.Stacks...)
	how(&f.snap)
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fake) Approve(run, who string) error {
	found := false
	f.change(func(s *daemon.Snapshot) {
		for i := range s.Stacks {
			if p := s.Stacks[i].Proposed; p != nil && p.Run == run {
				found, s.Stacks[i].Proposed, s.Stacks[i].Running = true, nil, true
				f.approved = append(f.approved, run, who)
			}
		}
	})
	if !found {
		return daemon.ErrNoProposal
	}
	return nil
}

func (f *fake) Trigger(stack, why string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if find(&f.snap, stack) == nil {
		return daemon.ErrNoStack
	}
	f.turns = append(f.turns, stack, why)
	return nil
}

// said is what the fake was asked to do.
func (f *fake) said() (approved, turns []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.approved, f.turns
}

// drawn is a picture of a stack of some size.
func drawn() []byte {
	uses := map[string][]string{
		"dns_record.api": {"server.web"}, "dns_record.www": {"server.web"}, "firewall.web": nil, "network.inner": nil,
		"server.db": {"network.inner", "ssh_key.ada"}, "server.web": {"firewall.web", "network.inner", "ssh_key.ada"}, "ssh_key.ada": nil,
		"volume.data": {"server.db"},
	}
	names := slices.Sorted(maps.Keys(uses))
	g := &graph.Graph{}
	for _, address := range names {
		kind, name, _ := strings.Cut(address, ".")
		n := graph.Node{Address: spec.Address{Kind: kind, Name: name}, Count: 1}
		for _, u := range uses[address] {
			n.Uses = append(n.Uses, slices.Index(names, u))
		}
		g.Nodes = append(g.Nodes, n)
	}
	return graph.SVG(g)
}

// rich is a snapshot with everything that a page may show. Its times are before and after now.
func rich(now time.Time) daemon.Snapshot {
	before := func(d time.Duration) time.Time { return now.Add(-d) }
	const min = time.Minute
	commit := "4f1d9c2ab7e0835d6c1f4e8890aa73bb51d2c6e9"
	budgets := func(left int) []daemon.Budget {
		return []daemon.Budget{
			{Account: "servosphere.main", Class: "read", Limit: 1000, Remaining: left, Resets: now.Add(23 * min)},
			{Account: "servosphere.main", Class: "write", Limit: 100, Remaining: 96, Resets: now.Add(23 * min)},
			{Account: "evotic.eu", Remaining: -1},
		}
	}
	turn := func(ago time.Duration, trigger string, result daemon.Result) daemon.Turn {
		return daemon.Turn{Trigger: trigger, Commit: commit, Began: before(ago), Took: 4200 * time.Millisecond, Result: result, Requests: 12}
	}
	applied := turn(3*time.Hour, "approval by ada", daemon.ResultApplied)
	applied.Run, applied.Done, applied.Took, applied.Requests = "r-20261121-0912-7f3a", daemon.Counts{Add: 2, Change: 1}, 95*time.Second, 41
	healed := turn(26*time.Hour, "schedule", daemon.ResultHealed)
	healed.Run, healed.Done = "r-20261120-1045-02bc", daemon.Counts{Change: 1}
	failed := turn(2*min, "schedule", daemon.ResultFailed)
	failed.Error = "servosphere.main: 503 Service Unavailable while listing servers"
	quiet := daemon.StackState{
		Name: "office", Source: "/srv/stacks/office", Mode: daemon.Heal, Schedule: "@hourly", Zone: "UTC", Condition: daemon.InSync,
		Since: before(50 * time.Hour), Looked: before(12 * min), Succeeded: before(12 * min), Next: now.Add(48 * min),
		Window: daemon.WindowNow{Open: true}, Report: &daemon.Report{Resources: 14, Requests: 6, Budgets: budgets(910)},
		Turns: []daemon.Turn{turn(12*min, "schedule", daemon.ResultInSync), healed}, Totals: daemon.Totals{Requests: 320},
		Healed: []daemon.Past{{Drift: daemon.Drift{Address: "server.nas", Attribute: "label", Was: `"nas"`, Is: `"test"`}, Until: before(26 * time.Hour), By: healed.Run}},
	}
	shop := daemon.StackState{
		Name: "shop", Source: "https://git.example.com/ops/hosts.git, branch main, stacks/shop", Commit: commit, Mode: daemon.Propose,
		Schedule: "*/15 * * * *", Zone: "Europe/Berlin", Condition: daemon.Drifted, Since: before(95 * min), Looked: before(4 * min),
		Succeeded: before(4 * min), Next: now.Add(10*min + 37*time.Second), Window: daemon.WindowNow{Opens: now.Add(7 * time.Hour)},
		Report: &daemon.Report{
			Resources: 38, Requests: 12, Budgets: budgets(412), Digest: "sha256:9c1e", Plan: []byte(`{"format_version": "1.0"}` + "\n"), Graph: drawn(),
			Drifted: []daemon.Drift{
				{Address: `server.web["fra-1"]`, Account: "servosphere.main", ID: "srv-48211", Attribute: "plan", Was: `"s-2vcpu-4gb"`, Is: `"s-4vcpu-8gb"`, Mode: daemon.Propose, Since: before(95 * min)},
				{Address: `server.web["fra-1"]`, Account: "servosphere.main", ID: "srv-48211", Attribute: "power", Was: `"on"`, Is: `"off"`, Mode: daemon.Heal, Since: before(9 * min)},
				{Address: "firewall_rule.https", Account: "servosphere.main", ID: "fw-9", Mode: daemon.Propose, Since: before(4 * min)},
			},
			Unmanaged: []daemon.Unmanaged{{Account: "servosphere.main", Kind: "server", ID: "srv-50077", Name: "tmp-migration"}, {Account: "evotic.eu", Kind: "volume", ID: "118"}},
			Pending:   daemon.Counts{Add: 1, Change: 2},
		},
		Proposed: &daemon.Proposal{Run: "r-20261121-1216-a41c", Digest: "sha256:9c1e", Commit: commit, Made: before(4 * min), Counts: daemon.Counts{Add: 1, Change: 2}},
		Turns:    []daemon.Turn{turn(4*min, "commit", daemon.ResultDrift), turn(19*min, "schedule", daemon.ResultDrift), applied},
		Totals:   daemon.Totals{Requests: 1200, Turns: map[daemon.Result]int{daemon.ResultDrift: 6, daemon.ResultApplied: 1}},
	}
	mail := daemon.StackState{
		Name: "mail", Source: "https://git.example.com/ops/hosts.git, branch main, stacks/mail", Commit: commit, Mode: daemon.Observe,
		Schedule: "*/15 * * * *", Zone: "Europe/Berlin", Condition: daemon.Failing, Since: before(17 * min), Failures: 2, Error: failed.Error,
		Next: now.Add(3 * min), Succeeded: before(32 * min), Looked: before(32 * min), Window: daemon.WindowNow{Open: true},
		Report: &daemon.Report{Resources: 7, Budgets: budgets(38)}, Turns: []daemon.Turn{failed},
		Rejected: &daemon.Rejected{Commit: "b00b1e5d6c1f4e8890aa73bb51d2c6e94f1d9c2a", At: before(17 * min), Error: "main.hcl line 12: there is no kind \"sever\"; did you mean server?"},
	}
	lab := daemon.StackState{
		Name: "lab", Source: "/srv/stacks/lab", Mode: daemon.Heal, Schedule: "@daily", Zone: "UTC", Condition: daemon.Asking, Since: before(6 * time.Hour),
		Looked: before(6 * time.Hour), Running: true, Window: daemon.WindowNow{Open: true},
		Report: &daemon.Report{Resources: 3, Questions: []daemon.Question{{Address: "server.build", Summary: "The create of server.build got no answer, and two servers are called build.",
			Remedy: "vpsync resolve server.build --adopt 50101"}}},
		Turns: []daemon.Turn{turn(6*time.Hour, "schedule", daemon.ResultAsking)},
	}
	fresh := daemon.StackState{Name: "archive", Source: "/srv/stacks/archive", Mode: daemon.Observe, Schedule: "@weekly", Zone: "UTC", Condition: daemon.Unknown, Window: daemon.WindowNow{Open: true}, Next: now.Add(8 * time.Second)}
	return daemon.Snapshot{
		Now: now, Started: before(75 * time.Hour), Version: "v1.0.0", Stacks: []daemon.StackState{quiet, shop, mail, lab, fresh},
	}
}
