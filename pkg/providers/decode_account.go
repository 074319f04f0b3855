package providers

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vpsync/vpsync/pkg/spec"
)

var (
	nameForm     = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	variableForm = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	headerForm   = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
)

// account decodes the provider block.
func (d *decoder) account(b *block) {
	def := d.def
	def.Name = b.label()
	d.checkName(b, "provider", nil)
	def.Title = b.str("title")
	if def.Title == "" {
		def.Title = def.Name
	}
	def.Schema.Provider, def.Schema.Title = def.Name, def.Title
	prefix := strings.ToUpper(def.Name) + "_"
	def.URLEnv = prefix + "API_URL"

	def.BaseURL = strings.TrimRight(b.need("base_url", `"https://api.acme.example/v1"`), "/")
	if def.BaseURL != "" {
		if err := checkBaseURL(def.BaseURL); err != nil {
			d.errorAt(b.at("base_url"), "Unusable base URL", sentence(err.Error())+".", `base_url = "https://api.acme.example/v1"`)
		}
	}
	def.Encoding = Encoding(b.word("encoding", string(EncodeJSON), string(EncodeJSON), string(EncodeForm)))
	def.Answer = b.paths("answer")
	if def.Answer == nil {
		def.Answer = []Path{""}
	}
	def.Timeout = b.duration("timeout", 30*time.Second, time.Second, 10*time.Minute)
	def.Grace = b.duration("grace", 2*time.Minute, 0, time.Hour)
	def.Lag = b.duration("lag", 5*time.Second, 0, 10*time.Minute)

	d.auth(b, prefix)
	if e := b.only("error"); e != nil {
		def.Error = ErrorPaths{Code: e.paths("code"), Message: e.paths("message"), Details: e.paths("details"),
			Fields: e.paths("fields"), Codes: e.wordMap("codes"), Emulate: e.members("emulate")}
		e.finish()
	}
	if p := d.paging(b); p != nil {
		def.Paging = *p
	} else {
		def.Paging = Paging{Style: PagingNone}
	}
	d.rateLimits(b)
	if h := b.only("rate_limit_headers"); h != nil {
		def.Headers = RateLimitHeaders{Limit: h.headerName("limit"), Remaining: h.headerName("remaining"), Reset: h.headerName("reset")}
		h.finish()
	}
	d.billing(b)
	b.finish()
}

// headerName is an argument that names an HTTP header.
func (b *block) headerName(name string) string {
	s := b.str(name)
	if s != "" && !headerForm.MatchString(s) {
		b.d.errorAt(b.at(name), "Not a header", fmt.Sprintf("%s of %s must be the name of an HTTP header, but it is %q.", name, b.name, s), "")
	}
	return s
}

// auth decodes the one auth block. Its token variable belongs to the provider by name, so that a definition
// cannot ask for a token that was set for another one.
func (d *decoder) auth(b *block, prefix string) {
	schemes := []AuthScheme{AuthBearer, AuthHeader, AuthQuery, AuthBasic}
	found := b.blocks("auth", 1)
	if len(found) == 0 {
		d.errorAt(b.header, "No auth block", fmt.Sprintf("%s does not say how a token is presented.", sentence(b.name)),
			fmt.Sprintf("auth \"bearer\" {\n  token_env = \"%sAPI_TOKEN\"\n}", prefix))
	}
	for i, a := range found {
		if i > 0 {
			d.errorAt(a.header, "Second auth block", "A token is presented in one way.", "Remove one of the two.")
		}
		scheme := AuthScheme(a.label())
		if !slices.Contains(schemes, scheme) {
			d.errorAt(a.header, "Unknown auth scheme", "The schemes are bearer, header, query and basic.", "auth \"bearer\" { … }")
		}
		auth := Auth{Scheme: scheme, TokenEnv: a.need("token_env", fmt.Sprintf("%q", prefix+"API_TOKEN"))}
		if auth.TokenEnv != "" && (!strings.HasPrefix(auth.TokenEnv, prefix) || !variableForm.MatchString(auth.TokenEnv)) {
			d.errorAt(a.at("token_env"), "Token variable of another",
				fmt.Sprintf("token_env must start with the provider's own name, %s, in capital letters, so that no definition can take a token that was meant for another API.", prefix),
				fmt.Sprintf("token_env = %q", prefix+"API_TOKEN"))
		}
		switch scheme {
		case AuthHeader:
			if a.need("name", `"X-Api-Key"`); a.body.Attributes["name"] != nil {
				auth.Name = a.headerName("name")
			}
		case AuthQuery:
			auth.Name = a.need("name", `"api_key"`)
		case AuthBasic:
			auth.Name = a.str("name")
		}
		a.finish()
		if i == 0 {
			d.def.Auth = auth
		}
	}
}

// paging decodes the paging block of the provider or of one operation; nil where there is none.
func (d *decoder) paging(b *block) *Paging {
	found := b.blocks("paging", 1)
	if len(found) == 0 {
		return nil
	}
	if len(found) > 1 {
		d.errorAt(found[1].header, "Second paging block", "A list goes on in one way.", "Remove one of the two.")
	}
	p := found[0]
	paging := &Paging{
		Style:          PagingStyle(p.label()),
		PageParameter:  p.str("page_parameter"),
		LimitParameter: p.str("limit_parameter"),
		PageSize:       p.integer("page_size", 0, 1, 10000),
		Items:          Path(p.str("items")),
		PageCount:      Path(p.str("page_count")),
		PageNumber:     Path(p.str("page_number")),
		PageLimit:      Path(p.str("page_limit")),
		Total:          Path(p.str("total")),
		Next:           Path(p.str("next")),
	}
	missing := func(name, example string) {
		if p.body.Attributes[name] == nil {
			d.errorAt(p.header, "Missing argument", fmt.Sprintf("%s needs %s.", sentence(p.name), name), fmt.Sprintf("%s = %s", name, example))
		}
	}
	switch paging.Style {
	case PagingNone:
	case PagingPage:
		missing("page_parameter", `"page"`)
		if paging.PageCount == "" && paging.Total == "" {
			missing("page_count", `"meta.pages"`)
		}
	case PagingNext:
		missing("next", `"next"`)
	case PagingCursor:
		missing("next", `"meta.next_cursor"`)
		missing("page_parameter", `"cursor"`)
	default:
		d.errorAt(p.header, "Unknown paging style", "The styles are page (page numbers), next (the answer holds the URL of the next page), cursor and none.", "paging \"page\" { … }")
	}
	if paging.LimitParameter != "" && paging.PageSize == 0 {
		missing("page_size", "100")
	}
	p.finish()
	return paging
}

// rateLimits decodes the classes in which requests are counted.
func (d *decoder) rateLimits(b *block) {
	classes := b.blocks("rate_limit", 1)
	schema := d.def.Schema
	for _, c := range classes {
		limit := spec.RateLimit{
			Name:     c.label(),
			Requests: c.integer("requests", 0, 1, math.MaxInt32),
			Per:      c.duration("per", time.Hour, time.Second, 31*24*time.Hour),
		}
		if c.body.Attributes["requests"] == nil {
			d.errorAt(c.header, "Missing argument", fmt.Sprintf("%s needs requests.", sentence(c.name)), "requests = 1000")
		}
		if c.body.Attributes["per"] == nil {
			d.errorAt(c.header, "Missing argument", fmt.Sprintf("%s needs per.", sentence(c.name)), "per = \"1h\"")
		}
		if c.boolean("default", len(classes) == 1) {
			if schema.DefaultRateLimit != "" {
				d.errorAt(c.at("default"), "Second default rate limit", fmt.Sprintf("%q is the default already.", schema.DefaultRateLimit), "Leave default away here.")
			} else {
				schema.DefaultRateLimit = limit.Name
			}
		}
		c.finish()
		schema.RateLimits[limit.Name] = limit
		d.def.Classes = append(d.def.Classes, limit.Name)
	}
	if len(classes) > 0 && schema.DefaultRateLimit == "" {
		d.errorAt(classes[0].header, "No default rate limit", "One of the classes must be the one that requests count in unless their operation names another.", "default = true")
	}
}

// checkBaseURL says what is wrong with an endpoint: it must be https unless it is on this machine, and hold
// neither credentials nor a query.
func checkBaseURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("it is not a URL") // nor shown: it may hold a password
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Hostname() == "":
		return errors.New("it is not an https:// URL with a host")
	case strings.ContainsFunc(u.Host, func(c rune) bool { return c <= ' ' || c > '~' }):
		return fmt.Errorf("the host %+q holds letters beyond ASCII, which may look like those of another host: write it as it travels, xn--…", u.Host)
	case u.User != nil:
		return fmt.Errorf("the URL holds a user name or password: tokens come from the environment alone")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("the URL holds a query or fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("plain http would show the token to everybody on the way to %s: only a host of this machine may be spoken to without TLS", u.Hostname())
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
