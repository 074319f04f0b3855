package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault makes some requests go wrong.
type Fault struct {
	Request string        `json:"request,omitempty"` // "POST /monitoring/alerts", with {id} for any; empty matches all
	Nth     int           `json:"nth,omitempty"`     // the first request that it hits, counted from when it was armed; 0 is 1
	Times   int           `json:"times,omitempty"`   // how many it hits; 0 is 1, -1 all
	Do      FaultKind     `json:"do"`
	Status  int           `json:"status,omitempty"` // for FaultStatus
	Header  http.Header   `json:"header,omitempty"` // added to FaultStatus
	Body    string        `json:"body,omitempty"`   // of FaultStatus; empty makes the vendor's error shape
	For     time.Duration `json:"for,omitempty"`    // for FaultLag and FaultHang (0 hangs until the client gives up)
}

// FaultKind is what goes wrong.
type FaultKind string

const (
	FaultStatus      FaultKind = "status"       // answers Status, does nothing
	FaultCloseBefore FaultKind = "close-before" // closes the connection, does nothing
	FaultCloseAfter  FaultKind = "close-after"  // does the work, closes without an answer
	FaultHang        FaultKind = "hang"         // does nothing and does not answer
	FaultTruncate    FaultKind = "truncate"     // does the work, answers half
	FaultHTML        FaultKind = "html"         // answers 200 and a page of HTML, does nothing
	FaultLag         FaultKind = "lag"          // lists show the account as it was For ago
)

var faultKinds = []FaultKind{FaultStatus, FaultCloseBefore, FaultCloseAfter, FaultHang, FaultTruncate, FaultHTML, FaultLag}

// armed is a fault that waits for its requests.
type armed struct {
	Fault Fault `json:"fault"`
	Seen  int   `json:"seen,omitempty"` // matching requests since it was armed
}

// AddFault arms a fault for requests that arrive from now on, in this process or another that shares
// the store. Of several that would hit one request the oldest does, and
// the others keep their turn.
//
// Faults strike before anything else is looked at, the token included. A lag counts and hits
// lists only, and reaches back at most an hour.
func (s *Sandbox) AddFault(f Fault) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("sandbox: fault: %w", err)
	}
	return s.changeFaults(func(faults []armed) []armed { return append(slices.Clone(faults), armed{Fault: f}) })
}

// Faults are those that are still armed, oldest first.
func (s *Sandbox) Faults() ([]Fault, error) {
	var faults []Fault
	err := s.store.view(func(st *state) error {
		for _, a := range st.faults {
			faults = append(faults, a.Fault)
		}
		return nil
	})
	return faults, err
}

// ClearFaults disarms all faults. Requests that hang already go on hanging.
func (s *Sandbox) ClearFaults() error {
	return s.changeFaults(func([]armed) []armed { return []armed{} })
}

func (s *Sandbox) changeFaults(change func([]armed) []armed) error {
	return s.store.update(func(st *state, r *record) error {
		faults := change(st.faults)
		r.At, r.Faults = s.now(), &faults
		return nil
	})
}

func (f Fault) check() error {
	if !slices.Contains(faultKinds, f.Do) {
		names := make([]string, len(faultKinds))
		for i, k := range faultKinds {
			names[i] = string(k)
		}
		return fmt.Errorf("%q is not one of %s", f.Do, strings.Join(names, ", "))
	}
	if f.Request != "" {
		method, path, ok := strings.Cut(f.Request, " ")
		if !ok || method != strings.ToUpper(method) || !strings.HasPrefix(path, "/") {
			return fmt.Errorf(`request %q does not read like "POST /servers/{id}"`, f.Request)
		}
	}
	switch {
	case f.Nth < 0:
		return fmt.Errorf("nth is %d; requests count from 1", f.Nth)
	case f.Times < -1:
		return fmt.Errorf("times is %d; -1 means all", f.Times)
	case f.For < 0:
		return fmt.Errorf("it cannot last %s", f.For)
	case f.Do == FaultStatus && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not between 200 and 599", f.Status)
	case f.Do == FaultLag && (f.For == 0 || f.For > remembered):
		return fmt.Errorf("a list lags by more than nothing and at most %s", remembered)
	}
	return nil
}

// matches reports whether the fault counts the request.
func (f Fault) matches(method, path string, list bool) bool {
	if f.Do == FaultLag && !list {
		return false
	}
	if f.Request == "" {
		return true
	}
	wantMethod, wantPath, _ := strings.Cut(f.Request, " ")
	if wantMethod != method {
		return false
	}
	want, got := strings.Split(wantPath, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool {
		return w == g || (g != "" && strings.HasPrefix(w, "{") && strings.HasSuffix(w, "}"))
	})
}

// strike counts a request in all faults that match it and says which one hits it, if any. The counters go
// into the record; a fault that has hit its last request is dropped.
func strike(st *state, r *record, method, path string, list bool) *Fault {
	var hit *Fault
	changed := false
	left := make([]armed, 0, len(st.faults))
	for _, a := range st.faults {
		if !a.Fault.matches(method, path, list) {
			left = append(left, a)
			continue
		}
		first, times := max(1, a.Fault.Nth), a.Fault.Times
		if times == 0 {
			times = 1
		}
		due := a.Seen+1 >= first
		if due && hit != nil {
			left = append(left, a) // its turn comes with the next request
			continue
		}
		a.Seen++
		changed = true
		if due {
			hit = &a.Fault
		}
		if times < 0 || a.Seen < first+times-1 {
			left = append(left, a)
		}
	}
	if changed {
		r.Faults = &left
	}
	return hit
}
