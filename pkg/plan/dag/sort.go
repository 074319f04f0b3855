package dag

import (
	"container/heap"
	"slices"
)

// graph is the edges in both directions, each node's list sorted and without repetition.
type graph struct {
	before [][]int // before[i] must come before i
	behind [][]int // behind[i] wait for i
}

func build(n int, after func(i int) []int) graph {
	g := graph{before: make([][]int, n), behind: make([][]int, n)}
	for i := range n {
		list := slices.Clone(after(i))
		slices.Sort(list)
		list = slices.Compact(list)
		list = slices.DeleteFunc(list, func(j int) bool { return j < 0 || j >= n })
		g.before[i] = list
		for _, j := range list {
			g.behind[j] = append(g.behind[j], i)
		}
	}
	return g
}

// Sort returns all nodes in an order that respects after; of those that could come next, the smallest
// does. If there is a cycle, rest holds the nodes that are on one or wait for one, in rising order,
// and order holds the others.
func Sort(n int, after func(i int) []int) (order, rest []int) {
	g := build(n, after)
	waiting := make([]int, n)
	var ready intHeap
	for i := range n {
		waiting[i] = len(g.before[i])
		if waiting[i] == 0 {
			ready = append(ready, i) // rising, hence a heap already
		}
	}
	order = make([]int, 0, n)
	for len(ready) > 0 {
		i := heap.Pop(&ready).(int)
		order = append(order, i)
		for _, j := range g.behind[i] {
			if waiting[j]--; waiting[j] == 0 {
				heap.Push(&ready, j)
			}
		}
	}
	for i := range n {
		if waiting[i] > 0 {
			rest = append(rest, i)
		}
	}
	return order, rest
}

// intHeap is the sorted ready set: its smallest element is first.
type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
