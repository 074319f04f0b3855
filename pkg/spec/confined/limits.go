//go:build linux || darwin

package confined

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// confine limits the process: its memory, as far as the system does; no file grows, and no core is left behind.
func confine(memory uint64) error {
	limits := map[int]uint64{syscall.RLIMIT_CORE: 0, syscall.RLIMIT_FSIZE: 0}
	if runtime.GOOS == "linux" && !raced {
		// What can be written to, since Linux 4.7. A limit of the address space would count what the runtime has reserved and never
		// touches: more than a gigabyte before main begins, and terabytes with the race detector, which maps them writable.
		limits[syscall.RLIMIT_DATA] = memory
	}
	for of, to := range limits {
		if err := syscall.Setrlimit(of, &syscall.Rlimit{Cur: to, Max: to}); err != nil {
			return err
		}
	}
	return nil
}

// memoryHeld tells how many bytes the process holds, as its limit counts them.
func memoryHeld() func() uint64 {
	if runtime.GOOS != "linux" || raced {
		return mapped
	}
	page := uint64(os.Getpagesize())
	return func() uint64 {
		text, err := os.ReadFile("/proc/self/statm") // data and stack are the sixth number, in pages
		fields := strings.Fields(string(text))
		if err != nil || len(fields) < 6 {
			return mapped()
		}
		pages, err := strconv.ParseUint(fields[5], 10, 64)
		if err != nil {
			return mapped()
		}
		return pages * page
	}
}

// processorTime is what all threads of the process have used, in the program and in the system.
func processorTime() (time.Duration, bool) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, false
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), true
}
