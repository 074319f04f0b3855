package providers

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// authorize resolves the request's URL and adds the token, which is bound to one scheme and host: a request to any
// other place is not sent at all.
func authorize(next handler, auth Auth, endpoint *url.URL, token string) handler {
	basic := base64.StdEncoding.EncodeToString([]byte(auth.Name + ":" + token))
	return func(ctx context.Context, r *request) (*answer, error) {
		u, err := r.resolve(endpoint)
		if err != nil {
			return nil, &wireError{err: err}
		}
		if u.Scheme != endpoint.Scheme || u.Host != endpoint.Host || u.User != nil {
			return nil, &wireError{err: fmt.Errorf("the token of %s is not for host %q", endpoint.Host, u.Host)}
		}
		if r.header == nil {
			r.header = http.Header{}
		}
		r.hide(token)
		switch auth.Scheme {
		case AuthBearer:
			r.header.Set("Authorization", "Bearer "+token)
		case AuthBasic:
			r.header.Set("Authorization", "Basic "+basic)
			r.hide(basic)
		case AuthHeader:
			r.header.Set(auth.Name, token)
		case AuthQuery:
			q := u.Query()
			q.Set(auth.Name, token)
			u.RawQuery = q.Encode()
		}
		r.url = u
		return next(ctx, r)
	}
}

// resolve makes the URL: the base, the path below it, the sorted query.
func (r *request) resolve(endpoint *url.URL) (*url.URL, error) {
	if r.next != nil {
		u := *r.next
		return &u, nil
	}
	u, err := url.Parse(endpoint.String() + r.path)
	if err != nil {
		return nil, fmt.Errorf("%s makes no URL", r)
	}
	u.RawQuery = r.query.Encode()
	return u, nil
}

// checkToken refuses what no header can carry. The token itself is never part of the error.
func checkToken(token string) error {
	switch {
	case token == "":
		return errors.New("none given")
	case strings.TrimSpace(token) != token:
		return errors.New("it starts or ends with white space")
	}
	for _, c := range token {
		if c < ' ' || c == 0x7f {
			return errors.New("it holds a control character")
		}
	}
	return nil
}
