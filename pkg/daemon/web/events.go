package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render/escape"
)

const (
	// maxStreams bounds how many look on at once.
	maxStreams = 100
	// slow is how long a reader may take for one event before it is dropped: it reconnects by itself.
	slow = 10 * time.Second
	// breath is how long changes are gathered before the next event.
	breath = 500 * time.Millisecond
)

// change is the data of an event: enough to decide whether to fetch more.
type change struct {
	Now    time.Time     `json:"now"`
	Stacks []stackChange `json:"stacks"`
}

type stackChange struct {
	Name      string           `json:"name"`
	Condition daemon.Condition `json:"condition"`
	Running   bool             `json:"running"`
}

// events streams an event "status" at once and after every change, and a comment as a heartbeat.
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("%d readers look on already", maxStreams), "ask again later, or ask GET /api/v1/status")
		return
	}
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy that gathers would hold everything back
	send := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(slow)) // where it cannot be set, the server's own holds
		_, err := w.Write([]byte(text))
		return err == nil && control.Flush() == nil
	}
	beat := time.NewTicker(s.o.Heartbeat)
	defer beat.Stop()
	if !send("retry: 3000\n\n") {
		return
	}
	for {
		changed := s.service.Changed() // before the snapshot, so that nothing is missed between the two
		if !send(s.event()) {
			return
		}
		for waiting := true; waiting; {
			select {
			case <-changed:
				waiting = false
			case <-beat.C:
				if !send(": alive\n\n") {
					return
				}
			case <-r.Context().Done():
				return
			}
		}
		select {
		case <-time.After(breath):
		case <-r.Context().Done():
			return
		}
	}
}

// event is one event as it is sent. Its data is JSON on one line, so that no text within can end it.
func (s *site) event() string {
	snap := s.service.Snapshot()
	c := change{Now: snap.Now, Stacks: make([]stackChange, len(snap.Stacks))}
	for i := range snap.Stacks {
		st := &snap.Stacks[i]
		c.Stacks[i] = stackChange{st.Name, st.Condition, st.Running}
	}
	data, err := escape.JSON(c, "")
	if err != nil { // texts and times can be encoded
		data = []byte("{}\n")
	}
	return "event: status\ndata: " + string(data) + "\n"
}
