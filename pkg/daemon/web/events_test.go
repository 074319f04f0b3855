package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/daemon"
)

// reader is the far end of a stream, in memory.
type reader struct {
	*httptest.ResponseRecorder
	mu     sync.Mutex
	text   strings.Builder
	broken bool
}

func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return 0, errors.New("i/o timeout")
	}
	return r.text.Write(p)
}

func (r *reader) got() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func look(ctx context.Context, h http.Handler) (*reader, chan struct{}) {
	w, ended := &reader{ResponseRecorder: httptest.NewRecorder()}, make(chan struct{})
	r := httptest.NewRequestWithContext(ctx, "GET", "/events", nil)
	go func() {
		defer close(ended)
		h.ServeHTTP(w, r)
	}()
	return w, ended
}

// TestEvents: in virtual time, and synctest sees to it that nothing is left running.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		f := newFake(rich(noon))
		h := Handler(f, Options{Heartbeat: 15 * time.Second})
		w, ended := look(ctx, h)
		synctest.Wait()
		require.True(t, strings.HasPrefix(w.got(), "retry: 3000\n\nevent: status\ndata: {\"now\":"), w.got())
		require.Equal(t, 1, strings.Count(w.got(), "event:"))
		time.Sleep(31 * time.Second)
		require.Equal(t, 2, strings.Count(w.got(), ": alive\n\n"))
		require.Equal(t, 1, strings.Count(w.got(), "event:"), "nothing changed")

		f.change(func(s *daemon.Snapshot) { s.Stacks[0].Condition = daemon.Drifted })
		time.Sleep(time.Second)
		require.Equal(t, 2, strings.Count(w.got(), "event:"))
		require.Contains(t, w.got(), `{"name":"office","condition":"drifted","running":false}`)

		for range 1000 { // many changes are few events, and the last is not lost
			f.change(func(s *daemon.Snapshot) { s.Stacks[0].Running = true })
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		require.LessOrEqual(t, strings.Count(w.got(), "event:"), 6)
		require.Contains(t, w.got(), `{"name":"office","condition":"drifted","running":true}`)
		stop()
		<-ended
	})
}

// TestSlowReader: who does not take what is sent is dropped, and keeps no place.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(rich(noon))
		w, ended := look(t.Context(), Handler(f, Options{}))
		synctest.Wait()
		w.mu.Lock()
		w.broken = true
		w.mu.Unlock()
		f.change(func(*daemon.Snapshot) {})
		<-ended
	})
}

func TestManyReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		h := Handler(newFake(rich(noon)), Options{})
		var all []chan struct{}
		for range maxStreams {
			_, ended := look(ctx, h)
			all = append(all, ended)
		}
		synctest.Wait()
		refused := httptest.NewRecorder()
		h.ServeHTTP(refused, httptest.NewRequestWithContext(ctx, "GET", "/events", nil))
		require.Equal(t, 503, refused.Code)
		stop()
		for _, ended := range all {
			<-ended
		}
		again, end := context.WithCancel(t.Context())
		w, ended := look(again, h)
		synctest.Wait()
		require.Contains(t, w.got(), "event: status")
		end()
		<-ended
	})
}
