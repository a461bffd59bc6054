package loadtest

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fakesnow is the emulator of Snowflake, testdata/fakesnow. It is proof of our
// statements, order and error handling, and not of Snowflake.
type Fakesnow struct {
	Host string
	Port int
	PID  int // 0 for one that ran already
	Stop func()
	mu   sync.Mutex
	log  []string
}

// where its start stands, for the tests of a folder two below the root.
const emulator = "../../testdata/fakesnow/"

// Snowflake starts the emulator for one test, or skips it, from the virtual
// environment in DOSEBOOK_PYTHON_VENV or .tools/python; DOSEBOOK_FAKESNOW is
// the address of one that runs already. Stop ends it, as by a kill.
func Snowflake(t testing.TB, env ...string) *Fakesnow {
	t.Helper()
	f, err := StartFakesnow(env...)
	Needed(t, err)
	t.Cleanup(func() { f.Stop(); f.Tell(t) })
	return f
}

// errNotReady is an emulator that is installed and does not answer.
var errNotReady = errors.New("fakesnow is not ready")

// patience is how long a server may take to start beside other tests.
const patience = 3 * time.Minute

// Needed skips a test whose tool is not installed, or fails it where
// DOSEBOOK_TEST_REQUIRE asks for it. One that is installed and does not start
// fails the test: what it would show was not shown.
func Needed(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if errors.Is(err, errNotReady) {
		t.Fatal(err)
	}
	if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, "fakesnow") {
		t.Fatal(err)
	}
	t.Skipf("%v: to run this, python3 -m venv .tools/python && .tools/python/bin/pip install -r testdata/python/requirements.txt", err)
}

// Tell shows what the server said, if the test failed.
func (f *Fakesnow) Tell(t testing.TB) {
	t.Helper()
	if t.Failed() {
		f.mu.Lock()
		defer f.mu.Unlock()
		t.Log("fakesnow said:\n" + strings.Join(f.log, "\n"))
	}
}

// Alive says whether the server still takes connections.
func (f *Fakesnow) Alive() bool {
	c, err := net.DialTimeout("tcp", net.JoinHostPort(f.Host, strconv.Itoa(f.Port)), time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

var listening = regexp.MustCompile(`Uvicorn running on (http://[0-9.:]+)`)

// StartFakesnow starts the emulator with env besides the environment.
func StartFakesnow(env ...string) (*Fakesnow, error) {
	if at := os.Getenv("DOSEBOOK_FAKESNOW"); at != "" && len(env) == 0 {
		f := &Fakesnow{Stop: func() {}}
		return f, f.ready(at)
	}
	python, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("DOSEBOOK_PYTHON_VENV"), "../../.tools/python"), "bin", "python"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(python); err != nil {
		return nil, fmt.Errorf("fakesnow is not installed")
	}
	tmp, err := os.MkdirTemp("", "fakesnow") // it leaves its stages behind
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(python, emulator+"serve.py")
	cmd.Env = append(append(os.Environ(), "TMPDIR="+tmp, "PYTHONUNBUFFERED=1"), env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f := &Fakesnow{PID: cmd.Process.Pid}
	f.Stop = sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(tmp)
	})
	at := make(chan string, 1)
	go f.follow(bufio.NewScanner(stderr), at)
	select {
	case a, ok := <-at:
		if !ok {
			return nil, fmt.Errorf("%w: it ended at once: %s", errNotReady, strings.Join(f.log, "\n"))
		}
		return f, f.ready(a)
	case <-time.After(patience):
		f.Stop()
		return nil, fmt.Errorf("%w after %v", errNotReady, patience)
	}
}

// follow keeps the last lines of the server's log: the only place where a
// status 500 is explained.
func (f *Fakesnow) follow(in *bufio.Scanner, at chan<- string) {
	in.Buffer(nil, 16<<20)
	told := false
	for in.Scan() {
		line := in.Text()
		if strings.Contains(line, "Session login") || strings.Contains(line, "Arrow output on") || strings.Contains(line, "to_arrow_table") {
			continue
		}
		f.mu.Lock()
		f.log = append(f.log[max(0, len(f.log)-60):], line[:min(len(line), 600)])
		f.mu.Unlock()
		if m := listening.FindStringSubmatch(line); m != nil && !told {
			at <- m[1]
			told = true
		}
	}
	if !told {
		close(at)
	}
}

func (f *Fakesnow) ready(at string) error {
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	f.Host = u.Hostname()
	if f.Port, err = strconv.Atoi(u.Port()); err != nil {
		return err
	}
	client := http.Client{Timeout: patience}
	r, err := client.Post(at+"/session", "application/json", nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("%w: status %d is not fakesnow's", errNotReady, r.StatusCode)
	}
	return nil
}
