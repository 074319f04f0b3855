package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdTerminal runs vpsync with a terminal behind all of its streams, and keeps what appeared there in the file screen. A line
// of the file that is typed is sent when a question stands at the end of what appeared, as a person would; one that begins with
// * when the terminal has stopped to show what is typed, and without the *. A line that begins
// with ! is a command of vpsync's that somebody else runs while the question stands there.
func cmdTerminal(ts *testscript.TestScript, _ bool, args []string) {
	columns, typed := 80, [][]byte(nil)
	for len(args) > 2 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-columns":
			n, err := strconv.Atoi(args[1])
			ts.Check(err)
			columns = n
		case "-type":
			typed = bytes.SplitAfter([]byte(ts.ReadFile(args[1])), []byte("\n"))
		}
		args = args[2:]
	}
	if len(args) < 2 {
		ts.Fatalf("usage: terminal [-columns N] [-type FILE] CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	program, err := lookPath(ts, args[1])
	ts.Check(err)
	screen, behind, err := pseudoTerminal(columns)
	ts.Check(err)
	cmd := exec.Command(program, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(scriptEnviron(ts), "TERM="+ts.Getenv("TERM"), "NO_COLOR="+ts.Getenv("NO_COLOR"), "COLUMNS="+ts.Getenv("COLUMNS"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = behind, behind, behind
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ts.Check(cmd.Start())
	ts.Check(behind.Close())
	var seen []byte
	block := make([]byte, 4096)
	answered := 0
	for {
		n, err := screen.Read(block)
		seen = append(seen, block[:n]...)
		if err != nil {
			break // EIO: nobody holds the other end any more
		}
		if asks(seen[answered:]) && len(typed) > 0 {
			answered = len(seen)
			for len(typed) > 1 && typed[0][0] == '!' {
				ask(ts, strings.Fields(os.Expand(string(typed[0][1:]), ts.Getenv))...)
				typed = typed[1:]
			}
			line, hidden := bytes.CutPrefix(typed[0], []byte("*"))
			if hidden {
				ts.Check(untilHidden(screen))
			}
			_, err := screen.Write(bytes.Replace(line, []byte("^D\n"), []byte{4}, 1))
			ts.Check(err)
			typed = typed[1:]
		}
	}
	got := exitCode(ts, cmd.Wait())
	ts.Check(screen.Close())
	shown := strings.ReplaceAll(string(seen), "\r\n", "\n")
	ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(shown), 0o644))
	ts.Logf("[screen]\n%s", shown)
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// asks: the last line waits for an answer.
func asks(seen []byte) bool {
	last := seen[bytes.LastIndexByte(seen, '\n')+1:]
	return bytes.HasSuffix(last, []byte(" = ")) || bytes.HasSuffix(last, []byte(": "))
}

// pseudoTerminal is a terminal's two ends (pts(4)).
func pseudoTerminal(columns int) (screen, behind *os.File, err error) {
	if screen, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	var number, locked int32
	size := struct{ rows, columns, width, height uint16 }{24, uint16(columns), 0, 0}
	err = errors.Join(
		control(screen, syscall.TIOCGPTN, unsafe.Pointer(&number)),
		control(screen, syscall.TIOCSPTLCK, unsafe.Pointer(&locked)),
		control(screen, syscall.TIOCSWINSZ, unsafe.Pointer(&size)),
	)
	if err != nil {
		return nil, nil, err
	}
	behind, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	return screen, behind, err
}

// untilHidden returns when the terminal does not show what is typed.
func untilHidden(screen *os.File) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); runtime.Gosched() {
		var now syscall.Termios
		if err := control(screen, syscall.TCGETS, unsafe.Pointer(&now)); err != nil || now.Lflag&syscall.ECHO == 0 {
			return err
		}
	}
	return errors.New("what is typed is still shown")
}

func control(terminal *os.File, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, terminal.Fd(), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
