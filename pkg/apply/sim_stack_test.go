package apply_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// simStack is a configuration as the simulation means it: what it renders to HCL, and what it then expects of the account.
type simStack struct {
	blocks []*simBlock
	next   int // names are used once, so that a block that comes back is another
}

// simBlock is one resource block.
type simBlock struct {
	account *simAccount
	kind    *spec.Kind
	label   string
	number  int // what sets its objects apart from all others
	shape   simShape
	size    int // instances of a counted or keyed block
	values  map[string]simValue
	moves   [][2]string // its former labels, and the next
	// lifecycle
	unsupported spec.OnUnsupported
	prevent     bool
	createFirst bool
	ignores     []string
	backup      []string
}

type simShape int

const (
	single simShape = iota
	counted
	keyed
)

// simValue is what a block says of one attribute: a literal, what sets the object apart, or the id of another block's first object.
type simValue struct {
	literal cty.Value
	unique  bool
	to      *simBlock
}

// simInstance is one resource of a block.
type simInstance struct {
	*simBlock
	index int
}

func (b *simBlock) instances() []simInstance {
	if b.shape == single {
		return []simInstance{{b, 0}}
	}
	all := make([]simInstance, b.size)
	for i := range all {
		all[i] = simInstance{b, i}
	}
	return all
}

func (i simInstance) address() spec.Address {
	a := spec.Address{Kind: i.kind.Name, Name: i.label}
	switch i.shape {
	case counted:
		a.Key = spec.IntKey(i.index)
	case keyed:
		a.Key = spec.StringKey(letter(i.index))
	}
	return a
}

func letter(i int) string { return string(rune('a' + i)) }

// distinct is the attribute that sets objects of a kind apart: the first text of its identity that may be anything, or a port.
func distinct(k *spec.Kind) *spec.Attribute {
	for _, name := range k.Identity {
		a := k.Attribute(name)
		format := slices.ContainsFunc(a.Checks, func(c spec.Check) bool { return len(c.OneOf) > 0 || c.Format != "" && c.Format != spec.FormatPortRange })
		if a.Type == cty.String && a.Refers == "" && len(a.Catalog) == 0 && !format && (a.Required || a.Optional) {
			return a
		}
	}
	return nil
}

// distinctValue is what sets an instance apart.
func (i simInstance) distinctValue() cty.Value {
	return distinctText(distinct(i.kind), i.number*10+i.index)
}

func distinctText(a *spec.Attribute, n int) cty.Value {
	if slices.ContainsFunc(a.Checks, func(c spec.Check) bool { return c.Format == spec.FormatPortRange }) {
		return cty.StringVal(fmt.Sprint(1000 + n))
	}
	return cty.StringVal(fmt.Sprintf("x%d", n))
}

// simLiteral draws a value that the attribute takes.
func simLiteral(r *rand.Rand, a *spec.Attribute) cty.Value {
	among := a.Catalog
	low, high, whole := 1.0, 4.0, true
	format := spec.Format("")
	for _, c := range a.Checks {
		if len(c.OneOf) > 0 {
			among = c.OneOf
		}
		if c.Min != nil {
			low, high = *c.Min, *c.Min+3
		}
		if c.Format != "" {
			format = c.Format
		}
	}
	text := func(options ...string) cty.Value { return cty.StringVal(options[r.IntN(len(options))]) }
	switch {
	case len(among) > 0:
		return among[r.IntN(len(among))]
	case a.Type == cty.Bool:
		return cty.BoolVal(r.IntN(2) == 0)
	case a.Type == cty.Number && whole:
		return cty.NumberIntVal(int64(low) + r.Int64N(int64(high-low)+1))
	case a.Type == cty.List(cty.String):
		all := []cty.Value{text("one", "two"), text("two", "three")}
		return cty.ListVal(all[:1+r.IntN(2)])
	}
	switch format {
	case spec.FormatCIDR:
		return text("10.0.0.0/24", "10.0.0.7/24", "10.1.0.0/24")
	case spec.FormatIP:
		return text("10.0.0.1", "10.0.0.2", "10.0.0.254")
	case spec.FormatIPOrCIDR:
		return text("0.0.0.0/0", "10.0.0.0/8", "10.9.9.9/8", "192.0.2.1")
	case spec.FormatCron:
		return text("0 2 * * *", "30 4 * * 0")
	}
	return text("red", "green", "blue")
}

// settable: a configuration may say it.
func settable(a *spec.Attribute) bool { return a.Required || a.Optional }

// fill draws what the block says of one attribute, or nothing.
func (b *simBlock) fill(r *rand.Rand, s *simStack, a *spec.Attribute) {
	delete(b.values, a.Name)
	switch {
	case !settable(a):
	case a == distinct(b.kind):
		b.values[a.Name] = simValue{unique: true}
	case !a.Required && r.IntN(5) < 2:
	case a.Refers != "":
		if to := s.some(r, func(o *simBlock) bool { return o.account == b.account && o.kind.Name == a.Refers }); to != nil {
			b.values[a.Name] = simValue{to: to}
		}
	default:
		b.values[a.Name] = simValue{literal: simLiteral(r, a)}
	}
}

// whole: it says all that it must.
func (b *simBlock) whole() bool {
	return !slices.ContainsFunc(b.kind.Attributes, func(a *spec.Attribute) bool {
		_, said := b.values[a.Name]
		return a.Required && !said
	})
}

func (s *simStack) some(r *rand.Rand, fits func(*simBlock) bool) *simBlock {
	var all []*simBlock
	for _, b := range s.blocks {
		if fits(b) {
			all = append(all, b)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[r.IntN(len(all))]
}

// add writes a new block; what it must refer to comes with it.
func (s *simStack) add(r *rand.Rand, account *simAccount, kind *spec.Kind) *simBlock {
	for _, a := range kind.Attributes {
		if a.Refers != "" && a.Required && s.some(r, func(b *simBlock) bool { return b.account == account && b.kind.Name == a.Refers }) == nil {
			s.add(r, account, account.def.Schema.Kinds[a.Refers])
		}
	}
	s.next++
	b := &simBlock{account: account, kind: kind, number: s.next, label: fmt.Sprintf("b%d", s.next), values: map[string]simValue{}, size: 1 + r.IntN(3)}
	b.shape = []simShape{single, single, counted, keyed}[r.IntN(4)]
	for _, a := range kind.Attributes {
		b.fill(r, s, a)
	}
	b.live(r)
	s.blocks = append(s.blocks, b)
	return b
}

// live draws what the block says of its life.
func (b *simBlock) live(r *rand.Rand) {
	b.unsupported = []spec.OnUnsupported{spec.UnsupportedForget, spec.UnsupportedForget, spec.UnsupportedForget, spec.UnsupportedIgnore, ""}[r.IntN(5)]
	b.prevent, b.createFirst, b.ignores, b.backup = r.IntN(20) == 0, r.IntN(6) == 0, nil, nil
	if r.IntN(8) == 0 {
		for _, a := range b.kind.Attributes {
			if _, said := b.values[a.Name]; said && a != distinct(b.kind) && r.IntN(3) == 0 {
				b.ignores = append(b.ignores, a.Name)
			}
		}
	}
	if b.kind.Backup != nil && r.IntN(4) == 0 {
		b.backup = [][]string{{spec.BackupReplace}, {spec.BackupDelete}, {spec.BackupDelete, spec.BackupReplace}}[r.IntN(3)]
	}
}

// remove takes a block out, with those that cannot be without it.
func (s *simStack) remove(gone *simBlock) {
	s.blocks = slices.DeleteFunc(s.blocks, func(b *simBlock) bool { return b == gone })
	for _, b := range slices.Clone(s.blocks) {
		for name, v := range b.values {
			if v.to == gone {
				delete(b.values, name)
			}
		}
		if !b.whole() {
			s.remove(b)
		}
	}
}

// edit changes the configuration, and says how.
func (s *simStack) edit(r *rand.Rand, accounts []*simAccount) string {
	b := s.some(r, func(*simBlock) bool { return true })
	if b == nil || r.IntN(4) == 0 && len(s.blocks) < 9 {
		account := accounts[r.IntN(len(accounts))]
		kinds := account.kinds()
		return "add " + s.add(r, account, kinds[r.IntN(len(kinds))]).name()
	}
	switch r.IntN(9) {
	case 0, 1:
		s.remove(b)
		return "remove " + b.name()
	case 2:
		old := b.label
		s.next++
		b.label = fmt.Sprintf("b%d", s.next)
		b.moves = append(b.moves, [2]string{old, b.label})
		return "move " + b.kind.Name + "." + old + " to " + b.label
	case 3:
		b.shape, b.size = simShape(r.IntN(3)), 1+r.IntN(3)
		return "repeat " + b.name()
	case 4:
		b.live(r)
		return "lifecycle of " + b.name()
	case 5:
		b.number = s.next + 1
		s.next++
		return "rename " + b.name()
	}
	a := b.kind.Attributes[r.IntN(len(b.kind.Attributes))]
	b.fill(r, s, a)
	if !b.whole() { // what it referred to is not there any more
		s.remove(b)
	}
	return "change " + b.name() + "." + a.Name
}

func (b *simBlock) name() string { return b.kind.Name + "." + b.label }

// render is the configuration in HCL.
func (s *simStack) render(accounts []*simAccount) string {
	var out strings.Builder
	for _, a := range accounts {
		provider, alias, _ := strings.Cut(a.name, ".")
		fmt.Fprintf(&out, "provider %q {", provider)
		if alias != "" {
			fmt.Fprintf(&out, "\n  alias = %q\n", alias)
		}
		out.WriteString("}\n")
	}
	for _, b := range s.blocks {
		fmt.Fprintf(&out, "\n%s %q {\n", b.kind.Name, b.label)
		if len(accounts) > 1 {
			fmt.Fprintf(&out, "  provider = %s\n", b.account.name)
		}
		switch b.shape {
		case counted:
			fmt.Fprintf(&out, "  count = %d\n", b.size)
		case keyed:
			out.WriteString("  for_each = {")
			for _, i := range b.instances() {
				fmt.Fprintf(&out, " %s = %q,", letter(i.index), i.distinctValue().AsString())
			}
			out.WriteString(" }\n")
		}
		for _, a := range b.kind.Attributes {
			if v, said := b.values[a.Name]; said {
				fmt.Fprintf(&out, "  %s = %s\n", a.Name, b.expression(v))
			}
		}
		b.renderLife(&out)
		out.WriteString("}\n")
		for _, m := range b.moves {
			fmt.Fprintf(&out, "\nmoved {\n  from = %s.%s\n  to   = %s.%s\n}\n", b.kind.Name, m[0], b.kind.Name, m[1])
		}
	}
	return out.String()
}

func (b *simBlock) renderLife(out *strings.Builder) {
	var life []string
	if b.unsupported != "" {
		life = append(life, fmt.Sprintf("on_unsupported = %q", b.unsupported))
	}
	if b.prevent {
		life = append(life, "prevent_destroy = true")
	}
	if b.createFirst {
		life = append(life, "create_before_destroy = true")
	}
	if len(b.ignores) > 0 {
		life = append(life, "ignore_changes = ["+strings.Join(b.ignores, ", ")+"]")
	}
	if len(b.backup) > 0 {
		life = append(life, fmt.Sprintf("backup_before = [%q]", strings.Join(b.backup, `", "`)))
		life[len(life)-1] = strings.ReplaceAll(life[len(life)-1], `\"`, `"`)
	}
	if len(life) > 0 {
		fmt.Fprintf(out, "  lifecycle {\n    %s\n  }\n", strings.Join(life, "\n    "))
	}
}

// expression is a value in HCL.
func (b *simBlock) expression(v simValue) string {
	switch {
	case v.to != nil:
		key := map[simShape]string{single: "", counted: "[0]", keyed: `["a"]`}[v.to.shape]
		return fmt.Sprintf("%s%s.id", v.to.name(), key)
	case !v.unique:
		return simText(v.literal)
	case b.shape == keyed:
		return "each.value"
	case b.shape == counted:
		first := simInstance{b, 0}.distinctValue().AsString()
		at := strings.IndexAny(first, "0123456789")
		return fmt.Sprintf(`"%s${%s + count.index}"`, first[:at], first[at:])
	}
	return fmt.Sprintf("%q", simInstance{b, 0}.distinctValue().AsString())
}

func simText(v cty.Value) string {
	switch {
	case v.Type() == cty.Bool:
		return fmt.Sprint(v.True())
	case v.Type() == cty.Number:
		return v.AsBigFloat().Text('f', -1)
	case v.Type().IsListType():
		var parts []string
		for _, e := range v.AsValueSlice() {
			parts = append(parts, simText(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprintf("%q", v.AsString())
}

// write puts the configuration where a process finds it.
func (w *simWorld) write() {
	text := w.stack.render(w.accounts)
	w.tell("configuration:\n    %s", strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    "))
	if err := os.WriteFile(filepath.Join(w.dir, "main.hcl"), []byte(text), 0o600); err != nil {
		w.broken("%v", err)
	}
}
