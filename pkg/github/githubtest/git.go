package githubtest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// GitAccess is where git finds the repository, and the header with the token of a run, as actions/checkout writes it into git's
// configuration. A token that may not push is one of a workflow with contents: read.
func (s *Server) GitAccess(push bool) (url, header string) {
	s.Lock()
	defer s.Unlock()
	if s.pushes == nil {
		s.pushes = map[string]bool{}
	}
	token := fmt.Sprintf("ghs_run%d", len(s.pushes))
	s.pushes[token] = push
	return s.http.URL + "/" + s.Repository + ".git", "AUTHORIZATION: basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token))
}

// git lets git's own program answer whoever has a token that may do what is asked for. It is called while the lock is held.
func (s *Server) git(w http.ResponseWriter, r *http.Request, path string) {
	user, token, _ := r.BasicAuth()
	push, known := s.pushes[token]
	pushing := strings.HasSuffix(path, "/git-receive-pack") || r.URL.Query().Get("service") == "git-receive-pack"
	switch {
	case !known || user != "x-access-token":
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		http.Error(w, "Repository not found.", http.StatusUnauthorized)
		return
	case pushing && !push:
		http.Error(w, "Write access to repository not granted.", http.StatusForbidden)
		return
	}
	out, err := exec.CommandContext(r.Context(), "git", "--exec-path").Output()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Root: "/" + s.Repository + ".git", Dir: s.Git, Stderr: os.Stderr,
		Env: []string{"GIT_PROJECT_ROOT=" + s.Git, "GIT_HTTP_EXPORT_ALL=1", "GIT_PROTOCOL=" + r.Header.Get("Git-Protocol"), "HOME=" + s.Git, "GIT_CONFIG_NOSYSTEM=1"},
	}
	h.ServeHTTP(w, r)
}
