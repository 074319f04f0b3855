package github_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/github"
	"github.com/vpsync/vpsync/pkg/github/githubtest"
)

var (
	commit  = strings.Repeat("a", 40)
	digest  = strings.Repeat("d", 64)
	mallory = github.User{ID: 666, Login: "github-actions"}
)

// world is a GitHub with pull request 7, and a client whose waits are counted and not waited for.
func world(t *testing.T, prefix string) (*githubtest.Server, *github.Client, *time.Duration) {
	s := githubtest.Start(prefix)
	t.Cleanup(s.Close)
	repo := &github.Repo{FullName: s.Repository}
	s.Pulls[7] = github.Pull{Number: 7, State: "open", Head: github.Side{SHA: commit, Repo: repo}, Base: github.Side{Ref: "main", Repo: repo}}
	waited := new(time.Duration)
	c, err := github.New(github.Options{API: s.URL, Token: githubtest.BotToken, Now: func() time.Time { return time.Unix(1000, 0) },
		Wait: func(_ context.Context, d time.Duration) error { *waited += d; return nil }})
	require.NoError(t, err)
	return s, c, waited
}

func TestOneCommentForAStack(t *testing.T) {
	for _, prefix := range []string{"", "/api/v3"} {
		s, c, _ := world(t, prefix)
		put := func(stack, text string) string {
			url, err := c.Put(t.Context(), s.Repository, 7, github.Marker{Stack: stack, Head: commit, Digest: digest}, text, true)
			require.NoError(t, err)
			return url
		}
		for i := range 250 { // the comment is not on the first page
			s.Say(7, mallory, fmt.Sprintf("talk %d", i))
		}
		first := put("prod", "one")
		require.NotEqual(t, first, put("test -- x", "two"))
		require.Equal(t, first, put("prod", "three"))
		require.Len(t, s.Comments[7], 252)
		require.True(t, strings.HasSuffix(s.Comments[7][250].Body, "-->\nthree"), s.Comments[7][250].Body)
		own, err := c.Own(t.Context(), s.Repository, 7, "test -- x")
		require.NoError(t, err)
		require.Equal(t, digest, own[0].Marker.Digest)

		// Where nothing is to be made, nothing is.
		url, err := c.Put(t.Context(), s.Repository, 7, github.Marker{Stack: "quiet"}, "x", false)
		require.NoError(t, err)
		require.Empty(t, url)
		require.Len(t, s.Comments[7], 252)
	}
}

// A marker is believed in the token's own comments alone, on their first line alone.
func TestForgedMarkers(t *testing.T) {
	s, c, _ := world(t, "")
	evil := github.Marker{Stack: "prod", Head: commit, Digest: strings.Repeat("e", 64)}.String() + "\n"
	s.Say(7, mallory, evil)
	s.Say(7, github.User{ID: 1, Login: githubtest.Bot.Login}, evil)
	s.Say(7, githubtest.Bot, "somebody said:\n"+evil)
	s.Say(7, githubtest.Bot, " "+evil)
	s.Say(7, githubtest.Bot, strings.Replace(evil, "stack=prod", "stack=%70rod", 1))
	own, err := c.Own(t.Context(), s.Repository, 7, "prod")
	require.NoError(t, err)
	require.Empty(t, own)
	s.Say(7, githubtest.Bot, evil)
	own, err = c.Own(t.Context(), s.Repository, 7, "prod")
	require.NoError(t, err)
	require.Len(t, own, 1)
}

func TestFaults(t *testing.T) {
	header := func(status int, pairs ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(pairs); i += 2 {
				w.Header().Set(pairs[i], pairs[i+1])
			}
			w.WriteHeader(status)
			fmt.Fprint(w, `{"message":"You have exceeded a secondary rate limit"}`)
		}
	}
	denied := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(403)
		fmt.Fprint(w, `{"message":"Resource not accessible by integration"}`)
	}
	cut := func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	for _, c := range []struct {
		name     string
		method   string // whose first request meets the fault
		answer   http.HandlerFunc
		always   bool
		carried  bool
		comments int
		fails    string
		waits    time.Duration
	}{
		{name: "a secondary rate limit, with how long", method: "POST", answer: header(403, "Retry-After", "20"), comments: 1, waits: 21 * time.Second},
		{name: "a secondary rate limit, without", method: "POST", answer: header(403), comments: 1, waits: time.Minute},
		{name: "the rate limit is used up", method: "GET", answer: header(429, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1030"), comments: 1, waits: 31 * time.Second},
		{name: "a wait of a year", method: "GET", answer: header(429, "Retry-After", "31536000"), fails: "429"},
		{name: "a rate limit that does not end", method: "GET", answer: header(403, "Retry-After", "50"), always: true, fails: "403", waits: 153 * time.Second},
		{name: "a permission that is missing", method: "POST", answer: denied, fails: "Resource not accessible", always: true},
		{name: "a server in trouble, reading", method: "GET", answer: header(502), comments: 1, waits: time.Second},
		{name: "an answer that was lost", method: "POST", answer: cut, carried: true, comments: 1},
		{name: "a comment that was not made", method: "POST", answer: cut, fails: "EOF"},
		{name: "an address elsewhere", method: "GET", answer: header(302, "Location", "https://evil.example/"), fails: "the token does not go there"},
		{name: "an answer that is none", method: "GET", answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, always: true, fails: "no JSON", waits: 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, client, waited := world(t, "")
			done := false
			s.Fault = func(r *http.Request) (http.HandlerFunc, bool) {
				if r.Method != c.method || !strings.Contains(r.URL.Path, "/comments") || done && !c.always {
					return nil, false
				}
				done = true
				return c.answer, c.carried
			}
			_, err := client.Put(t.Context(), s.Repository, 7, github.Marker{Stack: "x"}, "text", true)
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				require.NotContains(t, err.Error(), githubtest.BotToken)
			} else {
				require.NoError(t, err)
			}
			require.Len(t, s.Comments[7], c.comments)
			require.Equal(t, c.waits, *waited)
		})
	}
}

// The token goes to the API's host, and by https unless that is this machine.
func TestWhereTheTokenGoes(t *testing.T) {
	for _, api := range []string{"http://github.example/api/v3", "https://user@github.example", "//github.example", "ftp://github.example", "https://api.github.com?x=y", "", "https://"} {
		_, err := github.New(github.Options{API: api, Token: "x"})
		require.Error(t, err, api)
	}
	_, err := github.New(github.Options{API: "https://api.github.com"})
	require.ErrorContains(t, err, "no token")
	_, err = github.New(github.Options{API: "https://api.github.com", Token: "x\r\nHost: evil"})
	require.Error(t, err)

	reached := false
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer evil.Close()
	s, c, _ := world(t, "")
	s.Fault = func(*http.Request) (http.HandlerFunc, bool) {
		return func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, evil.URL, http.StatusTemporaryRedirect)
		}, false
	}
	_, err = c.Pull(t.Context(), s.Repository, 7)
	require.Error(t, err)
	require.False(t, reached)
	for _, repository := range []string{"", "acme", "acme/infra/../../x", "acme/in fra", "../..", "acme/infra?x", "acme/..", "./x"} {
		_, err := c.Pull(t.Context(), repository, 7)
		require.ErrorContains(t, err, "no repository", repository)
	}
}

func TestMergedAs(t *testing.T) {
	s, c, _ := world(t, "")
	merged := strings.Repeat("b", 40)
	p, err := c.MergedAs(t.Context(), s.Repository, merged)
	require.NoError(t, err)
	require.Nil(t, p)
	_, err = c.MergedAs(t.Context(), s.Repository, "main/../x")
	require.ErrorContains(t, err, "no commit")
	pull := s.Pulls[7]
	pull.MergeCommit = merged // GitHub has one for an open pull request, too: the trial merge
	s.Pulls[7] = pull
	p, err = c.MergedAs(t.Context(), s.Repository, merged)
	require.NoError(t, err)
	require.Nil(t, p)
	now := time.Unix(0, 0)
	pull.MergedAt = &now
	s.Pulls[7] = pull
	p, err = c.MergedAs(t.Context(), s.Repository, merged)
	require.NoError(t, err)
	require.Equal(t, 7, p.Number)
}

func FuzzParseMarker(f *testing.F) {
	f.Add(github.Marker{Stack: "a -- b", Head: commit, Digest: digest, Data: []byte("x")}.String() + "\n")
	f.Fuzz(func(t *testing.T, body string) {
		if m, ok := github.ParseMarker(body); ok {
			again, ok := github.ParseMarker(m.String() + "\n")
			require.True(t, ok)
			require.Equal(t, m.Stack, again.Stack)
			require.Equal(t, m.Digest, again.Digest)
			require.Equal(t, 1, strings.Count(m.String(), "--"+">"))
		}
		m := github.Marker{Stack: body}
		if again, ok := github.ParseMarker(m.String() + "\n"); ok {
			require.Equal(t, body, again.Stack)
		}
	})
}
