package github

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Marker is what vpsync's comments begin with, where nobody reads it: what they are about. It proves nothing in a comment of somebody else.
type Marker struct {
	Stack  string // which stack of the repository
	Head   string // the commit of the pull request that was planned
	Digest string // of that plan; empty where nothing may be applied on the strength of this comment
	Data   []byte // whatever else is to be remembered
}

// mostData is how many bytes a marker remembers.
const mostData = 12 << 10

// String is the first line of a comment. Data that is too long is left out.
func (m Marker) String() string {
	data := m.Data
	if len(data) > mostData {
		data = nil
	}
	return fmt.Sprintf("<!-- vpsync:1 stack=%s head=%s digest=%s data=%s -->", quoted(m.Stack), m.Head, m.Digest, base64.RawURLEncoding.EncodeToString(data))
}

var markerForm = regexp.MustCompile(`^<!-- vpsync:1 stack=([A-Za-z0-9%_.~+]*) head=([0-9a-f]*) digest=([0-9a-f]*) data=([A-Za-z0-9_-]*) -->\r?\n`)

// ParseMarker reads the first line of a comment.
func ParseMarker(body string) (Marker, bool) {
	found := markerForm.FindStringSubmatch(body[:min(len(body), 4*mostData)])
	if found == nil {
		return Marker{}, false
	}
	stack, err := url.QueryUnescape(found[1])
	data, wrong := base64.RawURLEncoding.DecodeString(found[4])
	m := Marker{Stack: stack, Head: found[2], Digest: found[3], Data: data}
	if err != nil || wrong != nil || quoted(stack) != found[1] {
		return Marker{}, false
	}
	return m, true
}

// quoted has nothing in it that a comment of HTML ends with: no dash.
func quoted(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "-", "%2D") }
