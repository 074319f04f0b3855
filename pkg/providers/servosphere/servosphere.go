// Package servosphere embeds the definition of the Servosphere API.
package servosphere

import _ "embed"

// Source is the definition as written.
//
//go:embed servosphere.provider.hcl
var Source []byte
