package providers

import (
	"fmt"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// task decodes a task block: something done once, on demand. Kinds have been decoded before.
func (d *decoder) task(b *block) {
	d.checkName(b, "task", nil)
	name := b.label()
	t := &Task{
		Kind: &Kind{Schema: &spec.Kind{Name: TaskOperation(name), Description: b.str("description")}, Wire: map[string]Wire{}},
		Name: name, On: b.need("on", `"server"`), Makes: b.str("makes"),
		Waits: b.boolean("waits", false), LosesData: b.boolean("loses_data", false),
	}
	on := d.def.Kinds[t.On]
	if t.On != "" && on == nil {
		d.unknownName(b.at("on"), "kind", t.On, d.kindNames())
	}
	if t.Makes != "" && d.def.Kinds[t.Makes] == nil {
		d.unknownName(b.at("makes"), "kind", t.Makes, d.kindNames())
	}
	operation, creates := b.str("operation"), b.str("creates")
	switch {
	case operation != "":
		d.taskOfOperation(b, t, on, operation)
	case creates != "":
		d.taskThatCreates(b, t, creates)
	default:
		d.taskOfItsOwn(b, t)
	}
	if t.Waits && on != nil && on.Wait == nil {
		d.errorAt(b.at("waits"), "Nothing to wait for", fmt.Sprintf("The kind %q does not say when an object is ready.", t.On), "wait { … }")
	}
	if tasks := d.def.Tasks[t.On]; tasks == nil {
		d.def.Tasks[t.On] = map[string]*Task{name: t}
	} else {
		tasks[name] = t
	}
}

// taskOfOperation: the task calls an operation that the kind has anyway.
func (d *decoder) taskOfOperation(b *block, t *Task, on *Kind, operation string) {
	t.Of, t.Call = t.On, operation
	if on != nil {
		own := slices.DeleteFunc(slices.Clone(on.Schema.OperationOrder), func(name string) bool {
			return slices.Contains([]string{spec.OpCreate, spec.OpList, spec.OpRead, spec.OpUpdate, spec.OpDelete}, name)
		})
		if t.Operation = on.Operations[operation]; t.Operation == nil || !slices.Contains(own, operation) {
			d.unknownName(b.at("operation"), "operation", operation, own)
		} else if len(t.Operation.Sends) > 0 {
			d.errorAt(b.at("operation"), "Operation with values", fmt.Sprintf("%s sends attributes, which a task has no values for.", sentence(operation)), "request = \"POST …\"")
		}
	}
	b.finish()
}

// taskThatCreates: the task makes an object of another kind that belongs to the one it is done to.
func (d *decoder) taskThatCreates(b *block, t *Task, creates string) {
	t.Of, t.Call, t.Makes, t.Target = creates, spec.OpCreate, creates, b.need("target", `"server_id"`)
	made := d.def.Kinds[creates]
	if made == nil {
		d.unknownName(b.at("creates"), "kind", creates, d.kindNames())
		b.finish()
		return
	}
	if t.Operation = made.Operations[spec.OpCreate]; t.Operation == nil {
		d.errorAt(b.at("creates"), "No create operation", fmt.Sprintf("The API cannot create a %s.", creates), "")
	}
	target := made.attribute(t.Target)
	if target == nil || target.Refers != t.On {
		d.errorAt(b.at("target"), "No way to the object", fmt.Sprintf("target names the attribute of a %s that refers to a %s; %q does not.", creates, t.On, t.Target), "")
	}
	if t.Label = b.str("label"); t.Label != "" {
		d.backup(b, t, made)
	}
	for _, a := range made.Schema.Attributes {
		if a != target && (a.Required || a.Optional) {
			t.Schema.Attributes = append(t.Schema.Attributes, a)
			t.Wire[a.Name] = made.Wire[a.Name]
		}
	}
	b.finish()
}

// backup: what the task creates is a copy of what the object holds, which vpsync can make by itself.
func (d *decoder) backup(b *block, t *Task, made *Kind) {
	label := made.attribute(t.Label)
	if label == nil || label.Type != cty.String || !label.Required && !label.Optional {
		d.errorAt(b.at("label"), "No label", fmt.Sprintf("label names an attribute of a %s that holds a text; %q does not.", t.Of, t.Label), "label = \"name\"")
	}
	for _, a := range made.Schema.Attributes {
		if a.Required && a.Name != t.Label && a.Name != t.Target {
			d.errorAt(b.at("label"), "More than a label", fmt.Sprintf("A %s needs %q, too, which vpsync could not make up.", t.Of, a.Name), "")
		}
	}
	if on := d.def.Kinds[t.On]; on != nil {
		if on.Schema.Backup != nil {
			d.errorAt(b.at("label"), "Second backup", fmt.Sprintf("The kind %q has a task with a label already: one of them is made before an object is lost.", t.On), "Remove one of the two labels.")
		}
		on.Schema.Backup = &spec.Backup{Kind: t.Of, Target: t.Target, Label: t.Label}
	}
}

// taskOfItsOwn: the request stands in the task.
func (d *decoder) taskOfItsOwn(b *block, t *Task) {
	t.Of, t.Call = t.On, TaskOperation(t.Name)
	t.Schema.Attributes = d.fields(b, "argument", ofArgument, t.Wire)
	t.Operation = d.operation(b, "task")
	t.Operation.Schema.Name = t.Call
	inPath := placeholders(t.Operation.Path)
	// The object is named by its id, or by an argument that belongs to it: the backup of a server.
	leads := false
	for _, a := range t.Schema.Attributes {
		if slices.Contains(inPath, a.Name) {
			leads = leads || d.belongs(a.Refers, t.On)
			continue
		}
		t.Operation.Sends = append(t.Operation.Sends, a.Name)
	}
	d.checkPath(b, t.Operation, t.Schema.Attributes, !leads)
	if t.Operation.Method == "GET" {
		d.errorAt(b.at("request"), "Not a write", "A task does something; what only asks is a data block.", "")
	}
}

// belongs: objects of a kind refer to one of another.
func (d *decoder) belongs(kind, to string) bool {
	k := d.def.Kinds[kind]
	return k != nil && slices.ContainsFunc(k.Schema.Attributes, func(a *spec.Attribute) bool { return a.Refers == to })
}
