package render

import "strings"

// Options are how text is laid out.
type Options struct {
	// Width is how many columns lines may take; 0 is 80. Text to paste is never broken.
	Width int
	// Color allows colours. They repeat what symbols and words say.
	Color bool
	// Title replaces the line above a plan's changes.
	Title string
	// Command completes a vpsync command to paste by the flags that it needs here; nil leaves it as it is.
	Command func(string) string
	// Accounts names the account of each object: for stacks of several accounts.
	Accounts bool
}

func (o Options) CommandLine(text string) string {
	if o.Command == nil {
		return text
	}
	return o.Command(text)
}

func (o Options) width() int {
	if o.Width <= 0 {
		return 80
	}
	return max(o.Width, 40)
}

func (o Options) style() Style { return Style{Color: o.Color} }

// Style paints text where colours are allowed, and returns it as it is where not. Paint what is escaped
// already, and measure before painting.
type Style struct{ Color bool }

func (s Style) Bold(t string) string   { return s.paint("1", t) }
func (s Style) Dim(t string) string    { return s.paint("2", t) }
func (s Style) Red(t string) string    { return s.paint("31", t) }
func (s Style) Green(t string) string  { return s.paint("32", t) }
func (s Style) Yellow(t string) string { return s.paint("33", t) }
func (s Style) Cyan(t string) string   { return s.paint("36", t) }

// Alarm is for what cannot be undone.
func (s Style) Alarm(t string) string { return s.paint("1;31", t) }

func (s Style) paint(code, t string) string {
	if !s.Color || t == "" {
		return t
	}
	return "\x1b[" + code + "m" + t + "\x1b[0m"
}

// plain takes the colours out of text that this package painted.
func plain(t string) string {
	if !strings.Contains(t, "\x1b[") {
		return t
	}
	var b strings.Builder
	for {
		at := strings.Index(t, "\x1b[")
		if at < 0 {
			break
		}
		b.WriteString(t[:at])
		end := strings.IndexByte(t[at:], 'm')
		if end < 0 {
			t = ""
			break
		}
		t = t[at+end+1:]
	}
	b.WriteString(t)
	return b.String()
}
