package providers_test

import (
	"bufio"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers"
)

// at points a client with its own transport at a server of this machine.
func at(url string) func(*providers.Config) {
	return func(c *providers.Config) { c.BaseURL, c.Transport = url, nil }
}

// TestRealTransport: what really happens on sockets, as against what errors are made to look like.
func TestRealTransport(t *testing.T) {
	outcome := func(url string) providers.Outcome {
		_, err := client(t, tiny, nil, at(url)).Do(t.Context(), create("a"), nil)
		var e *providers.Error
		require.ErrorAs(t, err, &e)
		return e.Outcome
	}
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		require.Equal(t, providers.NotSent, outcome("http://"+l.Addr().String()))
	})
	t.Run("no TLS", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		defer server.Close()
		require.Equal(t, providers.NotSent, outcome(strings.Replace(server.URL, "http:", "https:", 1)))
	})
	t.Run("a foreign certificate", func(t *testing.T) {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = quiet()
		server.StartTLS()
		defer server.Close()
		require.Equal(t, providers.NotSent, outcome(server.URL))
	})
	t.Run("closed after the request", func(t *testing.T) {
		var hits atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hits.Add(1)
			_, _ = io.ReadAll(r.Body)
			panic(http.ErrAbortHandler)
		}))
		defer server.Close()
		require.Equal(t, providers.Unknown, outcome(server.URL))
		require.EqualValues(t, 1, hits.Load())
	})
	t.Run("idle connection closed", func(t *testing.T) {
		// The server answers one request on each connection and closes it while it idles: the next POST may fail before
		// any byte, and must reach the server once.
		var hits atomic.Int32
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err == nil {
					_, _ = io.ReadAll(r.Body)
					hits.Add(1)
					_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{\"id\": 12}")
				}
				conn.Close()
			}
		}()
		c := client(t, tiny, nil, at("http://"+l.Addr().String()))
		for i := range 20 {
			before := hits.Load()
			_, err := c.Do(t.Context(), create("a"), nil)
			if err != nil {
				var e *providers.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, providers.Unknown, e.Outcome)
				continue
			}
			require.EqualValues(t, before+1, hits.Load(), "request %d", i)
		}
	})
	t.Run("redirect", func(t *testing.T) {
		for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			var hits atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				hits.Add(1)
				http.Redirect(w, r, "/elsewhere", status)
			}))
			require.Equal(t, providers.Unknown, outcome(server.URL), "%d", status)
			require.EqualValues(t, 1, hits.Load(), "%d", status)
			server.Close()
		}
	})
	t.Run("gzip bomb", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			zeros := make([]byte, 1<<20)
			for range 64 {
				if _, err := z.Write(zeros); err != nil {
					return
				}
			}
			_ = z.Close()
		}))
		defer server.Close()
		_, err := client(t, tiny, nil, at(server.URL)).Do(t.Context(), create("a"), nil)
		require.ErrorContains(t, err, "larger than 16 MiB")
	})
	t.Run("well", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if string(body) != `{"name":"a"}` || r.URL.Path != "/boxes" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(w, `{"id":"x"}`)
		}))
		defer server.Close()
		result, err := client(t, tiny, nil, at(server.URL)).Do(t.Context(), create("a"), nil)
		require.NoError(t, err)
		require.Equal(t, "x", result.Object.ID)
	})
}

// TestWhatIsNoHTTP: something that answered was reached, and is told apart from what was not.
func TestWhatIsNoHTTP(t *testing.T) {
	for answer, want := range map[string]bool{
		"220 mail.example ESMTP\r\n":                          true,
		"HTTP/1.1 fine\r\n\r\n":                               true,
		"HTTP/1.1 200 OK\r\nno header\r\n\r\n":                true,
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70000): true,
		"HTTP/1.1 200 OK\r\nContent-Length: ":                 false, // it broke off
		"":                                                    false,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n<>":      false, // HTTP, though no JSON
		"HTTP/1.1 302 Found\r\nLocation: /\r\nConnection: close\r\n\r\n": false,
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		served := make(chan struct{})
		go func() {
			defer close(served)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, answer)
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}
		}()
		_, err = client(t, tiny, nil, at("http://"+l.Addr().String())).Do(t.Context(), create("a"), nil)
		var e *providers.Error
		require.ErrorAs(t, err, &e, answer)
		require.Equal(t, want, e.NotHTTP, "%.40q: %v", answer, err)
		require.Equal(t, providers.Unknown, e.Outcome, answer)
		require.NoError(t, l.Close())
		<-served
	}
}
