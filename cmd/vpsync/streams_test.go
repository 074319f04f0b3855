package main

import (
	"bytes"
	"strings"
)

// captured are streams that no terminal is behind.
type captured struct {
	streams
	stdout, stderr *bytes.Buffer
}

func testStreams() captured {
	c := captured{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	width := func() int { return 80 }
	c.streams = streams{in: strings.NewReader(""), out: c.stdout, errs: c.stderr, outWidth: width, errWidth: width}
	return c
}

func (c captured) String() string { return c.stdout.String() + c.stderr.String() }
