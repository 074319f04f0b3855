// Package sandbox emulates the API of any provider definition: the same
// requests and answers, asynchronous provisioning, pagination and rate limits, with
// faults on demand. It is an [http.Handler] and, through [Sandbox.Transport], an in-process
// transport.
//
// It can do only what the definition says. A kind without a list cannot be
// listed here either: the path answers 404 in the vendor's own error shape. What a real
// account's owner could see in the vendor's web console, and change there behind
// everybody's back, is reached by the methods of [Sandbox] instead.
//
// Every request is one transaction and one line of an append-only file: what it changed, what it
// cost, which fault it met. Several processes may share the file, and one that is killed
// at any moment leaves either the whole line or nothing of it.
//
// Start at [Open]. Data queries and tasks of a definition are not emulated: they answer 404
// and say so.
package sandbox
