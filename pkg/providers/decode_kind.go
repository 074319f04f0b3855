package providers

import (
	"fmt"
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
	q := &Query{Name: b.label(), Description: b.str("description"), Wire: map[string]Wire{}}
	q.Arguments = d.fields(b, "argument", ofArgument, q.Wire)
	q.Results = d.fields(b, "attribute", ofResult, q.Wire)
	q.Operation = d.operation(b, "data")
	d.checkPath(b, q.Operation, q.Arguments, false)
	if q.Operation.Method != "" && q.Operation.Method != "GET" {
		d.errorAt(b.at("request"), "Not a read", "Data is asked for with GET: it is read again whenever an answer is lost.", "")
	}
	d.def.Data[q.Name] = q
}

// task decodes a task block: something done once, on demand.
func (d *decoder) task(b *block) {
	d.checkName(b, "task", nil)
	t := &Task{Name: b.label(), Description: b.str("description"), On: b.need("on", `"server"`), Wire: map[string]Wire{}}
	t.Arguments = d.fields(b, "argument", ofArgument, t.Wire)
	t.Operation = d.operation(b, "task")
	d.checkPath(b, t.Operation, t.Arguments, true)
	if _, ok := d.def.Kinds[t.On]; t.On != "" && !ok {
		d.unknownName(b.at("on"), "kind", t.On, d.kindNames())
	}
	if t.Operation.Method == "GET" {
		d.errorAt(b.at("request"), "Not a write", "A task does something; what only asks is a data block.", "")
	}
	d.def.Tasks[t.Name] = t
}

// fields decodes the arguments or results of a query or task.
func (d *decoder) fields(b *block, blockType string, role attributeRole, wires map[string]Wire) []*spec.Attribute {
	var list []*spec.Attribute
	for _, ab := range b.blocks(blockType, 1) {
		d.checkName(ab, blockType, nil)
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
