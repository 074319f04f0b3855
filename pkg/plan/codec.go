package plan

import (
	"encoding/json"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// A plan is data, and so it has a JSON form of its own: the one that saved plans hold, from which the same plan comes back. What
// programs read is another one, in plan/render. Values keep their types and their unknown parts; what is secret has no value.

// boxed is a value, or none.
func boxed(v cty.Value) spec.Values {
	if v == cty.NilVal {
		return nil
	}
	return spec.Values{"value": v}
}

type plainAttributeChange AttributeChange

type attributeChangeForm struct {
	*plainAttributeChange
	Before spec.Values `json:",omitempty"`
	After  spec.Values `json:",omitempty"`
}

// MarshalJSON keeps the values.
func (c AttributeChange) MarshalJSON() ([]byte, error) {
	return json.Marshal(attributeChangeForm{(*plainAttributeChange)(&c), boxed(c.Before), boxed(c.After)})
}

// UnmarshalJSON is the opposite of MarshalJSON.
func (c *AttributeChange) UnmarshalJSON(data []byte) error {
	form := attributeChangeForm{plainAttributeChange: (*plainAttributeChange)(c)}
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	c.Before, c.After = form.Before["value"], form.After["value"]
	return nil
}

type plainOutputChange OutputChange

type outputChangeForm struct {
	*plainOutputChange
	Before spec.Values `json:",omitempty"`
	After  spec.Values `json:",omitempty"`
}

// MarshalJSON keeps the values.
func (c OutputChange) MarshalJSON() ([]byte, error) {
	return json.Marshal(outputChangeForm{(*plainOutputChange)(&c), boxed(c.Before), boxed(c.After)})
}

// UnmarshalJSON is the opposite of MarshalJSON.
func (c *OutputChange) UnmarshalJSON(data []byte) error {
	form := outputChangeForm{plainOutputChange: (*plainOutputChange)(c)}
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	c.Before, c.After = form.Before["value"], form.After["value"]
	return nil
}
