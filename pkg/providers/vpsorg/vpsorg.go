// Package vpsorg embeds the definition of the VPS.org API.
package vpsorg

import _ "embed"

// Source is the definition as written.
//
//go:embed vpsorg.provider.hcl
var Source []byte
