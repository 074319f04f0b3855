package spec

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Stack is one folder of HCL, parsed. It is made by Load and never changes; sessions opened on it do the evaluating.
type Stack struct {
	Declarations

	busy       atomic.Pointer[hclsyntax.Expression] // the expression that was begun last
	unparsed   bool                                 // a file could not be read as a whole, so that what it says is not known
	settingsAt *Range                               // of the vpsync block, or nil
	stateAt    *Range                               // of the state block, or nil
	sources    sources
	variables  map[string]*variable
	locals     map[string]*local
	outputs    map[string]*output
	removals   []Removal
	imports    []*importBlock
	checks     []*checkBlock
	resources  map[string]map[string]*resource // by kind and name
	order      []*resource                     // in source order
}

// ProviderBlock is one provider block: provider "servosphere" { alias = "eu" }.
type ProviderBlock struct {
	Name       string // "servosphere"
	Alias      string // "eu", or empty
	TokenEnv   string // token_env, or empty for the definition's own
	Definition string // definition, a path inside the stack, or empty for an embedded one
	Range      Range
}

// Account is the key of the account that the block configures: "servosphere" or "servosphere.eu".
func (b ProviderBlock) Account() string {
	if b.Alias == "" {
		return b.Name
	}
	return b.Name + "." + b.Alias
}

// sources are the bytes of every file, for the snippets of diagnostics.
type sources map[string][]byte

// Load reads, guards and parses the *.hcl and *.hcl.json files of dir, but for variable files (*.vars.hcl), definitions
// (*.provider.hcl) and tests (*.test.hcl). Problems found so far are in the diagnostics; the stack is nil only where
// nothing could be parsed at all.
func Load(dir string) (*Stack, Diagnostics) {
	s := &Stack{
		Declarations: Declarations{Dir: dir, Sources: map[string]string{}}, sources: sources{},
		variables: map[string]*variable{}, locals: map[string]*local{}, outputs: map[string]*output{},
		resources: map[string]map[string]*resource{},
	}
	names, diags := stackFiles(dir)
	if diags.HasErrors() {
		return nil, diags
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, Diagnostics{{Severity: SeverityError, Summary: "Folder cannot be opened", Detail: reason(err)}}
	}
	defer root.Close()
	total := 0
	for _, name := range names {
		src, err := readOwn(root, name)
		if err != nil {
			diags = append(diags, Diagnostic{Severity: SeverityError, Summary: "File cannot be read", Detail: fmt.Sprintf("%s: %s.", name, reason(err))})
			continue
		}
		src = plainSource(src)
		if total += len(src); total > maxStackBytes {
			diags = append(diags, Diagnostic{Severity: SeverityError, Summary: "Stack is too large", Detail: fmt.Sprintf("The files of %s hold more than %d bytes.", dir, maxStackBytes)})
			break
		}
		s.sources[name] = src
		sum := sha256.Sum256(src)
		s.Sources[name] = hex.EncodeToString(sum[:])
		body, problems := s.parse(src, name)
		diags = append(diags, problems...)
		s.unparsed = s.unparsed || problems.HasErrors()
		if body != nil {
			diags = append(diags, s.blocks(body)...)
		}
	}
	diags.Sort()
	s.sumUp()
	return s, diags
}

// Busy is the expression that an evaluation has begun last, with its line, for whoever has to say where one never ends; nil before
// the first. It may be asked at any time.
func (s *Stack) Busy() (at *Range, snippet string) {
	e := s.busy.Load()
	if e == nil {
		return nil, ""
	}
	at = rangeOf((*e).Range())
	return at, s.sources.at(Diagnostic{Range: at}).Snippet
}

// asks notes a block that has an account asked.
func (s *Stack) asks(name string, b *hclsyntax.Block) {
	whole := hcl.RangeBetween(b.TypeRange, b.CloseBraceRange)
	sum := sha256.Sum256(whole.SliceBytes(s.sources[whole.Filename]))
	s.Asks = append(s.Asks, Ask{Block: name, Source: hex.EncodeToString(sum[:]), Range: *rangeOf(b.DefRange())})
}

// sumUp makes the declarations of what the blocks say.
func (s *Stack) sumUp() {
	s.Bare = len(s.order) == 0
	for _, v := range s.variables {
		s.Variables = append(s.Variables, Variable{
			Name: v.name, Description: v.description, Type: typeexpr.TypeString(v.typ), Sensitive: v.sensitive, Needed: v.value == nil && !v.mistyped, Range: v.rng,
		})
	}
	slices.SortFunc(s.Variables, func(a, b Variable) int {
		return cmp.Or(strings.Compare(a.Range.File, b.Range.File), a.Range.Start.Byte-b.Range.Start.Byte)
	})
}

// stackFiles lists the files of the stack in dir, by name.
func stackFiles(dir string) (names []string, diags Diagnostics) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		d := Diagnostic{Severity: SeverityError, Summary: "Folder cannot be read", Detail: fmt.Sprintf("%s: %s.", dir, reason(err))}
		if errors.Is(err, fs.ErrNotExist) {
			d.Summary = "Folder does not exist"
			d.Detail = fmt.Sprintf("There is no folder %s.", dir)
			d.Remedy = "vpsync init -C " + dir
		} else if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			d.Summary = "Not a folder"
			d.Detail = fmt.Sprintf("%s is a file. A stack is a folder, with all the files in it.", dir)
			d.Remedy = "-C " + filepath.Dir(dir)
		}
		return nil, Diagnostics{d}
	}
	for _, e := range entries {
		name := e.Name()
		plain := strings.TrimSuffix(name, ".json")
		switch {
		case strings.HasPrefix(name, "."):
		case strings.HasSuffix(plain, ".vars.hcl"), strings.HasSuffix(plain, ".provider.hcl"), strings.HasSuffix(plain, ".test.hcl"):
		case strings.HasSuffix(plain, ".hcl"):
			names = append(names, name)
		}
	}
	foreign, renames := foreignFiles(dir, entries)
	switch {
	case len(names) == 0 && len(foreign) > 0:
		return nil, Diagnostics{{Severity: SeverityError, Summary: "No configuration here",
			Detail: fmt.Sprintf("The folder %s holds no *.hcl or *.hcl.json file, but files of Terraform: %s. Here a resource block is called after its kind.", dir, joinWords(foreign)),
			Remedy: strings.Join(renames, "\n")}}
	case len(foreign) > 0:
		diags = Diagnostics{{Severity: SeverityWarning, Summary: "Files of Terraform are not read",
			Detail: fmt.Sprintf("vpsync reads nothing of %s: a stack is the folder's *.hcl and *.hcl.json files, and values of its variables stand in vpsync.vars.hcl and *.auto.vars.hcl.", joinWords(foreign)),
			Remedy: strings.Join(renames, "\n")}}
	case len(names) == 0:
		return nil, Diagnostics{{Severity: SeverityError, Summary: "No configuration here",
			Detail: fmt.Sprintf("The folder %s holds no *.hcl or *.hcl.json file, so there is nothing to compare an account with.", dir),
			Remedy: "vpsync init    # writes a commented stack to start from"}}
	}
	slices.Sort(names)
	return names, diags
}

// ReadFile reads a file of the stack in dir, as Load does: a symbolic link does not lead out of the folder, and a file larger than any
// that vpsync reads is cut where [Guard] refuses it.
func ReadFile(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readOwn(root, name)
}

// readOwn reads a file that is a part of the stack: not one of git's, or of vpsync's own, that a link of the stack names.
func readOwn(root *os.Root, name string) ([]byte, error) {
	if err := foreign(root.Name(), name); err != nil {
		return nil, err
	}
	return readLimited(root, name, MaxFileBytes+1)
}

// ReadAtMost reads as much of a file anywhere as [Guard] needs to see.
func ReadAtMost(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, MaxFileBytes+1)) }

func readLimited(root *os.Root, name string, limit int64) ([]byte, error) {
	regular := func(info fs.FileInfo, err error) error {
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("not a regular file")
		}
		return err
	}
	if err := regular(root.Stat(name)); err != nil { // first: to open a device may do something
		return nil, err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|withoutWaiting, 0) // it may have become a pipe, which waits for its other end
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := regular(f.Stat()); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// reason is an error without the path that the message already names.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// plainSource is a source as every system would have written it: without a byte order mark, its lines ended by line feeds alone. So
// a text over several lines has the same value everywhere. One that is too large stays as it is, for [Guard] to refuse.
func plainSource(src []byte) []byte {
	if len(src) > MaxFileBytes {
		return src
	}
	return bytes.ReplaceAll(bytes.TrimPrefix(src, byteOrderMark), []byte("\r\n"), []byte("\n"))
}
