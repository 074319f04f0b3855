package spec

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/apparentlymart/go-textseg/v15/textseg"
	"github.com/hashicorp/hcl/v2"
)

// jsonFile is a file in JSON syntax while it is read. Encoding/json would say neither where a value stands nor that a key
// is there twice, and both are needed to tell people what is wrong.
type jsonFile struct {
	name     string
	src      []byte
	at       int     // the next byte to read
	lines    []int   // where each line begins
	columns  []int32 // of each byte, and of the end
	problems Diagnostics
}

// jsonForm is what a value is.
type jsonForm int

const (
	jsonNull jsonForm = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// jsonNode is one value and where it stands.
type jsonNode struct {
	form       jsonForm
	start, end int
	text       string // of a string, without its escapes; of anything else that is no list and no object, as written
	escapes    []jsonEscape
	members    []jsonMember // of an object, in source order
	elements   []*jsonNode  // of an array
}

type jsonMember struct {
	name  *jsonNode // a string
	value *jsonNode
	again bool // an earlier member has the same name
}

// jsonEscape says by how much the source of a string is longer than its text, from a byte of the text on.
type jsonEscape struct{ from, longer int }

// jsonComment is the key whose value nobody reads.
const jsonComment = "//"

// readJSON reads a whole file. It recurses only as deep as maxDepth; the value is nil where the file is not JSON.
func readJSON(src []byte, name string) (*jsonFile, *jsonNode) {
	f := &jsonFile{name: name, src: src}
	if f.problems = guardText(src, name); len(f.problems) > 0 {
		return f, nil
	}
	f.measure()
	v := f.value(0)
	if v == nil {
		return f, nil
	}
	if f.blanks(); f.at < len(src) {
		f.wrong("nothing may follow the value that the file is")
		return f, nil
	}
	return f, v
}

// measure finds where lines begin and in which column each byte stands, at once: a file may be one long line.
func (f *jsonFile) measure() {
	f.lines = []int{0}
	f.columns = make([]int32, len(f.src)+1)
	column := int32(1)
	for at := 0; at < len(f.src); {
		size := 1
		// A byte of ASCII before another one is a character by itself, but for the end of a line of Windows.
		if f.src[at] >= utf8.RuneSelf || at+1 < len(f.src) && (f.src[at+1] >= utf8.RuneSelf || f.src[at] == '\r') {
			size, _, _ = textseg.ScanGraphemeClusters(f.src[at:], true)
		}
		for i := at; i < at+size; i++ {
			f.columns[i] = column
		}
		at += size
		column++
		if f.src[at-1] == '\n' {
			f.lines = append(f.lines, at)
			column = 1
		}
	}
	f.columns[len(f.src)] = column
}

func (f *jsonFile) pos(at int) hcl.Pos {
	line := sort.SearchInts(f.lines, at+1)
	return hcl.Pos{Line: line, Column: int(f.columns[at]), Byte: at}
}

func (f *jsonFile) between(start, end int) hcl.Range {
	return hcl.Range{Filename: f.name, Start: f.pos(start), End: f.pos(end)}
}

func (f *jsonFile) rangeOf(v *jsonNode) hcl.Range { return f.between(v.start, v.end) }

// tell notes a problem with a value.
func (f *jsonFile) tell(at hcl.Range, summary, detail, remedy string) {
	f.problems = append(f.problems, Diagnostic{Severity: SeverityError, Summary: summary, Detail: detail, Remedy: remedy, Range: rangeOf(at)})
}

// wrong says why the next character cannot be there. Reading ends with it.
func (f *jsonFile) wrong(why string) *jsonNode {
	end := f.at
	if f.at < len(f.src) {
		_, size := utf8.DecodeRune(f.src[f.at:])
		end += size
	} else {
		why = "the file ends too early: " + why
	}
	remedy := ""
	if rest := f.src[f.at:]; bytes.HasPrefix(rest, []byte("//")) || bytes.HasPrefix(rest, []byte("#")) || bytes.HasPrefix(rest, []byte("/*")) {
		remedy = `"//": "JSON has no comments, but a key of this name is one"`
	}
	f.tell(f.between(f.at, end), "Not JSON", fmt.Sprintf("This is not JSON: %s.", why), remedy)
	return nil
}

func (f *jsonFile) blanks() {
	for f.at < len(f.src) && slices.Contains([]byte(" \t\r\n"), f.src[f.at]) {
		f.at++
	}
}

// next is the first byte that is no blank, or NUL at the end: there is none in the file.
func (f *jsonFile) next() byte {
	f.blanks()
	if f.at == len(f.src) {
		return 0
	}
	return f.src[f.at]
}

func (f *jsonFile) value(depth int) *jsonNode {
	switch c := f.next(); {
	case c == '{', c == '[':
		if depth == maxDepth {
			f.tell(f.between(f.at, f.at+1), "Nested too deeply", fmt.Sprintf("Objects and lists may be nested %d deep.", maxDepth), "")
			return nil
		}
		if c == '{' {
			return f.object(depth)
		}
		return f.array(depth)
	case c == '"':
		return f.string()
	case c == '-', c >= '0' && c <= '9':
		return f.number()
	}
	for word, form := range map[string]jsonForm{"null": jsonNull, "true": jsonBool, "false": jsonBool} {
		if bytes.HasPrefix(f.src[f.at:], []byte(word)) {
			f.at += len(word)
			return &jsonNode{form: form, start: f.at - len(word), end: f.at, text: word}
		}
	}
	return f.wrong(`a value belongs here: an object, a list, a string in double quotes, a number, true, false or null`)
}

func (f *jsonFile) object(depth int) *jsonNode {
	v := &jsonNode{form: jsonObject, start: f.at}
	f.at++
	first := map[string]*jsonNode{}
	for more := f.next() != '}'; more; {
		if f.next() != '"' {
			return f.wrong("a key in double quotes belongs here")
		}
		name := f.string()
		if name == nil {
			return nil
		}
		if f.next() != ':' {
			return f.wrong("a colon belongs between a key and its value")
		}
		f.at++
		value := f.value(depth + 1)
		if value == nil {
			return nil
		}
		other := first[name.text]
		if other == nil {
			first[name.text] = name
		} else {
			f.tell(f.rangeOf(name), "Key given twice", fmt.Sprintf("%q stands at %s already, in the same object.", name.text, rangeOf(f.rangeOf(other))), "")
		}
		v.members = append(v.members, jsonMember{name, value, other != nil})
		if more = f.next() == ','; more {
			f.at++
		}
	}
	if f.next() != '}' {
		return f.wrong("a comma belongs between the members of an object, and } behind the last")
	}
	f.at++
	v.end = f.at
	return v
}

func (f *jsonFile) array(depth int) *jsonNode {
	v := &jsonNode{form: jsonArray, start: f.at}
	f.at++
	for more := f.next() != ']'; more; {
		element := f.value(depth + 1)
		if element == nil {
			return nil
		}
		v.elements = append(v.elements, element)
		if more = f.next() == ','; more {
			f.at++
		}
	}
	if f.next() != ']' {
		return f.wrong("a comma belongs between the elements of a list, and ] behind the last")
	}
	f.at++
	v.end = f.at
	return v
}

func (f *jsonFile) number() *jsonNode {
	v := &jsonNode{form: jsonNumber, start: f.at}
	digits := func() bool {
		from := f.at
		for f.at < len(f.src) && f.src[f.at] >= '0' && f.src[f.at] <= '9' {
			f.at++
		}
		return f.at > from
	}
	comes := func(any string) bool {
		if f.at < len(f.src) && bytes.IndexByte([]byte(any), f.src[f.at]) >= 0 {
			f.at++
			return true
		}
		return false
	}
	comes("-")
	if !comes("0") && !digits() {
		return f.wrong("a digit belongs here")
	}
	if comes(".") && !digits() {
		return f.wrong("a digit belongs behind the point")
	}
	if comes("eE") {
		comes("+-")
		if !digits() {
			return f.wrong("a digit belongs into the exponent")
		}
	}
	v.end = f.at
	v.text = string(f.src[v.start:v.end])
	if hugeNumber(v.text) {
		f.tell(f.rangeOf(v), "Number is too large", fmt.Sprintf("A number may have %d digits, before or after the point.", maxDigits), "")
		return nil
	}
	return v
}

// string reads one, and remembers where its source and its text part: what stands in a template has a place too.
func (f *jsonFile) string() *jsonNode {
	v := &jsonNode{form: jsonString, start: f.at}
	f.at++
	var text []byte
	for {
		if f.at == len(f.src) {
			return f.wrong("a string ends with a double quote")
		}
		switch c := f.src[f.at]; {
		case c == '"':
			f.at++
			v.end, v.text = f.at, string(text)
			return v
		case c < ' ':
			return f.wrong(`a string has no line ends and tabs of its own: they are written \n and \t`)
		case c != '\\':
			text = append(text, c)
			f.at++
			continue
		}
		if text = f.escape(text); text == nil {
			return nil
		}
		v.escapes = append(v.escapes, jsonEscape{len(text), f.at - (v.start + 1) - len(text)})
	}
}

// escape adds what an escape stands for, and is nil where it is none.
func (f *jsonFile) escape(text []byte) []byte {
	plain := map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
	f.at++
	var c byte
	if f.at < len(f.src) {
		c = f.src[f.at]
	}
	if p, ok := plain[c]; ok {
		f.at++
		return append(text, p)
	}
	unit := func() rune { // of UTF-16, or -1
		if len(f.src)-f.at < 6 || f.src[f.at] != '\\' || f.src[f.at+1] != 'u' {
			return -1
		}
		n, err := strconv.ParseUint(string(f.src[f.at+2:f.at+6]), 16, 16)
		if err != nil {
			return -1
		}
		return rune(n)
	}
	f.at--
	r := unit()
	if r < 0 {
		f.wrong(`behind a backslash stands one of " \ / b f n r t, or u and four hexadecimal digits`)
		return nil
	}
	f.at += 6
	if utf16.IsSurrogate(r) {
		if whole := utf16.DecodeRune(r, unit()); whole != utf8.RuneError {
			f.at += 6
			return utf8.AppendRune(text, whole)
		}
		r = utf8.RuneError
	}
	return utf8.AppendRune(text, r)
}

// source is where a byte of a string's text stands in the file.
func (v *jsonNode) source(at int) int {
	at = min(max(at, 0), len(v.text))
	i := sort.Search(len(v.escapes), func(i int) bool { return v.escapes[i].from > at })
	if i > 0 {
		at += v.escapes[i-1].longer
	}
	return v.start + 1 + at
}
