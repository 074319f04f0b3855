package sqlite

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
)

// network are the file systems on which neither SQLite's write-ahead log nor the lock can be trusted, by their magic
// numbers (statfs(2)). FUSE is not among them: most of what it carries is a local disk.
var network = map[uint32]string{
	0x6969: "NFS", 0x517b: "SMB", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x00c36400: "Ceph", 0x5346414f: "AFS", 0x73757245: "Coda",
}

// refuseNetwork refuses a folder on a network file system. One that does not exist yet will be made in the first parent
// that does.
func refuseNetwork(dir string) error {
	var stat syscall.Statfs_t
	for {
		err := syscall.Statfs(dir, &stat)
		if err == nil {
			break
		}
		if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
			dir = parent
			continue
		}
		return nil // whoever opens the file says why it cannot be
	}
	if name, is := network[uint32(stat.Type)]; is {
		return errors.New(dir + " is on a network file system (" + name + "), where two runs could write at once")
	}
	return nil
}
