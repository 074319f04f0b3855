package graph

import (
	"github.com/vpsync/vpsync/pkg/plan/render"
)

// Document is the graph for programs. Nothing is folded in it.
type Document struct {
	FormatVersion string         `json:"format_version"`
	VpsyncVersion string         `json:"vpsync_version,omitempty"`
	Sandbox       bool           `json:"sandbox"`
	Planned       bool           `json:"planned"` // nodes have actions
	Nodes         []NodeDocument `json:"nodes"`   // sorted by address
	Edges         []EdgeDocument `json:"edges"`   // sorted by To, then From
}

// NodeDocument is a resource.
type NodeDocument struct {
	ID      string `json:"id"` // what edges name: the address, and more for an old object that awaits its deletion
	Address string `json:"address"`
	Deposed string `json:"deposed,omitempty"` // the key of such an object
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Account string `json:"account"`
	// InstancesKnown is false for a block of which cannot be told how many instances it has; it is one node then.
	InstancesKnown bool `json:"instances_known"`
	// Action is "no-op", "create", "update", "replace", "delete", "forget" or "adopt"; only where Planned.
	Action    string `json:"action,omitempty"`
	NeedsHand bool   `json:"needs_hand,omitempty"` // nothing is sent until an operator has acted
	Waits     bool   `json:"waits,omitempty"`      // an open intent holds it back
}

// EdgeDocument says that the resource To uses From, which therefore comes first.
type EdgeDocument struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// JSON writes the graph as one versioned document, a [Document].
func JSON(g *Graph, m render.Meta) ([]byte, error) {
	d := Document{
		FormatVersion: render.FormatVersion, VpsyncVersion: m.Version, Sandbox: m.Sandbox, Planned: g.Planned,
		Nodes: []NodeDocument{}, Edges: []EdgeDocument{},
	}
	for _, n := range g.Nodes {
		node := NodeDocument{
			ID: n.id(), Address: n.Address.String(), Deposed: n.Deposed, Kind: n.Address.Kind, Name: n.Address.Name,
			Account: n.Account, InstancesKnown: !n.Open, NeedsHand: n.Mark.NeedsHand, Waits: n.Mark.Waits,
		}
		if g.Planned {
			if node.Action = string(n.Mark.Action); node.Action == "" {
				node.Action = "no-op"
			}
		}
		d.Nodes = append(d.Nodes, node)
		for _, from := range n.Uses {
			d.Edges = append(d.Edges, EdgeDocument{From: g.Nodes[from].id(), To: n.id()})
		}
	}
	return render.Encode(d)
}
