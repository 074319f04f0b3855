//go:build unix

package sqlite

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

const migratorVariable = "VPSYNC_TEST_MIGRATE_STATE"

// threeSchemas are the migrations of a vpsync to come.
func threeSchemas() (fstest.MapFS, error) {
	first, err := embedded.ReadFile("migrations/0001_state.sql")
	return fstest.MapFS{
		"migrations/0001_state.sql": {Data: first},
		"migrations/0002_more.sql":  {Data: []byte(`ALTER TABLE runs ADD COLUMN more TEXT`)},
		"migrations/0003_most.sql":  {Data: []byte(`ALTER TABLE runs ADD COLUMN most TEXT`)},
	}, err
}

// migrateAndDie brings a state up to date, and kills itself at the n-th point.
func migrateAndDie(path string) error {
	last, err := strconv.Atoi(os.Getenv(pointVariable))
	if err != nil {
		return err
	}
	migrations, err := threeSchemas()
	if err != nil {
		return err
	}
	n := 0
	s, err := open(context.Background(), path, Options{Boundary: func(string) {
		if n++; n == last {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}}, migrations)
	if err != nil {
		return err
	}
	return s.Close()
}

// TestKilledMigration: a migration that is killed at any point goes on where it was; nothing that was recorded is lost, and nothing lies
// about afterwards.
func TestKilledMigration(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	migrations, err := threeSchemas()
	require.NoError(t, err)
	for point := 1; ; point++ {
		path, was := made(t)
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), migratorVariable+"="+path, pointVariable+"="+strconv.Itoa(point))
		out, err := cmd.Output()
		ended := strings.TrimSpace(string(out))
		if ended != "" {
			require.NoError(t, err)
			require.Equal(t, "ended: <nil>", ended)
		}
		s, err := open(t.Context(), path, Options{}, migrations)
		require.NoError(t, err, "point %d", point)
		st, err := s.Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, was, st, "point %d", point)
		version, err := s.schema(t.Context())
		require.NoError(t, err)
		require.Equal(t, 3, version)
		require.NoError(t, statetest.Take(t, s, "next").Release())
		entries, err := os.ReadDir(s.backupDir())
		require.NoError(t, err)
		for _, e := range entries {
			require.True(t, strings.HasSuffix(e.Name(), backupSuffix), "point %d: %s", point, e.Name())
		}
		require.NoError(t, s.Close())
		if ended != "" {
			require.Equal(t, 3, point-1, "points: a backup, and a step twice")
			return
		}
	}
}
