package state

import (
	"encoding/json"
	"fmt"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// values is spec.Values as a row keeps them: plain JSON without types, sorted by name. A schema may change its types
// between two runs, so none are written: whoever reads converts to the types of the day.
type values spec.Values

// MarshalJSON refuses secrets and unknowns: a mistake of the caller must not become a secret at rest.
func (v values) MarshalJSON() ([]byte, error) {
	out := make(map[string]json.RawMessage, len(v))
	for name, value := range v {
		if problem := unstorable(value); problem != "" {
			return nil, fmt.Errorf("%s %s", name, problem)
		}
		text, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = text
	}
	return json.Marshal(out)
}

// unstorable says why a value must not be written, or nothing.
func unstorable(v cty.Value) string {
	switch {
	case v == cty.NilVal:
		return "has no value"
	case v.ContainsMarked():
		return "is or derives from a secret, which is never written"
	case !v.IsWhollyKnown():
		return "is not known"
	}
	return ""
}

// UnmarshalJSON gives values of the types that their JSON implies.
func (v *values) UnmarshalJSON(data []byte) (err error) {
	*v, err = impliedValues(data)
	return err
}

// The rows below are what is written: the exported types with values in plain JSON. A field of a row hides the one of
// the same name inside the embedded struct.

type resourceFields Resource

type resourceRow struct {
	*resourceFields
	Applied  values `json:"applied"`
	Observed values `json:"observed"`
}

// MarshalJSON writes a row. It refuses sensitive and unknown values.
func (r Resource) MarshalJSON() ([]byte, error) {
	return json.Marshal(resourceRow{(*resourceFields)(&r), values(r.Applied), values(r.Observed)})
}

// UnmarshalJSON reads a row.
func (r *Resource) UnmarshalJSON(data []byte) error {
	row := resourceRow{resourceFields: (*resourceFields)(r)}
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	r.Applied, r.Observed = spec.Values(row.Applied), spec.Values(row.Observed)
	return nil
}

type leftoverFields Leftover

type leftoverRow struct {
	*leftoverFields
	Applied  values `json:"applied"`
	Observed values `json:"observed"`
}

// MarshalJSON writes a row. It refuses sensitive and unknown values.
func (l Leftover) MarshalJSON() ([]byte, error) {
	return json.Marshal(leftoverRow{(*leftoverFields)(&l), values(l.Applied), values(l.Observed)})
}

// UnmarshalJSON reads a row.
func (l *Leftover) UnmarshalJSON(data []byte) error {
	row := leftoverRow{leftoverFields: (*leftoverFields)(l)}
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	l.Applied, l.Observed = spec.Values(row.Applied), spec.Values(row.Observed)
	return nil
}

type intentFields Intent

type intentRow struct {
	*intentFields
	Applied values `json:"applied"`
}

// MarshalJSON writes a row. It refuses sensitive and unknown values.
func (i Intent) MarshalJSON() ([]byte, error) {
	return json.Marshal(intentRow{(*intentFields)(&i), values(i.Applied)})
}

// UnmarshalJSON reads a row.
func (i *Intent) UnmarshalJSON(data []byte) error {
	row := intentRow{intentFields: (*intentFields)(i)}
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	i.Applied = spec.Values(row.Applied)
	return nil
}

type outputFields Output

type outputRow struct {
	*outputFields
	Value json.RawMessage `json:"value"`
	Type  json.RawMessage `json:"type"`
}

// MarshalJSON writes a row.
func (o Output) MarshalJSON() ([]byte, error) {
	return json.Marshal(outputRow{(*outputFields)(&o), o.Value, o.Type})
}

// UnmarshalJSON reads a row.
func (o *Output) UnmarshalJSON(data []byte) error {
	row := outputRow{outputFields: (*outputFields)(o)}
	err := json.Unmarshal(data, &row)
	o.Value, o.Type = row.Value, row.Type
	return err
}

// Decode gives the value with its type. A row may come from a backup that somebody else made: cty panics on a type that contradicts
// itself, and on elements that do not fit together.
func (o Output) Decode() (v cty.Value, err error) {
	defer func() {
		if wrong := recover(); wrong != nil {
			v, err = cty.NilVal, fmt.Errorf("output %s: its value is none: %v", o.Name, wrong)
		}
	}()
	t, err := ctyjson.UnmarshalType(o.Type)
	if err != nil {
		return cty.NilVal, err
	}
	if v, err = ctyjson.Unmarshal(o.Value, t); err != nil {
		return cty.NilVal, err
	}
	if spec.HoldsAbsurd(v) {
		return cty.NilVal, fmt.Errorf("output %s: a number is too large to be written down", o.Name)
	}
	return v, nil
}

type changeFields Change

type changeRow struct {
	*changeFields
	Before json.RawMessage `json:"before,omitzero"`
	After  json.RawMessage `json:"after,omitzero"`
}

// MarshalJSON writes a row.
func (c Change) MarshalJSON() ([]byte, error) {
	return json.Marshal(changeRow{(*changeFields)(&c), c.Before, c.After})
}

// UnmarshalJSON reads a row.
func (c *Change) UnmarshalJSON(data []byte) error {
	row := changeRow{changeFields: (*changeFields)(c)}
	err := json.Unmarshal(data, &row)
	c.Before, c.After = row.Before, row.After
	return err
}
