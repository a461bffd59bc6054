package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// tracedEnv holds the arguments of a traced command, as JSON.
const tracedEnv = "DOSEBOOK_TEST_TRACED"

// traced are the calls that change what is on disk, and the register that holds
// what they change: a file's descriptor, or a path (the new one of a rename).
var traced = map[uint64]struct {
	name string
	arg  func(*syscall.PtraceRegs) uint64
	path bool
}{
	1: {"write", rdi, false}, 18: {"pwrite", rdi, false}, 20: {"writev", rdi, false}, 296: {"pwritev", rdi, false}, 328: {"pwritev2", rdi, false},
	74: {"fsync", rdi, false}, 75: {"fdatasync", rdi, false}, 77: {"ftruncate", rdi, false}, 285: {"fallocate", rdi, false},
	40: {"sendfile", rdi, false}, 326: {"copy_file_range", rdx, false},
	82: {"rename", rsi, true}, 264: {"renameat", r10, true}, 316: {"renameat2", r10, true},
	83: {"mkdir", rdi, true}, 258: {"mkdirat", rsi, true}, 87: {"unlink", rdi, true}, 263: {"unlinkat", rsi, true},
}

func rdi(r *syscall.PtraceRegs) uint64 { return r.Rdi }
func rsi(r *syscall.PtraceRegs) uint64 { return r.Rsi }
func rdx(r *syscall.PtraceRegs) uint64 { return r.Rdx }
func r10(r *syscall.PtraceRegs) uint64 { return r.R10 }

// point names one call of a run: the n-th of its kind on that path. Runs of the
// same command have the same points, whatever the order of its goroutines.
type point struct {
	call, path string
	n          int
}

func (p point) String() string { return fmt.Sprintf("%s %d of %s", p.call, p.n, p.path) }

var chance = regexp.MustCompile(`(\.part-[^/]*?)-\d+(/|$)`)

// tracer runs the program and stops it before each of the calls below dir.
type tracer struct {
	dir string
	// at is asked before each call, while the whole program stands still but
	// for what it computes: 0 lets the call go on, an error number makes it
	// fail, SIGKILL ends the program in its place.
	at   func(point) syscall.Errno
	seen map[point]int // calls by kind and path, n unset
}

const killed9 = syscall.Errno(1 << 16)

// The program traces itself into this: TestTraced installs a filter that stops
// it at the calls above alone, then it is the program. Stopped at every call, a
// build would take ten times as long.
func TestTraced(t *testing.T) {
	text := os.Getenv(tracedEnv)
	if text == "" {
		t.Skip("is started by the tests that trace")
	}
	var args []string
	if err := json.Unmarshal([]byte(text), &args); err != nil {
		t.Fatal(err)
	}
	if err := stopAt(traced); err != nil {
		fmt.Fprintln(os.Stderr, "no filter:", err)
		os.Exit(99)
	}
	os.Exit(start(args, os.Stdout, os.Stderr))
}

// stopAt installs a seccomp filter, on all threads, that stops a traced process
// at the calls.
func stopAt[V any](calls map[uint64]V) error {
	type filter struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	const load, jump, ret = 0x20, 0x15, 0x06
	const allow, trace, amd64 = 0x7fff0000, 0x7ff00000, 0xc000003e
	code := []filter{{load, 0, 0, 4}, {jump, 1, 0, amd64}, {ret, 0, 0, allow}, {load, 0, 0, 0}}
	for nr := range calls {
		code = append(code, filter{jump, 0, 1, uint32(nr)}, filter{ret, 0, 0, trace})
	}
	code = append(code, filter{ret, 0, 0, allow})
	prog := struct {
		n    uint16
		code *filter
	}{uint16(len(code)), &code[0]}
	const prSetNoNewPrivs, sysSeccomp, modeFilter, allThreads = 38, 317, 1, 1
	if _, _, e := syscall.AllThreadsSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); e != 0 && e != syscall.ENOTSUP {
		return e
	}
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); e != 0 {
		return e
	}
	_, _, e := syscall.RawSyscall(sysSeccomp, modeFilter, allThreads, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(code)
	if e != 0 {
		return e
	}
	return nil
}

// run runs a command to its end and returns its exit code, -1 when killed, and
// what it said. It keeps the goroutine on its thread for good: a thread waits
// for its own children alone.
func (tr *tracer) run(t *testing.T, args ...string) (int, string) {
	t.Helper()
	runtime.LockOSThread()
	text, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	c := command(context.Background(), "-test.run=^TestTraced$")
	c.Env = append(c.Env[:len(c.Env)-1], tracedEnv+"="+string(text)) // not childEnv
	c.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		t.Skipf("this machine lets nobody trace: %v", err)
	}
	defer c.Process.Release()
	tr.seen = map[point]int{}
	code := tr.follow(t, c.Process.Pid)
	b, err := os.ReadFile(said.Name())
	if err != nil {
		t.Fatal(err)
	}
	if code == 99 && bytes.HasPrefix(b, []byte("no filter")) {
		t.Skipf("this machine lets nobody trace: %s", b)
	}
	return code, string(b)
}

// follow goes from stop to stop.
func (tr *tracer) follow(t *testing.T, pid int) int {
	t.Helper()
	const exitKill, seccomp, atSeccomp, ownChildren = 0x100000, 0x80, 7, 0x20000000
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACECLONE|syscall.PTRACE_O_TRACEFORK|syscall.PTRACE_O_TRACEVFORK|exitKill|seccomp); err != nil {
		t.Skipf("this machine lets nobody trace: %v", err)
	}
	const patience = 2 * time.Minute
	hung := time.AfterFunc(patience, func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	defer hung.Stop()
	for tid, sig := pid, 0; ; {
		_ = syscall.PtraceCont(tid, sig) // a thread may be gone
		got, err := syscall.Wait4(-1, &ws, syscall.WALL|ownChildren, nil)
		if err != nil {
			t.Fatal(err)
		}
		tid, sig = got, 0
		hung.Reset(patience)
		switch {
		case ws.Exited() && tid == pid:
			return ws.ExitStatus()
		case ws.Signaled() && tid == pid:
			return -1
		case !ws.Stopped():
		case ws.StopSignal() == syscall.SIGTRAP && ws.TrapCause() == atSeccomp:
			tr.call(pid, tid)
		case ws.StopSignal() != syscall.SIGTRAP && ws.StopSignal() != syscall.SIGSTOP:
			sig = int(ws.StopSignal())
		}
	}
}

// call is one entry to a system call.
func (tr *tracer) call(pid, tid int) {
	var r syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &r) != nil {
		return
	}
	c, ok := traced[r.Orig_rax]
	if !ok {
		return
	}
	path := ""
	if c.path {
		path = pathAt(tid, uintptr(c.arg(&r)))
	} else {
		path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(c.arg(&r))))
	}
	if path, ok = strings.CutPrefix(path, tr.dir); !ok && (!c.path || filepath.IsAbs(path)) {
		return
	}
	p := point{c.name, chance.ReplaceAllString(path, "$1$2"), 0}
	tr.seen[p]++
	p.n = tr.seen[p]
	switch e := tr.at(p); e {
	case 0:
	case killed9:
		_ = syscall.Kill(pid, syscall.SIGKILL)
	default:
		r.Orig_rax, r.Rax = ^uint64(0), -uint64(e) // no such call: it ends with that
		_ = syscall.PtraceSetRegs(tid, &r)
	}
}

// pathAt reads a path of the traced program.
func pathAt(tid int, at uintptr) string {
	b := make([]byte, 4096)
	n, _ := syscall.PtracePeekData(tid, at, b[:8])
	for n > 0 && n < len(b) && !bytes.Contains(b[:n], []byte{0}) {
		m, err := syscall.PtracePeekData(tid, at+uintptr(n), b[n:n+8])
		if err != nil || m == 0 {
			break
		}
		n += m
	}
	text, _, _ := bytes.Cut(b[:n], []byte{0})
	return string(text)
}
