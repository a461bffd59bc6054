package opendata

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// kinds are the three ways to a table.
var kinds = []string{"soda", "ckan rows", "ckan file"}

func config(p *fakePortal, kind string) Config {
	if kind == "soda" {
		return Config{Portal: p.url, Kind: "soda", Dataset: "8xkx-amqh", Page: 100}
	}
	p.datastore = p.datastore || kind == "ckan rows"
	_, via, _ := strings.Cut(kind, " ")
	return Config{Portal: p.url, Kind: "ckan", Dataset: "vaccine-progress", Via: via, Page: 100}
}

// run is one source over one folder, whose clock stands and whose waits are
// counted.
type run struct {
	s     *Source
	dir   string
	waits []time.Duration
}

func start(t *testing.T, c Config) *run {
	t.Helper()
	r := &run{dir: t.TempDir()}
	var err error
	r.s, err = New(c, Options{
		Now:    func() time.Time { return time.Date(2021, 5, 5, 12, 0, 0, 0, time.UTC) },
		Getenv: func(k string) string { return map[string]string{"TOKEN": "sesame"}[k] },
		Sleep:  func(ctx context.Context, d time.Duration) error { r.waits = append(r.waits, d); return ctx.Err() },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *run) fetch(t *testing.T, mark string) extract.Fetched {
	t.Helper()
	f, err := r.s.Fetch(t.Context(), r.dir, mark)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// fails fetches, wants kind and words in the error, and an empty folder.
func (r *run) fails(t *testing.T, kind error, words ...string) {
	t.Helper()
	f, err := r.s.Fetch(t.Context(), r.dir, "")
	if !errors.Is(err, kind) || len(f.Payloads) > 0 || f.Mark != "" {
		t.Fatalf("%+v, %v: want %v", f, err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	for _, never := range []string{"sesame", "limit=", "%24", "?"} {
		if strings.Contains(err.Error(), never) {
			t.Errorf("%q holds %q", err, never)
		}
	}
	if left, _ := os.ReadDir(r.dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func read(t *testing.T, f extract.Fetched) []byte {
	t.Helper()
	if len(f.Payloads) != 1 {
		t.Fatalf("%+v: want one payload", f)
	}
	text, err := os.ReadFile(f.Payloads[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(f.Mark, digest(text)) {
		t.Errorf("the mark %s is of other bytes", f.Mark)
	}
	return text
}

func TestAllRowsComeWhateverThePage(t *testing.T) {
	for _, kind := range kinds {
		for _, n := range []int{0, 1, 99, 100, 101, 1000} {
			var first []byte
			for _, most := range []int{0, 7, 100} {
				p := servePortal(t, table(n))
				p.most = most
				r := start(t, config(p, kind))
				f := r.fetch(t, "")
				got := read(t, f)
				rows, err := csv.NewReader(bytes.NewReader(got)).ReadAll()
				if err != nil || len(rows) != n+1 || !slices.Equal(rows[0], p.names) {
					t.Fatalf("%s of %d: %d rows, %v", kind, n, len(rows), err)
				}
				for i, row := range rows[1:] {
					if !slices.Equal(row, p.rows[i]) {
						t.Fatalf("%s row %d: %q, want %q", kind, i, row, p.rows[i])
					}
				}
				if first == nil {
					first = got
				}
				if !bytes.Equal(got, first) {
					t.Errorf("%s of %d: other bytes with pages of %d", kind, n, most)
				}
				if f.Payloads[0].SourceTime.Year() != 2021 || len(r.waits) > 0 {
					t.Errorf("%s: of %v, waited %v", kind, f.Payloads[0].SourceTime, r.waits)
				}
			}
		}
	}
}

func TestNothingNew(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			p := servePortal(t, table(250))
			r := start(t, config(p, kind))
			one := r.fetch(t, "")
			if err := r.s.Done(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			if err := r.s.Done(t.Context(), one); err != nil { // it may be called again
				t.Fatal(err)
			}
			before := len(p.asked)
			two := r.fetch(t, one.Mark)
			if len(two.Payloads) > 0 || two.Mark != one.Mark || !strings.Contains(two.Note, "nothing new") {
				t.Fatalf("%+v", two)
			}
			if kind == "soda" && len(p.asked)-before != 2 {
				t.Errorf("asked %v", p.asked[before:])
			}
			if left, _ := os.ReadDir(r.dir); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
			p.rows[3][2], p.updated = "77", p.updated+1
			three := r.fetch(t, one.Mark)
			if three.Mark == one.Mark || !bytes.Contains(read(t, three), []byte(",77\n")) {
				t.Fatalf("%+v", three)
			}
			c := config(p, kind)
			c.Where, c.Filters = "total_doses > 3", nil
			if kind != "soda" {
				c.Where, c.Resource = "", "r-1"
			}
			if f, err := start(t, c).s.Fetch(t.Context(), t.TempDir(), three.Mark); err != nil || len(f.Payloads) != 1 {
				t.Errorf("another question: %+v, %v", f, err)
			}
		})
	}
}

// TestStampAloneIsNoNews: CKAN writes last_modified anew for the same rows.
func TestStampAloneIsNoNews(t *testing.T) {
	p := servePortal(t, table(10))
	r := start(t, config(p, "ckan rows"))
	one := r.fetch(t, "")
	p.updated++
	if two := r.fetch(t, one.Mark); len(two.Payloads) > 0 {
		t.Errorf("%+v", two)
	}
}

// TestRowsAloneAreNews: CKAN's datastore API leaves last_modified as it was.
func TestRowsAloneAreNews(t *testing.T) {
	p := servePortal(t, table(10))
	r := start(t, config(p, "ckan rows"))
	one := r.fetch(t, "")
	p.rows[3][2] = "77"
	read(t, r.fetch(t, one.Mark))
}

func TestCountNotReached(t *testing.T) {
	for _, kind := range kinds {
		for _, says := range []int{249, 251, 10_000} {
			p := servePortal(t, table(250))
			p.count, p.datastore = says, true
			r := start(t, config(p, kind))
			r.fails(t, dose.ErrUpstream, fmt.Sprint(says), "250")
			if kind == "ckan file" && len(p.asked) != 12 {
				t.Errorf("%s: not tried twice: %v", kind, p.asked)
			}
		}
	}
}

func TestTableChangesWhileRead(t *testing.T) {
	grow := func(times int) func(p *fakePortal, n int, w http.ResponseWriter, r *http.Request) bool {
		return func(p *fakePortal, _ int, _ http.ResponseWriter, r *http.Request) bool {
			q := r.URL.Query()
			if first := q.Get("$offset") == "0" || q.Get("offset") == "0" && q.Get("limit") != "0" || r.URL.Path == "/store/t.csv"; first && times > 0 {
				times--
				p.rows = append(p.rows, []string{"Yuba", "2021-05-06", "1"})
			}
			return false
		}
	}
	restamp := func(p *fakePortal, _ int, _ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("$offset") != "" || r.URL.Query().Get("limit") == "100" || r.URL.Path == "/store/t.csv" {
			p.updated++
		}
		return false
	}
	for _, kind := range kinds {
		p := servePortal(t, table(250))
		p.datastore, p.fault = true, grow(1)
		if got := read(t, start(t, config(p, kind)).fetch(t, "")); !bytes.Contains(got, []byte("Yuba")) {
			t.Errorf("%s: changed once, and the new row is not there", kind)
		}
		p = servePortal(t, table(250))
		p.datastore, p.fault = true, grow(2)
		start(t, config(p, kind)).fails(t, dose.ErrUpstream, "changed while", "251", "252")
		p = servePortal(t, table(50))
		p.fault = restamp
		start(t, config(p, kind)).fails(t, dose.ErrUpstream, "changed while")
	}
}

// TestUnstableOrder: the count is right, and one row came twice.
func TestUnstableOrder(t *testing.T) {
	for _, kind := range kinds[:2] {
		p := servePortal(t, table(250))
		p.fault = func(p *fakePortal, _ int, _ http.ResponseWriter, r *http.Request) bool {
			q := r.URL.Query()
			for _, k := range []string{"$offset", "offset"} {
				if q.Get(k) == "100" {
					q.Set(k, "99")
					r.URL.RawQuery = q.Encode()
				}
			}
			return false
		}
		start(t, config(p, kind)).fails(t, dose.ErrUpstream, "given before")
	}
}

func TestPassingFaults(t *testing.T) {
	for _, kind := range kinds {
		want := read(t, start(t, config(servePortal(t, table(250)), kind)).fetch(t, ""))
		for name, f := range map[string]struct {
			wait  time.Duration
			fault func(w http.ResponseWriter)
		}{
			"429 seconds": {37 * time.Second, func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", "37")
				w.WriteHeader(http.StatusTooManyRequests)
			}},
			"429 date": {time.Minute, func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", "Wed, 05 May 2021 12:01:00 GMT")
				w.WriteHeader(http.StatusTooManyRequests)
			}},
			"503": {firstWait, func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }},
			"cut": {firstWait, func(w http.ResponseWriter) {
				w.Header().Set("Content-Length", "5000000")
				_, _ = w.Write(bytes.Repeat([]byte("county,administered_date,total_doses\n"), 1<<15))
			}},
			"reset": {firstWait, func(http.ResponseWriter) { panic(http.ErrAbortHandler) }},
		} {
			for at := 1; at <= 4; at++ {
				p := servePortal(t, table(250))
				p.fault = func(_ *fakePortal, n int, w http.ResponseWriter, _ *http.Request) bool {
					if n == at {
						f.fault(w)
					}
					return n == at
				}
				r := start(t, config(p, kind))
				if got := read(t, r.fetch(t, "")); !bytes.Equal(got, want) {
					t.Errorf("%s, %s at request %d: other bytes", kind, name, at)
				}
				// net/http itself asks again over a connection that was reused
				if name != "reset" && !slices.Equal(r.waits, []time.Duration{f.wait}) {
					t.Errorf("%s, %s at request %d: waited %v, want %v", kind, name, at, r.waits, f.wait)
				}
			}
		}
	}
}

func TestLastingFaults(t *testing.T) {
	page := "<html><title>302 Found</title></html>"
	for name, f := range map[string]struct {
		kind  error
		words string
		fault func(w http.ResponseWriter)
	}{
		"503":      {dose.ErrUpstream, "5 tries", func(w http.ResponseWriter) { w.WriteHeader(503) }},
		"web page": {dose.ErrUpstream, "web page", func(w http.ResponseWriter) { _, _ = w.Write([]byte("\ufeff\n" + page)) }},
		"401":      {dose.ErrDenied, "token", func(w http.ResponseWriter) { w.WriteHeader(401) }},
		"404":      {dose.ErrInvalid, "check dataset", func(w http.ResponseWriter) { w.WriteHeader(404) }},
		"400":      {dose.ErrInvalid, "(query.soql.no-such-column)", func(w http.ResponseWriter) { http.Error(w, `{"code":"query.soql.no-such-column"}`, 400) }},
		"ckan code": {dose.ErrInvalid, "(Validation Error)", func(w http.ResponseWriter) {
			http.Error(w, `{"success":false,"error":{"__type":"Validation Error"}}`, http.StatusConflict)
		}},
		"wait long": {dose.ErrUpstream, "1h0m0s", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		}},
	} {
		for _, kind := range kinds {
			for at := 1; at <= 3; at++ {
				p := servePortal(t, table(250))
				p.fault = func(_ *fakePortal, n int, w http.ResponseWriter, _ *http.Request) bool {
					if n >= at {
						f.fault(w)
					}
					return n >= at
				}
				t.Run(fmt.Sprintf("%s/%s/%d", name, kind, at), func(t *testing.T) { start(t, config(p, kind)).fails(t, f.kind, f.words) })
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	p := servePortal(t, table(250))
	ctx, cancel := context.WithCancel(t.Context())
	p.fault = func(_ *fakePortal, n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 4 {
			cancel()
		}
		return false
	}
	r := start(t, config(p, "soda"))
	if _, err := r.s.Fetch(ctx, r.dir, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(r.dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestToken(t *testing.T) {
	for _, kind := range kinds {
		p := servePortal(t, table(3))
		p.token = "sesame"
		c := config(p, kind)
		start(t, c).fails(t, dose.ErrDenied)
		c.TokenEnv = "TOKEN"
		read(t, start(t, c).fetch(t, ""))
		c.TokenEnv = "OTHER"
		if _, err := New(c, Options{Getenv: func(string) string { return "" }}); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%v", err)
		}
	}
}

// TestTokenStaysAtThePortal: its files may lie in somebody else's store.
func TestTokenStaysAtThePortal(t *testing.T) {
	for _, header := range []string{"Authorization", "X-App-Token"} {
		var got string
		store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Get(header)
			reply(w, []int{})
		}))
		defer store.Close()
		p := servePortal(t, table(3))
		p.fault = func(_ *fakePortal, _ int, w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get(header) != "sesame" {
				t.Errorf("the portal does not get %s", header)
			}
			http.Redirect(w, r, store.URL+"/x", http.StatusFound)
			return true
		}
		c := config(p, map[string]string{"Authorization": "ckan rows", "X-App-Token": "soda"}[header])
		c.TokenEnv = "TOKEN"
		if _, err := start(t, c).s.Fetch(t.Context(), t.TempDir(), ""); err == nil || got != "" {
			t.Errorf("%v, the store got %q", err, got)
		}
	}
}

// TestLeftovers: what a killed fetch left goes; what is not ours stays.
func TestLeftovers(t *testing.T) {
	p := servePortal(t, table(3))
	r := start(t, config(p, "soda"))
	for _, name := range []string{".part-123", "other"} {
		if err := os.WriteFile(filepath.Join(r.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := r.fetch(t, "")
	left, _ := os.ReadDir(r.dir)
	if len(left) != 2 || left[0].Name() != filepath.Base(f.Payloads[0].Path) || left[1].Name() != "other" {
		t.Errorf("%v", left)
	}
}
