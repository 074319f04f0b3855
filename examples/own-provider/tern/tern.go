// Package tern is the invented host of this example: DNS zones, and records under them, as a plain net/http server.
//
// It knows nothing of vpsync, and vpsync nothing of it but tern.provider.hcl. It is as particular as real hosts are: an API key in
// a header of its own, pages by cursor, PUT that replaces the whole, record numbers that are counted in each zone, sets that
// come back in an order of its own, and deletes that are accepted first and done later.
package tern

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// LargestPage is how many entries a page holds at most, whatever count asks for.
const LargestPage = 2

// Server is one account, kept in memory. It is safe for concurrent use.
type Server struct {
	key string
	mux *http.ServeMux

	mu    sync.Mutex
	made  int // zones so far
	zones []*zone
}

type zone struct {
	Handle      string    `json:"handle"`
	Origin      string    `json:"origin"`
	Contact     string    `json:"contact"`
	DefaultTTL  int       `json:"default_ttl"`
	TransferTo  []string  `json:"transfer_to"`
	Note        string    `json:"note,omitempty"`
	Nameservers []string  `json:"nameservers"`
	CreatedAt   time.Time `json:"created_at"`

	nth     int
	made    int // records so far
	records []*record
	fate
}

func (z *zone) number() int { return z.nth }

type record struct {
	Number int      `json:"number"`
	Label  string   `json:"label"`
	Type   string   `json:"type"`
	Values []string `json:"values"`
	TTL    int      `json:"ttl,omitempty"`
	Note   string   `json:"note,omitempty"`
	fate
}

func (r *record) number() int { return r.Number }

// fate is what becomes of an entry. What was deleted is leaving; it is shown once more, and gone after that.
type fate struct {
	State string `json:"state"` // serving or leaving
	shown bool   // as leaving
}

var serving, leaving = fate{State: "serving"}, fate{State: "leaving"}

func (f *fate) show() { f.shown = f.State == leaving.State }

func (f *fate) gone() bool { return f.shown }

// New makes an empty account that one key opens.
func New(key string) *Server {
	s := &Server{key: key, mux: http.NewServeMux()}
	s.handle("GET /v3/zones", s.listZones)
	s.handle("POST /v3/zones", s.createZone)
	s.handle("GET /v3/zones/{zone}", s.inZone(s.readZone))
	s.handle("PUT /v3/zones/{zone}", s.inZone(s.replaceZone))
	s.handle("DELETE /v3/zones/{zone}", s.inZone(s.deleteZone))
	s.handle("GET /v3/zones/{zone}/records", s.inZone(s.listRecords))
	s.handle("POST /v3/zones/{zone}/records", s.inZone(s.createRecord))
	s.handle("GET /v3/zones/{zone}/records/{record}", s.inZone(s.readRecord))
	s.handle("PUT /v3/zones/{zone}/records/{record}", s.inZone(s.replaceRecord))
	s.handle("DELETE /v3/zones/{zone}/records/{record}", s.inZone(s.deleteRecord))
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// fault is a refusal.
type fault struct {
	status     int
	name, text string
}

func refuse(status int, name, format string, args ...any) *fault {
	return &fault{status, name, fmt.Sprintf(format, args...)}
}

// handle answers one request after the other, to those who have the key.
func (s *Server) handle(pattern string, do func(*http.Request) (int, any, *fault)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.zones = slices.DeleteFunc(s.zones, func(z *zone) bool { return z.gone() })
		for _, z := range s.zones {
			z.records = slices.DeleteFunc(z.records, func(r *record) bool { return r.gone() })
		}
		var status int
		var body any
		refusal := refuse(http.StatusUnauthorized, "KEY_UNKNOWN", "Nobody has this key.")
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Tern-Key")), []byte(s.key)) == 1 {
			status, body, refusal = do(r)
		}
		if refusal != nil {
			status, body = refusal.status, map[string]any{"fault": map[string]string{"name": refusal.name, "text": refusal.text}}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if body != nil {
			_ = json.NewEncoder(w).Encode(body) // a client that is gone needs no answer
		}
	})
}

// body reads JSON with these fields and no others.
func body(r *http.Request, into any) *fault {
	d := json.NewDecoder(io.LimitReader(r.Body, 1<<16))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return refuse(http.StatusBadRequest, "BODY_UNFIT", "The body is not what is expected here: %s.", err)
	}
	return nil
}

// entry is a zone or a record.
type entry interface {
	number() int // ascending in a list
	show()
}

// page cuts a list after the entry that the cursor names, which may be gone by now, and tells the cursor of the next page.
func page[T entry](r *http.Request, entries []T) (int, any, *fault) {
	count, err := strconv.Atoi(r.FormValue("count"))
	if err != nil || count < 1 || count > LargestPage {
		count = LargestPage
	}
	if after := r.FormValue("after"); after != "" {
		number, err := strconv.Atoi(strings.TrimPrefix(after, "after-"))
		if err != nil {
			return 0, nil, refuse(http.StatusBadRequest, "CURSOR_UNKNOWN", "There is no such page.")
		}
		entries = slices.DeleteFunc(slices.Clone(entries), func(e T) bool { return e.number() <= number })
	}
	var more any
	if len(entries) > count {
		entries = entries[:count]
		more = fmt.Sprintf("after-%d", entries[count-1].number())
	}
	for _, e := range entries {
		e.show()
	}
	return http.StatusOK, map[string]any{"entries": append([]T{}, entries...), "more": more}, nil
}

// set is a list without order: it comes back in another one than it was sent in.
func set(values []string) ([]string, *fault) {
	sorted := slices.Sorted(slices.Values(values))
	if len(slices.Compact(slices.Clone(sorted))) != len(sorted) {
		return nil, refuse(http.StatusUnprocessableEntity, "VALUE_TWICE", "A value is there twice.")
	}
	slices.Reverse(sorted)
	return append([]string{}, sorted...), nil
}

func (s *Server) listZones(r *http.Request) (int, any, *fault) {
	return page(r, s.zones)
}

// zoneFields are what a client may say of a zone; what it leaves out is what a new zone has.
type zoneFields struct {
	Contact    string   `json:"contact"`
	DefaultTTL *int     `json:"default_ttl"`
	TransferTo []string `json:"transfer_to"`
	Note       string   `json:"note"`
}

func (z *zone) set(f zoneFields) *fault {
	if f.Contact == "" {
		return refuse(http.StatusUnprocessableEntity, "CONTACT_MISSING", "A zone needs a contact.")
	}
	to, refusal := set(f.TransferTo)
	if refusal != nil {
		return refusal
	}
	ttl := 3600
	if f.DefaultTTL != nil {
		ttl = *f.DefaultTTL
	}
	z.Contact, z.DefaultTTL, z.TransferTo, z.Note = f.Contact, ttl, to, f.Note
	return nil
}

func (s *Server) createZone(r *http.Request) (int, any, *fault) {
	var f struct {
		Origin string `json:"origin"`
		zoneFields
	}
	if refusal := body(r, &f); refusal != nil {
		return 0, nil, refusal
	}
	if f.Origin == "" || slices.ContainsFunc(s.zones, func(z *zone) bool { return z.Origin == f.Origin }) {
		return 0, nil, refuse(http.StatusConflict, "ORIGIN_TAKEN", "Somebody has the zone %q already.", f.Origin)
	}
	s.made++
	z := &zone{
		nth: s.made, Handle: fmt.Sprintf("zn_%d", 100+s.made), Origin: f.Origin, CreatedAt: time.Now().UTC().Truncate(time.Second),
		Nameservers: []string{"a.tern.example", "b.tern.example"}, fate: serving,
	}
	if refusal := z.set(f.zoneFields); refusal != nil {
		return 0, nil, refusal
	}
	s.zones = append(s.zones, z)
	return http.StatusCreated, map[string]any{"zone": z}, nil
}

// inZone finds the zone of the path.
func (s *Server) inZone(do func(*http.Request, *zone) (int, any, *fault)) func(*http.Request) (int, any, *fault) {
	return func(r *http.Request) (int, any, *fault) {
		for _, z := range s.zones {
			if z.Handle == r.PathValue("zone") {
				if z.State == leaving.State && r.Method != http.MethodGet {
					return 0, nil, refuse(http.StatusConflict, "LEAVING", "The zone %s is being deleted.", z.Origin)
				}
				return do(r, z)
			}
		}
		return 0, nil, refuse(http.StatusNotFound, "ZONE_UNKNOWN", "There is no zone %q.", r.PathValue("zone"))
	}
}

func (s *Server) readZone(_ *http.Request, z *zone) (int, any, *fault) {
	z.show()
	return http.StatusOK, map[string]any{"zone": z}, nil
}

func (s *Server) replaceZone(r *http.Request, z *zone) (int, any, *fault) {
	var f zoneFields
	refusal := body(r, &f)
	if refusal == nil {
		refusal = z.set(f)
	}
	return http.StatusOK, map[string]any{"zone": z}, refusal
}

func (s *Server) deleteZone(_ *http.Request, z *zone) (int, any, *fault) {
	if len(z.records) > 0 {
		return 0, nil, refuse(http.StatusConflict, "ZONE_IN_USE", "The zone %s still has %d records.", z.Origin, len(z.records))
	}
	z.fate = leaving
	return http.StatusAccepted, nil, nil
}

func (s *Server) listRecords(r *http.Request, z *zone) (int, any, *fault) {
	return page(r, z.records)
}

// recordFields are what a client may say of a record; what it leaves out is empty.
type recordFields struct {
	Values []string `json:"values"`
	TTL    int      `json:"ttl"`
	Note   string   `json:"note"`
}

func (r *record) set(f recordFields) *fault {
	if len(f.Values) == 0 {
		return refuse(http.StatusUnprocessableEntity, "VALUES_MISSING", "A record needs values.")
	}
	values, refusal := set(f.Values)
	if refusal != nil {
		return refusal
	}
	r.Values, r.TTL, r.Note = values, f.TTL, f.Note
	return nil
}

func (s *Server) createRecord(r *http.Request, z *zone) (int, any, *fault) {
	var f struct {
		Label string `json:"label"`
		Type  string `json:"type"`
		recordFields
	}
	if refusal := body(r, &f); refusal != nil {
		return 0, nil, refusal
	}
	if slices.ContainsFunc(z.records, func(r *record) bool { return r.Label == f.Label && r.Type == f.Type }) {
		return 0, nil, refuse(http.StatusConflict, "RECORD_EXISTS", "%s has %s %s already.", z.Origin, f.Type, f.Label)
	}
	made := &record{Number: z.made + 1, Label: f.Label, Type: f.Type, fate: serving}
	if refusal := made.set(f.recordFields); refusal != nil {
		return 0, nil, refusal
	}
	z.made++
	z.records = append(z.records, made)
	return http.StatusCreated, map[string]any{"record": made}, nil
}

// find is the record of the path, as long as nothing happens to it.
func (z *zone) find(r *http.Request) (*record, *fault) {
	for _, found := range z.records {
		if strconv.Itoa(found.Number) != r.PathValue("record") {
			continue
		}
		if found.State == leaving.State && r.Method != http.MethodGet {
			return nil, refuse(http.StatusConflict, "LEAVING", "Record %d is being deleted.", found.Number)
		}
		return found, nil
	}
	return nil, refuse(http.StatusNotFound, "RECORD_UNKNOWN", "%s has no record %q.", z.Origin, r.PathValue("record"))
}

func (s *Server) readRecord(r *http.Request, z *zone) (int, any, *fault) {
	found, refusal := z.find(r)
	if refusal == nil {
		found.show()
	}
	return http.StatusOK, map[string]any{"record": found}, refusal
}

func (s *Server) replaceRecord(r *http.Request, z *zone) (int, any, *fault) {
	found, refusal := z.find(r)
	var f recordFields
	if refusal == nil {
		refusal = body(r, &f)
	}
	if refusal == nil {
		refusal = found.set(f)
	}
	return http.StatusOK, map[string]any{"record": found}, refusal
}

func (s *Server) deleteRecord(r *http.Request, z *zone) (int, any, *fault) {
	found, refusal := z.find(r)
	if refusal == nil {
		found.fate = leaving
	}
	return http.StatusAccepted, nil, refusal
}
