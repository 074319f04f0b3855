package providers

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/vpsync/vpsync/pkg/spec"
)

// Words that the language keeps for itself.
var (
	// reservedKinds are block types of a stack, and roots of its expressions.
	reservedKinds = slices.Concat(spec.ReservedBlocks, spec.ReservedRoots)
	// reservedAttributes are arguments that every resource block has.
	reservedAttributes = spec.MetaArguments
)

// checkName reports a label that is no name, or one that the language reserves.
func (d *decoder) checkName(b *block, what string, reserved []string) {
	name := b.label()
	if !nameForm.MatchString(name) {
		d.errorAt(b.header, "Not a name", fmt.Sprintf("A %s is named in lower-case letters, digits and underscores, but this one is %q.", what, name), "")
	}
	if slices.Contains(reserved, name) {
		d.errorAt(b.header, "Reserved name", fmt.Sprintf("%q means something else in every stack, so no %s can have this name.", name, what), "Choose another name; sent_as and read keep the API's own.")
	}
}

// kind decodes one kind block.
func (d *decoder) kind(b *block) {
	d.checkName(b, "kind", reservedKinds)
	k := &Kind{
		Schema: &spec.Kind{
			Name:        b.label(),
			Description: b.str("description"),
			Identity:    b.names("identity"),
			HoldsData:   b.boolean("holds_data", false),
			WhenGone:    spec.WhenGone(b.word("when_gone", string(spec.GoneRecreate), string(spec.GoneRecreate), string(spec.GoneForget))),
			Parent:      b.str("parent"), ParentAttribute: b.str("parent_attribute"),
			Changed:    b.str("changed"),
			Operations: map[string]*spec.Operation{},
		},
		Operations: map[string]*Operation{},
		Wire:       map[string]Wire{},
		ID:         b.need("id", `"srv_1234567890"`),
		IDPath:     Path(b.str("id_path")),
		CreatedAt:  b.str("created_at"),
		Emulate:    b.members("emulate"),
	}
	if k.IDPath == "" {
		k.IDPath = "id"
	}
	src := &kindSource{kind: k, block: b, attributes: map[string]*block{}, operations: map[string]*block{}}
	d.kinds = append(d.kinds, src)
	d.def.Kinds[k.Schema.Name] = k
	d.def.Schema.Kinds[k.Schema.Name] = k.Schema

	for _, ab := range b.blocks("attribute", 1) {
		d.checkName(ab, "attribute", reservedAttributes)
		a, wire := d.attribute(ab, ofKind)
		k.Schema.Attributes = append(k.Schema.Attributes, a)
		k.Wire[a.Name] = wire
		src.attributes[a.Name] = ab
	}
	if w := b.only("wait"); w != nil {
		d.wait(w, k)
		src.operations["wait"] = w
	}
	d.operations(b, src)
	d.price(b, src)
	b.finish()
}

// wait decodes when an object is ready: by the kind's own attributes, or by a request of the wait's own.
func (d *decoder) wait(w *block, k *Kind) {
	k.Schema.Waits = true
	k.Wait = &Wait{
		Pending: w.listMap("pending"), Ready: w.listMap("ready"), Failed: w.listMap("failed"),
		Every:    w.duration("every", 10*time.Second, time.Second, time.Hour),
		Timeout:  w.duration("timeout", 15*time.Minute, time.Second, 24*time.Hour),
		Progress: w.str("progress"), Says: w.str("says"),
	}
	if len(k.Wait.Ready) == 0 {
		d.errorAt(w.header, "Missing argument", fmt.Sprintf("The wait of kind %q does not say when an object is ready.", k.Schema.Name), "ready = { status = [\"active\"] }")
	}
	if w.body.Attributes["request"] == nil {
		w.arguments, w.blockTypes = append(w.arguments, "request"), append(w.blockTypes, "attribute")
		for _, hb := range w.body.Blocks {
			if hb.Type == "attribute" {
				d.errorAt(hb.DefRange(), "Attribute of no answer", fmt.Sprintf("The wait of kind %q has no request of its own, so it looks at the attributes of the kind.", k.Schema.Name),
					"request = \"GET /servers/{id}/status\"   # or move the attribute to the kind")
			}
		}
		w.finish()
		return
	}
	k.Schema.WaitsApart = true
	k.Wait.Wire = map[string]Wire{}
	k.Wait.Attributes = d.fields(w, "attribute", ofResult, k.Wait.Wire)
	k.Wait.Operation = d.operation(w, waitOperation)
}

// waitOperation is the name of a wait's own request, in messages and logs.
const waitOperation = "wait"

// operations decodes a kind's operations. They keep the order in which they are written.
func (d *decoder) operations(b *block, src *kindSource) {
	type found struct {
		name  string
		block *block
	}
	var all []found
	for _, name := range []string{spec.OpCreate, spec.OpList, spec.OpRead, spec.OpUpdate, spec.OpDelete} {
		if ob := b.only(name); ob != nil {
			all = append(all, found{name, ob})
		}
	}
	for _, ob := range b.blocks("operation", 1) {
		d.checkName(ob, "operation", []string{
			spec.OpCreate, spec.OpList, spec.OpRead, spec.OpUpdate, spec.OpDelete,
			string(spec.OnReplace), string(spec.OnNextCreate), string(spec.OnError), waitOperation,
		})
		all = append(all, found{ob.label(), ob})
	}
	slices.SortFunc(all, func(x, y found) int { return x.block.header.Start.Byte - y.block.header.Start.Byte })
	k := src.kind
	for _, f := range all {
		if f.name == spec.OpDelete {
			d.leave(f.block, src)
		}
		op := d.operation(f.block, f.name)
		if _, twice := k.Operations[f.name]; twice {
			continue // reported with its name
		}
		k.Operations[f.name] = op
		k.Schema.Operations[f.name] = op.Schema
		k.Schema.OperationOrder = append(k.Schema.OperationOrder, f.name)
		src.operations[f.name] = f.block
	}
}

// query decodes a data block: a read-only question.
func (d *decoder) query(b *block) {
	d.checkName(b, "data source", nil)
	q := &Query{
		Kind: &Kind{
			Schema: &spec.Kind{Name: spec.DataPrefix + b.label(), Description: b.str("description"), Asked: true, Operations: map[string]*spec.Operation{}},
			Wire:   map[string]Wire{},
		},
		Lists: b.str("lists"),
	}
	arguments := d.fields(b, "argument", ofQuestion, q.Wire)
	for _, a := range arguments {
		a.Unreadable = true // unless the answer repeats it
	}
	q.Schema.Attributes = arguments
	answered := map[string]Wire{}
	for _, a := range d.fields(b, "attribute", ofResult, answered) {
		q.answers(d, b, a, answered[a.Name])
	}
	q.Operation = d.operation(b, "data")
	q.Operation.Schema.Name = spec.OpRead
	q.Schema.Operations[spec.OpRead], q.Schema.OperationOrder = q.Operation.Schema, []string{spec.OpRead}
	d.checkPath(b, q.Operation, arguments, false)
	if q.Operation.Method != "" && q.Operation.Method != "GET" {
		d.errorAt(b.at("request"), "Not a read", "Data is asked for with GET: it is read again whenever an answer is lost.", "")
	}
	if q.Lists != "" {
		switch a := q.Schema.Attribute(q.Lists); {
		case a == nil || !a.Computed:
			d.unknownName(b.at("lists"), "attribute", q.Lists, slices.Collect(maps.Keys(answered)))
		case !a.Type.IsListType():
			d.errorAt(b.at("lists"), "Not a list", fmt.Sprintf("lists names the attribute that the entries of all pages fill; %q is no list.", q.Lists), "type = list(object({ id = string }))")
		}
	}
	if wire, ok := q.Wire[q.Lists]; ok {
		wire.ReadFrom = Path(q.Lists) // all entries, wherever they lie in each page
		q.Wire[q.Lists] = wire
	}
	d.def.Data[b.label()], d.def.Schema.Data[b.label()] = q, q.Schema
}

// answers adds an attribute of the answer. One that an argument asks with, too, is one attribute: what was asked, else what the API
// says.
func (q *Query) answers(d *decoder, b *block, a *spec.Attribute, wire Wire) {
	asked := q.Schema.Attribute(a.Name)
	if asked == nil {
		q.Schema.Attributes, q.Wire[a.Name] = append(q.Schema.Attributes, a), wire
		return
	}
	if !asked.Type.Equals(a.Type) {
		d.errorAt(b.header, "Two types of one attribute", fmt.Sprintf("%q of %s is asked for and answered with different types.", a.Name, b.name), "")
	}
	asked.Computed, asked.Unreadable = true, false
	if asked.Description == "" {
		asked.Description = a.Description
	}
	asked.Examples = append(asked.Examples, a.Examples...)
	both := q.Wire[a.Name]
	both.ReadFrom, both.ReadsAs, both.Emulate = wire.ReadFrom, wire.ReadsAs, wire.Emulate
	q.Wire[a.Name] = both
}

// fields decodes the arguments or results of a query or task.
func (d *decoder) fields(b *block, blockType string, role attributeRole, wires map[string]Wire) []*spec.Attribute {
	var list []*spec.Attribute
	var reserved []string
	if role == ofQuestion {
		reserved = slices.DeleteFunc(slices.Clone(reservedAttributes), func(name string) bool { return name == "id" })
	}
	for _, ab := range b.blocks(blockType, 1) {
		d.checkName(ab, blockType, reserved)
		a, wire := d.attribute(ab, role)
		wires[a.Name] = wire
		list = append(list, a)
	}
	return list
}

func (d *decoder) kindNames() []string {
	var names []string
	for _, k := range d.kinds {
		names = append(names, k.kind.Schema.Name)
	}
	return names
}

// unknownName reports a name that nothing has, with the nearest that something has.
func (d *decoder) unknownName(at hcl.Range, what, name string, known []string) {
	remedy := ""
	if near := spec.Nearest(name, known); near != "" {
		remedy = fmt.Sprintf("Did you mean %q?", near)
	}
	d.errorAt(at, "Unknown "+what, fmt.Sprintf("There is no %s %q here.", what, name), remedy)
}
