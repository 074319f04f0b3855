package providers

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
)

// checkAttribute holds an attribute against itself: what its own block says must make sense together.
func (d *decoder) checkAttribute(b *block, a *spec.Attribute, wire Wire, role attributeRole) {
	wrong := func(argument, summary, detail, remedy string) {
		d.errorAt(b.at(argument), summary, detail, remedy)
	}
	if (role == ofArgument || role == ofQuestion) && !a.Required && !a.Optional {
		a.Optional = true
	}
	if !a.Required && !a.Optional && !a.Computed {
		wrong("type", "Attribute of nobody", fmt.Sprintf("%s is neither required nor optional nor computed, so nobody could give it a value.", sentence(b.name)), "optional = true")
	}
	if a.Required && (a.Optional || a.Computed) {
		wrong("required", "Contradiction", fmt.Sprintf("%s is required, so it can be neither optional nor computed.", sentence(b.name)), "")
	}
	if a.Required && a.Default != cty.NilVal {
		wrong("default", "Default of a required attribute", fmt.Sprintf("%s must be given by every configuration, so its default is never used.", sentence(b.name)), "optional = true")
	}
	if a.Default != cty.NilVal && a.ServerDefault != cty.NilVal {
		wrong("server_default", "Two defaults", fmt.Sprintf("%s has a default that vpsync sends, so the API never applies its own.", sentence(b.name)), "Remove one of the two.")
	}
	if a.Computed && a.Unreadable && !a.Optional {
		wrong("readable", "Contradiction", fmt.Sprintf("%s comes from the API alone and is never answered.", sentence(b.name)), "")
	}
	if wire.Whole && a.Type != cty.Number {
		wrong("whole", "Whole number of no number", fmt.Sprintf("%s holds no number.", sentence(b.name)), "type = number")
	}
	switch {
	case a.Equal == spec.EqualSet && !a.Type.IsListType():
		wrong("equal", "Wrong equality", fmt.Sprintf("equal = \"set\" compares lists, and %s is none.", b.name), "")
	case (a.Equal == spec.EqualCIDR || a.Equal == spec.EqualCase) && a.Type != cty.String:
		wrong("equal", "Wrong equality", fmt.Sprintf("equal = %q compares strings, and %s is none.", a.Equal, b.name), "")
	}
	if role != ofKind {
		return
	}
	settable := a.Required || a.Optional
	if settable && a.OnChange == "" {
		wrong("on_change", "Missing argument", fmt.Sprintf("%s can be set, but nothing says what a change of it takes.", sentence(b.name)),
			"on_change = \"update\"   # or replace, next_create, error, or the name of an operation")
	}
	if !settable {
		for _, name := range []string{"on_change", "on_remove", "only_from_unset", "default", "sent_as", "sends_as", "one_of", "pattern", "min", "max", "format"} {
			if b.body.Attributes[name] != nil {
				wrong(name, "Argument without effect", fmt.Sprintf("%s cannot be set, so %s of it has no effect.", sentence(b.name), name), "optional = true")
			}
		}
	}
	if a.OnlyFromUnset && a.OnChange != spec.OnOperation {
		wrong("only_from_unset", "Argument without effect", "only_from_unset is about an operation of the kind's own, and on_change names none.", "")
	}
	if a.OnRemove == spec.RemoveDefault && a.Default == cty.NilVal && a.ServerDefault == cty.NilVal {
		wrong("on_remove", "No default to return to", fmt.Sprintf("%s has neither default nor server_default.", sentence(b.name)), "on_remove = \"clear\"")
	}
	if a.Required && a.OnRemove != spec.RemoveKeeps {
		wrong("on_remove", "Argument without effect", fmt.Sprintf("%s is required, so it cannot be removed.", sentence(b.name)), "")
	}
	if a.ClearedWithTarget && a.Refers == "" {
		wrong("cleared_with_target", "Argument without effect", fmt.Sprintf("%s refers to nothing.", sentence(b.name)), "refers_to = \"server\"")
	}
}

// checkReferences holds the blocks against each other, once all of them are known.
func (d *decoder) checkReferences() {
	for _, src := range d.kinds {
		d.checkAttributes(src)
		d.checkOperations(src)
		d.checkIdentity(src)
		d.checkParent(src)
		d.checkTimes(src)
		d.checkWait(src)
		d.checkLeave(src)
		d.checkCarriers(src)
		d.checkEmulation(src)
	}
	d.checkPrices()
}

func (s *kindSource) attributeNames() []string {
	var names []string
	for _, a := range s.kind.Schema.Attributes {
		names = append(names, a.Name)
	}
	return names
}

// checkAttributes: an attribute's references to kinds and operations lead somewhere.
func (d *decoder) checkAttributes(src *kindSource) {
	k := src.kind
	for _, a := range k.Schema.Attributes {
		b := src.attributes[a.Name]
		if a.Refers != "" && d.def.Kinds[a.Refers] == nil {
			d.unknownName(b.at("refers_to"), "kind", a.Refers, d.kindNames())
		}
		switch a.OnChange {
		case spec.OnUpdate:
			if op := k.Operations[spec.OpUpdate]; op == nil {
				d.errorAt(b.at("on_change"), "No update operation", fmt.Sprintf("%s changes by update, but %s has no such operation.", sentence(b.name), src.block.name),
					"on_change = \"replace\"   # or add an update block to the kind")
			} else if !slices.Contains(op.Schema.Sets, a.Name) && !slices.Contains(op.Sends, a.Name) {
				d.errorAt(b.at("on_change"), "Update without the attribute", fmt.Sprintf("%s changes by update, but that request does not send it.", sentence(b.name)), fmt.Sprintf("sends = [ …, %q ]", a.Name))
			}
		case spec.OnOperation:
			d.checkOwnOperations(src, a)
		}
	}
}

// checkOwnOperations: what on_change names is an operation of the kind's own that carries the attribute, or, where there is
// one for each value, brings that value about.
func (d *decoder) checkOwnOperations(src *kindSource, a *spec.Attribute) {
	k, b := src.kind, src.attributes[a.Name]
	named := []string{a.Operation}
	if a.Operations != nil {
		named = nil
		for _, value := range slices.Sorted(maps.Keys(a.Operations)) {
			named = append(named, a.Operations[value])
		}
		d.checkValues(b, a)
	}
	for _, name := range named {
		op := k.Operations[name]
		if op == nil || slices.Contains([]string{spec.OpCreate, spec.OpList, spec.OpRead, spec.OpDelete}, name) {
			known := []string{"update", "replace", "next_create", "error"}
			for _, other := range k.Schema.OperationOrder {
				if src.operations[other] != nil && len(src.operations[other].labels) > 0 {
					known = append(known, other)
				}
			}
			remedy := fmt.Sprintf("It can be %s.", quoted(known))
			if near := spec.Nearest(name, known); near != "" {
				remedy = fmt.Sprintf("Did you mean %q?", near)
			}
			d.errorAt(b.at("on_change"), "Unknown operation", fmt.Sprintf("on_change of %s names %q, which is no operation of %s.", b.name, name, src.block.name), remedy)
		} else if a.Operations == nil && !slices.Contains(op.Sends, a.Name) && !slices.Contains(placeholders(op.Path), a.Name) {
			d.errorAt(b.at("on_change"), "Operation without the attribute", fmt.Sprintf("%s changes by %q, but that request does not send it.", sentence(b.name), name), fmt.Sprintf("sends = [%q]", a.Name))
		}
	}
}

// checkValues: every value that a configuration may ask for has its operation, and no other has one.
func (d *decoder) checkValues(b *block, a *spec.Attribute) {
	var values []string
	for _, c := range a.Checks {
		for _, v := range c.OneOf {
			if text, ok := valueText(v); ok {
				values = append(values, text)
			}
		}
	}
	slices.Sort(values)
	if named := slices.Sorted(maps.Keys(a.Operations)); !slices.Equal(values, named) {
		d.errorAt(b.at("on_change"), "Values without an operation",
			fmt.Sprintf("on_change of %s must name an operation for each value of its one_of, and for no other.", b.name),
			"one_of    = [\"running\", \"stopped\"]\non_change = { running = \"start\", stopped = \"stop\" }")
	}
}

// checkOperations: what operations send exists, and their paths can be filled.
func (d *decoder) checkOperations(src *kindSource) {
	k := src.kind
	var sensitive []string
	for _, a := range k.Schema.Attributes {
		if wire := k.Wire[a.Name]; a.Sensitive {
			sensitive = append(sensitive, wire.names()...)
		}
	}
	for _, name := range k.Schema.OperationOrder {
		op, b := k.Operations[name], src.operations[name]
		op.sensitive = sensitive
		for _, sent := range op.Sends {
			if a := src.kind.attribute(sent); a == nil {
				d.unknownName(b.at("sends"), "attribute", sent, src.attributeNames())
			} else if !a.Required && !a.Optional {
				d.errorAt(b.at("sends"), "Computed attribute sent", fmt.Sprintf("%s sends %q, which only the API gives.", sentence(b.name), sent), "optional = true   # if a configuration may give it, too")
			}
		}
		needsID := name != spec.OpCreate && name != spec.OpList
		d.checkPath(b, op, k.Schema.Attributes, needsID)
		read := name == spec.OpList || name == spec.OpRead
		if read != (op.Method == http.MethodGet) && op.Method != "" {
			detail := fmt.Sprintf("%s changes something, so it cannot be a GET.", sentence(b.name))
			if read {
				detail = fmt.Sprintf("%s is repeated whenever an answer is lost, so it must be a GET.", sentence(b.name))
			}
			d.errorAt(b.at("request"), "Wrong method", detail, "")
		}
		// What the path carries counts as sent; the parent is part of an existing object's id.
		op.Schema.Sets = slices.Clone(op.Sends)
		for _, a := range k.Schema.Attributes {
			if slices.Contains(slices.Collect(maps.Values(a.Operations)), name) && !slices.Contains(op.Schema.Sets, a.Name) {
				op.Schema.Sets = append(op.Schema.Sets, a.Name)
			}
		}
		d.checkEmulated(src, op, b)
		for _, p := range placeholders(op.Path) {
			if p != "id" && !read && (p != k.Schema.ParentAttribute || name == spec.OpCreate) && !slices.Contains(op.Schema.Sets, p) {
				op.Schema.Sets = append(op.Schema.Sets, p)
			}
		}
	}
}

// checkPath: every {name} of a path can be filled.
func (d *decoder) checkPath(b *block, op *Operation, attributes []*spec.Attribute, needsID bool) {
	var known []string
	for _, a := range attributes {
		known = append(known, a.Name)
	}
	if needsID {
		known = append(known, "id")
	}
	found := placeholders(op.Path)
	for _, p := range found {
		if !slices.Contains(known, p) {
			detail := fmt.Sprintf("The path of %s names {%s}, which nothing fills.", b.name, p)
			remedy := ""
			if p == "id" {
				detail = fmt.Sprintf("The path of %s names {id}, but no object exists yet or is meant.", b.name)
			} else if near := spec.Nearest(p, known); near != "" {
				remedy = fmt.Sprintf("Did you mean {%s}?", near)
			}
			d.errorAt(b.at("request"), "Unknown placeholder", detail, remedy)
		}
	}
	if needsID && op.Path != "" && !slices.Contains(found, "id") {
		d.errorAt(b.at("request"), "No object named", fmt.Sprintf("The path of %s does not say which object is meant.", b.name), "request = \""+op.Method+" "+op.Path+"/{id}\"")
	}
}

// checkIdentity: an object made by a lost answer can be recognised.
func (d *decoder) checkIdentity(src *kindSource) {
	k := src.kind
	if len(k.Schema.Identity) == 0 {
		d.errorAt(src.block.at("identity"), "No identity", fmt.Sprintf("%s does not say by which attributes an object is recognised whose id was lost with an answer.", sentence(src.block.name)), "identity = [\"name\"]")
	}
	visible := k.Operations[spec.OpList] != nil || k.Operations[spec.OpRead] != nil
	for _, name := range k.Schema.Identity {
		a := src.kind.attribute(name)
		switch {
		case a == nil:
			d.unknownName(src.block.at("identity"), "attribute", name, src.attributeNames())
		case a.Sensitive:
			d.errorAt(src.block.at("identity"), "Secret identity", fmt.Sprintf("%q is sensitive: an identity is compared and shown.", name), "")
		case a.Unreadable && visible:
			d.errorAt(src.block.at("identity"), "Unreadable identity", fmt.Sprintf("%q is never answered by the API, so no object can be recognised by it.", name), "")
		}
	}
}

// checkParent: the kind above exists, and so does the attribute that holds its id.
func (d *decoder) checkParent(src *kindSource) {
	k, b := src.kind.Schema, src.block
	if (k.Parent == "") != (k.ParentAttribute == "") {
		d.errorAt(b.at("parent"), "Half a parent", fmt.Sprintf("%s needs both parent, a kind, and parent_attribute, which holds its id.", sentence(b.name)), "parent           = \"server\"\nparent_attribute = \"server_id\"")
		return
	}
	if k.Parent == "" {
		return
	}
	if d.def.Kinds[k.Parent] == nil {
		d.unknownName(b.at("parent"), "kind", k.Parent, d.kindNames())
	} else if d.def.Kinds[k.Parent].Schema.Parent != "" {
		d.errorAt(b.at("parent"), "Parent of a parent", fmt.Sprintf("%q lives under another kind itself; one level is supported.", k.Parent), "")
	}
	if a := src.kind.attribute(k.ParentAttribute); a == nil {
		d.unknownName(b.at("parent_attribute"), "attribute", k.ParentAttribute, src.attributeNames())
	} else if !a.Required {
		d.errorAt(b.at("parent_attribute"), "Optional parent", fmt.Sprintf("%q tells where an object lives, so it must be required.", k.ParentAttribute), "required = true")
	}
}

// checkTimes: created_at and changed name what the API answers.
func (d *decoder) checkTimes(src *kindSource) {
	for argument, name := range map[string]string{"created_at": src.kind.CreatedAt, "changed": src.kind.Schema.Changed} {
		if name == "" {
			continue
		}
		if a := src.kind.attribute(name); a == nil {
			d.unknownName(src.block.at(argument), "attribute", name, src.attributeNames())
		} else if a.Unreadable || argument == "created_at" && a.Type != cty.String {
			d.errorAt(src.block.at(argument), "Unusable attribute", fmt.Sprintf("%s of %s needs a string that the API answers.", argument, src.block.name), "")
		}
	}
}

// checkWait: what is waited for can be seen.
func (d *decoder) checkWait(src *kindSource) {
	k := src.kind
	if k.Wait == nil {
		return
	}
	b := src.operations[waitOperation]
	attribute := src.kind.attribute
	known := src.attributeNames()
	if op := k.Wait.Operation; op != nil {
		d.checkPath(b, op, k.Schema.Attributes, true)
		if op.Method != "" && op.Method != http.MethodGet {
			d.errorAt(b.at("request"), "Not a read", "A wait asks again and again, so it must be a GET.", "")
		}
		known = nil
		for _, a := range k.Wait.Attributes {
			known = append(known, a.Name)
		}
		attribute = func(name string) *spec.Attribute {
			if i := slices.Index(known, name); i >= 0 {
				return k.Wait.Attributes[i]
			}
			return nil
		}
	} else if k.Operations[spec.OpList] == nil && k.Operations[spec.OpRead] == nil {
		d.errorAt(b.header, "Wait without sight", fmt.Sprintf("%s has neither list nor read, so nobody could see it become ready.", sentence(src.block.name)), "")
	}
	names := map[string]string{}
	for argument, m := range map[string]map[string][]string{"pending": k.Wait.Pending, "ready": k.Wait.Ready, "failed": k.Wait.Failed} {
		for name := range m {
			names[name] = argument
		}
	}
	if k.Wait.Progress != "" {
		names[k.Wait.Progress] = "progress"
	}
	if _, told := names[k.Wait.Says]; k.Wait.Says != "" && !told {
		names[k.Wait.Says] = "says"
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		argument := names[name]
		if a := attribute(name); a == nil {
			d.unknownName(b.at(argument), "attribute", name, known)
		} else if a.Unreadable || a.Sensitive || !a.Type.IsPrimitiveType() || argument == "progress" && a.Type != cty.Number {
			d.errorAt(b.at(argument), "Unusable attribute", fmt.Sprintf("%q cannot be watched: it must be a single readable value (progress: a number).", name), "")
		}
	}
}

// checkCarriers: what a configuration must or may give is carried by some request.
func (d *decoder) checkCarriers(src *kindSource) {
	k := src.kind
	create := k.Operations[spec.OpCreate]
	if create == nil {
		return
	}
	for _, a := range k.Schema.Attributes {
		if !a.Required && !a.Optional || slices.Contains(create.Schema.Sets, a.Name) {
			continue
		}
		if a.OnChange == spec.OnUpdate || a.OnChange == spec.OnOperation {
			continue // sent right after the create
		}
		d.errorAt(src.attributes[a.Name].header, "Attribute never sent", fmt.Sprintf("%s can be set, but no request carries it.", sentence(src.attributes[a.Name].name)),
			fmt.Sprintf("sends = [ …, %q ]   # in create", a.Name))
	}
}

// checkEmulated: what the sandbox says of an operation is about attributes that it can say.
func (d *decoder) checkEmulated(src *kindSource, op *Operation, b *block) {
	for _, name := range op.Answers {
		if a := src.kind.attribute(name); a == nil {
			d.unknownName(b.at("answers"), "attribute", name, src.attributeNames())
		} else if a.Unreadable {
			d.errorAt(b.at("answers"), "Unreadable answer", fmt.Sprintf("%q is never answered by the API.", name), "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(op.OnlyWhen)) {
		if src.kind.attribute(name) == nil {
			d.unknownName(b.at("only_when"), "attribute", name, src.attributeNames())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(op.Passes)) {
		if a := src.kind.attribute(name); a == nil {
			d.unknownName(b.at("passes"), "attribute", name, src.attributeNames())
		} else if w := src.kind.Wait; w == nil || w.Operation != nil || w.Ready[name] == nil && w.Pending[name] == nil {
			d.errorAt(b.at("passes"), "Attribute that does not pass", fmt.Sprintf("%q is not waited for, so nobody could see that it passes.", name), "Name it in ready of the wait block.")
		}
	}
}

// checkEmulation: an expression for the sandbox speaks of attributes of its own kind.
func (d *decoder) checkEmulation(src *kindSource) {
	for _, a := range src.kind.Schema.Attributes {
		e := src.kind.Wire[a.Name].Emulate
		if e == nil {
			continue
		}
		for _, t := range e.Variables() {
			if name := t.RootName(); name != "id" && src.kind.attribute(name) == nil {
				d.unknownName(t.SourceRange(), "attribute", name, src.attributeNames())
			}
		}
	}
}
