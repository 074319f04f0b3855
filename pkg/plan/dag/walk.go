package dag

import (
	"container/heap"
	"context"

	"github.com/vpsync/vpsync/internal/panics"
)

// Outcome is what became of one node.
type Outcome string

const (
	Done    Outcome = "done"
	Failed  Outcome = "failed"  // its visit returned an error
	Skipped Outcome = "skipped" // not visited: something before it did not end well, or the walk was cancelled
)

// Walk visits every node after those that must come before it, at most limit at once (less than one
// counts as one). The outcomes are by node. An error stops what depends on its node and nothing
// else. Once ctx is done no visit begins; those that run are waited for, and decide for themselves
// what to make of ctx. With a limit of one the order is that of [Sort]. Nodes on a cycle are
// skipped.
//
// Visits run in goroutines of their own, all of which have ended when Walk returns. Where one panics no other begins, and Walk panics
// with a [*panics.Panic] once those that run have ended: they may have to record what they did.
func Walk(ctx context.Context, n int, after func(i int) []int, limit int, visit func(ctx context.Context, i int) error) []Outcome {
	g := build(n, after)
	w := walk{graph: g, outcomes: make([]Outcome, n), waiting: make([]int, n), bad: make([]bool, n)}
	for i := range n {
		w.waiting[i] = len(g.before[i])
		if w.waiting[i] == 0 {
			w.ready = append(w.ready, i)
		}
	}
	type ended struct {
		node     int
		err      error
		panicked *panics.Panic
	}
	var panicked *panics.Panic
	limit = max(limit, 1)
	results := make(chan ended, min(limit, n))
	running := 0
	for {
		for running < limit && len(w.ready) > 0 {
			i := heap.Pop(&w.ready).(int)
			if ctx.Err() != nil || panicked != nil {
				w.end(i, Skipped)
				continue
			}
			running++
			go func() {
				e := ended{node: i}
				defer func() {
					if value := recover(); value != nil {
						e.panicked = panics.Of(value)
					}
					results <- e
				}()
				e.err = visit(ctx, i)
			}()
		}
		if running == 0 {
			break
		}
		e := <-results
		running--
		if panicked == nil {
			panicked = e.panicked
		}
		if e.err != nil || e.panicked != nil {
			w.end(e.node, Failed)
		} else {
			w.end(e.node, Done)
		}
	}
	if panicked != nil {
		panic(panicked)
	}
	for i := range w.outcomes {
		if w.outcomes[i] == "" {
			w.outcomes[i] = Skipped
		}
	}
	return w.outcomes
}

type walk struct {
	graph
	outcomes []Outcome
	waiting  []int  // how many nodes before this one have not ended
	bad      []bool // one of them did not end well
	ready    intHeap
}

// end notes a node's outcome and frees what waited for it alone; what can never be visited ends with it.
func (w *walk) end(node int, o Outcome) {
	w.outcomes[node] = o
	todo := []int{node}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, j := range w.behind[i] {
			if w.outcomes[i] != Done {
				w.bad[j] = true
			}
			if w.waiting[j]--; w.waiting[j] > 0 {
				continue
			}
			if w.bad[j] {
				w.outcomes[j] = Skipped
				todo = append(todo, j)
			} else {
				heap.Push(&w.ready, j)
			}
		}
	}
}
