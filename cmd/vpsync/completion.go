package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/vpsync/vpsync/pkg/state"
)

// word is something that a shell may offer, with a few words about it or none.
type word struct{ text, about string }

// offer is what may stand at one place of a command line, given the arguments before it. It reads the state without a lock and
// the configuration without a request. What fails offers nothing: a shell that completes is no place for an error.
type offer func(ctx context.Context, args []string) []word

// completionTime is how long somebody who pressed the tabulator is kept waiting.
const completionTime = 1500 * time.Millisecond

// completing gives a command what to offer for each of its arguments; where repeats is set, the last goes on for ever.
func (a *app) completing(c *cobra.Command, repeats bool, arguments ...offer) *cobra.Command {
	c.ValidArgsFunction = func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		i := len(args)
		if repeats {
			i = min(i, len(arguments)-1)
		}
		if i >= len(arguments) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offered(c.Context(), arguments[i], args, typed)
	}
	return c
}

// completingFlag gives a flag what to offer. What cobra is given it keeps for as long as the process lives, and with it all of this run;
// so only a run that completes gives it anything.
func (a *app) completingFlag(c *cobra.Command, name string, o offer) {
	if len(a.args) == 0 || !strings.HasPrefix(a.args[0], cobra.ShellCompRequestCmd) {
		return
	}
	// It fails for a flag that does not exist or has an offer already, which the script named completion would see.
	_ = c.RegisterFlagCompletionFunc(name, func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return offered(c.Context(), o, args, typed)
	})
}

// offered asks for words within the time that there is, and keeps those that go on from what was typed.
func offered(ctx context.Context, o offer, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	found := make(chan []word, 1)
	go func() { found <- o(ctx, args) }()
	var words []word
	select {
	case words = <-found:
	case <-ctx.Done():
	}
	words = slices.DeleteFunc(words, func(w word) bool {
		// What a terminal would not show as it is, nobody can type either.
		return !strings.HasPrefix(w.text, typed) || w.text == "" || render.Escape(w.text) != w.text
	})
	directive := cobra.ShellCompDirectiveNoFileComp
	var out []cobra.Completion
	for _, w := range fewer(words, typed) {
		if strings.HasSuffix(w.text, "=") || strings.HasSuffix(w.text, "[") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		out = append(out, cobra.CompletionWithDesc(w.text, render.Escape(w.about)))
	}
	return out, directive
}

// mostOffered is how many words a shell is given: shells go through them one by one, and nobody reads more.
const mostOffered = 300

// fewer keeps a choice small: of many instances of a block it is the block that is offered first, and its instances when that was
// typed. Those beyond the limit come when another character narrows the choice.
func fewer(words []word, typed string) []word {
	if len(words) <= mostOffered {
		return words
	}
	var blocks []word
	instances := map[string]int{}
	for _, w := range words {
		if block, _, ok := strings.Cut(w.text, "["); ok && len(block) >= len(typed) {
			w.text = block + "["
		}
		if instances[w.text]++; instances[w.text] == 1 {
			blocks = append(blocks, w)
		}
	}
	for i, b := range blocks {
		if n := instances[b.text]; n > 1 {
			blocks[i].about = render.Plural(n, "instance")
		}
	}
	return blocks[:min(len(blocks), mostOffered)]
}

// these offers words that are always the same.
func these(words ...string) offer {
	return func(context.Context, []string) []word {
		var out []word
		for _, w := range words {
			out = append(out, word{text: w})
		}
		return out
	}
}

// fromState offers words of the state.
func (a *app) fromState(pick func(st *state.State, args []string) []word) offer {
	return func(ctx context.Context, args []string) []word {
		st, err := a.readState(ctx)
		if err != nil {
			return nil
		}
		return pick(st, args)
	}
}

// recordedAddresses offers what is recorded and was not named yet.
func (a *app) recordedAddresses() offer {
	return a.fromState(func(st *state.State, args []string) []word {
		var out []word
		for _, r := range st.Resources {
			if at := r.Address.String(); !slices.Contains(args, at) && r.Deposed == "" {
				out = append(out, word{at, r.ID})
			}
		}
		return out
	})
}

// openAddresses offers the resources about which a request is open.
func (a *app) openAddresses() offer {
	return a.fromState(func(st *state.State, _ []string) []word {
		var out []word
		for _, in := range st.Intents {
			at := in.Address.String()
			if !slices.ContainsFunc(out, func(o word) bool { return o.text == at }) {
				out = append(out, word{at, in.Operation + " since " + render.Time(in.Opened)})
			}
		}
		return out
	})
}

// declaredAddresses offers what the configuration declares and nothing is recorded of; of the kind of the address before it,
// where there is one.
func (a *app) declaredAddresses() offer {
	return a.fromState(func(st *state.State, args []string) []word {
		stack, request, _, _ := a.loadStack(variableFlags{})
		if stack == nil {
			return nil
		}
		kind := ""
		if len(args) > 0 {
			kind, _, _ = strings.Cut(args[0], ".")
		}
		taken := map[spec.Address]bool{}
		for _, r := range st.Resources {
			taken[r.Address] = true
		}
		var out []word
		request.Unasked = true
		for _, r := range stack.Evaluate(request).Resources {
			if !taken[r.Address] && (kind == "" || r.Address.Kind == kind) {
				out = append(out, word{r.Address.String(), r.Range.String()})
			}
		}
		return out
	})
}

func (a *app) leftoverIDs() offer {
	return a.fromState(func(st *state.State, _ []string) []word {
		var out []word
		for _, l := range st.Leftovers {
			out = append(out, word{l.ID, "was " + l.Address.String()})
		}
		return out
	})
}

func (a *app) outputNames() offer {
	return a.fromState(func(st *state.State, _ []string) []word {
		var out []word
		for name := range keysSorted(st.Outputs) {
			out = append(out, word{text: name})
		}
		return out
	})
}

// fromStore offers words that are kept beside the state.
func (a *app) fromStore(pick func(ctx context.Context, store stateStore) []word) offer {
	return func(ctx context.Context, _ []string) (out []word) {
		_ = a.withHistory(ctx, func(store stateStore) error {
			out = pick(ctx, store)
			return nil
		})
		return out
	}
}

func (a *app) lockIDs() offer {
	return a.fromStore(func(ctx context.Context, store stateStore) []word {
		holder := store.Holder(ctx)
		if holder == nil {
			return nil
		}
		return []word{{holder.ID, fmt.Sprintf("%s by %s on %s since %s", holder.Command, holder.User, holder.Host, holder.Since)}}
	})
}

func (a *app) runIDs() offer {
	return a.fromStore(func(ctx context.Context, store stateStore) []word {
		runs, err := store.History(ctx, 100)
		if err != nil {
			return nil
		}
		var out []word
		for _, r := range runs {
			out = append(out, word{r.ID, fmt.Sprintf("%s by %s, %s", r.Command, r.Actor, render.Time(r.Started))})
		}
		return out
	})
}

// offeredProviders offers those that vpsync brings along, and those of the stack.
func (a *app) offeredProviders() offer {
	return func(context.Context, []string) []word {
		var out []word
		all, _ := a.everyDefinition()
		for _, def := range all {
			out = append(out, word{def.Name, def.Title})
		}
		return out
	}
}

// accountNames offers the accounts of the stack.
func (a *app) accountNames() offer {
	return func(context.Context, []string) []word {
		stack, _ := spec.Load(a.dir)
		if stack == nil {
			return nil
		}
		var out []word
		for _, block := range stack.Providers {
			out = append(out, word{text: block.Account()})
		}
		return out
	}
}

// ofProvider offers words of the definition that a sandbox command works with.
func (a *app) ofProvider(o *sandboxOptions, pick func(def *providers.Definition, args []string) []word) offer {
	return func(_ context.Context, args []string) []word {
		_, def, err := a.emulated(*o)
		if err != nil {
			return nil
		}
		return pick(def, args)
	}
}

func (a *app) kindNames(o *sandboxOptions) offer {
	return a.ofProvider(o, func(def *providers.Definition, _ []string) []word {
		var out []word
		for name := range keysSorted(def.Schema.Kinds) {
			out = append(out, word{name, def.Schema.Kinds[name].Description})
		}
		return out
	})
}

// assignmentNames offers the attributes of the kind that is the first argument, ready for a value.
func (a *app) assignmentNames(o *sandboxOptions) offer {
	return a.ofProvider(o, func(def *providers.Definition, args []string) []word {
		kind := def.Schema.Kinds[args[0]]
		if kind == nil {
			return nil
		}
		var out []word
		for _, at := range kind.Attributes {
			given := func(arg string) bool { return strings.HasPrefix(arg, at.Name+"=") }
			if !slices.ContainsFunc(args, given) {
				out = append(out, word{at.Name + "=", at.Type.FriendlyNameForConstraint()})
			}
		}
		return out
	})
}

// requestNames offers the requests that a fault can hit.
func (a *app) requestNames(o *sandboxOptions) offer {
	return a.ofProvider(o, func(def *providers.Definition, _ []string) []word {
		requests := map[string]string{}
		for _, kind := range def.Schema.Kinds {
			for name, op := range kind.Operations {
				requests[op.Request] = kind.Name + "." + name
			}
		}
		var out []word
		for request := range keysSorted(requests) {
			out = append(out, word{request, requests[request]})
		}
		return out
	})
}

// objectIDs offers the objects of the sandbox that are of the kind of the first argument, an address or a kind. A sandbox that
// does not exist is not made for it.
func (a *app) objectIDs(o *sandboxOptions) offer {
	return func(_ context.Context, args []string) (out []word) {
		if _, err := os.Stat(filepath.Join(a.dir, ".vpsync", "sandbox", "accounts")); err != nil {
			return nil
		}
		kind, _, _ := strings.Cut(args[0], ".")
		_ = a.withSandbox(*o, func(s *sandbox.Sandbox, _ *providers.Definition) error {
			objects, err := s.Objects(kind)
			for _, object := range objects {
				about := ""
				if name, ok := object.Values["name"]; ok {
					about = render.Value(name)
				}
				out = append(out, word{object.ID, about})
			}
			return err
		})
		return out
	}
}

// unmanagedIDs offers what could be imported: of an emulated account, which takes no request to look at.
func (a *app) unmanagedIDs() offer {
	return func(ctx context.Context, args []string) []word {
		st, err := a.readState(ctx)
		if err != nil || !a.sandbox {
			return nil
		}
		owned := map[string]bool{}
		for _, r := range st.Resources {
			owned[r.ID] = true
		}
		return slices.DeleteFunc(a.objectIDs(&sandboxOptions{})(ctx, args), func(w word) bool { return owned[w.text] })
	}
}

// faultNames offers what can go wrong.
func faultNames() offer {
	return func(context.Context, []string) []word {
		var out []word
		for _, f := range faultWords {
			out = append(out, word{string(f.kind), f.does})
		}
		return out
	}
}
