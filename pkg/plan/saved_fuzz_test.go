package plan_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/plan"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/state"
)

// sealed makes a file of a body, with the checksum that it must have: it is no secret, so whoever makes a file can make it.
func sealed(body []byte) []byte {
	return append(fmt.Appendf(nil, "%s1 %x\n", plan.SavedMagic, sha256.Sum256(body)), body...)
}

// FuzzSavedBody holds that behind a right checksum, too, may stand anything: it is refused with a remedy, or it is a plan that can
// be shown, compared and saved again as the same.
func FuzzSavedBody(f *testing.F) {
	data, err := someSaved(f).Encode()
	require.NoError(f, err)
	_, body, _ := bytes.Cut(data, []byte("\n"))
	f.Add(body)
	for _, s := range []string{
		`{"Plan":{"Changes":[null]}}`, `{"Plan":{"Steps":[{"Change":7}]}}`, `{"Plan":{"Changes":[{}],"Steps":[{"Change":0,"After":[-1]}]}}`,
		`{"Plan":{"Changes":[{"Attributes":[{"Name":"a"}]}]}}`, `{"Plan":{"Outputs":[{"Name":"a","Action":"create"}]}}`, `{"Plan":{}}`, `{"Plan":{"Records":[null]}}`,
		`{"Plan":{"Moved":[{}],"LeftOut":[{}],"Questions":[{}],"Pending":[{}],"Unmanaged":[{}],"Deferred":[{}],"Leftovers":[{}]}}`, `{"Plan":{"Removes":[null],"Prices":null}}`, `{"Plan":{"Leftovers":[null],"SeenGone":[null]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 20_000 {
			t.Skip()
		}
		s, err := plan.DecodeSaved(sealed(body))
		if err != nil {
			var wrong *plan.SavedError
			require.ErrorAs(t, err, &wrong)
			require.NotEmpty(t, wrong.Reason)
			require.NotEmpty(t, wrong.Remedy)
			return
		}
		s.Moved(&state.State{})
		s.Only()
		require.NoError(t, render.Text(io.Discard, s.Plan, render.Options{}))
		_, err = render.JSON(s.Plan, render.Meta{})
		require.NoError(t, err)
		written, err := s.Encode()
		require.NoError(t, err)
		if strings.Contains(string(written), `"."`) {
			return // the address of nothing, which no plan that was made holds
		}
		again, err := plan.DecodeSaved(written)
		require.NoError(t, err)
		require.Equal(t, s.Plan.Digest(), again.Plan.Digest())
		require.Empty(t, plan.Difference(s.Plan, again.Plan))
		twice, err := again.Encode()
		require.NoError(t, err)
		require.Equal(t, string(written), string(twice))
		require.True(t, strings.HasPrefix(string(written), plan.SavedMagic))
	})
}
