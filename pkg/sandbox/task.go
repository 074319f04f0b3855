package sandbox

import (
	"slices"

	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/zclconf/go-cty/cty"
)

// verbTask is the verb of the routes of requests that are a task's own.
const verbTask = "task"

// compileTask is the route of such a request. What the path and the body carry are arguments, but for the id of the object.
func compileTask(m *model, t *providers.Task) *route {
	r := newRoute(m, providers.TaskOperation(t.Name), t.Operation)
	r.verb, r.task, r.kind = verbTask, t, m.kinds[t.On]
	if places := slices.Concat(t.Operation.Answer, m.def.Answer); len(places) > 0 {
		r.answer = split(places[0])
	}
	for _, a := range m.tasks[t.On+"."+t.Name].attrs {
		if slices.Contains(t.Operation.Sends, a.Name) {
			r.sends = append(r.sends, a)
		} else {
			r.inPath = append(r.inPath, a)
		}
	}
	return r
}

// perform does a task to the object that its path names. What it makes gets the arguments of the same name, and belongs to the
// object; attributes of the object that are named like arguments get their values. Of any other task nothing is to be seen but that it
// was asked for.
func (c *call) perform(sent map[string]any) (reply, *problem) {
	if id, named := c.params["id"]; named && c.state.object(c.route.kind.name, id) == nil {
		return reply{}, notFound(c.route.kind.name, id)
	}
	given, p := c.fields(sent)
	if p != nil {
		return reply{}, p
	}
	made := c.model.kinds[c.route.task.Makes]
	if made == nil {
		return c.settings(given)
	}
	values := map[string]cty.Value{}
	for _, a := range made.attrs {
		if v, ok := given[a.Name]; ok {
			values[a.Name] = v
		}
		if id, named := c.params["id"]; named && a.Refers == c.route.kind.name {
			values[a.Name] = cty.StringVal(id)
		}
	}
	o := c.newObject(c.state, c.record, made, "", values, c.now)
	body := &document{}
	body.set(c.route.answer, c.document(made, o, c.now, false, c.route.op.Answers))
	return jsonReply(c.route.success, c.header, body), nil
}

// settings gives the object the values that a task sets.
func (c *call) settings(given map[string]cty.Value) (reply, *problem) {
	k, changed := c.route.kind, (*object)(nil)
	if old := c.state.object(k.name, c.params["id"]); old != nil {
		for _, a := range k.attrs {
			if v, ok := given[a.Name]; ok && c.route.takes(a.Name) {
				if changed == nil {
					changed = old.with(c.now)
				}
				changed.set(a.Name, v)
			}
		}
	}
	if changed == nil {
		return reply{status: c.route.success, header: c.header}, nil
	}
	c.follow(k, changed, c.now, nil)
	c.record.Put = append(c.record.Put, changed)
	return c.answerObject(changed, false), nil
}

// takes: the body carries the argument.
func (r *route) takes(name string) bool { return slices.Contains(r.op.Sends, name) }
