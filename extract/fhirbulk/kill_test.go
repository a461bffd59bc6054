package fhirbulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/fhirbulk/bulktest"
)

// still stops the clock, so that an export begun again has the same time.
func still(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// busy is a server with many small files, pages and packed bodies, and a mark
// from which a second run has two exports.
func busy(t *testing.T) (*registry, string) {
	t.Helper()
	r := newRegistry(t, func(c *bulktest.Config) { c.FileLines, c.PageFiles, c.Polls, c.Gzip = 10, 4, 1, true })
	r.config.Partial = true
	s, dir := r.source(t, nil), t.TempDir()
	f, _ := ok(t, s, dir, "")
	if err := s.Done(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	r.move(24 * time.Hour)
	for i := range 40 {
		r.put(t, "Immunization", fmt.Sprint("new-", i), r.Now())
	}
	someChanges(t)(r)
	r.move(time.Hour)
	return r, f.Mark
}

// dying is a source whose n-th request is its last: how says whether it goes
// out, and how much of the answer comes in.
func dying(t *testing.T, r *registry, n int, how string) (*Source, context.Context) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	o := r.options()
	o.Sleep = still
	count := 0
	o.HTTP = &http.Client{Transport: tripper(func(q *http.Request) (*http.Response, error) {
		if count++; count < n || n == 0 {
			return http.DefaultTransport.RoundTrip(q)
		}
		if how == "not sent" {
			cancel()
			return nil, errors.New("killed")
		}
		resp, err := http.DefaultTransport.RoundTrip(q)
		if err != nil || how == "answer lost" {
			cancel()
			return nil, errors.New("killed")
		}
		resp.Body = &half{resp.Body, cancel}
		return resp, nil
	})}
	c := r.config
	c.Parallel = 1
	s, err := New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	s.large = 1
	return s, ctx
}

// half is a body of which some bytes come, then the end of the process.
type half struct {
	io.ReadCloser
	kill func()
}

func (h *half) Read(p []byte) (int, error) {
	n, _ := h.ReadCloser.Read(p[:min(len(p), 60)])
	h.kill()
	return n, context.Canceled
}

// Whatever request is the last one: a new source with the same folder and mark
// ends in the same bytes.
func TestKilledAtEachRequest(t *testing.T) {
	r, mark := busy(t)
	s, _ := dying(t, r, 0, "")
	calm, got := ok(t, s, t.TempDir(), mark)
	want := whole(t, calm)
	if runs(t, got) != "Patient 30, Location 3, Organization 1, Immunization 43, Bundle 1" {
		t.Fatalf("payload: %s", runs(t, got))
	}
	kinds := []string{"not sent", "answer lost", "half an answer"}
	if testing.Short() {
		kinds = kinds[2:]
	}
	for _, how := range kinds {
		killed := 0
		for n := 1; ; n++ {
			dir := t.TempDir()
			s, ctx := dying(t, r, n, how)
			if _, err := s.Fetch(ctx, dir, mark); err == nil {
				break
			}
			killed++
			before := len(r.places(bulktest.File))
			again, _ := dying(t, r, 0, "")
			f, _ := ok(t, again, dir, mark)
			if whole(t, f) != want || f.Mark != calm.Mark || f.Note != calm.Note {
				t.Fatalf("%s at request %d: another payload", how, n)
			}
			if fetched := len(r.places(bulktest.File)) - before; n > 25 && fetched > 6 {
				t.Errorf("%s at request %d: %d files were fetched again", how, n, fetched)
			}
			if err := again.Done(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		if killed < 20 {
			t.Errorf("%s: only %d instants", how, killed)
		}
		t.Logf("%s: %d instants", how, killed)
	}
}

// What a kill can leave on disk, put there by hand.
func TestLeftovers(t *testing.T) {
	r, mark := busy(t)
	s, _ := dying(t, r, 0, "")
	calm, _ := ok(t, s, t.TempDir(), mark)
	want := whole(t, calm)
	for name, spoil := range map[string]func(dir string) error{
		"torn journal line": func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, journalName))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, journalName), b[:len(b)-9], 0o600)
		},
		"no journal": func(dir string) error { return os.Remove(filepath.Join(dir, journalName)) },
		"state no JSON": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, stateName), []byte(`{"config":`), 0o600)
		},
		"unfinished files": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, durable.Prefix+payloadName+"1"), []byte("cut"), 0o600)
		},
		"a file of other bytes": func(dir string) error {
			paths, err := filepath.Glob(filepath.Join(dir, filePrefix+"*"))
			if err != nil || len(paths) == 0 {
				return fmt.Errorf("no files: %w", err)
			}
			return os.WriteFile(paths[0], make([]byte, 100), 0o600)
		},
		"a wire file of other bytes": func(dir string) error {
			paths, err := filepath.Glob(filepath.Join(dir, "*"+wireSuffix))
			if err != nil || len(paths) == 0 {
				return fmt.Errorf("no wire files: %w", err)
			}
			return os.WriteFile(paths[0], make([]byte, 30), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := ""
			for n, wire := 12, []string(nil); len(wire) == 0; n++ { // until the kill meets a file on its way
				dir = t.TempDir()
				s, ctx := dying(t, r, n, "half an answer")
				if _, err := s.Fetch(ctx, dir, mark); err == nil {
					t.Fatal("the first run was to die")
				}
				wire, _ = filepath.Glob(filepath.Join(dir, "*"+wireSuffix))
			}
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			again, _ := dying(t, r, 0, "")
			f, _ := ok(t, again, dir, mark)
			if whole(t, f) != want {
				t.Error("another payload")
			}
			if l := left(t, dir); slices.ContainsFunc(l, func(n string) bool { return strings.HasPrefix(n, durable.Prefix) }) {
				t.Errorf("left: %v", l)
			}
		})
	}
}

// A finished payload that is damaged is made anew.
func TestDamagedPayload(t *testing.T) {
	r, mark := busy(t)
	dir := t.TempDir()
	s, _ := dying(t, r, 0, "")
	f, _ := ok(t, s, dir, mark)
	want := whole(t, f)
	if err := os.Truncate(f.Payloads[0].Path, 50); err != nil {
		t.Fatal(err)
	}
	f, _ = ok(t, s, dir, mark)
	if whole(t, f) != want {
		t.Error("another payload")
	}
}

// order is what the parent tells a child that is to be killed.
type order struct {
	Config    Config
	Key       string
	Dir, Mark string
	Now       time.Time
}

// TestMain lets the test binary be the client process that is killed.
func TestMain(m *testing.M) {
	if text := os.Getenv("FHIRBULK_CHILD"); text != "" {
		if err := child(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	s, err := New(o.Config, Options{Now: func() time.Time { return o.Now }, Sleep: still, Getenv: func(string) string { return o.Key }})
	if err != nil {
		return err
	}
	s.large = 1
	f, err := s.Fetch(context.Background(), o.Dir, o.Mark)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// start prepares a child.
func (o order) start(t *testing.T) *exec.Cmd {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "FHIRBULK_CHILD="+string(b))
	c.Stderr = os.Stderr
	return c
}

// fetch runs a child to its end.
func (o order) fetch(t *testing.T, dir string) (f extract.Fetched) {
	t.Helper()
	o.Dir = dir
	out, err := o.start(t).Output()
	if err == nil {
		err = json.Unmarshal(out, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// killed starts a child and ends it with SIGKILL a while after its n-th
// request has come. It says whether the child was alive then.
func (o order) killed(t *testing.T, r *registry, n int, later time.Duration) bool {
	t.Helper()
	at := len(r.Asked()) + n
	c := o.start(t)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	tick := time.NewTicker(20 * time.Microsecond)
	defer tick.Stop()
	for alive := true; alive && len(r.Asked()) < at; {
		select {
		case <-ended:
			alive = false
		case <-tick.C:
		}
	}
	select {
	case <-ended:
	case <-time.After(later):
	}
	_ = c.Process.Kill()
	<-ended
	return c.ProcessState.ExitCode() == -1
}

// SIGKILL at each request, while it is being answered, and at instants behind
// the last one, while the payload is made: the next process ends in the same
// bytes. Counting requests makes the instants the same on a slow machine.
func TestSIGKILL(t *testing.T) {
	r, mark := busy(t)
	o := order{Config: r.config, Key: r.key, Mark: mark, Now: r.Now()}
	began := len(r.Asked())
	want := whole(t, o.fetch(t, t.TempDir()))
	requests := len(r.Asked()) - began
	const behind = 20
	dead, deadBehind := 0, 0
	for i := 1; i <= requests+behind; i++ {
		if testing.Short() && i%8 != 0 {
			continue
		}
		o.Dir = t.TempDir()
		later := time.Duration(max(0, i-requests)) * 300 * time.Microsecond
		if o.killed(t, r, min(i, requests), later) {
			if dead++; i > requests {
				deadBehind++
			}
		}
		if whole(t, o.fetch(t, o.Dir)) != want {
			t.Fatalf("killed %v after request %d of %d: another payload", later, min(i, requests), requests)
		}
	}
	if dead < requests && !testing.Short() {
		t.Errorf("only %d of %d were alive when they were killed", dead, requests+behind)
	}
	t.Logf("%d of %d killed while running, %d of them behind the last of %d requests", dead, requests+behind, deadBehind, requests)
}
