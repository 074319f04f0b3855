package main

import (
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// actionFile is read before a test goes into another folder.
var actionFile, errActionFile = os.ReadFile(root + "/action.yml")

// pipeline holds a block of YAML to the program: each vpsync command in it has flags that there are, and each use of the Action inputs
// that action.yml has.
func pipeline(text string) error {
	var whole any
	if err := yaml.Unmarshal([]byte(text), &whole); err != nil {
		return err
	}
	if errActionFile != nil {
		return errActionFile
	}
	var action struct {
		Inputs map[string]any `yaml:"inputs"`
	}
	if err := yaml.Unmarshal(actionFile, &action); err != nil {
		return err
	}
	return held(whole, action.Inputs)
}

func held(v any, inputs map[string]any) error {
	switch v := v.(type) {
	case string:
		for line := range strings.Lines(v) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " >")
			if !strings.HasPrefix(line, "vpsync ") {
				continue
			}
			words, ok := shellWords(line)
			if !ok {
				return fmt.Errorf("%s is no command line", line)
			}
			top := (&app{streams: testStreams().streams}).root()
			c, rest, err := top.Find(words[1:])
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		}
	case []any:
		for _, e := range v {
			if err := held(e, inputs); err != nil {
				return err
			}
		}
	case map[string]any:
		if uses, _ := v["uses"].(string); strings.HasPrefix(uses, "vpsync/") {
			with, _ := v["with"].(map[string]any)
			for name := range with {
				if _, ok := inputs[name]; !ok {
					return fmt.Errorf("the Action has no input %s", name)
				}
			}
		}
		for _, e := range v {
			if err := held(e, inputs); err != nil {
				return err
			}
		}
	}
	return nil
}
