package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pageRun carries out a page of the manual, from its top to its end. A block
//
//	hcl, json  is a file of a stack of its own, main.hcl or main.hcl.json. Where nothing follows that it answers, it is valid, it is
//	           applied, and a second plan is empty. A provider block is added where there is none.
//	text       is what vpsync validate says to the mistake in the block before.
//	console    is done in that stack: lines that begin with $ are commands, and others are what they print. A line ... is any lines.
//
// A comment above a block, which readers do not see, may say more, a line each:
//
//	then        it goes on from the stack before, and what was applied of it
//	more        the next block belongs to it: nothing is done yet
//	file: NAME  it is this file
//	with: NAME  a file of testdata/docs belongs to the stack
//	run: LINE   a command that is done before the block is there
//	folder: NAME  above a console: it is done in a copy of that folder of the repository
type pageRun struct {
	t        *testing.T
	files    string
	dir      string // of the stack
	exported map[string]string
	last     int // the exit code of the last command
	problems []string
}

// shown is one block of a page.
type shown struct {
	line       int // of its fence
	language   string
	text       string
	notes      []string
	from, upto int // bytes of its text in the page
}

func (p *pageRun) problem(line int, format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
}

// blocks takes a page apart.
func (p *pageRun) blocks(page string) []shown {
	var out []shown
	var notes []string
	var open *shown
	at, number, noted, comment := 0, 0, 0, false
	for line := range strings.Lines(page) {
		number++
		at += len(line)
		text := strings.TrimSpace(line)
		switch {
		case open != nil && text == "```":
			open.upto = at - len(line)
			open.text = page[open.from:open.upto]
			out = append(out, *open)
			open = nil
		case open != nil:
		case strings.HasPrefix(line, "```"):
			open = &shown{line: number, language: strings.TrimPrefix(text, "```"), notes: notes, from: at}
			notes = nil
		case comment || strings.HasPrefix(line, "<!--"):
			if !comment {
				noted = number
			}
			rest, ended := strings.CutSuffix(text, "-->")
			comment = !ended
			if rest = strings.TrimSpace(strings.TrimPrefix(rest, "<!--")); rest != "" {
				word, _, _ := strings.Cut(rest, ": ")
				if !slices.Contains([]string{"then", "more", "file", "with", "run", "folder"}, word) {
					p.problem(number, "nobody knows what %s means", text)
				}
				notes = append(notes, rest)
			}
		case text != "" && notes != nil:
			p.problem(noted, "the comment belongs to no block")
			notes = nil
		}
	}
	if open != nil {
		p.problem(open.line, "the block has no end")
	}
	return out
}

// check carries a page out, and gives it back with what the program says.
func (p *pageRun) check(page string) string {
	blocks := p.blocks(page)
	anew := make([]string, len(blocks))
	for i, b := range blocks {
		anew[i] = b.text
		var next string
		if i+1 < len(blocks) {
			next = blocks[i+1].language
		}
		switch b.language {
		case "hcl", "json":
			p.stack(b, next)
		case "text":
			if i == 0 || blocks[i-1].language != "hcl" && blocks[i-1].language != "json" || p.dir == "" {
				p.problem(b.line, "text that answers nothing")
				continue
			}
			said, code := p.vpsync("validate")
			if code == exitDone {
				p.problem(b.line, "nothing is wrong with it, although this is said to be")
			} else if !p.same(b.text, said) {
				p.problem(b.line, "the answer is another:\n%s", said)
			}
			anew[i] = said
		case "console":
			p.folder(b)
			if p.dir == "" {
				p.problem(b.line, "a console without a stack")
				continue
			}
			anew[i] = p.console(b)
		case "yaml":
			if err := pipeline(b.text); err != nil {
				p.problem(b.line, "%v", err)
			}
		default:
			p.problem(b.line, "nobody knows what a %s block is", b.language)
		}
	}
	for i, b := range slices.Backward(blocks) {
		if !strings.Contains("\n"+b.text, "\n...\n") {
			page = page[:b.from] + anew[i] + page[b.upto:]
		}
	}
	return page
}

// folder begins a stack that is a folder of the repository, where a block says so.
func (p *pageRun) folder(b shown) {
	for _, note := range b.notes {
		name, ok := strings.CutPrefix(note, "folder: ")
		if !ok {
			continue
		}
		p.dir, p.exported = p.t.TempDir(), map[string]string{}
		if err := os.CopyFS(p.dir, os.DirFS(filepath.Join(p.files, root, name))); err != nil {
			p.problem(b.line, "%v", err)
		}
	}
}

// stack makes a block part of a stack.
func (p *pageRun) stack(b shown, next string) {
	name := map[string]string{"hcl": "main.hcl", "json": "main.hcl.json"}[b.language]
	var runs, with []string
	then, more := false, false
	for _, note := range b.notes {
		switch word, rest, _ := strings.Cut(note, ": "); word {
		case "then":
			then = true
		case "more":
			more = true
		case "file":
			name = rest
		case "with":
			with = append(with, rest)
		case "run":
			runs = append(runs, rest)
		}
	}
	if then && p.dir == "" {
		p.problem(b.line, "nothing to go on from")
		return
	}
	if !then {
		p.dir, p.exported = p.t.TempDir(), map[string]string{}
	}
	for _, file := range with {
		text, err := os.ReadFile(filepath.Join(p.files, file))
		if err != nil {
			p.problem(b.line, "%v", err)
		}
		p.write(b, file, string(text))
	}
	if !strings.Contains(b.text, `provider "`) && !p.holds("provider") {
		p.write(b, "provider.hcl", "provider \"servosphere\" {}\n")
	}
	for _, line := range runs {
		if said, ok := p.do(line); !ok || p.last != exitDone {
			p.problem(b.line, "%s failed: %s", line, said)
		}
	}
	p.write(b, name, b.text)
	if more || next == "text" || next == "console" {
		return
	}
	if said, code := p.vpsync("validate"); code != exitDone || strings.Contains(said, "Warning: ") {
		p.problem(b.line, "not valid: %s", said)
		return
	}
	if said, code := p.vpsync("apply", "--sandbox", "--auto-approve"); code != exitDone {
		p.problem(b.line, "not applied: %s", said)
	}
	if said, code := p.vpsync("plan", "--sandbox", "--detailed-exitcode"); code != exitDone || strings.Contains(said, "Warning: ") {
		p.problem(b.line, "the second plan is not empty: %s", said)
	}
}

func (p *pageRun) write(b shown, name, text string) {
	path := filepath.Join(p.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		p.problem(b.line, "%v", err)
	}
}

// holds: a file of the stack has a block of that type.
func (p *pageRun) holds(block string) bool {
	files, _ := filepath.Glob(filepath.Join(p.dir, "*.hcl*"))
	for _, path := range files {
		text, _ := os.ReadFile(path)
		if strings.Contains(string(text), block+" \"") && !strings.HasSuffix(path, ".provider.hcl") || strings.Contains(string(text), `"`+block+`": {`) {
			return true
		}
	}
	return false
}

// console does what a block shows, and gives what it then should show.
func (p *pageRun) console(b shown) string {
	var out strings.Builder
	command, want := "", ""
	finish := func() {
		if command == "" {
			return
		}
		said, ok := p.do(command)
		if !ok {
			p.problem(b.line, "nobody knows how to do %s", command)
		} else if !p.same(want, said) {
			p.problem(b.line, "%s answers:\n%s", command, said)
		}
		fmt.Fprintf(&out, "$ %s\n%s", command, said)
	}
	for line := range strings.Lines(b.text) {
		next, ok := strings.CutPrefix(line, "$ ")
		switch {
		case ok:
			finish()
			command, want = strings.TrimSpace(next), ""
		case command == "":
			p.problem(b.line, "output before a command: %s", line)
		default:
			want += line
		}
	}
	finish()
	return out.String()
}

// same: what is said is what is shown, in which a line ... stands for any.
func (p *pageRun) same(shown, said string) bool {
	parts := strings.Split("\n"+shown, "\n...\n")
	said = "\n" + said
	if len(parts) == 1 {
		return parts[0] == said
	}
	rest, ok := strings.CutPrefix(said, parts[0])
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, "\n"+part)
		rest, ok = after, ok && found
	}
	return ok && strings.HasSuffix("\n"+rest, "\n"+last)
}

// do carries out one line of a console; ok is false for one that it does not know.
func (p *pageRun) do(line string) (said string, ok bool) {
	words, ok := shellWords(line)
	if !ok || len(words) == 0 {
		return "", false
	}
	name, value, _ := strings.Cut(words[len(words)-1], "=")
	switch {
	case line == "echo $?":
		return fmt.Sprintln(p.last), true
	case words[0] == "export" && len(words) == 2:
		p.exported[name] = value
		p.last = exitDone
		return "", true
	case words[0] == "rm" && len(words) == 2:
		return "", os.Remove(filepath.Join(p.dir, words[1])) == nil
	case words[0] == "vpsync":
		said, p.last = p.vpsync(words[1:]...)
		return said, true
	}
	return "", false
}

// vpsync runs the program in the stack's folder, and gives all that it prints.
func (p *pageRun) vpsync(args ...string) (string, int) {
	p.t.Chdir(p.dir)
	var out bytes.Buffer
	width := func() int { return 80 }
	env := map[string]string{"HOME": filepath.Join(p.dir, ".home")}
	for name, value := range p.exported {
		env[name] = value
	}
	s := streams{in: strings.NewReader(""), out: &out, errs: &out, outWidth: width, errWidth: width}
	code := run(context.Background(), args, env, s, nil, hooks{})
	return out.String(), code
}

// shellWords takes a command apart as a shell would, as far as quotes and remarks go; ok is false where a quote does not end.
func shellWords(line string) (words []string, ok bool) {
	var word strings.Builder
	var quote rune
	within := false
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, within = r, true
		case r == '#' && !within:
			return words, true
		case r == ' ':
			if within {
				words = append(words, word.String())
			}
			word.Reset()
			within = false
		default:
			word.WriteRune(r)
			within = true
		}
	}
	return words, quote == 0
}
