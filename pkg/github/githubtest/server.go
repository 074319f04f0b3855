// Package githubtest is a small GitHub for tests: it keeps pull requests and comments, and knows whose token is whose.
package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/vpsync/vpsync/pkg/github"
)

// Bot is who a workflow's own token belongs to.
var Bot = github.User{ID: 41898282, Login: "github-actions[bot]"}

// BotToken is its token.
const BotToken = "ghs_canaryBotToken0123456789"

// Server is a GitHub that has one repository. Its fields may be changed while Lock is held.
type Server struct {
	sync.Mutex
	URL        string // of the REST API
	Repository string
	Prefix     string                 // of the paths: "" or, as an enterprise server, /api/v3
	Tokens     map[string]github.User // whose they are
	Pulls      map[int]github.Pull
	Comments   map[int][]github.Comment // by pull request
	// Fault is asked before a request is answered: where it returns a handler, that answers. Where carried is set, the request is carried
	// out all the same.
	Fault func(r *http.Request) (answer http.HandlerFunc, carried bool)
	// Git is the folder of the bare repository that git gets, or empty.
	Git string
	// Log are the requests that came: method, path and query.
	Log []string

	nextID  int64
	editors map[int64]github.User // who changed a comment last
	http    *httptest.Server
	pushes  map[string]bool // whether a token of git's may push
}

// Start begins to answer on a port of this machine.
func Start(prefix string) *Server {
	s := &Server{Repository: "acme/infra", Prefix: prefix, Tokens: map[string]github.User{BotToken: Bot}, Pulls: map[int]github.Pull{}, Comments: map[int][]github.Comment{}, nextID: 1000, editors: map[int64]github.User{}}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL + prefix
	return s
}

// Close ends it.
func (s *Server) Close() { s.http.Close() }

// Say adds a comment.
func (s *Server) Say(pull int, by github.User, body string) github.Comment {
	s.nextID++
	c := github.Comment{ID: s.nextID, NodeID: fmt.Sprintf("IC_%d", s.nextID), URL: fmt.Sprintf("https://github.example/%s/pull/%d#issuecomment-%d", s.Repository, pull, s.nextID), Body: body, User: by}
	s.Comments[pull] = append(s.Comments[pull], c)
	return c
}

// Count is how many requests of a method there were.
func (s *Server) Count(method string) int {
	n := 0
	for _, line := range s.Log {
		if strings.HasPrefix(line, method+" ") {
			n++
		}
	}
	return n
}

var (
	commentsPath = regexp.MustCompile(`^/issues/(\d+)/comments$`)
	commentPath  = regexp.MustCompile(`^/issues/comments/(\d+)$`)
	pullPath     = regexp.MustCompile(`^/pulls/(\d+)$`)
	commitPath   = regexp.MustCompile(`^/commits/([0-9a-f]+)/pulls$`)
)

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Lock()
	defer s.Unlock()
	s.Log = append(s.Log, r.Method+" "+r.URL.RequestURI())
	if path, ok := strings.CutPrefix(r.URL.Path, "/"+s.Repository+".git"); ok && s.Git != "" {
		s.git(w, r, path)
		return
	}
	if s.Fault != nil {
		if answer, carried := s.Fault(r); answer != nil {
			if carried {
				s.answer(httptest.NewRecorder(), r)
			}
			answer(w, r)
			return
		}
	}
	s.answer(w, r)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	user, known := s.Tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	graphql := strings.TrimSuffix(s.Prefix, "/v3") + "/graphql"
	path, inRepository := strings.CutPrefix(r.URL.Path, s.Prefix+"/repos/"+s.Repository)
	switch {
	case !known:
		reply(w, http.StatusUnauthorized, map[string]string{"message": "Bad credentials"})
	case r.URL.Path == graphql && r.Method == http.MethodPost:
		s.graph(w, r, user)
	case !inRepository:
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
	case commentsPath.MatchString(path):
		s.comments(w, r, user, number(commentsPath, path))
	case commentPath.MatchString(path) && r.Method == http.MethodPatch:
		s.change(w, r, user, int64(number(commentPath, path)))
	case pullPath.MatchString(path) && r.Method == http.MethodGet:
		if p, ok := s.Pulls[number(pullPath, path)]; ok {
			reply(w, http.StatusOK, p)
			return
		}
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
	case commitPath.MatchString(path) && r.Method == http.MethodGet:
		found := []github.Pull{}
		for _, p := range s.Pulls {
			if commit := commitPath.FindStringSubmatch(path)[1]; p.MergeCommit == commit || p.Head.SHA == commit {
				found = append(found, p)
			}
		}
		reply(w, http.StatusOK, found)
	default:
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
	}
}

// graph answers the two questions that are asked by GraphQL.
func (s *Server) graph(w http.ResponseWriter, r *http.Request, user github.User) {
	var asked struct {
		Query     string            `json:"query"`
		Variables map[string]string `json:"variables"`
	}
	_ = json.NewDecoder(r.Body).Decode(&asked)
	of := func(u github.User) map[string]any { return map[string]any{"login": u.Login, "databaseId": u.ID} }
	if strings.Contains(asked.Query, "viewer") {
		reply(w, http.StatusOK, map[string]any{"data": map[string]any{"viewer": of(user)}})
		return
	}
	for _, list := range s.Comments {
		for _, c := range list {
			if c.NodeID == asked.Variables["id"] && strings.Contains(asked.Query, "editor") {
				var editor any
				if by, edited := s.editors[c.ID]; edited {
					editor = of(by)
				}
				reply(w, http.StatusOK, map[string]any{"data": map[string]any{"node": map[string]any{"editor": editor}}})
				return
			}
		}
	}
	reply(w, http.StatusOK, map[string]any{"data": map[string]any{"node": nil}, "errors": []map[string]any{{"message": "Could not resolve to a node"}}})
}

// Edit changes a comment, as its author or a maintainer may.
func (s *Server) Edit(pull, i int, by github.User, body string) {
	c := &s.Comments[pull][i]
	c.Body = body
	s.editors[c.ID] = by
}

func (s *Server) comments(w http.ResponseWriter, r *http.Request, user github.User, pull int) {
	if _, ok := s.Pulls[pull]; !ok {
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
		return
	}
	if r.Method == http.MethodPost {
		if body, ok := bodyOf(w, r); ok {
			reply(w, http.StatusCreated, s.Say(pull, user, body))
		}
		return
	}
	per, page := query(r, "per_page", 30), query(r, "page", 1)
	all := s.Comments[pull]
	from := min((page-1)*min(per, 100), len(all))
	reply(w, http.StatusOK, append([]github.Comment{}, all[from:min(from+min(per, 100), len(all))]...))
}

func (s *Server) change(w http.ResponseWriter, r *http.Request, user github.User, id int64) {
	for _, list := range s.Comments {
		for i := range list {
			if list[i].ID != id {
				continue
			}
			if list[i].User != user {
				reply(w, http.StatusForbidden, map[string]string{"message": "Resource not accessible by integration"})
			} else if body, ok := bodyOf(w, r); ok {
				list[i].Body = body
				s.editors[id] = user
				reply(w, http.StatusOK, list[i])
			}
			return
		}
	}
	reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
}

func bodyOf(w http.ResponseWriter, r *http.Request) (string, bool) {
	var given struct {
		Body string `json:"body"`
	}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil || given.Body == "" || utf8.RuneCountInString(given.Body) > 65536 {
		reply(w, http.StatusUnprocessableEntity, map[string]string{"message": "Validation Failed: body is too long (maximum is 65536 characters)"})
		return "", false
	}
	return given.Body, true
}

func number(form *regexp.Regexp, path string) int {
	n, _ := strconv.Atoi(form.FindStringSubmatch(path)[1])
	return n
}

func query(r *http.Request, name string, otherwise int) int {
	if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
