//go:build !nosnowflake

package snowflake

import (
	"bufio"
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dosebook/dosebook/load"
)

// fakesnow is the emulator of testdata/fakesnow. It is proof of our
// statements, order and error handling, and not of Snowflake.
type fakesnow struct {
	host string
	port int
	stop func()
	mu   sync.Mutex
	log  []string
}

const emulator = "../../testdata/fakesnow/"

var (
	serverOnce sync.Once
	server     *fakesnow
	serverErr  error
)

func TestMain(m *testing.M) {
	code := m.Run()
	if server != nil && server.stop != nil {
		server.stop()
	}
	os.Exit(code)
}

// shared returns the server of this test run. DOSEBOOK_FAKESNOW is the address
// of one that runs already; else one is started from the virtual environment
// in DOSEBOOK_PYTHON_VENV or .tools/python.
func shared(t testing.TB) *fakesnow {
	t.Helper()
	serverOnce.Do(func() {
		if at := os.Getenv("DOSEBOOK_FAKESNOW"); at != "" {
			server = &fakesnow{}
			serverErr = server.ready(at)
			return
		}
		server, serverErr = start()
	})
	needed(t, serverErr)
	t.Cleanup(func() { server.tell(t) })
	return server
}

// ownServer starts a server for this test alone, which may kill it.
func ownServer(t testing.TB) *fakesnow {
	t.Helper()
	f, err := start()
	needed(t, err)
	t.Cleanup(func() { f.stop(); f.tell(t) })
	return f
}

func needed(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, "fakesnow") {
		t.Fatal(err)
	}
	t.Skipf("%v: to run this, python3 -m venv .tools/python && .tools/python/bin/pip install -r testdata/python/requirements.txt", err)
}

func (f *fakesnow) tell(t testing.TB) {
	if t.Failed() {
		f.mu.Lock()
		defer f.mu.Unlock()
		t.Log("fakesnow said:\n" + strings.Join(f.log, "\n"))
	}
}

var listening = regexp.MustCompile(`Uvicorn running on (http://[0-9.:]+)`)

func start() (*fakesnow, error) {
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
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "PYTHONUNBUFFERED=1")
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
	f := &fakesnow{}
	f.stop = sync.OnceFunc(func() {
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
			return nil, fmt.Errorf("fakesnow ended at once: %s", strings.Join(f.log, "\n"))
		}
		return f, f.ready(a)
	case <-time.After(time.Minute):
		f.stop()
		return nil, fmt.Errorf("fakesnow is not ready after a minute")
	}
}

// follow keeps the last lines of the server's log: the only place where a
// status 500 is explained.
func (f *fakesnow) follow(in *bufio.Scanner, at chan<- string) {
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

func (f *fakesnow) ready(at string) error {
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	f.host = u.Hostname()
	if f.port, err = strconv.Atoi(u.Port()); err != nil {
		return err
	}
	client := http.Client{Timeout: 10 * time.Second}
	r, err := client.Post(at+"/session", "application/json", nil)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("status %d: not fakesnow", r.StatusCode)
	}
	return nil
}

var databases atomic.Int64

// config names a database that no other test has.
func (f *fakesnow) config() Config {
	return Config{Account: "fakesnow", User: "test", Role: "LOADER", Warehouse: "W", Database: fmt.Sprintf("T%d_%d", os.Getpid(), databases.Add(1)),
		TokenEnv: "TOKEN", Host: f.host, Port: f.port, Protocol: "http", Timeout: time.Minute, SignIn: 10 * time.Second}
}

func env(string) string { return "secret" }

func openAt(t testing.TB, c Config, lake load.Lake, o Options) *DB {
	t.Helper()
	o.Getenv, o.Spool = env, t.TempDir()
	d, err := Open(t.Context(), c, lake, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
