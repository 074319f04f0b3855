// Package providertest reads recorded exchanges: what a client says to a vendor's API and what the API answers,
// one txtar file each, under testdata/api/PROVIDER. They come from the vendor's page or from the contract, not
// from vpsync, and judge both the client (the exact request, the decoded answer) and the sandbox (the same keys,
// nesting and JSON types).
//
// A file starts with a comment: the operation in the vendor's words, then a line "from: doc" where the exchange
// is printed by the vendor or "from: inferred" where it was settled otherwise. Its sections are:
//
//	call           list server | create server | update network net_1 | attach volume vol_1 | delete server srv_1 | ask usage
//	account.json   objects that exist before, by kind, in the API's words: {"server": [{"id": …}]}; optional
//	desired.json   what the configuration wants, in its own words; optional
//	live.json      what the API last answered, in the configuration's words; optional
//	request.http   METHOD /path?sorted=query, headers that matter, an empty line, the body
//	response.http  status, headers, an empty line, the body
//	objects.json   what a client makes of the answer, in the configuration's words: [{"id": …, "values": {…}}]
//	error.json     instead of objects.json, where the call fails: {"outcome": …, "code": …, "message": …}
//
// A list of several pages has a request.http and a response.http for each, in the order of the pages.
package providertest

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// Token is the one that recorded requests carry, as the vendors' pages print it.
const Token = "YOUR_API_KEY"

// Ask is the operation of a call that is about a data source: its kind is the source, desired.json what it is asked with, and the
// only object the answer.
const Ask = "ask"

// Sources of an exchange.
const (
	FromDoc      = "doc"      // printed by the vendor
	FromInferred = "inferred" // settled where the vendor's page is silent
)

// Exchange is one recorded file.
type Exchange struct {
	Name string // of the file, without .txtar
	File string
	Row  string // what it shows, in words
	From string // FromDoc or FromInferred
	Call Call
	// Account holds what exists before, by kind, in the API's words; nil where nothing needs to.
	Account map[string][]map[string]any
	// Desired and Live are values in the configuration's words; package users convert them by the kind's types.
	Desired, Live Values
	Messages      []Message // one, or one for each page
	Objects       []Object  // in the order of the answer
	Error         *Error    // nil where the call ends well
}

// Call is what a client is asked to do.
type Call struct {
	Operation string // "list", "create", "attach"
	Kind      string
	ID        string // empty for list and create
}

// Message is one request and its answer.
type Message struct {
	Request  Request
	Response Response
}

// Request as it must be sent.
type Request struct {
	Method string
	Path   string // with its sorted query
	Header http.Header
	Body   string // empty where there is none
}

// Response as the API answers.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Object is what a client decodes.
type Object struct {
	ID     string `json:"id"`
	Values Values `json:"values"`
	// Absent: a delete found nothing to delete.
	Absent bool   `json:"absent"`
	Ready  *bool  `json:"ready"`  // nil: not looked at
	Failed *bool  `json:"failed"` // nil: not looked at
	Status string `json:"status"` // empty: not looked at
}

// Error is how a call fails.
type Error struct {
	Outcome string `json:"outcome"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"` // a part of the text
}

// Load reads every exchange of a folder, sorted by name. A missing or empty folder fails the test.
func Load(t testing.TB, dir string) []Exchange {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	require.NoError(t, err)
	require.NotEmptyf(t, files, "no exchanges in %s", dir)
	var all []Exchange
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		all = append(all, parse(t, file, data))
	}
	return all
}

func parse(t testing.TB, file string, data []byte) Exchange {
	t.Helper()
	archive := txtar.Parse(data)
	e := Exchange{File: file, Name: strings.TrimSuffix(filepath.Base(file), ".txtar")}
	var row []string
	for line := range strings.Lines(string(archive.Comment)) {
		line = strings.TrimSpace(line)
		if from, ok := strings.CutPrefix(line, "from:"); ok {
			e.From = strings.TrimSpace(from)
		} else if line != "" {
			row = append(row, line)
		}
	}
	e.Row = strings.Join(row, " ")
	require.NotEmptyf(t, e.Row, "%s: a comment says what the exchange shows", file)
	require.Containsf(t, []string{FromDoc, FromInferred}, e.From, "%s: a line says from: doc or from: inferred", file)
	for _, section := range archive.Files {
		place := file + ": " + section.Name
		switch section.Name {
		case "call":
			e.Call = parseCall(t, place, section.Data)
		case "account.json":
			decode(t, place, section.Data, &e.Account)
		case "desired.json":
			decode(t, place, section.Data, &e.Desired)
		case "live.json":
			decode(t, place, section.Data, &e.Live)
		case "objects.json":
			e.Objects = []Object{}
			decode(t, place, section.Data, &e.Objects)
		case "error.json":
			decode(t, place, section.Data, &e.Error)
		case "request.http":
			e.Messages = append(e.Messages, Message{Request: parseRequest(t, place, section.Data)})
		case "response.http":
			require.NotEmptyf(t, e.Messages, "%s: a response follows its request", place)
			last := &e.Messages[len(e.Messages)-1]
			require.Zerof(t, last.Response.Status, "%s: a second response to one request", place)
			last.Response = parseResponse(t, place, section.Data)
		default:
			require.Failf(t, "unknown section", "%s", place)
		}
	}
	require.NotEmptyf(t, e.Call.Operation, "%s: no call", file)
	require.NotEmptyf(t, e.Messages, "%s: no request", file)
	for _, m := range e.Messages {
		require.NotZerof(t, m.Response.Status, "%s: a request without a response", file)
	}
	require.Truef(t, (e.Objects == nil) != (e.Error == nil), "%s: either objects.json or error.json says how the call ends", file)
	return e
}

func parseCall(t testing.TB, place string, data []byte) Call {
	t.Helper()
	words := strings.Fields(string(data))
	require.Truef(t, len(words) == 2 || len(words) == 3, "%s: OPERATION KIND [ID]", place)
	c := Call{Operation: words[0], Kind: words[1]}
	if len(words) == 3 {
		c.ID = words[2]
	}
	return c
}

func decode(t testing.TB, place string, data []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	require.NoErrorf(t, decoder.Decode(into), "%s", place)
}
