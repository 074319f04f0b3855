// Package web serves what a daemon shows of itself on one address: a status page, a JSON API, metrics, probes, a stream of changes,
// and what a git host calls when somebody has pushed.
//
// It shows a [daemon.Snapshot] and asks things of a [daemon.Service]; it knows nothing else of vpsync. What others wrote (names and
// values out of an API, messages of commits and errors) is shown as text and never does anything: see pages.go. Reading needs no
// secret, so the address is for people who may read everything; what changes something needs a token. A reader starts at [Handler].
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/vpsync/vpsync/pkg/daemon"
)

// Options are what the address may do. The zero value shows, and lets nobody change anything.
type Options struct {
	// Token approves plans and asks for turns, as a bearer token. Empty: nobody may, over HTTP.
	Token string
	// HookSecret is with what the calls of a git host to /hooks/STACK are signed; empty: there are none. Nil: none at all.
	HookSecret func(stack string) string
	// Undelivered are the notifications that nobody got; nil: there are none.
	Undelivered func() []daemon.Undelivered
	// Names by which the address is called, as browsers send them in the Host header: "vpsync.example.com", with no port. Names of this
	// machine's loopback and IP addresses are always good.
	Names []string
	// Loopback: other names than those are refused, so that a page elsewhere cannot reach it by a name of its own. Where Names are
	// given they are, too. [Serve] sets it as its listener is.
	Loopback bool
	// Heartbeat is how often a stream of changes says that it is alive; 0 is 20 s.
	Heartbeat time.Duration
	// Log takes what went wrong; nil: nobody is told.
	Log *slog.Logger
}

// Bounds of one connection.
const (
	maxHeader    = 16 << 10
	headerTime   = 5 * time.Second
	readTime     = 15 * time.Second
	writeTime    = 30 * time.Second
	idleTime     = time.Minute
	shutdownTime = 5 * time.Second
)

// site is everything behind the address.
type site struct {
	service daemon.Service
	o       Options
	pages   *pages
	streams chan struct{} // a place for each stream of changes
}

// Handler answers all requests to the address. It keeps nothing between them, and is safe for concurrent use.
func Handler(service daemon.Service, o Options) http.Handler {
	if o.Heartbeat <= 0 {
		o.Heartbeat = 20 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &site{service: service, o: o, pages: newPages(), streams: make(chan struct{}, maxStreams)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.metrics())
	mux.HandleFunc("GET /events", s.events)

	mux.HandleFunc("GET /api/v1/status", s.status)
	mux.HandleFunc("GET /api/v1/stacks/{name}", s.stack)
	mux.HandleFunc("GET /api/v1/stacks/{name}/plan", s.plan)
	mux.HandleFunc("GET /api/v1/stacks/{name}/graph.svg", s.graph)
	mux.HandleFunc("POST /api/v1/stacks/{name}/turn", s.authorized(s.turn))
	mux.HandleFunc("POST /api/v1/runs/{run}/approve", s.authorized(s.approve))
	mux.HandleFunc("POST /hooks/{name}", s.hook)

	mux.HandleFunc("GET /{$}", s.overview)
	mux.HandleFunc("GET /stacks/{name}", s.stackPage)
	mux.HandleFunc("GET /assets/{file}", s.asset)
	mux.HandleFunc("/", s.nothing)
	return s.guard(mux)
}

// Serve answers on a listener, which it closes, until ctx ends; then requests that have begun have some seconds to end. It returns
// nil after that, and an error where the listener fails.
func Serve(ctx context.Context, l net.Listener, service daemon.Service, o Options) error {
	if a, ok := l.Addr().(*net.TCPAddr); ok && a.IP.IsLoopback() {
		o.Loopback = true
	}
	streams, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	server := &http.Server{
		Handler:           Handler(service, o),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime, // streams set their own
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return streams },
		ErrorLog:          slog.NewLogLogger(logHandler(o.Log), slog.LevelDebug),
	}
	server.RegisterOnShutdown(end) // streams end by themselves never
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(l) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		_ = server.Close()
	}
	if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func logHandler(l *slog.Logger) slog.Handler {
	if l == nil {
		return slog.DiscardHandler
	}
	return l.Handler()
}

// snapshot is how everything is, with what only the site knows.
func (s *site) snapshot() daemon.Snapshot {
	snap := s.service.Snapshot()
	if s.o.Undelivered != nil {
		snap.Undelivered = s.o.Undelivered()
	}
	return snap
}

// find is a stack by its name; nil where there is none.
func find(snap *daemon.Snapshot, name string) *daemon.StackState {
	for i := range snap.Stacks {
		if snap.Stacks[i].Name == name {
			return &snap.Stacks[i]
		}
	}
	return nil
}
