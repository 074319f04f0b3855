//go:build !unix

package sqlite

import "os"

// noFollow: there is no such flag; who opens a file looks at it before and after.
const noFollow = 0

// links: Go cannot tell here.
func links(os.FileInfo) uint64 { return 1 }
