package render_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
)

const head = "3f2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b"

func TestMarkdown(t *testing.T) {
	for name, make := range plans {
		t.Run(name, func(t *testing.T) {
			got := render.Markdown(render.Report{Stack: "stacks/production", Plan: make(t), Commit: head, Version: "1.2.3", Reviewed: true, Accounts: name == "sections",
				Graph: []byte("flowchart TD\n  a --> b\n")})
			golden(t, "markdown/"+name, map[string]string{"comment.md": got}, "comment.md")
		})
	}
}

// What is too long is cut between two changes, what destroys last, and what is missing is counted.
func TestMarkdownIsCut(t *testing.T) {
	p := &plan.Plan{Counts: plan.Counts{Add: 3000, Destroy: 40}}
	for i := range 3000 {
		p.Changes = append(p.Changes, change(t, fmt.Sprintf("server.web[%d]", i), plan.Create, "", plan.CauseNew, fresh("name", str(fmt.Sprintf("web-%d", i))), fresh("plan", str("vps-small"))))
	}
	for i := range 40 {
		p.Changes = append(p.Changes, change(t, fmt.Sprintf("server.db[%d]", i), plan.Delete, "srv", plan.CauseRemoved))
	}
	for _, most := range []int{2000, 10_000, 0} {
		got := render.Markdown(render.Report{Stack: "x", Plan: p, Commit: head, Most: most, Graph: []byte(strings.Repeat("a --> b\n", 20000))})
		limit := most
		if most == 0 {
			limit = render.MostMarkdown
			require.Greater(t, len(got), limit*9/10, "there was more room")
			require.Equal(t, 40, strings.Count(got, "**destroy**"))
		}
		require.LessOrEqual(t, len(got), limit)
		require.Contains(t, got, "digest `"+p.Digest()+"`")
		require.Contains(t, got, "_Graph_ is left out here")
		rows, units := strings.Count(got, "\n| `"), strings.Count(got, "\n@@ ")
		missing := regexp.MustCompile(`Left out here, for want of room: (\d+) changes`).FindAllStringSubmatch(got, -1)
		require.Equal(t, 3040-rows, number(t, missing[0][1]))
		if units > 0 {
			require.Equal(t, 3040-units, number(t, missing[1][1]))
			require.Equal(t, units, strings.Count(got, "destroy @@\n# no longer in the configuration\n")+strings.Count(got, "create @@\n+ name: \"web-")) // each is whole
		}
		require.NoError(t, inert(got))
	}
}

func number(t *testing.T, text string) int {
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}
