// Package providers speaks to the APIs of VPS hosts.
//
// An API is described by a document, the provider definition
// ([Definition], written as NAME.provider.hcl); one engine ([Client]) executes
// any definition over HTTP. A new host is a new document, not new Go.
//
// The language is read by [Decode]: decode.go starts at the top of a document,
// decode_account.go, decode_kind.go, decode_attribute.go,
// decode_operation.go, decode_leave.go and decode_billing.go read its blocks, and decode_check.go holds the blocks
// against each other. testdata/whole.provider.hcl uses every word of it.
//
// The engine is a chain of small handlers that [New] assembles, from the
// outside in: retry, classify (errors.go), budget, log, encode, identify, auth,
// transport. Around the chain stand list.go and paging.go (many objects),
// object.go (one object from its JSON), wait.go (until one is ready) and
// leave.go (until one is gone).
//
// The engine knows objects and requests; it knows no state and makes no
// decision. What a failed request may have done is told by [Error.Outcome],
// and nowhere else.
package providers
