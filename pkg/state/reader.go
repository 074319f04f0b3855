package state

import (
	"fmt"
	"strconv"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// ResourceReader reads many rows of resources, which repeat much: the names of attributes, plans and locations, the
// addresses that are used. What repeats is made once and shared; like all values it is never changed. The zero reader is
// ready. It is not safe for concurrent use.
type ResourceReader struct {
	texts     map[string]cty.Value
	names     map[string]string
	addresses map[string]spec.Address
}

// maxShared is how long a text may be to be remembered, and how many are.
const (
	maxShared  = 48
	maxEntries = 4096
)

// Read gives what UnmarshalJSON gives for a row that MarshalJSON wrote, in a fraction of the time. The row must be valid
// JSON, as one with the right checksum is.
func (x *ResourceReader) Read(body []byte) (*Resource, error) {
	r := &Resource{}
	s := &scanner{text: body, shared: x}
	if s.peek() != '{' {
		return nil, fmt.Errorf("a row is an object, not %.20q", body)
	}
	seldom := false
	s.members('}', func() {
		switch name := s.name(); name {
		case "address":
			r.Address = s.address()
		case "deposed":
			r.Deposed = s.string()
		case "account":
			r.Account = s.sharedName()
		case "id":
			r.ID = s.string()
		case "applied":
			r.Applied = spec.Values(s.values())
		case "observed":
			r.Observed = spec.Values(s.values())
		case "assumed":
			r.Assumed = s.list()
		case "pending":
			r.Pending = s.list()
		case "unready":
			r.Unready = s.word() == "true"
		case "unsupported":
			r.Unsupported = spec.OnUnsupported(s.sharedName())
		case "prevent_destroy":
			r.PreventDestroy = s.word() == "true"
		case "backup_before":
			r.BackupBefore = s.list()
		case "uses":
			r.Uses = []spec.Address{}
			s.members(']', func() { r.Uses = append(r.Uses, s.address()) })
		case "hidden":
			r.Hidden = s.list()
		case "detail":
			r.Detail = s.string()
		case "detail_at":
			s.fail(r.DetailAt.UnmarshalText([]byte(s.string())))
		case "detail_trusted":
			r.DetailTrusted = s.word() == "true"
		case "created_at":
			s.fail(r.CreatedAt.UnmarshalText([]byte(s.string())))
		case "version":
			n, err := strconv.ParseInt(s.word(), 10, 64)
			s.fail(err)
			r.Version = n
		default:
			seldom = true
			s.value()
		}
	})
	if seldom && s.err == nil {
		r = &Resource{}
		return r, r.UnmarshalJSON(body)
	}
	return r, s.err
}

// sharedText is the value of a text without escapes.
func (x *ResourceReader) sharedText(raw []byte) cty.Value {
	if v, ok := x.texts[string(raw)]; ok {
		return v
	}
	v := cty.StringVal(string(raw))
	if x.texts == nil {
		x.texts = map[string]cty.Value{}
	}
	if len(raw) <= maxShared && len(x.texts) < maxEntries {
		x.texts[string(raw)] = v
	}
	return v
}

func (x *ResourceReader) sharedName(raw []byte) string {
	if name, ok := x.names[string(raw)]; ok {
		return name
	}
	name := string(raw)
	if x.names == nil {
		x.names = map[string]string{}
	}
	if len(raw) <= maxShared && len(x.names) < maxEntries {
		x.names[name] = name
	}
	return name
}

func (x *ResourceReader) address(text string) (spec.Address, error) {
	if a, ok := x.addresses[text]; ok {
		return a, nil
	}
	a, err := spec.ParseAddress(text)
	if x.addresses == nil {
		x.addresses = map[string]spec.Address{}
	}
	if err == nil {
		x.addresses[text] = a
	}
	return a, err
}

func (s *scanner) address() spec.Address {
	text := s.string()
	if s.err != nil {
		return spec.Address{}
	}
	a, err := s.shared.address(text)
	s.fail(err)
	return a
}

func (s *scanner) list() []string {
	out := []string{}
	s.members(']', func() { out = append(out, s.string()) })
	return out
}
