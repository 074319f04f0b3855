package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/robfig/cron/v3"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// fields checks what the request carries and turns it into the configuration's words. A null stands for an attribute
// that is to be unset. All wrong fields are reported at once.
func (c *call) fields(sent map[string]any) (map[string]cty.Value, *problem) {
	var wrong []wrongField
	values := map[string]cty.Value{}
	for _, a := range c.route.inPath {
		v, err := c.pathValue(a)
		if err != nil {
			return nil, &problem{status: http.StatusNotFound, code: "RESOURCE_NOT_FOUND", message: "The requested path could not be found",
				details: details(a.sentAs, err.Error())}
		}
		values[a.Name] = v
	}
	for _, a := range c.route.sends {
		raw, given := sent[a.sentAs]
		if !given || raw == nil {
			if c.requires(a, given) {
				wrong = append(wrong, wrongField{a.sentAs, "is required"})
			} else if given {
				values[a.Name] = cty.NullVal(a.Type)
			}
			continue
		}
		v, err := c.field(a, raw)
		if err != nil {
			wrong = append(wrong, wrongField{a.sentAs, err.Error()})
			continue
		}
		values[a.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if c.route.field(name) == nil {
			wrong = append(wrong, wrongField{name, "is not a field of this operation"})
		}
	}
	if len(wrong) > 0 {
		return nil, invalidFields(wrong)
	}
	return values, nil
}

// requires reports whether the operation cannot do without the attribute: a create and a whole update need what the
// kind requires, an operation of the kind's own all that it sends; an update of parts lets fields be left out, not nulled.
func (c *call) requires(a *attribute, null bool) bool {
	switch c.route.verb {
	case spec.OpCreate, verbTask:
		return a.Required
	case spec.OpUpdate:
		return a.Required && (null || c.route.op.Schema.Whole)
	}
	return true
}

// field reads one field of a body.
func (c *call) field(a *attribute, raw any) (cty.Value, error) {
	v, err := fromJSON(raw, a.Type)
	if err != nil {
		return cty.NilVal, err
	}
	return c.taken(a, v)
}

// pathValue reads an attribute out of the path.
func (c *call) pathValue(a *attribute) (cty.Value, error) {
	v, err := convertTo(a.Attribute, cty.StringVal(c.params[a.Name]))
	if err != nil {
		return cty.NilVal, err
	}
	return c.taken(a, v)
}

// taken translates a value from the API's words and checks it.
func (c *call) taken(a *attribute, v cty.Value) (cty.Value, error) {
	for _, text := range leaves(v) {
		if text.Type() != cty.String || a.received == nil {
			continue
		}
		_, sent := a.received[text.AsString()]
		if _, own := a.wire.SendsAs[text.AsString()]; own && !sent {
			return cty.NilVal, fmt.Errorf("must not be %q", text.AsString())
		}
	}
	v = words(v, a.received)
	if err := a.check(v); err != nil {
		return cty.NilVal, err
	}
	for _, id := range leaves(v) {
		if a.Refers != "" && c.state.object(a.Refers, idOf(id)) == nil {
			return cty.NilVal, fmt.Errorf("names a %s that does not exist", strings.ReplaceAll(a.Refers, "_", " "))
		}
	}
	return a.normalised(v), nil
}

// check holds a value, in the configuration's words, against the attribute's rules and catalogue.
func (a *attribute) check(v cty.Value) error {
	for _, one := range leaves(v) {
		if a.wire.Whole && one.Type() == cty.Number && !one.AsBigFloat().IsInt() {
			return errors.New("must be a whole number")
		}
		for i, check := range a.Checks {
			if err := a.checkOne(check, i, one); err != nil {
				return err
			}
		}
		if len(a.Catalog) > 0 && !contains(a.Catalog, one) {
			return fmt.Errorf("%s is not offered; there are %s", quote(one), a.list(a.Catalog))
		}
	}
	return nil
}

func (a *attribute) checkOne(check spec.Check, i int, v cty.Value) error {
	if len(check.OneOf) > 0 && !contains(check.OneOf, v) {
		return errors.New("must be one of " + a.list(check.OneOf))
	}
	if v.Type() == cty.String {
		if re := a.patterns[i]; re != nil && !re.MatchString(v.AsString()) {
			return fmt.Errorf("must match %s", check.Pattern)
		}
		return checkFormat(check.Format, v.AsString())
	}
	if v.Type() == cty.Number {
		if check.Min != nil && v.LessThan(cty.NumberFloatVal(*check.Min)).True() {
			return fmt.Errorf("must be at least %v", *check.Min)
		}
		if check.Max != nil && v.GreaterThan(cty.NumberFloatVal(*check.Max)).True() {
			return fmt.Errorf("must be at most %v", *check.Max)
		}
	}
	return nil
}

// portRange is "80" or "8080-8090".
var portRange = regexp.MustCompile(`^([0-9]{1,5})(?:-([0-9]{1,5}))?$`)

// cronField is what a schedule is made of. The parser's own extras (TZ=, @every) are no fields.
var cronField = regexp.MustCompile(`^[0-9A-Za-z*/,?-]+$`)

func checkFormat(format spec.Format, text string) error {
	_, notIP := netip.ParseAddr(text)
	_, notCIDR := netip.ParsePrefix(text)
	switch format {
	case spec.FormatCIDR:
		if notCIDR != nil {
			return errors.New("must be a range such as 10.0.0.0/24")
		}
	case spec.FormatIP:
		if notIP != nil {
			return errors.New("must be an address such as 10.0.0.1")
		}
	case spec.FormatIPOrCIDR:
		if notIP != nil && notCIDR != nil {
			return errors.New("must be an address or a range such as 10.0.0.0/24")
		}
	case spec.FormatPortRange:
		if !isPortRange(text) {
			return errors.New(`must be a port or a range such as "8080-8090"`)
		}
	case spec.FormatCron:
		if !isCron(text) {
			return errors.New(`must be five cron fields such as "0 2 * * *"`)
		}
	}
	return nil
}

func isPortRange(text string) bool {
	m := portRange.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	from, _ := strconv.Atoi(m[1])
	to := from
	if m[2] != "" {
		to, _ = strconv.Atoi(m[2])
	}
	return 1 <= from && from <= to && to <= 65535
}

// isCron recovers, since the parser panics on some malformed text.
func isCron(text string) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	parts := strings.Fields(text)
	for _, p := range parts {
		if !cronField.MatchString(p) {
			return false
		}
	}
	if len(parts) != 5 {
		return false
	}
	_, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(text)
	return err == nil
}

// normalised is the value as the API keeps it: ranges without host bits.
func (a *attribute) normalised(v cty.Value) cty.Value {
	if a.Equal != spec.EqualCIDR || v.IsNull() {
		return v
	}
	masked := map[string]string{}
	for _, one := range leaves(v) {
		if one.Type() == cty.String {
			if p, err := netip.ParsePrefix(one.AsString()); err == nil {
				masked[one.AsString()] = p.Masked().String()
			}
		}
	}
	return words(v, masked)
}

// leaves are the strings, numbers and booleans in a value; nulls are left out.
func leaves(v cty.Value) []cty.Value {
	var found []cty.Value
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if !v.IsNull() && v.Type().IsPrimitiveType() {
			found = append(found, v)
		}
		return true, nil
	})
	return found
}

func contains(list []cty.Value, v cty.Value) bool {
	return slices.ContainsFunc(list, func(other cty.Value) bool { return same(other, v) })
}

// list shows values as a client would send them.
func (a *attribute) list(values []cty.Value) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = idOf(words(v, a.wire.SendsAs))
	}
	return join(texts)
}

func join(texts []string) string { return strings.Join(texts, ", ") }

func quote(v cty.Value) string {
	b, err := encode(toJSON(v))
	if err != nil {
		return "it"
	}
	return string(b)
}
