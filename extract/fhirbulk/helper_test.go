package fhirbulk

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/fhirbulk/bulktest"
)

// clock is the time of client and server. It moves by sleeping alone.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	c.mu.Unlock()
	return ctx.Err()
}

func (c *clock) sleeps() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.slept...)
}

var day = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// registry is a server, its clock, and what a client needs to reach it.
type registry struct {
	*bulktest.Server
	*clock
	store  *bulktest.Store
	http   *httptest.Server
	config Config
	key    string
	log    *bytes.Buffer
}

// newRegistry starts a server with 30 patients, 3 locations, an organization
// and 100 immunizations of day.
func newRegistry(t testing.TB, change func(*bulktest.Config)) *registry {
	t.Helper()
	r := &registry{clock: &clock{now: day.Add(time.Hour)}, store: &bulktest.Store{}, log: &bytes.Buffer{}}
	fill := func(typ string, n int) {
		for i := range n {
			r.put(t, typ, fmt.Sprint(i), day)
		}
	}
	fill("Immunization", 100)
	fill("Organization", 1)
	fill("Patient", 30)
	fill("Location", 3)
	private, public := newKey(t)
	r.key = private
	c := bulktest.Config{Store: r.store, Now: r.Now, FileLines: 25, Polls: 1, Clients: map[string]jose.JSONWebKeySet{"dosebook": public}}
	if change != nil {
		change(&c)
	}
	r.Server = bulktest.New(c)
	r.http = httptest.NewServer(r.Server)
	t.Cleanup(r.http.Close)
	r.config = Config{URL: r.http.URL + "/fhir", ClientID: "dosebook", KeyEnv: "KEY", InsecureHTTP: true, Level: "system"}
	return r
}

func (r *registry) put(t testing.TB, typ, id string, at time.Time) {
	t.Helper()
	if err := r.store.Put(fmt.Sprintf(`{"resourceType":%q,"id":%q,"meta":{"lastUpdated":%q}}`, typ, id, at.Format(time.RFC3339Nano))); err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB) (private string, public jose.JSONWebKeySet) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := jose.JSONWebKey{Key: k, KeyID: "k1"}
	b, err := own.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(b), jose.JSONWebKeySet{Keys: []jose.JSONWebKey{own.Public()}}
}

// source returns a new client: nothing of an older one is left in memory.
func (r *registry) source(t *testing.T, change func(*Config)) *Source {
	t.Helper()
	c := r.config
	if change != nil {
		change(&c)
	}
	s, err := New(c, r.options())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *registry) options() Options {
	return Options{HTTP: r.http.Client(), Now: r.Now, Sleep: r.sleep,
		Getenv: func(name string) string { return map[string]string{"KEY": r.key}[name] },
		Log:    slog.New(slog.NewTextHandler(&locked{w: r.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))}
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// places lists the requests at one place.
func (r *registry) places(p bulktest.Place) (out []bulktest.Asked) {
	for _, a := range r.Asked() {
		if a.Place == p {
			out = append(out, a)
		}
	}
	return out
}

// ok fetches and returns what came and the payload's lines.
func ok(t *testing.T, s *Source, dir, mark string) (extract.Fetched, []string) {
	t.Helper()
	f, err := s.Fetch(t.Context(), dir, mark)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Payloads) == 0 {
		return f, nil
	}
	if len(f.Payloads) != 1 {
		t.Fatalf("%d payloads", len(f.Payloads))
	}
	return f, lines(t, f.Payloads[0].Path)
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(b, []byte("\n")) {
		t.Error("the last line is not ended")
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// runs shortens lines to runs of one type: "Patient 30, Location 3".
func runs(t *testing.T, lines []string) string {
	t.Helper()
	var out []string
	last, n := "", 0
	for _, l := range append(lines, `{"resourceType":""}`) {
		var r struct{ ResourceType string }
		if err := json.Unmarshal([]byte(l), &r); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		if r.ResourceType != last {
			if n > 0 {
				out = append(out, fmt.Sprintf("%s %d", last, n))
			}
			last, n = r.ResourceType, 0
		}
		n++
	}
	return strings.Join(out, ", ")
}

const everything = "Patient 30, Location 3, Organization 1, Immunization 100"

// discreet fails when a person, a token or a query stands in an error or log.
func (r *registry) discreet(t *testing.T, err error) {
	t.Helper()
	for what, text := range map[string]string{"error": fmt.Sprint(err), "log": r.log.String()} {
		for _, secret := range []string{"Querida", "?for=", "Bearer", "assertion=", `"d":`} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s holds %q: %s", what, secret, text)
			}
		}
	}
}

// left lists what is in the folder.
func left(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// whole reads a payload's bytes under its name.
func whole(t *testing.T, f extract.Fetched) string {
	t.Helper()
	if len(f.Payloads) != 1 {
		t.Fatalf("%d payloads", len(f.Payloads))
	}
	b, err := os.ReadFile(f.Payloads[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(f.Payloads[0].Path) + "\n" + string(b)
}

// tripper lets a test stand between client and server.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
