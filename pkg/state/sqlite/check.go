package sqlite

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/state"
)

// A state that breaks an invariant is refused by Load, for good. So a commit that would make it break one is refused
// first: what one row can break is looked at when it is encoded (state.Rows), what several rows can break together after
// all rows of a commit are in (check). Both cost as much as the commit has rows.

// suspects are what the rows of a commit may have made wrong.
type suspects struct {
	objects map[string]bool // written as a resource's or a leftover's
	intents map[string]bool // addresses with a new intent
}

func (s *suspects) suspect(p put) {
	if s.objects == nil {
		s.objects, s.intents = map[string]bool{}, map[string]bool{}
	}
	switch p.table {
	case "resources":
		s.objects[p.column] = true
	case "leftovers":
		s.objects[p.key] = true
	case "journal":
		s.intents[p.column] = true
	}
}

// check looks at the suspects of one commit, and forgets them.
func (t *transaction) check() error {
	defer func() { t.suspects = suspects{} }()
	for _, object := range slices.Sorted(maps.Keys(t.objects)) {
		owners, err := t.keys(`SELECT key FROM resources WHERE object = ? UNION ALL SELECT 'the leftovers' FROM leftovers WHERE key = ?`, object, object)
		if err != nil {
			return err
		}
		if len(owners) > 1 {
			return fmt.Errorf("%s would belong to %s", object, strings.Join(owners, " and to "))
		}
		account, _, _ := strings.Cut(object, " ")
		if err := state.CheckAccount(object, account, t.recorded); err != nil {
			return err
		}
	}
	for _, address := range slices.Sorted(maps.Keys(t.intents)) {
		open, err := t.openIntents(address)
		if err != nil {
			return err
		}
		if err := state.CheckOpen(address, open, t.recorded); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) recorded(account string) (bool, error) {
	found, err := t.keys(`SELECT key FROM accounts WHERE key = ?`, account)
	return len(found) > 0, err
}

func (t *transaction) openIntents(address string) ([]*state.Intent, error) {
	bodies, err := t.keys(`SELECT body FROM journal WHERE address = ?`, address)
	if err != nil {
		return nil, err
	}
	out := make([]*state.Intent, len(bodies))
	for i, body := range bodies {
		out[i] = &state.Intent{}
		if err := json.Unmarshal([]byte(body), out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
