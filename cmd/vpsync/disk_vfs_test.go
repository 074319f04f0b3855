//go:build unix

package main

import (
	"fmt"
	"sync"
	"testing"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// faultyDisk stands between SQLite and the disk: SQLite is C that was turned into Go, so its table of functions for a file can be given
// other ones. It counts what would leave a trace, and fails what it is told to. What vpsync writes itself, without SQLite, is failed by
// strace (TestSystemCalls).
type faultyDisk struct {
	mu      sync.Mutex
	at      int // the operation that fails first; 0 for none
	lasting bool
	how     fault
	passed  int
	struck  string // what failed first
}

// cause is what is the matter with a disk.
type cause string

const (
	diskFull     cause = "full"
	diskBroken   cause = "broken"
	diskReadOnly cause = "read-only"
	diskGone     cause = "gone" // the state is taken away
	diskSlow     cause = "slow"
)

var causes = []cause{diskFull, diskBroken, diskReadOnly, diskGone, diskSlow}

// fault is how an operation fails.
type fault struct {
	name  string
	cause cause
	half  bool          // half of a write is done, all of anything else
	done  bool          // it was done, and says that it was not
	gone  func()        // takes the state away; the operation is done then
	slow  time.Duration // what it takes longer; nothing fails
}

var theDisk = &faultyDisk{}

// arm makes the n-th operation fail from now on; with lasting, all that follow too.
func (d *faultyDisk) arm(n int, lasting bool, how fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at, d.lasting, d.how, d.passed, d.struck = n, lasting, how, 0, ""
}

// heal ends all faults, and says what failed first, or nothing.
func (d *faultyDisk) heal() (struck string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = 0
	return d.struck
}

// next says whether this operation is to fail.
func (d *faultyDisk) next(what string) (fault, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at == 0 {
		return fault{}, false
	}
	d.passed++
	if d.passed < d.at || d.passed > d.at && !d.lasting {
		return fault{}, false
	}
	if d.struck == "" {
		d.struck = fmt.Sprintf("%s %d", what, d.passed)
	}
	switch d.how.cause {
	case diskSlow:
		time.Sleep(d.how.slow)
		return fault{}, false
	case diskGone:
		if d.passed == d.at {
			d.how.gone()
		}
		return fault{}, false
	}
	return d.how, true
}

// readOnly: nothing can be made, or opened for writing, any more.
func (d *faultyDisk) readOnly() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at > 0 && d.how.cause == diskReadOnly && d.lasting && d.passed >= d.at
}

// strike carries out an operation that may fail. part does half of it, and all of it where half makes no sense.
func (d *faultyDisk) strike(what string, failed int32, whole, part func() int32) int32 {
	how, fails := d.next(what)
	if !fails {
		return whole()
	}
	if how.done {
		whole()
	} else if how.half {
		part()
	}
	if how.cause == diskFull && what != "sync" && what != "delete" && what != "map" { // those need no room, or tell nobody that they do
		return sqlite3.SQLITE_FULL
	}
	return failed
}

// The functions of SQLite's table (https://www.sqlite.org/c3ref/io_methods.html), as its translation into Go calls them.
type (
	openFunction     = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	deleteFunction   = func(tls *libc.TLS, vfs, name uintptr, sync int32) int32
	writeFunction    = func(tls *libc.TLS, file, data uintptr, n int32, at int64) int32
	truncateFunction = func(tls *libc.TLS, file uintptr, size int64) int32
	syncFunction     = func(tls *libc.TLS, file uintptr, flags int32) int32
	mapFunction      = func(tls *libc.TLS, file uintptr, region, size, extend int32, out uintptr) int32
)

// functionAt and pointerTo are how that translation keeps a Go function where C has a pointer to one.
func functionAt[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{p})) }
func pointerTo[F any](f *F) uintptr { return *(*uintptr)(unsafe.Pointer(f)) }
func pointed[T any](p uintptr) *T   { return *(**T)(unsafe.Pointer(&p)) }
func keep[F any](f F) (*F, uintptr) {
	keptFunctions = append(keptFunctions, &f)
	return &f, pointerTo(&f)
}

var (
	keptFunctions []any // they must outlive the table
	patchedTables = map[uintptr]bool{}
	installOnce   sync.Once
)

// installFaultyDisk puts theDisk below every database of this process. It does nothing until it is armed.
func installFaultyDisk(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { theDisk.heal() })
	installOnce.Do(func() {
		tls := libc.NewTLS() // never closed: the table outlives every test
		vfs := pointed[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
		open := functionAt[openFunction](vfs.FxOpen)
		_, vfs.FxOpen = keep[openFunction](func(tls *libc.TLS, p, name, file uintptr, flags int32, out uintptr) int32 {
			code := theDisk.strikeOpen(flags, func(flags int32) int32 { return open(tls, p, name, file, flags, out) })
			if code == sqlite3.SQLITE_OK {
				patchTable(pointed[sqlite3.Tsqlite3_file](file).FpMethods)
			}
			return code
		})
		remove := functionAt[deleteFunction](vfs.FxDelete)
		_, vfs.FxDelete = keep[deleteFunction](func(tls *libc.TLS, p, name uintptr, sync int32) int32 {
			whole := func() int32 { return remove(tls, p, name, sync) }
			return theDisk.strike("delete", sqlite3.SQLITE_IOERR_DELETE, whole, whole)
		})
	})
}

// strikeOpen fails to make a file. One that is there is opened: a full disk does not keep anybody from that, and one that is read-only
// has SQLite open it for reading.
func (d *faultyDisk) strikeOpen(flags int32, open func(flags int32) int32) int32 {
	const writing = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE
	if flags&sqlite3.SQLITE_OPEN_CREATE == 0 {
		if flags&writing != 0 && d.readOnly() {
			flags = flags&^writing | sqlite3.SQLITE_OPEN_READONLY
		}
		return open(flags)
	}
	how, fails := d.next("create")
	switch {
	case !fails:
		return open(flags)
	case how.cause == diskReadOnly:
		return open(flags&^writing | sqlite3.SQLITE_OPEN_READONLY)
	}
	return sqlite3.SQLITE_CANTOPEN
}

// patchTable replaces what changes a file in the table that SQLite shares between files of one sort.
func patchTable(table uintptr) {
	theDisk.mu.Lock()
	defer theDisk.mu.Unlock()
	if patchedTables[table] {
		return
	}
	patchedTables[table] = true
	m := pointed[sqlite3.Tsqlite3_io_methods](table)
	write := functionAt[writeFunction](m.FxWrite)
	_, m.FxWrite = keep[writeFunction](func(tls *libc.TLS, file, data uintptr, n int32, at int64) int32 {
		return theDisk.strike("write", sqlite3.SQLITE_IOERR_WRITE,
			func() int32 { return write(tls, file, data, n, at) }, func() int32 { return write(tls, file, data, n/2, at) })
	})
	truncate := functionAt[truncateFunction](m.FxTruncate)
	_, m.FxTruncate = keep[truncateFunction](func(tls *libc.TLS, file uintptr, size int64) int32 {
		whole := func() int32 { return truncate(tls, file, size) }
		return theDisk.strike("truncate", sqlite3.SQLITE_IOERR_TRUNCATE, whole, whole)
	})
	flush := functionAt[syncFunction](m.FxSync)
	_, m.FxSync = keep[syncFunction](func(tls *libc.TLS, file uintptr, flags int32) int32 {
		whole := func() int32 { return flush(tls, file, flags) }
		return theDisk.strike("sync", sqlite3.SQLITE_IOERR_FSYNC, whole, func() int32 { return sqlite3.SQLITE_OK })
	})
	if m.FxShmMap != 0 {
		share := functionAt[mapFunction](m.FxShmMap)
		_, m.FxShmMap = keep[mapFunction](func(tls *libc.TLS, file uintptr, region, size, extend int32, out uintptr) int32 {
			whole := func() int32 { return share(tls, file, region, size, extend, out) }
			if extend == 0 {
				return whole()
			}
			return theDisk.strike("map", sqlite3.SQLITE_IOERR_SHMSIZE, whole, func() int32 { return sqlite3.SQLITE_OK })
		})
	}
}
