package daemon

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/vpsync/vpsync/pkg/spec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Defaults of a configuration.
const (
	DefaultSchedule = "*/15 * * * *"
	DefaultPoll     = 5 * time.Minute
	DefaultParallel = 4
	DefaultData     = "/var/lib/vpsync"
	DefaultAddress  = "127.0.0.1:8642" // this machine alone reaches it
	DefaultTokenEnv = "VPSYNC_APPROVE_TOKEN"
	NoAddress       = "none" // nothing is served
)

// ReadConfig reads a configuration from a file. Paths in it are meant from the file's folder. The configuration is nil where
// something is wrong with it.
func ReadConfig(path string) (*Config, spec.Diagnostics) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, spec.Diagnostics{{Severity: spec.SeverityError, Summary: "The configuration cannot be read", Detail: err.Error() + ".", Remedy: "vpsync daemon --config /etc/vpsync/vpsyncd.hcl"}}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, spec.Diagnostics{{Severity: spec.SeverityError, Summary: "The configuration cannot be read", Detail: err.Error() + "."}}
	}
	return DecodeConfig(src, filepath.Base(path), dir)
}

// DecodeConfig decodes a configuration; name is the file's for messages, and dir what its paths are meant from.
func DecodeConfig(src []byte, name, dir string) (*Config, spec.Diagnostics) {
	r := &reader{name: name, dir: dir, lines: strings.Split(string(src), "\n")}
	if diags := spec.Guard(src, name); diags.HasErrors() {
		return nil, diags
	}
	file, problems := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	for _, p := range problems {
		at := hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}
		if p.Subject != nil {
			at = *p.Subject
		}
		r.wrong(at, p.Summary, p.Detail, "")
	}
	if problems.HasErrors() {
		return nil, r.diags
	}
	c := r.config(&section{r: r, name: "the file", body: file.Body.(*hclsyntax.Body), at: file.Body.MissingItemRange()})
	if r.diags.HasErrors() {
		r.diags.Sort()
		return nil, r.diags
	}
	return c, r.diags
}

// reader collects what is wrong.
type reader struct {
	name, dir string
	lines     []string
	diags     spec.Diagnostics
}

func (r *reader) wrong(at hcl.Range, summary, detail, remedy string) {
	pos := func(p hcl.Pos) spec.Pos { return spec.Pos{Line: p.Line, Column: p.Column, Byte: p.Byte} }
	d := spec.Diagnostic{Severity: spec.SeverityError, Summary: summary, Detail: detail, Remedy: remedy,
		Range: &spec.Range{File: r.name, Start: pos(at.Start), End: pos(at.End)}}
	if n := at.Start.Line; n >= 1 && n <= len(r.lines) {
		d.Snippet = strings.TrimSuffix(r.lines[n-1], "\r")
	}
	r.diags = append(r.diags, d)
}

// path is a file's or a folder's, from the folder of the configuration.
func (r *reader) path(text string) string {
	if text == "" || filepath.IsAbs(text) {
		return text
	}
	return filepath.Join(r.dir, text)
}

// section is a block, or the file.
type section struct {
	r      *reader
	name   string // in messages
	label  string // the only one, or empty
	body   *hclsyntax.Body
	at     hcl.Range
	known  []string
	blocks []string
}

// only refuses what nobody knows. It comes last.
func (s *section) only() {
	for _, name := range slices.Sorted(maps.Keys(s.body.Attributes)) {
		if !slices.Contains(s.known, name) {
			s.r.wrong(s.body.Attributes[name].NameRange, "Unknown argument", fmt.Sprintf("There is no argument %q in %s.%s", name, s.name, nearest(name, s.known)), "remove it")
		}
	}
	for _, b := range s.body.Blocks {
		if !slices.Contains(s.blocks, b.Type) {
			s.r.wrong(b.TypeRange, "Unknown block", fmt.Sprintf("There is no block %q in %s.%s", b.Type, s.name, nearest(b.Type, s.blocks)), "remove it")
		}
	}
}

func nearest(name string, known []string) string {
	if near := spec.Nearest(name, known); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}

// inner are the blocks of a type; labels is how many each has.
func (s *section) inner(kind string, labels int) []*section {
	s.blocks = append(s.blocks, kind)
	var all []*section
	for _, b := range s.body.Blocks {
		switch {
		case b.Type != kind:
		case len(b.Labels) != labels:
			want := kind + " { }"
			if labels == 1 {
				want = kind + ` "name" { }`
			}
			s.r.wrong(b.DefRange(), "Wrong number of labels", fmt.Sprintf("A %s block has %d.", kind, labels), want)
		default:
			in := &section{r: s.r, name: kind, body: b.Body, at: b.DefRange()}
			if labels == 1 {
				in.label = b.Labels[0]
				in.name = fmt.Sprintf("%s %q", kind, in.label)
			}
			all = append(all, in)
		}
	}
	return all
}

// one is the only block of a type, or nil.
func (s *section) one(kind string) *section {
	all := s.inner(kind, 0)
	if len(all) == 0 {
		return nil
	}
	if len(all) > 1 {
		s.r.wrong(all[1].at, "Two blocks of a kind", fmt.Sprintf("%s has a %s block on line %d already.", s.name, kind, all[0].at.Start.Line), "remove one of the two")
	}
	return all[0]
}

// place is that of an argument, or of the block where it is not given.
func (s *section) place(name string) hcl.Range {
	if a := s.body.Attributes[name]; a != nil {
		return a.Expr.Range()
	}
	return s.at
}

// value is an argument of a type; NilVal where it is not given, or wrong.
func (s *section) value(name string, t cty.Type, what string) cty.Value {
	s.known = append(s.known, name)
	a := s.body.Attributes[name]
	if a == nil {
		return cty.NilVal
	}
	v, problems := a.Expr.Value(nil)
	if problems.HasErrors() {
		s.r.wrong(a.Expr.Range(), "Not written out", fmt.Sprintf("%s of %s is %s, written out: there are no variables and functions here.", name, s.name, what), "")
		return cty.NilVal
	}
	got, err := convert.Convert(v, t)
	ok := err == nil && !got.IsNull() && got.IsWhollyKnown() && (!t.IsPrimitiveType() || v.Type() == t)
	if ok && t.IsListType() {
		for _, e := range got.AsValueSlice() {
			ok = ok && !e.IsNull()
		}
	}
	if !ok {
		s.r.wrong(a.Expr.Range(), "Wrong type", fmt.Sprintf("%s of %s is %s.", name, s.name, what), "")
		return cty.NilVal
	}
	return got
}

func (s *section) text(name, otherwise string) string {
	if v := s.value(name, cty.String, "a text"); v != cty.NilVal {
		return v.AsString()
	}
	return otherwise
}

func (s *section) texts(name, what string) []string {
	var all []string
	if v := s.value(name, cty.List(cty.String), what); v != cty.NilVal {
		for _, e := range v.AsValueSlice() {
			all = append(all, e.AsString())
		}
	}
	return all
}

// variableName is what a variable of the environment may be called.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// variable is the name of one of the environment's.
func (s *section) variable(name, otherwise string) string {
	text := s.text(name, otherwise)
	if text != "" && !variableName.MatchString(text) {
		s.r.wrong(s.place(name), "Not a variable", fmt.Sprintf("%s of %s is the name of a variable of the environment.", name, s.name), name+` = "OPS_URL"`)
	}
	return text
}

// origin is where the block begins.
func (s *section) origin() spec.Range {
	return spec.Range{File: s.r.name, Start: spec.Pos{Line: s.at.Start.Line, Column: s.at.Start.Column, Byte: s.at.Start.Byte}}
}

func (s *section) flag(name string) bool {
	v := s.value(name, cty.Bool, "true or false")
	return v != cty.NilVal && v.True()
}

// duration is from low to high.
func (s *section) duration(name string, otherwise, low, high time.Duration) time.Duration {
	v := s.value(name, cty.String, `a duration such as "15m"`)
	if v == cty.NilVal {
		return otherwise
	}
	d, err := time.ParseDuration(v.AsString())
	if err != nil || d < low || d > high {
		s.r.wrong(s.place(name), "Wrong duration", fmt.Sprintf("%s of %s is a duration from %s to %s.", name, s.name, low, high), fmt.Sprintf("%s = %q", name, max(low, min(high, time.Hour))))
		return otherwise
	}
	return d
}

// schedule is a required one where otherwise is empty.
func (s *section) schedule(name, zone, otherwise string) *Schedule {
	if s.body.Attributes[name] == nil && otherwise == "" {
		s.r.wrong(s.at, "Missing argument", fmt.Sprintf("%s needs %s.", s.name, name), name+` = "0 22 * * *"`)
		s.known = append(s.known, name)
		return nil
	}
	text := s.text(name, otherwise)
	parsed, err := ParseSchedule(text, "")
	if err != nil {
		s.r.wrong(s.place(name), "Not a schedule", fmt.Sprintf("%s of %s: %s.", name, s.name, err), name+` = "*/15 * * * *"    # minute, hour, day of the month, month, day of the week`)
		return nil
	}
	if zone == "" {
		return parsed
	}
	if parsed, err = ParseSchedule(text, zone); err != nil {
		s.r.wrong(s.place("zone"), "Unknown zone", fmt.Sprintf("zone of %s: %s.", s.name, err), `zone = "Europe/Berlin"`)
		return nil
	}
	return parsed
}

func (r *reader) config(s *section) *Config {
	c := &Config{Data: r.path(s.text("data", DefaultData)), Parallel: DefaultParallel}
	if v := s.value("parallel", cty.Number, "a whole number from 1 to 64"); v != cty.NilVal {
		n, _ := v.AsBigFloat().Int64()
		if v.Equals(cty.NumberIntVal(n)).False() || n < 1 || n > 64 {
			r.wrong(s.place("parallel"), "Wrong number", "parallel is a whole number from 1 to 64.", "parallel = 4")
		}
		c.Parallel = int(n)
	}
	c.Listen = Listen{Address: DefaultAddress, TokenEnv: DefaultTokenEnv}
	if l := s.one("listen"); l != nil {
		c.Listen = r.listen(l)
	}
	for _, b := range s.inner("notify", 1) {
		to := r.receiver(b)
		if slices.ContainsFunc(c.Notify, func(other Receiver) bool { return other.Name == to.Name }) {
			r.wrong(b.at, "Two receivers of a name", fmt.Sprintf("There is another %s block.", b.name), "rename one of the two")
		}
		c.Notify = append(c.Notify, to)
	}
	slices.SortFunc(c.Notify, func(a, b Receiver) int { return strings.Compare(a.Name, b.Name) })
	blocks := s.inner("stack", 1)
	if !slices.ContainsFunc(s.body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == "stack" }) {
		r.wrong(s.at, "Nothing to look after", "A configuration has a stack block for each stack.", "stack \"web\" {\n  folder = \"/etc/vpsync/web\"\n}")
	}
	places := map[string]*Stack{}
	for _, b := range blocks {
		st := r.stack(b)
		if st == nil {
			continue
		}
		if i := slices.IndexFunc(c.Stacks, func(other *Stack) bool { return other.Name == st.Name }); i >= 0 {
			r.wrong(b.at, "Two stacks of a name", fmt.Sprintf("%s is on line %d already.", b.name, c.Stacks[i].Range.Start.Line), "rename one of the two")
		}
		where := st.State
		if where == "" {
			where = filepath.Join(st.Dir, ".vpsync", "state.db")
		}
		if other := places[where]; other != nil && (st.Git == nil || st.State != "") {
			r.wrong(b.at, "Two stacks with one state", fmt.Sprintf("%s is kept in %s, and so is stack %q.", b.name, where, other.Name), `state = "/var/lib/vpsync/other.db"`)
		}
		if st.Git == nil || st.State != "" {
			places[where] = st
		}
		if i := slices.IndexFunc(c.Stacks, func(other *Stack) bool {
			return st.Git != nil && other.Git != nil && st.Git.URL == other.Git.URL && st.Git.Branch == other.Git.Branch && st.Git.Path == other.Git.Path
		}); i >= 0 {
			r.wrong(b.at, "Two stacks from one place", fmt.Sprintf("%s is what stack %q is, too: both would make everything that is declared there.", b.name, c.Stacks[i].Name), "path = \"another/folder\"")
		}
		c.Stacks = append(c.Stacks, st)
	}
	s.only()
	slices.SortFunc(c.Stacks, func(a, b *Stack) int { return strings.Compare(a.Name, b.Name) })
	return c
}

func (r *reader) listen(s *section) Listen {
	l := Listen{Address: s.text("address", DefaultAddress), Names: s.texts("names", "a list of names"), TokenEnv: s.variable("token_env", DefaultTokenEnv)}
	if err := CheckAddress(l.Address); err != nil {
		r.wrong(s.place("address"), "Not an address", fmt.Sprintf("address of %s: %s.", s.name, err), fmt.Sprintf("address = %q    # or %q", DefaultAddress, NoAddress))
	}
	for _, name := range l.Names {
		if name == "" || strings.ContainsAny(name, "/: ") {
			r.wrong(s.place("names"), "Not a name", fmt.Sprintf("%q: a name is what a browser calls the address by, without a scheme and a port.", name), `names = ["vpsync.example.com"]`)
		}
	}
	s.only()
	return l
}

// CheckAddress says what is wrong with an address to listen on, or nothing.
func CheckAddress(address string) error {
	if address == NoAddress {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT", address)
	}
	return nil
}

// kinds of receivers, as package notify has them.
var kinds = []string{"slack", "discord", "webhook"}

func (r *reader) receiver(s *section) Receiver {
	to := Receiver{Name: s.label, Kind: s.text("kind", ""), URLEnv: s.variable("url_env", ""), SecretEnv: s.variable("secret_env", "")}
	to.Range = s.origin()
	if !slices.Contains(kinds, to.Kind) {
		r.wrong(s.place("kind"), "Unknown kind", fmt.Sprintf(`kind is "slack", "discord" or "webhook", not %q.`, to.Kind), `kind = "slack"`)
	}
	if to.URLEnv == "" {
		r.wrong(s.place("url_env"), "Missing argument", fmt.Sprintf("%s needs url_env: whoever has the URL can write there, so it comes from the environment.", s.name), `url_env = "OPS_URL"`)
	}
	switch hook := to.Kind == "webhook"; {
	case hook && to.SecretEnv == "":
		r.wrong(s.at, "Missing argument", fmt.Sprintf("%s needs secret_env: what it is told is signed.", s.name), `secret_env = "OPS_SECRET"`)
	case !hook && to.SecretEnv != "":
		r.wrong(s.place("secret_env"), "Nothing to sign", fmt.Sprintf("%s signs nothing: the URL is all.", s.name), "remove it")
	}
	s.only()
	return to
}

// stackName is what a stack may be called: it is part of paths and of URLs.
var stackName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$`)

func (r *reader) stack(s *section) *Stack {
	before := len(r.diags)
	st := &Stack{Name: s.label, Dir: r.path(s.text("folder", "")), State: r.path(s.text("state", "")), AllowDestroy: s.flag("allow_destroy")}
	st.Range = s.origin()
	if !stackName.MatchString(st.Name) {
		r.wrong(s.at, "Not a name", fmt.Sprintf("%s: a stack's name has letters, digits, hyphens and underscores, 63 at most.", s.name), `stack "web" {`)
	}
	for _, name := range s.texts("var_files", "a list of files") {
		st.VarFiles = append(st.VarFiles, r.path(name))
	}
	st.Mode = Mode(s.text("mode", string(Observe)))
	if !slices.Contains(Modes, st.Mode) {
		r.wrong(s.place("mode"), "Unknown mode", fmt.Sprintf(`mode is "observe", "propose" or "heal", not %q.`, st.Mode), `mode = "observe"`)
	}
	if st.AllowDestroy && st.Mode == Observe {
		r.wrong(s.place("allow_destroy"), "Nothing to allow", "allow_destroy is about healing, and this stack is observed.", `mode = "heal"`)
	}
	zone := s.text("zone", "")
	st.Schedule = s.schedule("schedule", zone, DefaultSchedule)
	st.Jitter = s.duration("jitter", 0, 0, 24*time.Hour)
	if w := s.one("windows"); w != nil {
		st.Windows = r.windows(w, zone)
	}
	if g := s.one("git"); g != nil {
		st.Git = r.git(g)
		if st.Dir != "" {
			r.wrong(s.place("folder"), "Two sources", fmt.Sprintf("%s comes from a folder or from a repository, and says both.", s.name), "git {\n  path = \"the/folder/in/it\"\n}")
		}
	} else if st.Dir == "" {
		r.wrong(s.at, "No source", fmt.Sprintf("%s says neither folder nor git.", s.name), `folder = "/etc/vpsync/`+st.Name+`"`)
	}
	s.only()
	if len(r.diags) > before {
		return nil
	}
	return st
}

func (r *reader) windows(s *section, zone string) Windows {
	var w Windows
	zone = s.text("zone", zone)
	for _, kind := range []struct {
		name string
		to   *[]Window
	}{{"allow", &w.Allow}, {"deny", &w.Deny}} {
		for _, b := range s.inner(kind.name, 0) {
			opens := b.schedule("opens", b.text("zone", zone), "")
			if opens != nil && opens.naive == nil {
				r.wrong(b.place("opens"), "Not a time", fmt.Sprintf("A window opens at times of the clock, and %q has none.", opens), `opens = "0 22 * * *"`)
			}
			if b.body.Attributes["lasts"] == nil {
				r.wrong(b.at, "Missing argument", fmt.Sprintf("%s needs lasts.", b.name), `lasts = "4h"`)
			}
			lasts := b.duration("lasts", time.Hour, time.Minute, MaxWindow)
			b.only()
			if opens != nil {
				*kind.to = append(*kind.to, Window{Opens: opens, Lasts: lasts})
			}
		}
	}
	s.only()
	return w
}

func (r *reader) git(s *section) *Git {
	g := &Git{URL: s.text("url", ""), Branch: s.text("branch", "main"), Path: s.text("path", ""), Poll: s.duration("poll", DefaultPoll, time.Minute, 24*time.Hour), HookSecretEnv: s.variable("webhook_secret_env", "")}
	if !strings.Contains(g.URL, ":") && !strings.HasPrefix(g.URL, "-") {
		g.URL = r.path(g.URL) // a folder of this machine
	}
	if err := checkURL(g.URL); err != nil {
		r.wrong(s.place("url"), "No repository", fmt.Sprintf("url of %s: %s.", s.name, err), `url = "https://github.com/OWNER/NAME.git"`)
	}
	if strings.ContainsAny(g.Branch, " ~^:?*[\\\n") || g.Branch == "" || strings.HasPrefix(g.Branch, "-") {
		r.wrong(s.place("branch"), "Not a branch", fmt.Sprintf("%q cannot be a branch's name.", g.Branch), `branch = "main"`)
	}
	if g.Path != "" && !filepath.IsLocal(filepath.FromSlash(g.Path)) {
		r.wrong(s.place("path"), "Outside of the repository", fmt.Sprintf("path is a folder in the repository, and %q is not.", g.Path), `path = "stacks/web"`)
	}
	s.only()
	return g
}
