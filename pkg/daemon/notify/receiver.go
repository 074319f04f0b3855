package notify

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render/escape"
)

// receiver is somebody who is told. Its URL is a secret, and is in no error.
type receiver struct {
	name   string
	kind   Kind
	url    *url.URL
	secret string
}

func newReceiver(c daemon.Receiver, getenv func(string) string) (*receiver, error) {
	name := escape.Line(c.Name)
	fail := func(what string) error { return fmt.Errorf("notification %q: %s", name, what) }
	switch Kind(c.Kind) {
	case Slack, Discord:
		if c.SecretEnv != "" {
			return nil, fail(c.Kind + " signs nothing, so it has no secret; the URL is all")
		}
	case Webhook:
		if c.SecretEnv == "" {
			return nil, fail("a webhook is signed, so it needs the name of a variable that has its secret")
		}
	default:
		return nil, fail(fmt.Sprintf("there is no kind %q; there are slack, discord and webhook", escape.Line(c.Kind)))
	}
	r := &receiver{name: name, kind: Kind(c.Kind)}
	text := getenv(c.URLEnv)
	if text == "" {
		return nil, fail(fmt.Sprintf("the variable %s has no URL; export %s=https://…", escape.Line(c.URLEnv), escape.Line(c.URLEnv)))
	}
	var err error
	if r.url, err = address(text); err != nil {
		return nil, fail(fmt.Sprintf("the URL in %s %s", escape.Line(c.URLEnv), err))
	}
	if r.kind == Webhook {
		if r.secret = getenv(c.SecretEnv); len(r.secret) < daemon.MinSecret {
			return nil, fail(fmt.Sprintf("the secret in %s has fewer than %d characters; export %s=$(openssl rand -hex 32)",
				escape.Line(c.SecretEnv), daemon.MinSecret, escape.Line(c.SecretEnv)))
		}
	}
	return r, nil
}

// address reads a URL. Its errors say what is wrong and never what it is.
func address(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("cannot be read")
	}
	switch {
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	case u.User != nil:
		return nil, errors.New("has a user in it; give a URL that needs none")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("is not https, so everybody on the way could read it; http is for this machine alone")
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// bare is an error of a request without its URL: net/http puts all of it in.
func bare(err error) error {
	for u := new(url.Error); errors.As(err, &u); { // a transport may have put it in, too
		err = u.Err
	}
	if n := new(net.OpError); errors.As(err, &n) { // an address and what happened to it
		return n
	}
	return err
}
