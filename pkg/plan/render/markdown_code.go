package render

import "strings"

// Code is foreign text in a code span of Markdown, within a paragraph or a cell of a table. It passes [Escape], so it has one line; what
// could end the span or the cell is written in the same way: a backtick, and a pipe, which no code span protects.
func Code(s string) string {
	s = strings.NewReplacer("`", `\x60`, "|", `\x7c`).Replace(Escape(s))
	if strings.TrimSpace(s) == "" {
		s = `"` + s + `"` // a span that holds nothing but spaces is none
	}
	return "`" + s + "`"
}

// fenced writes lines as a block of code, as many as fit into room, and then says how many are missing.
func (m *markdown) fenced(language string, lines []string, room int, more func(int) string) {
	units := make([][]string, len(lines))
	for i, l := range lines {
		units[i] = []string{l}
	}
	switch text := fence(language, units, room-1, more); {
	case text != "":
		m.block(text)
	case len(units) > 0:
		m.missing("A text of " + Plural(len(units), "line"))
	}
}

// missing says what there is no room for, in room that was kept for that.
func (m *markdown) missing(what string) {
	text := "_" + what + "_ is left out here, for want of room.\n\n"
	if len(text) <= m.reserve {
		m.b.WriteString(text)
		m.reserve -= len(text)
	}
}

// folded is a block of code that is shown when somebody asks for it. Units are not broken; more says how many are missing, and where
// it is nil, the block is there whole or not at all.
func (m *markdown) folded(title, language string, units [][]string, room int, more func(int) string) {
	const around = "<details>\n<summary></summary>\n\n\n\n</details>"
	text := fence(language, units, room-len(around)-len(title)-2, more)
	switch {
	case text != "":
		m.block("<details>\n<summary>" + title + "</summary>\n\n" + text + "\n\n</details>")
	case len(units) > 0:
		m.missing(title)
	}
}

// fence is a block of code with as many units as fit. Its fences are longer than any run of backticks in it. Lines are escaped already.
func fence(language string, units [][]string, room int, more func(int) string) string {
	longest := 2
	for _, unit := range units {
		for _, line := range unit {
			longest = max(longest, longestRun(line, '`'))
		}
	}
	mark := strings.Repeat("`", longest+1)
	room -= 2*len(mark) + len(language) + 2
	total := 0
	for _, unit := range units {
		total += bytesOf(unit)
	}
	var b strings.Builder
	written := 0
	if total > room {
		if more == nil {
			return ""
		}
		room -= len(more(len(units))) + 3
	}
	for _, unit := range units {
		if room -= bytesOf(unit); room < 0 {
			break
		}
		for _, line := range unit {
			b.WriteString(line + "\n")
		}
		written++
	}
	if written == 0 {
		return ""
	}
	text := mark + language + "\n" + b.String() + mark
	if rest := len(units) - written; rest > 0 {
		text += "\n\n" + more(rest) + "."
	}
	return text
}

func bytesOf(lines []string) int {
	n := 0
	for _, l := range lines {
		n += len(l) + 1
	}
	return n
}

func longestRun(s string, of byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		run++
		if s[i] != of {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}
