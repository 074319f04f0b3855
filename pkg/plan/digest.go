package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Digest covers addresses, actions, object ids, changed attributes before and after, moves, and the definitions of the accounts; not
// cost, time, unmanaged objects or no-ops. Of a secret it covers only that it changes. Hex of a SHA-256.
func (p *Plan) Digest() string {
	type attribute struct {
		Name      string          `json:"name"`
		Effect    Effect          `json:"effect"`
		Operation string          `json:"operation,omitempty"`
		Sensitive bool            `json:"sensitive,omitempty"`
		Before    json.RawMessage `json:"before,omitempty"`
		After     json.RawMessage `json:"after,omitempty"`
	}
	type change struct {
		Address     string      `json:"address"`
		Deposed     string      `json:"deposed,omitempty"`
		CreateFirst bool        `json:"create_before_destroy,omitempty"`
		Account     string      `json:"account"`
		Action      Action      `json:"action"`
		ID          string      `json:"id,omitempty"`
		Operations  []string    `json:"operations,omitempty"`
		Removes     string      `json:"removes,omitempty"`
		Forgets     bool        `json:"forgets,omitempty"`
		TakesBack   string      `json:"takes_back,omitempty"`
		MayTakeBack []string    `json:"may_take_back,omitempty"`
		NeedsHand   bool        `json:"needs_hand,omitempty"`
		Attributes  []attribute `json:"attributes,omitempty"`
	}
	changes := []change{}
	for _, c := range p.Changes {
		if c.Action == NoOp {
			continue
		}
		out := change{
			Address: c.Address.String(), Deposed: c.Deposed, CreateFirst: c.CreateFirst, Account: c.Account, Action: c.Action, ID: c.ID, Operations: c.Operations,
			Removes: c.Removes, Forgets: c.Forgets, TakesBack: c.TakesBack, MayTakeBack: c.MayTakeBack, NeedsHand: c.NeedsHand,
		}
		for _, a := range c.Attributes {
			if a.Effect == EffectComputed {
				continue // a status or an address moves by itself
			}
			out.Attributes = append(out.Attributes, attribute{
				Name: a.Name, Effect: a.Effect, Operation: a.Operation, Sensitive: a.Sensitive,
				Before: canonical(a.Before), After: canonical(a.After),
			})
		}
		changes = append(changes, out)
	}
	moves := []string{}
	for _, m := range p.Moved {
		moves = append(moves, m.From.String()+" "+m.To.String())
	}
	b, err := json.Marshal([]any{changes, moves, p.Definitions})
	if err != nil {
		panic("a plan holds only what JSON can: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// canonical is a value as JSON with its type, the same bytes for equal values. What is unknown is so as a whole.
func canonical(v cty.Value) json.RawMessage {
	if v == cty.NilVal {
		return nil
	}
	t, err := ctyjson.MarshalType(v.Type())
	if err != nil {
		return json.RawMessage(`"unmarshallable"`)
	}
	value := []byte(`{"unknown":true}`)
	if v.IsWhollyKnown() {
		if value, err = ctyjson.Marshal(v, v.Type()); err != nil {
			return json.RawMessage(`"unmarshallable"`)
		}
	}
	b, _ := json.Marshal([]json.RawMessage{t, value})
	return b
}
