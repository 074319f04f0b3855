package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render/escape"
)

func (s *site) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}

// readyz is good once every stack has had a turn.
func (s *site) readyz(w http.ResponseWriter, _ *http.Request) {
	snap := s.snapshot()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !snap.Ready {
		had := 0
		for i := range snap.Stacks {
			if len(snap.Stacks[i].Turns) > 0 {
				had++
			}
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, "not yet: %d of %d stacks have had a turn\n", had, len(snap.Stacks))
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}

func (s *site) status(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.snapshot())
}

func (s *site) stack(w http.ResponseWriter, r *http.Request) {
	snap := s.snapshot()
	if st := s.named(w, r, &snap); st != nil {
		answer(w, http.StatusOK, st)
	}
}

// plan is what vpsync plan --json prints.
func (s *site) plan(w http.ResponseWriter, r *http.Request) {
	snap := s.snapshot()
	st := s.named(w, r, &snap)
	if st == nil {
		return
	}
	if st.Report == nil || len(st.Report.Plan) == 0 {
		refuse(w, http.StatusNotFound, "the stack has no plan yet", "it has one when its next turn has ended")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(st.Report.Plan)
}

func (s *site) graph(w http.ResponseWriter, r *http.Request) {
	snap := s.snapshot()
	st := s.named(w, r, &snap)
	if st == nil {
		return
	}
	if st.Report == nil || len(st.Report.Graph) == 0 {
		refuse(w, http.StatusNotFound, "the stack has no picture yet", "it has one when its next turn has ended")
		return
	}
	w.Header().Set("Content-Security-Policy", picturePolicy)
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(st.Report.Graph)
}

// named is the stack of the path; nil where there is none, which has been said then.
func (s *site) named(w http.ResponseWriter, r *http.Request, snap *daemon.Snapshot) *daemon.StackState {
	name := r.PathValue("name")
	st := find(snap, name)
	if st == nil {
		refuse(w, http.StatusNotFound, "there is no stack "+quoted(name), "GET /api/v1/status lists them")
	}
	return st
}

// Bounds of what is sent with an approval.
const (
	maxRequest = 4 << 10
	maxWho     = 60
)

// approval is what may be sent with an approval. Whoever has the token says who they are; nothing proves it.
type approval struct {
	Who string `json:"who"`
}

// done says what was begun.
type done struct {
	Accepted string `json:"accepted"`
}

func (s *site) approve(w http.ResponseWriter, r *http.Request) {
	var a approval
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err == nil && len(strings.TrimSpace(string(body))) > 0 {
		err = json.Unmarshal(body, &a)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "what was sent is not a JSON document with a name", `send nothing, or {"who": "your name"}`)
		return
	}
	run, who := r.PathValue("run"), strings.TrimSpace(a.Who)
	if who == "" {
		who = "the API"
	}
	if runes := []rune(who); len(runes) > maxWho {
		who = string(runes[:maxWho])
	}
	switch err := s.service.Approve(run, escape.Line(who)); {
	case errors.Is(err, daemon.ErrNoProposal):
		refuse(w, http.StatusConflict, "no plan of the run "+quoted(run)+" awaits approval",
			"perhaps another was made since; GET /api/v1/status has those that await it as proposed")
	case err != nil:
		s.failed(w, r, err)
	default:
		answer(w, http.StatusAccepted, done{"the plan of " + run + " is carried out as soon as its stack's windows allow that"})
	}
}

func (s *site) turn(w http.ResponseWriter, r *http.Request) {
	s.trigger(w, r, "the API")
}

// trigger makes a turn of the stack of the path due.
func (s *site) trigger(w http.ResponseWriter, r *http.Request, why string) {
	name := r.PathValue("name")
	switch err := s.service.Trigger(name, why); {
	case errors.Is(err, daemon.ErrNoStack):
		refuse(w, http.StatusNotFound, "there is no stack "+quoted(name), "GET /api/v1/status lists them")
	case err != nil:
		s.failed(w, r, err)
	default:
		answer(w, http.StatusAccepted, done{"a turn of " + name + " is due now"})
	}
}

// failed: the daemon could not do what it was asked for. Its message is for the log; it may hold more than a reader should see.
func (s *site) failed(w http.ResponseWriter, r *http.Request, err error) {
	s.o.Log.Error("a request failed", "path", escape.Line(r.URL.Path), "error", err)
	refuse(w, http.StatusInternalServerError, "this failed", "the daemon's log says why")
}
