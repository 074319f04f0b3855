package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/plan/render/escape"
)

// policy lets a page have what this address serves as files, and nothing else: no script or style within the page, nothing from
// elsewhere, no frame around it, no form that leads away.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// picturePolicy is for a drawing that is opened by itself: it has styles within, and runs nothing.
const picturePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"

// guard stands before everything else: it refuses names that are not this address's, and sets what every answer has.
func (s *site) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if !s.known(r.Host) {
			refuse(w, http.StatusMisdirectedRequest, "this address is not called "+quoted(r.Host),
				"call it by localhost or its IP address, or add the name to what it is called by")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// known says whether a Host header may be meant for this address. A page elsewhere that has its own name resolve to this machine
// (DNS rebinding) sends that name, and never an IP address.
func (s *site) known(host string) bool {
	if !s.o.Loopback && len(s.o.Names) == 0 {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return !s.o.Loopback || ip.Unmap().IsLoopback() || slices.Contains(s.o.Names, host)
	}
	return slices.ContainsFunc(s.o.Names, func(name string) bool { return strings.EqualFold(name, host) })
}

// authorized lets through who has the token. There are no cookies, so a page elsewhere cannot make a browser send it.
func (s *site) authorized(next http.HandlerFunc) http.HandlerFunc {
	want := sha256.Sum256([]byte(s.o.Token))
	return func(w http.ResponseWriter, r *http.Request) {
		if s.o.Token == "" {
			refuse(w, http.StatusForbidden, "this daemon was given no token, so nobody may change anything over HTTP",
				"start it with one of 16 characters or more: export VPSYNC_APPROVE_TOKEN=$(openssl rand -hex 32)")
			return
		}
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(token)))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || !strings.EqualFold(scheme, "Bearer") {
			w.Header().Set("WWW-Authenticate", `Bearer realm="vpsync"`)
			refuse(w, http.StatusUnauthorized, "the token is not the one that this daemon was given",
				"send it as a header: Authorization: Bearer TOKEN")
			return
		}
		next(w, r)
	}
}

// problem is the JSON document of everything that is refused.
type problem struct {
	Error  string `json:"error"`            // what is wrong, without a final stop
	Remedy string `json:"remedy,omitempty"` // what to do about it
}

func refuse(w http.ResponseWriter, status int, what, remedy string) {
	answer(w, status, problem{what, remedy})
}

// answer writes a document that may be shown on a terminal as it is.
func answer(w http.ResponseWriter, status int, v any) {
	doc, err := escape.JSON(v, "  ")
	if err != nil { // what a snapshot holds can be encoded
		status, doc = http.StatusInternalServerError, []byte(`{"error": "this cannot be written as JSON"}`+"\n")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(doc)
}

// quoted is foreign text within a message, of a length that can be read.
func quoted(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return `"` + escape.Line(s) + `"`
}

func (s *site) nothing(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusNotFound, "there is nothing at "+quoted(r.Method+" "+r.URL.Path), "the page is at /, and the API below /api/v1/")
}
