package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/apply"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
	"github.com/zclconf/go-cty/cty"
)

// maxPlanFile bounds what is read as a saved plan.
const maxPlanFile = 512 << 20

// mayBecomePlan refuses a path whose file a saved plan would overwrite although it is none, before anything is asked of an account: by a
// slip of the hand it is the configuration, the state, or a device.
func mayBecomePlan(path string) error {
	refuse := func(detail, remedy string) error {
		return &remedyError{summary: "The plan cannot be saved there", detail: path + " " + detail, remedy: remedy}
	}
	if strings.HasSuffix(path, ".hcl") || strings.HasSuffix(path, ".hcl.json") {
		return refuse("would be read as a part of the stack from then on.", "vpsync plan --out "+shell.Word(strings.TrimSuffix(strings.TrimSuffix(path, ".json"), ".hcl")+".vpsplan"))
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil // with its folder missing, saving says so
	case err == nil && info.IsDir():
		return refuse("is a folder.", "vpsync plan --out "+shell.Word(filepath.Join(path, "plan.vpsplan")))
	case err == nil && !info.Mode().IsRegular():
		return refuse("is no ordinary file, and a plan would take its place.", "vpsync plan --out plan.vpsplan")
	case err != nil || info.Size() == 0:
		return nil // saving says why not
	}
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		head := make([]byte, len(plan.SavedMagic))
		if _, err = io.ReadFull(f, head); err == nil && string(head) == plan.SavedMagic {
			return nil
		}
	}
	return refuse("holds something else than a saved plan, which would be lost.", "vpsync plan --out plan.vpsplan")
}

// savePlan writes a plan and what it rests on into a file that only its owner can read.
func (w *workspace) savePlan(path string, made *apply.Made, options plan.Options) error {
	s, err := w.saved(made, options)
	if err != nil {
		return err
	}
	data, err := s.Encode()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".vpsync-plan-*") // made 0600
	if err == nil {
		defer os.Remove(f.Name())
		_, err = f.Write(data)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		wrong := &remedyError{summary: "The plan cannot be saved", detail: fmt.Sprintf("%s: %s", path, sentenceOf(withoutPath(err)))}
		if errors.Is(err, syscall.ENOSPC) {
			wrong.summary, wrong.remedy = "The disk is full", "make room on the disk of "+shell.Word(filepath.Dir(path))+", and run the command again"
		}
		return wrong
	}
	return nil
}

func (w *workspace) saved(made *apply.Made, options plan.Options) (*plan.Saved, error) {
	s := &plan.Saved{
		Made: w.clock.Now().UTC(), Vpsync: versionText(), Sandbox: w.app.sandbox,
		Lineage: made.State.Lineage, Endpoints: map[string]string{}, Definitions: map[string]string{}, Sources: w.stack.Sources,
		Secrets: map[string]state.Digest{}, Rows: plan.Rest(made.Plan, made.Config, made.State),
		Options: options, Digest: made.Plan.Digest(), Plan: made.Plan,
	}
	for name, c := range w.accounts {
		s.Endpoints[name], s.Definitions[name] = c.Endpoint(), c.Definition().Hash
	}
	for _, v := range w.request.Variables {
		if w.stack.Declares(v.Name) && !w.stack.Secret(v.Name) && !v.Withheld { // what is withheld here, whoever applies the plan has
			s.Variables = append(s.Variables, v)
		}
	}
	values, diags := w.stack.VariableValues(w.request.Variables)
	if diags.HasErrors() {
		return nil, diags
	}
	for name, v := range values {
		if w.stack.Secret(name) {
			if d, ok := w.digest(name, v); ok {
				s.Secrets[name] = d
			}
		}
	}
	return s, nil
}

// digest stands for the value of a secret variable; ok is false while no key is at hand.
func (w *workspace) digest(variable string, v cty.Value) (state.Digest, bool) {
	return w.key.Digest("", spec.Address{}, "var."+variable, v)
}

// readPlan reads a saved plan.
func readPlan(path string) (*plan.Saved, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &remedyError{summary: "The plan cannot be read", detail: fmt.Sprintf("%s: %s", path, sentenceOf(withoutPath(err))), remedy: "vpsync plan --out " + shell.Word(path)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPlanFile+1))
	if err == nil && len(data) > maxPlanFile {
		err = fmt.Errorf("it has more than %d bytes", maxPlanFile)
	}
	if err != nil {
		return nil, &remedyError{summary: "The plan cannot be read", detail: fmt.Sprintf("%s: %s", path, sentenceOf(withoutPath(err)))}
	}
	s, err := plan.DecodeSaved(data)
	var wrong *plan.SavedError
	if errors.As(err, &wrong) {
		return nil, &remedyError{summary: "Not a plan to carry out", detail: fmt.Sprintf("%s: %s.", path, wrong.Reason), remedy: strings.ReplaceAll(wrong.Remedy, "FILE", shell.Word(path))}
	}
	return s, err
}

// stalePlan is a plan that what it rests on has moved away from.
func stalePlan(path, detail string) error {
	return &exitError{code: exitNeedsAnswer, err: &remedyError{summary: "The plan is stale", detail: detail + " Nothing was sent.",
		remedy: "vpsync plan --out " + shell.Word(path) + "    # and look at it again"}}
}

// foreignPlan is a plan that was made for something else than what is at hand.
func foreignPlan(remedy, format string, args ...any) error {
	return &remedyError{summary: "The plan was made for something else", detail: fmt.Sprintf(format, args...) + " Nothing was sent.", remedy: remedy}
}

// fits refuses a saved plan that was made for something else than what is at hand, before any request.
func (w *workspace) fits(s *plan.Saved, path string, st *state.State, flags variableFlags) error {
	refuse := foreignPlan
	again := "vpsync plan --out " + shell.Word(path)
	first := s.Lineage == "" && len(st.Resources)+len(st.Leftovers)+len(st.Intents) == 0 // made before there was a state
	switch {
	case s.Lineage == st.Lineage, first:
	case s.Lineage == "":
		return stalePlan(path, fmt.Sprintf("It was made before there was a state, and %s holds something by now.", w.whereState()))
	default:
		return refuse("", "It belongs to another state than %s.", w.whereState())
	}
	if changed := changedKeys(s.Sources, w.stack.Sources); len(changed) > 0 {
		return refuse(again, "The configuration is not what it was made from: %s.", describeSources(s.Sources, w.stack.Sources, changed))
	}
	endpoints, definitions := map[string]string{}, map[string]string{}
	for name, c := range w.accounts {
		endpoints[name], definitions[name] = c.Endpoint(), c.Definition().Hash
	}
	if changed := changedKeys(s.Endpoints, endpoints); len(changed) > 0 {
		return refuse("", "The account %s is at %s now, and was at %s.", changed[0], orElse(endpoints[changed[0]], "no place"), orElse(s.Endpoints[changed[0]], "no place"))
	}
	if changed := changedKeys(s.Definitions, definitions); len(changed) > 0 {
		return refuse(again, "The definition of %s is not the one that it was made with (vpsync %s).", changed[0], s.Vpsync)
	}
	values, diags := w.stack.VariableValues(w.request.Variables)
	if diags.HasErrors() {
		return diags
	}
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		if w.key.Compare(s.Secrets[name], values[name]) == state.Different {
			return refuse(again, "The secret variable %s has another value than it was made with.", name)
		}
	}
	if name := w.contradicts(s, flags); name != "" {
		return refuse(again, "It was made with another value of the variable %s than is given now.", name)
	}
	if moved := s.Moved(st); len(moved) > 0 {
		return stalePlan(path, fmt.Sprintf("Since it was made, another run recorded %s anew.", listNames(moved, 5)))
	}
	return nil
}

// contradicts names a variable to which the command line gives another value than the plan was made with, or is empty. The plan's value
// holds, so it would be passed over in silence. What the environment and the stack's files say is not meant for this plan alone.
func (w *workspace) contradicts(s *plan.Saved, flags variableFlags) string {
	flags.last = nil
	all, _ := w.app.variableValues(w.stack, flags) // what is wrong with them has been told
	var given []spec.VariableValue
	for _, v := range all {
		fromFile := slices.ContainsFunc(flags.files, func(path string) bool { return shownPath(path, filepath.Separator) == v.Origin })
		if (fromFile || v.Origin == "--var "+v.Name) && w.stack.Declares(v.Name) && !w.stack.Secret(v.Name) {
			given = append(given, v)
		}
	}
	now, _ := w.stack.VariableValues(given)
	was, _ := w.stack.VariableValues(s.Variables)
	for _, v := range given {
		if a, b := now[v.Name], was[v.Name]; a != cty.NilVal && b != cty.NilVal && !a.RawEquals(b) {
			return v.Name
		}
	}
	return ""
}

// changedKeys are those that have another value in the two maps, or that only one has.
func changedKeys(a, b map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if a[k] != b[k] {
			out = append(out, k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(b)) {
		if _, both := a[k]; !both {
			out = append(out, k)
		}
	}
	return out
}

func describeSources(was, is map[string]string, changed []string) string {
	var words []string
	for _, name := range changed {
		switch {
		case is[name] == "":
			words = append(words, name+" is gone")
		case was[name] == "":
			words = append(words, name+" is new")
		default:
			words = append(words, name+" has changed")
		}
	}
	return listNames(words, 5)
}

// listNames joins names, counting those beyond the first few.
func listNames(names []string, most int) string {
	if len(names) > most {
		names = append(slices.Clone(names[:most]), fmt.Sprintf("%d more", len(names)-most))
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// applySaved carries a saved plan out: it is made again, of the same resources, and must be the same.
func (a *app) applySaved(ctx context.Context, path string, o applyOptions) error {
	s, err := readPlan(path)
	if err != nil {
		return err
	}
	a.warnIfReadable(path)
	switch {
	case s.Sandbox && !a.sandbox: // before anybody asks for a token
		return foreignPlan("vpsync apply --sandbox "+shell.Word(path), "It was made on the sandbox, and this is a real account.")
	case a.sandbox && !s.Sandbox:
		return foreignPlan("", "It was made on a real account, and this is the sandbox.")
	}
	options := s.Options
	options.Targets, options.Excludes, options.Only, options.Reviewed = nil, nil, s.Only(), true
	command := "apply"
	if s.Plan.Destroy {
		command = "destroy"
	}
	return a.applyPlan(ctx, job{
		command: command, vars: o.vars, options: options, run: o.runFlags, saved: s, path: path,
	})
}

// showSaved shows a plan from its file.
func (a *app) showSaved(path string) error {
	s, err := readPlan(path)
	if err != nil {
		return err
	}
	a.warnIfReadable(path)
	a.sandbox = s.Sandbox
	a.complete(s.Plan)
	if a.json {
		return a.showPlan(s.Plan)
	}
	if err := render.Text(a.out, s.Plan, a.outOptions()); err != nil {
		return err
	}
	where := ""
	if s.Sandbox {
		where = ", on the sandbox"
	}
	_, err = fmt.Fprintf(a.out, "\nMade %s by vpsync %s%s. Digest: %s\n", render.Time(s.Made), render.Escape(s.Vpsync), where, s.Digest)
	return err
}

// differs ends an apply whose plan is not the one that was reviewed.
func differs(detail string, reviewed, now *plan.Plan) error {
	if reviewed != nil {
		if lines := plan.Difference(reviewed, now); len(lines) > 0 {
			detail += " What differs: " + strings.Join(lines[:min(len(lines), 8)], "; ") + "."
		}
	}
	return &exitError{code: exitNeedsAnswer, err: &movedError{&remedyError{summary: "The plan is not the one that was reviewed", detail: detail + " Nothing was sent.",
		remedy: "vpsync plan    # and look at it again"}}}
}

// movedError: the plan is another than the one that was reviewed.
type movedError struct{ *remedyError }

func (e *movedError) Unwrap() error { return e.remedyError }
