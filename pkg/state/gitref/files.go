package gitref

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vpsync/vpsync/pkg/state"
)

// The files of a commit. A table is a file of JSON lines, one row each, sorted by the keys of the rows; one without rows is no file. Of
// runs and changes a commit has those of its own run.
const (
	metaFile    = "meta.json"
	runsFile    = "runs.jsonl"
	changesFile = "changes.jsonl"
)

// fileOf is the file that a table is in.
var fileOf = map[string]string{
	state.TableAccounts: "accounts.jsonl", state.TableResources: "resources.jsonl", state.TableLeftovers: "leftovers.jsonl",
	state.TableJournal: "intents.jsonl", state.TableOutputs: "outputs.jsonl",
}

// everyFile are the files that a commit may have.
var everyFile = slices.Concat([]string{metaFile}, slices.Sorted(maps.Values(fileOf)), []string{runsFile, changesFile})

// format is of the files; a vpsync neither reads nor changes a newer one.
const format = 1

// metaDocument is meta.json.
type metaDocument struct {
	Format    int    `json:"format"`
	Lineage   string `json:"lineage"`
	Serial    int64  `json:"serial"`
	Settled   bool   `json:"settled"`
	SecretKey string `json:"secret_key,omitempty"`
	Sealed    bool   `json:"sealed,omitempty"`
	// Sum covers all of it: what somebody edits by hand, or merges, is seen. Of a sealed state nobody can make it without the key.
	Sum string `json:"sum"`
}

// files writes a model. With a sealer the rows are sealed; each that did not change keeps what stands for it.
func (m *model) files(seal *state.Sealer) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, table := range tables {
		rows := m.tables[table]
		var b bytes.Buffer
		for _, key := range slices.Sorted(maps.Keys(rows)) {
			r := rows[key]
			if r.line == "" {
				if r.line = plainLine(table, r); seal != nil {
					line, err := sealedLine(seal, table, key, r)
					if err != nil {
						return nil, err
					}
					r.line = line
				}
				rows[key] = r
			}
			b.WriteString(r.line + "\n")
		}
		if b.Len() > 0 {
			out[fileOf[table]] = b.Bytes()
		}
	}
	var runs, changes bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(m.runs)) {
		runs.WriteString(m.runs[key].Body + "\n")
	}
	for i, c := range m.changes {
		line := c.Body
		if seal != nil {
			var err error
			if line, err = sealedLine(seal, state.TableChanges, fmt.Sprint(i), row{body: c.Body, version: m.meta.Serial}); err != nil {
				return nil, err
			}
		}
		changes.WriteString(line + "\n")
	}
	if runs.Len() > 0 {
		out[runsFile] = runs.Bytes()
	}
	if changes.Len() > 0 {
		out[changesFile] = changes.Bytes()
	}
	doc := metaDocument{Format: format, Lineage: m.meta.Lineage, Serial: m.meta.Serial, Settled: m.meta.Settled, SecretKey: m.meta.SecretKey, Sealed: seal != nil}
	doc.Sum = sumOf(seal, doc, out)
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, err
	}
	out[metaFile] = append(text, '\n')
	return out, nil
}

// sumOf covers the files and what meta.json says, but for the sum itself.
func sumOf(seal *state.Sealer, doc metaDocument, files map[string][]byte) string {
	doc.Sum = ""
	text, _ := json.Marshal(doc) // of plain fields
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(text), text)
	for _, name := range everyFile[1:] {
		fmt.Fprintf(h, "%s %d:", name, len(files[name]))
		h.Write(files[name])
	}
	if seal != nil {
		return hex.EncodeToString(seal.Sum(h.Sum(nil)))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// plainLine is a row as people read it. A resource's says which commit wrote it last.
func plainLine(table string, r row) string {
	if table != state.TableResources {
		return r.body
	}
	return fmt.Sprintf(`%s,"version":%d}`, strings.TrimSuffix(r.body, "}"), r.version)
}

// sealedRow is a row that only the key opens. Its name and its serial are bound to it.
type sealedRow struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
	Sealed  []byte `json:"sealed"`
}

func sealedLine(seal *state.Sealer, table, key string, r row) (string, error) {
	text, err := json.Marshal(sealedRow{Name: key, Version: r.version, Sealed: seal.Seal(table+" "+key, r.version, []byte(r.body))})
	return string(text), err
}

// errNewer: the files are of a newer vpsync.
var errNewer = errors.New("it is of a newer vpsync")

// readModel reads the files of a commit, by name. sealer makes what opens sealed rows of a lineage. The history stays out.
func readModel(files map[string][]byte, sealer func(lineage string) (*state.Sealer, error)) (*model, *state.Sealer, error) {
	doc, err := readMeta(files[metaFile])
	if err != nil {
		return nil, nil, err
	}
	var seal *state.Sealer
	if doc.Sealed {
		if seal, err = sealer(doc.Lineage); err != nil {
			return nil, nil, err
		}
	}
	if doc.Sum != sumOf(seal, doc, files) {
		if seal != nil {
			return nil, nil, errors.New("it was sealed with another key than VPSYNC_STATE_KEY, or was changed by somebody who has none")
		}
		return nil, nil, errors.New("its files are not those that were written together: something other than vpsync has changed them")
	}
	m := newModel(doc.Lineage)
	m.meta = meta{Lineage: doc.Lineage, Serial: doc.Serial, Settled: doc.Settled, SecretKey: doc.SecretKey}
	for _, table := range tables {
		for line := range lines(files[fileOf[table]]) {
			key, r, err := readRow(seal, table, line)
			if err != nil {
				return nil, nil, fmt.Errorf("a row of its %s cannot be understood: %w", fileOf[table], err)
			}
			if _, twice := m.tables[table][key]; twice {
				return nil, nil, fmt.Errorf("%s is twice in its %s", key, fileOf[table])
			}
			m.tables[table][key] = r
		}
	}
	return m, seal, nil
}

func readMeta(text []byte) (metaDocument, error) {
	var doc metaDocument
	switch err := json.Unmarshal(text, &doc); {
	case text == nil:
		return doc, errors.New("it has no meta.json: it is not a state of vpsync's")
	case err != nil || doc.Lineage == "" || doc.Format < 1:
		return doc, errors.New("its meta.json is not what was written")
	case doc.Format > format:
		return doc, errNewer
	}
	return doc, nil
}

func lines(text []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(text) {
			if line = bytes.TrimSpace(line); len(line) > 0 && !yield(line) {
				return
			}
		}
	}
}

// readRow reads a line, and finds its key.
func readRow(seal *state.Sealer, table string, line []byte) (string, row, error) {
	r := row{body: string(line), line: string(line)}
	name := ""
	if seal != nil {
		var sealed sealedRow
		if err := json.Unmarshal(line, &sealed); err != nil {
			return "", r, err
		}
		body, err := seal.Open(table+" "+sealed.Name, sealed.Version, sealed.Sealed)
		if err != nil {
			return "", r, err
		}
		r.body, r.version, name = string(body), sealed.Version, sealed.Name
	}
	key, err := r.identify(table, seal == nil)
	if err == nil && seal != nil && key != name {
		err = fmt.Errorf("%q stands where %q should", key, name)
	}
	return key, r, err
}

// identify finds the key and the column of a row in its body.
func (r *row) identify(table string, plain bool) (key string, err error) {
	switch table {
	case state.TableAccounts:
		var a state.Account
		err = json.Unmarshal([]byte(r.body), &a)
		key = a.Name
	case state.TableResources:
		var reader state.ResourceReader
		x, err := reader.Read([]byte(r.body))
		if err != nil {
			return "", err
		}
		if plain {
			r.version, x.Version = x.Version, 0
			body, err := json.Marshal(x)
			if err != nil {
				return "", err
			}
			r.body = string(body)
		}
		r.column = state.ObjectKey(x.Account, x.Address.Kind, x.ID)
		return state.ResourceKey(x.Address, x.Deposed), nil
	case state.TableLeftovers:
		var l state.Leftover
		err = l.UnmarshalJSON([]byte(r.body))
		key = state.ObjectKey(l.Account, l.Kind, l.ID)
	case state.TableJournal:
		var i state.Intent
		err = i.UnmarshalJSON([]byte(r.body))
		key, r.column = i.ID, i.Address.String()
	case state.TableOutputs:
		var o state.Output
		err = json.Unmarshal([]byte(r.body), &o)
		key = o.Name
	}
	return key, err
}

// take adds a row to a state.
func take(out *state.State, reader *state.ResourceReader, table, key string, r row) error {
	body := []byte(r.body)
	switch table {
	case state.TableAccounts:
		var a state.Account
		err := json.Unmarshal(body, &a)
		out.Accounts[key] = a
		return err
	case state.TableResources:
		x, err := reader.Read(body)
		if err == nil {
			x.Version = r.version
			out.Resources = append(out.Resources, x)
		}
		return err
	case state.TableLeftovers:
		l := &state.Leftover{}
		out.Leftovers = append(out.Leftovers, l)
		return l.UnmarshalJSON(body)
	case state.TableJournal:
		i := &state.Intent{}
		out.Intents = append(out.Intents, i)
		return i.UnmarshalJSON(body)
	case state.TableOutputs:
		var o state.Output
		err := json.Unmarshal(body, &o)
		out.Outputs[key] = o
		return err
	}
	return fmt.Errorf("there is no table %s", table)
}
