// Package dag orders and walks small directed graphs whose nodes are the integers
// 0 to n-1. Edges are given as a function: after(i) lists the nodes that must come
// before i. The function must answer the same each time; repeated and out-of-range
// nodes are ignored.
//
// [Sort] gives one order, always the same; [Components] finds what has none; [Walk] visits
// nodes side by side. All of them take time and memory linear in nodes and edges (Sort has a
// logarithm on top, for its ready set).
package dag
