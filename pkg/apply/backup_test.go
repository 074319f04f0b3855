package apply_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/sandbox"
)

// TestBackupOfARunThatFailed: the delete is refused after the backup was made. A run soon after takes the same backup; a later one makes
// another, since the object has gone on working.
func TestBackupOfARunThatFailed(t *testing.T) {
	for pause, backups := range map[time.Duration]int{time.Minute: 1, 30 * time.Minute: 2} {
		t.Run(pause.String(), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				saved := replaceOnce(quickstart, `"vps-medium"`, "\"vps-medium\"\n  lifecycle {\n    backup_before = [\"replace\"]\n  }")
				w.write(saved)
				w.converge()
				w.write(strings.Replace(saved, `"vps-medium"`, `"vps-large"`, 1))
				require.NoError(t, w.sandbox.AddFault(sandbox.Fault{Request: "DELETE /servers/{id}", Do: sandbox.FaultStatus, Status: 400}))
				result, err := w.run(t.Context(), context.Background(), "apply")
				require.NoError(t, err)
				require.NotEmpty(t, result.Failures)
				require.Len(t, w.objects("backup"), 1)
				time.Sleep(pause) // in virtual time
				w.converge()
				require.Len(t, w.objects("backup"), backups)
			})
		})
	}
}
