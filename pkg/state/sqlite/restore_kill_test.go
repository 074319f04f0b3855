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

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/state/statetest"
)

const restorerVariable, pointVariable = "VPSYNC_TEST_RESTORE_STATE", "VPSYNC_TEST_RESTORE_POINT"

// restoreAndDie puts the newest backup back, and kills itself at the n-th point.
func restoreAndDie(path string) error {
	last, err := strconv.Atoi(os.Getenv(pointVariable))
	if err != nil {
		return err
	}
	n := 0
	all, err := BackupsOf(path, Options{Boundary: func(string) {
		if n++; n == last {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})
	if err != nil {
		return err
	}
	r, err := all.Begin(context.Background(), Latest, statetest.Owner("restorer"))
	if err != nil {
		return err
	}
	_, _, err = r.Put(context.Background())
	if err != nil {
		return err
	}
	return r.Close()
}

// TestKilledRestore: killed at any point a restore leaves the old state or the new one, and a damaged state damaged or restored; the
// next restore does the rest.
func TestKilledRestore(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	for name, spoil := range map[string]func(path string) error{
		"whole":   func(string) error { return nil },
		"damaged": func(path string) error { return execute(path, `DELETE FROM resources WHERE key = 'server.later'`) },
		"missing": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			seen, points := map[int]int{}, 6
			if name == "whole" {
				points = 7 // a damaged state is kept byte by byte, a whole one as a backup is made
			}
			for point := 1; ; point++ {
				path, _ := twoStates(t)
				require.NoError(t, spoil(path))
				cmd := exec.Command(self)
				cmd.Env = append(os.Environ(), restorerVariable+"="+path, pointVariable+"="+strconv.Itoa(point))
				out, err := cmd.Output()
				ended := strings.TrimSpace(string(out))
				if ended != "" {
					require.NoError(t, err)
					require.Equal(t, "ended: <nil>", ended)
				}
				st, err := openLoad(t, path, Options{})
				switch {
				case err == nil:
					seen[len(st.Resources)]++
				default:
					require.NotEqual(t, "whole", name, "point %d: %v", point, err)
					require.ErrorContains(t, err, "is damaged", "point %d", point)
					require.ErrorContains(t, err, "vpsync state restore")
					seen[0]++
					putBack(t, path, Latest)
				}
				statetest.Take(t, openAt(t, path), "next")
				if ended != "" {
					require.Equal(t, points, point-1, "points")
					break
				}
			}
			require.Equal(t, 3, seen[2], "in place, noted, and not killed")
			if name == "whole" {
				require.Equal(t, 5, seen[3], "until it is in place it is the old one")
			} else {
				require.Equal(t, 4, seen[0])
			}
		})
	}
}
