//go:build !nosnowflake

package snowtable

import (
	"bufio"
	"context"
	"database/sql"
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
	"testing"
	"time"

	sf "github.com/snowflakedb/gosnowflake/v2"
)

// fakesnow is the emulator of testdata/fakesnow. It is proof of our
// statements, order and error handling, and not of Snowflake.
type fakesnow struct {
	host string
	port int
	mu   sync.Mutex
	log  []string
}

const emulator = "../../testdata/fakesnow/"

var (
	serverOnce sync.Once
	server     *fakesnow
	serverErr  error
	stopServer = func() {}
)

func TestMain(m *testing.M) {
	code := m.Run()
	stopServer()
	os.Exit(code)
}

// shared returns the server of this test run. DOSEBOOK_FAKESNOW is the address
// of one that runs already; else one is started from the virtual environment
// in DOSEBOOK_PYTHON_VENV or .tools/python.
func shared(t testing.TB) *fakesnow {
	t.Helper()
	serverOnce.Do(func() { server, serverErr = findServer() })
	if serverErr != nil {
		need := os.Getenv("DOSEBOOK_TEST_REQUIRE")
		if strings.Contains(need, "all") || strings.Contains(need, "fakesnow") {
			t.Fatal(serverErr)
		}
		t.Skipf("%v: to run this, python3 -m venv .tools/python && .tools/python/bin/pip install -r testdata/python/requirements.txt", serverErr)
	}
	t.Cleanup(func() {
		if t.Failed() {
			server.mu.Lock()
			defer server.mu.Unlock()
			t.Log("fakesnow said:\n" + strings.Join(server.log, "\n"))
		}
	})
	return server
}

var listening = regexp.MustCompile(`Uvicorn running on (http://[0-9.:]+)`)

func findServer() (*fakesnow, error) {
	f := &fakesnow{}
	if at := os.Getenv("DOSEBOOK_FAKESNOW"); at != "" {
		return f, f.ready(at)
	}
	venv := os.Getenv("DOSEBOOK_PYTHON_VENV")
	if venv == "" {
		venv = "../../.tools/python"
	}
	python, err := filepath.Abs(filepath.Join(venv, "bin", "python"))
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
	stopServer = func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(tmp)
	}
	at := make(chan string, 1)
	go f.follow(bufio.NewScanner(stderr), at)
	select {
	case a, ok := <-at:
		if !ok {
			return nil, fmt.Errorf("fakesnow ended at once: %s", strings.Join(f.log, "\n"))
		}
		return f, f.ready(a)
	case <-time.After(time.Minute):
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
		if strings.Contains(line, "Session login") || strings.Contains(line, "Arrow output on") {
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

var notName = regexp.MustCompile(`[^A-Z0-9]+`)

// database opens one of the test's own, and returns a configuration for it.
func database(t testing.TB) (*sql.DB, Config) {
	t.Helper()
	f := shared(t)
	name := notName.ReplaceAllString(strings.ToUpper(t.Name()), "_")
	c := Config{Account: "fakesnow", User: "test", Role: "READER", Warehouse: "W", Database: name, Schema: "CORE",
		PasswordEnv: "PASSWORD", Host: f.host, Port: f.port, Protocol: "http", Table: "VW_ALL_IIS_LHJ", Timeout: time.Minute, Snapshot: true}
	db := sql.OpenDB(sf.NewConnector(sf.SnowflakeDriver{}, source(t, c).driverConfig()))
	t.Cleanup(func() { _ = db.Close() })
	c.Snapshot = false
	return db, c
}

func run(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := db.ExecContext(ctx, s)
		cancel()
		if err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
}
