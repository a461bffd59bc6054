package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dosebook/dosebook/release"
	"github.com/dosebook/dosebook/synth"
)

// server is a serve process. Its stderr is kept.
type server struct {
	url  string
	mu   sync.Mutex
	logs bytes.Buffer
}

func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.String()
}

// serve starts the server on a free port and ends it with the test.
func (d data) serve(t *testing.T, more ...string) *server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	c := command(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", string(d)}, more...)...)
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s, address, read := &server{}, make(chan string, 1), make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			if _, at, ok := strings.Cut(lines.Text(), "listening on "); ok {
				address <- at
			}
			s.mu.Lock()
			s.logs.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		defer cancel()
		_ = c.Process.Signal(syscall.SIGTERM)
		<-read
		if err := c.Wait(); err != nil {
			t.Errorf("serve ended with %v\n%s", err, s.log())
		}
	})
	select {
	case s.url = <-address:
	case <-read:
		t.Fatalf("serve ended: %s", s.log())
	case <-time.After(time.Minute):
		t.Fatal("serve does not listen")
	}
	return s
}

// answer is an HTTP answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a GET. It follows no redirect.
func (s *server) ask(path, token, ranged string) (answer, error) {
	req, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if ranged != "" {
		req.Header.Set("Range", ranged)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body}, err
}

func (s *server) get(t *testing.T, path, token string) answer {
	t.Helper()
	a, err := s.ask(path, token, "")
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return a
}

// token makes a user with a grant for a place, and a token.
func (d data) token(t *testing.T, user, place, role string) string {
	t.Helper()
	d.ok(t, "access", "grant", user, "--county", place, "--role", role, "--expires", "1d")
	return parse[struct{ Token string }](t, d.ok(t, "access", "token", "create", user, "--expires", "24h", "--json")).Token
}

// latest is the id and the files of the newest release.
func (d data) latest(t *testing.T) *release.Manifest {
	t.Helper()
	m := parse[release.Manifest](t, d.ok(t, "release", "show", "--json"))
	return &m
}

// download fetches a file, the odd ones in three ranges, and compares its hash
// with the answer's Repr-Digest and, for Parquet, with the manifest's.
func (s *server) download(m *release.Manifest, name, token string, ranges bool) error {
	path := "/api/v1/releases/" + m.ID + "/" + name
	whole, err := s.ask(path, token, "")
	if err != nil || whole.status != http.StatusOK {
		return fmt.Errorf("%s: %d %w", name, whole.status, err)
	}
	body := whole.body
	if third := len(body) / 3; ranges && third > 0 {
		body = nil
		for _, r := range []string{fmt.Sprintf("bytes=0-%d", third-1), fmt.Sprintf("bytes=%d-%d", third, 2*third-1), fmt.Sprintf("bytes=%d-", 2*third)} {
			part, err := s.ask(path, token, r)
			if err != nil || part.status != http.StatusPartialContent {
				return fmt.Errorf("%s %s: %d %w", name, r, part.status, err)
			}
			body = append(body, part.body...)
		}
	}
	sum := sha256.Sum256(body)
	if got := whole.header.Get("Repr-Digest"); got != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" {
		return fmt.Errorf("%s: Repr-Digest is %s", name, got)
	}
	if f, ok := m.File(name); ok && (f.SHA256 != fmt.Sprintf("%x", sum) || f.Bytes != int64(len(body))) {
		return fmt.Errorf("%s is not the manifest's", name)
	}
	return nil
}

// serve and ingest work side by side; a second writer is told who writes.
func TestServeWhileIngesting(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	in := t.TempDir()
	_, err := synth.Write(t.Context(), in, synth.Config{Seed: 9, Rows: size(60_000, 120_000, 1_000_000), Registries: []string{"SDIR"}, RowsPerFile: 20_000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, m := d.token(t, "epi@example.org", "06037", "epi"), d.latest(t)
	s := d.serve(t)
	ingest := command(t.Context(), "ingest", "--data", string(d), "--json", "--registry", "SDIR", filepath.Join(in, "SDIR", "add"))
	var out bytes.Buffer
	ingest.Stdout = &out
	if err := ingest.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- ingest.Wait() }()
	second := make(chan result, 1)
	go func() { second <- d.secondWriter(t, ingest.Process.Pid) }()
	var during, done atomic.Int64
	var writing atomic.Bool
	writing.Store(true)
	total := int64(size(40, 200, 1000))
	var clients sync.WaitGroup
	for n := range 4 {
		clients.Go(func() {
			for i := n; done.Add(1) <= total; i++ {
				table := []string{"dose_event", "dose", "recipient"}[i%3]
				name := "counties/06037/" + table + "." + []string{"parquet", "csv.gz", "parquet", "ndjson"}[i/3%4]
				if err := s.download(m, name, token, i%2 == 1); err != nil {
					t.Error(err)
				}
				if writing.Load() {
					during.Add(1)
				}
			}
		})
	}
	err = <-ended
	writing.Store(false)
	clients.Wait()
	if err != nil {
		t.Fatalf("ingest beside serve: %v", err)
	}
	if reportOf(t, out.String()).Totals.Adds == 0 || during.Load() == 0 {
		t.Errorf("%d downloads while ingesting", during.Load())
	}
	t.Logf("%d downloads of %d while ingesting", during.Load(), total)
	if r := <-second; r.code != 5 || !strings.Contains(r.err, "dosebook ingest") || !strings.Contains(r.err, "process "+strconv.Itoa(ingest.Process.Pid)+")") {
		t.Errorf("a second writer: exit %d, %s", r.code, r.err)
	}
	d.ok(t, "release", "build", "--config", write(t, "dosebook.yaml", "gate: {rise: 1000}\n")) // so many doses at once
	d.sound(t)
}

// secondWriter waits until the first has the lease, then ingests too.
func (d data) secondWriter(t *testing.T, pid int) result {
	for range 1000 {
		if b, err := os.ReadFile(filepath.Join(string(d), "lease")); err == nil && strings.Contains(string(b), fmt.Sprintf(`"pid":%d,`, pid)) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	r, err := execute(t.Context(), "ingest", "--data", string(d), "--registry", "CAIR2", os.DevNull)
	if err != nil {
		t.Errorf("the second writer: %v", err)
	}
	return r
}
