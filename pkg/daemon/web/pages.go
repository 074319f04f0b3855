package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render/escape"
)

//go:embed assets
var assets embed.FS

//go:embed pages
var templates embed.FS

// pages are the templates, read once, and the files they refer to. html/template makes every text of a snapshot text, whatever is in
// it; what would hide or reorder other text is made visible before, in [clean].
type pages struct {
	of    *template.Template
	files map[string]file
}

type file struct {
	kind, tag string
	content   []byte
}

func newPages() *pages {
	p := &pages{files: map[string]file{}}
	for name, kind := range map[string]string{
		"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		content, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it is part of this program
		}
		p.files[name] = file{kind, digest(content), content}
	}
	p.of = template.Must(template.New("").Funcs(template.FuncMap{
		"when": when, "since": since, "doing": doing, "short": short, "counts": countWords, "duration": durationWords, "plural": plural, "stackURL": stackURL,
		"asset":   func(name string) string { return "/assets/" + name + "?" + p.files[name].tag },
		"percent": percent,
		"mark":    mark, "resultMark": resultMark,
	}).ParseFS(templates, "pages/*.html"))
	return p
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// asset serves a file of this program. Its address changes with its content, so it may be kept.
func (s *site) asset(w http.ResponseWriter, r *http.Request) {
	f, ok := s.pages.files[r.PathValue("file")]
	if !ok {
		s.nothing(w, r)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	if r.URL.RawQuery == f.tag {
		w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	}
	_, _ = w.Write(f.content)
}

func (s *site) overview(w http.ResponseWriter, _ *http.Request) {
	snap := s.snapshot()
	s.show(w, http.StatusOK, "overview.html", newOverview(snap))
}

func (s *site) stackPage(w http.ResponseWriter, r *http.Request) {
	snap := s.snapshot()
	name := r.PathValue("name")
	st := find(&snap, name)
	if st == nil {
		s.show(w, http.StatusNotFound, "missing.html", missing{head: newHead(&snap, "no such stack"), Name: clean(name)})
		return
	}
	s.show(w, http.StatusOK, "stack.html", newStackView(&snap, st, s.o.Token != ""))
}

func (s *site) show(w http.ResponseWriter, status int, name string, view any) {
	var b bytes.Buffer
	if err := s.pages.of.ExecuteTemplate(&b, name, view); err != nil {
		s.o.Log.Error("a page could not be made", "page", name, "error", err)
		refuse(w, http.StatusInternalServerError, "the page could not be made", "the daemon's log says why; GET /api/v1/status has the same")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// How much a page shows; the API has all of it.
const (
	maxRows = 200
	maxText = 4000 // bytes of one text
)

// clean is a copy of a value with all its texts fit to be shown: what has no glyph or reorders others is spelled out, and what is too
// long is cut. Bytes are dropped.
func clean[T any](v T) T {
	out := reflect.New(reflect.TypeFor[T]()).Elem()
	cleanInto(out, reflect.ValueOf(&v).Elem())
	return out.Interface().(T)
}

func cleanInto(to, from reflect.Value) {
	switch from.Kind() {
	case reflect.String:
		to.SetString(cleanText(from.String()))
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(from.Type().Elem()))
			cleanInto(to.Elem(), from.Elem())
		}
	case reflect.Slice:
		if from.Type().Elem().Kind() == reflect.Uint8 || from.IsNil() {
			return
		}
		to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			cleanInto(to.Index(i), from.Index(i))
		}
	case reflect.Struct:
		to.Set(from) // what is not exported: times
		if from.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range from.NumField() {
			cleanInto(to.Field(i), from.Field(i))
		}
	default:
		to.Set(from)
	}
}

func cleanText(s string) string {
	if len(s) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "… (cut; the API has all of it)"
	}
	return escape.Lines(s)
}

func stackURL(name string) string { return "/stacks/" + url.PathEscape(name) }

// size finds how large a drawing of pkg/plan/render/graph is, so that the page keeps room for it.
var size = regexp.MustCompile(`^<svg [^>]*\bwidth="(\d{1,6})" height="(\d{1,6})"`)

// picture is a drawing as a page refers to it: never within the page, so that nothing in it could run.
type picture struct{ URL, Width, Height string }

func newPicture(name string, r *daemon.Report) *picture {
	if r == nil || len(r.Graph) == 0 {
		return nil
	}
	p := &picture{URL: "/api/v1/stacks/" + url.PathEscape(name) + "/graph.svg?" + digest(r.Graph)}
	if m := size.FindSubmatch(r.Graph); m != nil {
		p.Width, p.Height = string(m[1]), string(m[2])
	}
	return p
}

// short is a commit as people say it.
func short(commit string) string {
	if len(commit) > 12 && strings.Trim(commit, "0123456789abcdef") == "" {
		return commit[:10]
	}
	return commit
}
