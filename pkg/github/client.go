package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Options say which GitHub is spoken to, and how.
type Options struct {
	API     string // base URL: https://api.github.com, or https://HOST/api/v3 of an enterprise server
	Token   string // goes to the host of API and to no other
	Version string // of vpsync, for the logs of the server
	// For tests; nil is the real one.
	Transport http.RoundTripper
	Wait      func(ctx context.Context, d time.Duration) error
	Now       func() time.Time
}

// Client calls GitHub. It follows no redirect.
type Client struct {
	rest, graphql string
	options       Options
	http          *http.Client
}

// Limits of what is asked and read.
const (
	mostAnswer   = 16 << 20         // bytes of one answer
	mostPages    = 100              // of comments, a hundred each
	mostWait     = 3 * time.Minute  // for a rate limit, altogether in one call
	requestLimit = 30 * time.Second // for one request
	attempts     = 5
)

// New makes a client. The API is spoken to by https; by http on this machine alone.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.API)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no address of an API of GitHub", o.API)
	}
	if local := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback(); u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, fmt.Errorf("%s: a token is sent by https alone", o.API)
	}
	if o.Token == "" || strings.ContainsAny(o.Token, "\r\n") {
		return nil, errors.New("there is no token for GitHub")
	}
	c := &Client{rest: strings.TrimRight(o.API, "/"), options: o}
	if c.graphql = c.rest + "/graphql"; strings.HasSuffix(c.rest, "/api/v3") {
		c.graphql = strings.TrimSuffix(c.rest, "/v3") + "/graphql"
	}
	if c.options.Wait == nil {
		c.options.Wait = wait
	}
	if c.options.Now == nil {
		c.options.Now = time.Now
	}
	c.http = &http.Client{Transport: o.Transport, Timeout: requestLimit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Error is what GitHub answered instead of what it was asked for.
type Error struct {
	Method, Path string
	Status       int    // 0 where there was no answer
	Message      string // GitHub's own words; foreign
	// Unknown: a request that writes may have been carried out.
	Unknown bool
}

func (e *Error) Error() string {
	what := e.Message
	if e.Status != 0 {
		what = strings.TrimSpace(fmt.Sprintf("%d %s: %s", e.Status, http.StatusText(e.Status), e.Message))
	}
	return fmt.Sprintf("GitHub, %s %s: %s", e.Method, e.Path, strings.TrimSuffix(what, ": "))
}

// call sends a request until it is answered. What reads, or may be sent twice, is repeated when nobody knows what became of it; what may
// not is repeated only where the server said that it did nothing: when a rate limit refused it.
func (c *Client) call(ctx context.Context, method, address string, again bool, body, into any) error {
	waited := time.Duration(0)
	for n := 1; ; n++ {
		limit, err := c.once(ctx, method, address, body, into)
		var e *Error
		if err == nil || !errors.As(err, &e) || ctx.Err() != nil || n == attempts || limit < 0 || limit == 0 && !(e.Unknown && again) {
			return err
		}
		if limit == 0 {
			limit = time.Duration(n*n) * time.Second
		}
		if waited += limit; waited > mostWait {
			return err
		}
		if err := c.options.Wait(ctx, limit); err != nil {
			return err
		}
	}
}

// once sends a request once. limit is how long a rate limit asks to wait, -1 where it is no use to wait or to ask again, and 0 otherwise.
func (c *Client) once(ctx context.Context, method, address string, body, into any) (limit time.Duration, err error) {
	path := strings.TrimPrefix(address, c.rest)
	fail := func(status int, unknown bool, message string) *Error {
		return &Error{Method: method, Path: path, Status: status, Message: message, Unknown: unknown}
	}
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return -1, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return -1, err
	}
	for name, value := range map[string]string{"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "vpsync/" + c.options.Version, "Authorization": "Bearer " + c.options.Token} {
		request.Header.Set(name, value)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err // without the address, which is in the message already
		}
		return 0, fail(0, true, err.Error())
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer+1))
	switch {
	case err != nil:
		return 0, fail(response.StatusCode, true, err.Error())
	case len(data) > mostAnswer:
		return -1, fail(response.StatusCode, true, fmt.Sprintf("the answer has more than %d bytes", mostAnswer))
	case response.StatusCode/100 == 2:
		if err := json.Unmarshal(data, into); err != nil {
			return 0, fail(response.StatusCode, true, "the answer is no JSON that fits")
		}
		return 0, nil
	case response.StatusCode/100 == 3:
		return -1, fail(response.StatusCode, true, "it points elsewhere, and the token does not go there")
	}
	var said struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(data, &said)
	e := fail(response.StatusCode, response.StatusCode >= 500, said.Message)
	if response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusTooManyRequests {
		return c.limited(response, said.Message), e
	}
	if !e.Unknown {
		return -1, e
	}
	return 0, e
}

// limited is how long a refusal asks to wait, or -1 where it has nothing to do with a rate limit.
func (c *Client) limited(r *http.Response, message string) time.Duration {
	if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1<<20)+1) * time.Second
	}
	if at, err := strconv.ParseInt(r.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil && r.Header.Get("X-RateLimit-Remaining") == "0" {
		return max(time.Second, time.Unix(at, 0).Sub(c.options.Now())+time.Second)
	}
	if r.StatusCode == http.StatusTooManyRequests || strings.Contains(strings.ToLower(message), "secondary rate limit") {
		return time.Minute
	}
	return -1
}

var repositoryForm = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`)

// repos is the address of something in a repository.
func (c *Client) repos(repository, format string, args ...any) (string, error) {
	if !repositoryForm.MatchString(repository) || strings.Contains(repository, "..") || strings.HasPrefix(repository, "./") || strings.HasSuffix(repository, "/.") {
		return "", fmt.Errorf("%q is no repository", repository)
	}
	return c.rest + "/repos/" + repository + fmt.Sprintf(format, args...), nil
}
