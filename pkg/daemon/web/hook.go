package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxHook is how large a git host's call may be. GitHub sends 25 MB at most, and a push rarely more than some KB.
const maxHook = 5 << 20

// hook is called by a git host when somebody has pushed, and makes a turn of the stack due. Nothing of the body is believed, or even
// read: what is at the source is seen by looking there. So a call that is sent twice costs a look.
func (s *site) hook(w http.ResponseWriter, r *http.Request) {
	name, secret := r.PathValue("name"), ""
	if s.o.HookSecret != nil {
		secret = s.o.HookSecret(name)
	}
	if secret == "" {
		refuse(w, http.StatusNotFound, "nobody is called back here", "the stack needs a secret for its webhook")
		return
	}
	mac := hmac.New(sha256.New, []byte(secret))
	if _, err := io.Copy(mac, http.MaxBytesReader(w, r.Body, maxHook)); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			refuse(w, http.StatusRequestEntityTooLarge, "the body is larger than 5 MiB", "")
			return
		}
		refuse(w, http.StatusBadRequest, "the body ended too early", "")
		return
	}
	sent, good := strings.CutPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256=")
	got, err := hex.DecodeString(sent)
	if !good || err != nil || !hmac.Equal(got, mac.Sum(nil)) {
		refuse(w, http.StatusUnauthorized, "X-Hub-Signature-256 is not the signature of the body under this stack's secret",
			"give the git host the same secret, and application/json as content type")
		return
	}
	switch r.Header.Get("X-GitHub-Event") {
	case "push", "": // other hosts sign alike, and name their events elsewhere
		s.trigger(w, r, "webhook")
	case "ping":
		answer(w, http.StatusOK, done{"pong"})
	default:
		answer(w, http.StatusOK, done{"nothing: only a push matters"})
	}
}
