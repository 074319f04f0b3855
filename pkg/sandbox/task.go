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
// object; of any other task nothing is to be seen but that it was asked for.
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
		return reply{status: c.route.success, header: c.header}, nil
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
	body.set(c.route.answer, c.document(made, o, c.now, false))
	return jsonReply(c.route.success, c.header, body), nil
}
