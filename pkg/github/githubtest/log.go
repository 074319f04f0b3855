package githubtest

import (
	"fmt"
	"strings"
)

// Command is one that the runner found in what a step printed.
type Command struct {
	Name       string
	Properties map[string]string
	Data       string
}

// Commands reads what a step prints as the runner does: a line that begins with ::, after spaces, is a command, and so is ##[ anywhere;
// stop-commands ends that until its token comes as a command.
func Commands(printed string) []Command {
	var all []Command
	stopped := ""
	for line := range strings.SplitSeq(strings.ReplaceAll(printed, "\r", "\n"), "\n") {
		if stopped != "" {
			if strings.TrimSpace(line) == "::"+stopped+"::" {
				stopped = ""
			}
			continue
		}
		c, ok := command(line)
		if !ok {
			continue
		}
		if c.Name == "stop-commands" {
			stopped = c.Data
			continue
		}
		all = append(all, c)
	}
	return all
}

func command(line string) (Command, bool) {
	if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), "::"); ok { // first: only what is none of these may be one of the old ones
		if head, data, ok := strings.Cut(rest, "::"); ok {
			return parsed(head, data, strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%"), ","), true
		}
	}
	_, old, _ := strings.Cut(line, "##[")
	head, data, ok := strings.Cut(old, "]")
	return parsed(head, data, strings.NewReplacer("%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]"), ";"), ok
}

func parsed(head, data string, decode *strings.Replacer, separator string) Command {
	name, properties, _ := strings.Cut(head, " ")
	c := Command{Name: name, Data: decode.Replace(data), Properties: map[string]string{}}
	for p := range strings.SplitSeq(properties, separator) {
		if k, v, ok := strings.Cut(strings.TrimSpace(p), "="); ok {
			c.Properties[k] = decode.Replace(v)
		}
	}
	return c
}

// Outputs reads a file of outputs as the runner does.
func Outputs(file string) (map[string]string, error) {
	all := map[string]string{}
	lines := strings.Split(file, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if line == "" {
			continue
		}
		name, end, heredoc := strings.Cut(line, "<<")
		key, value, plain := strings.Cut(line, "=")
		switch {
		case heredoc && (!plain || len(name) < len(key)):
			var text []string
			for i++; ; i++ {
				if i >= len(lines) {
					return nil, fmt.Errorf("the value of %s has no end", name)
				}
				if lines[i] == end {
					break
				}
				text = append(text, lines[i])
			}
			all[name] = strings.Join(text, "\n")
		case plain:
			all[key] = value
		default:
			return nil, fmt.Errorf("%q is no output", line)
		}
	}
	return all, nil
}
