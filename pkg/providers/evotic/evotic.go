// Package evotic embeds the definition of the evotic API.
package evotic

import _ "embed"

// Source is the definition as written.
//
//go:embed evotic.provider.hcl
var Source []byte
