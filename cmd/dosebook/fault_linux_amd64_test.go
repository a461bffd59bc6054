package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// What a traced build does to the data directory, and where it is hit.
const (
	sysWrite, sysPwrite, sysFsync, sysFdatasync = 1, 18, 74, 75
	sysRename, sysRenameat, sysRenameat2        = 82, 264, 316
)

// tracer runs the program under ptrace and hits the n-th write, fsync or
// rename below dir: with ENOSPC, or with SIGKILL in its place.
type tracer struct {
	dir  string
	n    int // 0: count only
	kill bool
	seen int
	hit  string // the call that was hit
}

// touches says whether the call at its entry is one of those, below dir.
func (tr *tracer) touches(tid int, r *syscall.PtraceRegs) bool {
	switch r.Orig_rax {
	case sysWrite, sysPwrite, sysFsync, sysFdatasync:
		path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(r.Rdi)))
		return err == nil && strings.HasPrefix(path, tr.dir)
	case sysRename, sysRenameat, sysRenameat2:
		return true
	}
	return false
}

// run runs a command to its end and returns its exit code, -1 when killed.
func (tr *tracer) run(t *testing.T, args ...string) int {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := command(t.Context(), args...)
	c.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := c.Start(); err != nil {
		t.Skipf("this machine lets nobody trace: %v", err)
	}
	pid := c.Process.Pid
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, 0, nil); err != nil {
		t.Fatal(err)
	}
	const exitKill = 0x100000
	if err := syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACESYSGOOD|syscall.PTRACE_O_TRACECLONE|syscall.PTRACE_O_TRACEFORK|exitKill); err != nil {
		t.Skipf("this machine lets nobody trace: %v", err)
	}
	inside, refuse := map[int]bool{}, map[int]bool{}
	tid := pid
	sig := 0
	for {
		_ = syscall.PtraceSyscall(tid, sig) // a thread may be gone
		got, err := syscall.Wait4(-1, &ws, syscall.WALL, nil)
		if err != nil {
			t.Fatal(err)
		}
		tid, sig = got, 0
		switch {
		case ws.Exited() && tid == pid:
			return ws.ExitStatus()
		case ws.Signaled() && tid == pid:
			return -1
		case !ws.Stopped():
		case ws.StopSignal() == syscall.SIGTRAP|0x80:
			tr.call(pid, tid, inside, refuse)
		case ws.StopSignal() != syscall.SIGTRAP && ws.StopSignal() != syscall.SIGSTOP:
			sig = int(ws.StopSignal())
		}
	}
}

// call is one entry to or exit from a system call.
func (tr *tracer) call(pid, tid int, inside, refuse map[int]bool) {
	var r syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &r) != nil {
		return
	}
	inside[tid] = !inside[tid]
	if !inside[tid] {
		if refuse[tid] {
			delete(refuse, tid)
			r.Rax = uint64(syscall.ENOSPC)
			r.Rax = -r.Rax
			_ = syscall.PtraceSetRegs(tid, &r)
		}
		return
	}
	if !tr.touches(tid, &r) {
		return
	}
	if tr.seen++; tr.seen != tr.n {
		return
	}
	tr.hit = fmt.Sprintf("call %d", r.Orig_rax)
	if tr.kill {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		return
	}
	r.Orig_rax = ^uint64(0) // no such call
	refuse[tid] = syscall.PtraceSetRegs(tid, &r) == nil
}

// A fault at a write, fsync or rename of a build, as an error and as a kill:
// the old release or the new one is the latest, whole, and a build after it
// gives what an undisturbed one gives. Of some 30,000 calls a few are hit, spread
// evenly, the last ones too; 200 in the long run.
func TestFaultInBuild(t *testing.T) {
	w, _ := shared(t)
	from := copyOf(t, w)
	from.load(t, "--registry", "CAIR2", write(t, "20210301_77_CAA.txt", cvrsText(row("fault-1", nil))))
	good := readText(t, filepath.Join(string(from), "releases", "latest"))
	calm := copyOf(t, from)
	count := tracer{dir: filepath.Join(string(calm), "releases")}
	if code := count.run(t, "--data", string(calm), "release", "build"); code != 0 || count.seen < 300 {
		t.Fatalf("undisturbed: exit %d, %d calls", code, count.seen)
	}
	want := calm.hashes(t, "releases")
	after := readText(t, filepath.Join(string(calm), "releases", "latest"))
	times := size(2, 4, 200)
	t.Logf("%d writes, fsyncs and renames; %d are hit, twice each", count.seen, times)
	for i := range times {
		for _, kill := range []bool{false, true} {
			d := copyOf(t, from)
			tr := tracer{dir: filepath.Join(string(d), "releases"), n: 1 + i*count.seen/times, kill: kill}
			if i == times-1 {
				tr.n = count.seen - 2 // near the last rename
			}
			code := tr.run(t, "--data", string(d), "release", "build")
			if code == 0 {
				t.Logf("hit %d (%s): exit 0", tr.n, tr.hit)
			}
			now := readText(t, filepath.Join(string(d), "releases", "latest"))
			if now != good && now != after {
				t.Errorf("hit %d: latest is %q", tr.n, now)
			}
			d.ok(t, "verify")
			d.ok(t, "release", "build")
			sameFiles(t, fmt.Sprintf("hit %d (%s, kill %v), then built again", tr.n, tr.hit, kill), d.hashes(t, "releases"), want)
		}
	}
}
