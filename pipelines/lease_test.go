package pipelines_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
)

const holderDir = "DOSEBOOK_TEST_LEASE"

// TestLeaseHolder is no test: as a child process it holds a lease until it is
// killed.
func TestLeaseHolder(t *testing.T) {
	dir := os.Getenv(holderDir)
	if dir == "" {
		return
	}
	if _, err := pipelines.Acquire(dir, "ingest", noon); err != nil {
		t.Fatal(err)
	}
	fmt.Println("\nheld")
	time.Sleep(time.Minute)
}

func TestLease(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := pipelines.Acquire(dir, "release build", noon)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "'dosebook release build'", fmt.Sprintf("process %d", os.Getpid()), "2021-03-10T12:00:00Z")
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second, err := pipelines.Acquire(dir, "x", noon) // a shorter command leaves nothing of the longer one
	if err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "'dosebook x'")
	if err := os.WriteFile(filepath.Join(dir, "lease"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "another process")
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, dir string, says ...string) {
	t.Helper()
	l, err := pipelines.Acquire(dir, "serve", noon)
	if err == nil {
		_ = l.Release()
		t.Fatal("two hold the lease")
	}
	if !errors.Is(err, dose.ErrLocked) {
		t.Errorf("%v is not of kind ErrLocked", err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
}

// TestLeaseOfTheDead: the lease of a killed process is free at once.
func TestLeaseOfTheDead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	child := exec.Command(os.Args[0], "-test.run=^TestLeaseHolder$")
	child.Env = append(os.Environ(), holderDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill() }()
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "held" {
	}
	if lines.Text() != "held" {
		t.Fatal("the child holds no lease")
	}
	refused(t, dir, "'dosebook ingest'", fmt.Sprintf("process %d", child.Process.Pid))
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed, and says so
	l, err := pipelines.Acquire(dir, "ingest", noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}
