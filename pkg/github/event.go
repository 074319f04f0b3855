package github

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// Event is what a workflow runs for, as far as vpsync looks at it. Its values are GitHub's own, but for names that people give.
type Event struct {
	Pull        *Pull  `json:"pull_request"`
	After       string `json:"after"` // of a push
	WorkflowRun *Run   `json:"workflow_run"`
	Repository  *Repo  `json:"repository"`
}

// Run is a run of a workflow that another one waited for.
type Run struct {
	Event          string `json:"event"`
	HeadSHA        string `json:"head_sha"`
	HeadRepository *Repo  `json:"head_repository"`
	Conclusion     string `json:"conclusion"`
}

// mostEvent is how large an event may be; GitHub sends no larger ones.
const mostEvent = 32 << 20

// ReadEvent reads the file that GITHUB_EVENT_PATH names.
func ReadEvent(path string) (*Event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostEvent+1))
	if err != nil {
		return nil, err
	}
	if len(data) > mostEvent {
		return nil, fmt.Errorf("%s has more than %d bytes", path, mostEvent)
	}
	e := &Event{}
	if err := json.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("%s is no event: %w", path, err)
	}
	return e, nil
}
