package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pull"
	"github.com/dosebook/dosebook/synth"
)

// anyGate lets each release pass: days of a test differ more than true ones.
const anyGate = "gate: {rise: 100000, fall: 1, place_fall: 1, tombstones: 1, rejects: 1, unknown: 1}\n"

// months is a data directory that a synthetic history comes to in parts.
type months struct {
	data
	config string
	parts  [][]arrival
}

func newMonths(t *testing.T, rows, parts int) *months {
	t.Helper()
	in := t.TempDir()
	defects := synth.DefaultDefects()
	defects.Updates, defects.Deletes = 0.1, 0.03
	truth, err := synth.Write(t.Context(), in, synth.Config{Seed: 11, Rows: rows, RowsPerFile: max(50, rows/(3*parts)), Defects: defects}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &months{data: newData(t), config: write(t, "dosebook.yaml", anyGate+"public: {every: never}\n"), parts: make([][]arrival, parts)}
	at := map[string]synth.File{}
	for _, f := range truth.Files {
		at[f.Path] = f
	}
	for i, p := range truth.Delivery {
		k := i * parts / len(truth.Delivery)
		m.parts[k] = append(m.parts[k], arrival{at[p].Registry, at[p].Action, filepath.Join(in, filepath.FromSlash(p))})
	}
	return m
}

// next loads the next part and releases it.
func (m *months) next(t *testing.T) (id string) {
	t.Helper()
	m.loadAll(t, m.parts[0], false)
	m.parts = m.parts[1:]
	m.ok(t, "release", "build", "--config", m.config)
	return m.latest(t).ID
}

// puller runs dosebook pull as its user does.
type puller struct {
	url, token, place, dir string
}

func (p puller) try(t *testing.T, args ...string) result {
	t.Helper()
	c := p.command(t.Context(), args...)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	_ = c.Run()
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

func (p puller) pull(t *testing.T, args ...string) pull.Result {
	t.Helper()
	r := p.try(t, append(args, "--json")...)
	if r.code != 0 {
		t.Fatalf("pull: exit %d\n%s%s", r.code, r.out, r.err)
	}
	if strings.Contains(r.out+r.err, p.token) {
		t.Error("pull shows the token")
	}
	return parse[pull.Result](t, r.out)
}

// same holds the copy against the county's folder of the release.
func (p puller) same(t *testing.T, d data, id string) {
	t.Helper()
	want := filepath.Join(string(d), "releases", id, "counties", p.place)
	entries, err := os.ReadDir(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		_, x, err1 := durable.Hash(filepath.Join(want, e.Name()))
		_, y, err2 := durable.Hash(filepath.Join(p.dir, "releases", id, e.Name()))
		if x != y || err1 != nil || err2 != nil {
			t.Errorf("release %s: %s is not the server's (%v, %v)", id, e.Name(), err1, err2)
		}
	}
}

// ask asks the copy's DuckDB file for one number.
func (p puller) ask(t *testing.T, query string) (n int64) {
	t.Helper()
	r, err := duckdb.OpenCatalog(t.Context(), filepath.Join(p.dir, "dosebook.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rows, err := r.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// copy is another copy, in the same state.
func (p puller) copy(t *testing.T) puller {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(p.dir)); err != nil {
		t.Fatal(err)
	}
	p.dir = dir
	return p
}

// TestPullOverReleases: after each of many releases the copy is what a full
// download would be, byte by byte, and comes by changes but for the first.
func TestPullOverReleases(t *testing.T) {
	t.Parallel()
	n := size(4, 6, 20)
	m := newMonths(t, size(1500, 6000, 60_000), n)
	before := m.next(t)
	p := puller{m.serve(t).url, m.token(t, "epi@example.org", "06037", "epi"), "06037", filepath.Join(t.TempDir(), "copy")}
	first := p.pull(t)
	if first.Mode != pull.Whole || first.Release != before || !first.KeyIsNew {
		t.Errorf("the first pull: %+v", first)
	}
	p.same(t, m.data, before)
	if again := p.pull(t); again.Mode != pull.Nothing || again.Received > 20_000 {
		t.Errorf("nothing is new, and pull says %+v", again)
	}
	rows := first.Rows["dose_event"]
	causes := int64(0)
	for range n - 1 {
		id := m.next(t)
		got := p.pull(t, "--keep", "3")
		if got.Mode != pull.Step || got.Release != id || got.Previous != before || got.KeyIsNew {
			t.Errorf("%+v after %s", got, before)
		}
		p.same(t, m.data, id)
		if x := p.ask(t, "select count(*) from dose_event"); x != got.Rows["dose_event"] {
			t.Errorf("the view has %d rows, the release %d", x, got.Rows["dose_event"])
		}
		if x := p.ask(t, fmt.Sprintf("select count(*) from dose_event_as_of('%s')", before)); x != rows {
			t.Errorf("as of %s there are %d rows, there were %d", before, x, rows)
		}
		net := p.ask(t, fmt.Sprintf("select count(*) filter (version = 'new') - count(*) filter (version = 'old') from changes where release = '%s'", id))
		if net != got.Rows["dose_event"]-rows {
			t.Errorf("changes say %+d rows, and there are %d after %d", net, got.Rows["dose_event"], rows)
		}
		causes = max(causes, p.ask(t, "select count(distinct cause) from changes"))
		before, rows = id, got.Rows["dose_event"]
	}
	if kept, err := os.ReadDir(filepath.Join(p.dir, "releases")); err != nil || len(kept) != 3 {
		t.Errorf("%d releases are kept, want 3 (%v)", len(kept), err)
	}
	if causes < 4 {
		t.Errorf("only %d causes: the history shows too little", causes)
	}
}

// TestPullKilled: killed at many instants, the next run makes a whole copy.
func TestPullKilled(t *testing.T) {
	t.Parallel()
	m := newMonths(t, size(1500, 6000, 60_000), 2)
	m.next(t)
	s := m.serve(t)
	p := puller{s.url, m.token(t, "epi@example.org", "06037", "epi"), "06037", filepath.Join(t.TempDir(), "copy")}
	p.pull(t)
	id := m.next(t)
	calm := p.copy(t)
	began := time.Now()
	calm.pull(t)
	took, alive := time.Since(began), 0
	times := size(6, 9, 50)
	for i := range times {
		after, dead := took*time.Duration(i+1)/time.Duration(times+1), false
		var q puller
		for again := 0; !dead && again < 6; again++ { // the machine is faster now: earlier, on a new copy
			if q = p.copy(t); i%3 == 2 { // the first pull too
				q.dir = filepath.Join(t.TempDir(), "copy")
			}
			ctx, stop := context.WithTimeout(t.Context(), after)
			c := q.command(ctx)
			_ = c.Run()
			stop()
			dead, after = c.ProcessState.ExitCode() == -1, after*2/3
		}
		if dead {
			alive++
		}
		if got := q.pull(t); got.Release != id {
			t.Errorf("killed, then run again: %+v", got)
		}
		q.same(t, m.data, id)
		if x := q.ask(t, "select count(*) from dose"); x != calm.ask(t, "select count(*) from dose") {
			t.Errorf("killed, then run again: %d doses", x)
		}
		if left := data(q.dir).unfinished(t); len(left) > 0 || exists(filepath.Join(q.dir, "partial")) {
			t.Errorf("killed, then run again: %v is left", left)
		}
	}
	if alive <= times/2 { // a machine that gets faster on the way lets some end before
		t.Errorf("only %d of %d pulls were running when they were to be killed", alive, times)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (p puller) command(ctx context.Context, args ...string) *exec.Cmd {
	c := command(ctx, append([]string{"pull", p.url, "--county", p.place, "--into", p.dir}, args...)...)
	c.Env = append(c.Env, tokenEnv+"="+p.token)
	return c
}

// spoiler stands between client and server and spoils answers.
type spoiler struct {
	*httptest.Server
	how  atomic.Pointer[func(path string, body []byte) (status int, _ []byte)]
	seen atomic.Int64 // requests with Range
}

func newSpoiler(t *testing.T, to string) *spoiler {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	s := &spoiler{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Header.Get("Range") != "" {
			s.seen.Add(1)
		}
		how := s.how.Load()
		if how == nil || r.Request.Method == http.MethodHead || r.StatusCode >= 300 {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		status, body := (*how)(r.Request.URL.Path, body)
		if status != 0 {
			r.StatusCode = status
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if status != 0 {
			r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		}
		return nil
	}
	s.Server = httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return s
}

func (s *spoiler) spoil(how func(path string, body []byte) (int, []byte)) { s.how.Store(&how) }

// TestPullRefuses: what comes short, altered or unsigned is never taken, and
// the copy stays as it was.
func TestPullRefuses(t *testing.T) {
	t.Parallel()
	m := newMonths(t, size(1500, 3000, 20_000), 2)
	first := m.next(t)
	s := newSpoiler(t, m.serve(t).url)
	p := puller{s.URL, m.token(t, "epi@example.org", "06037", "epi"), "06037", filepath.Join(t.TempDir(), "copy")}
	p.pull(t)
	pristine := p.copy(t)
	id := m.next(t)
	flip := func(part string) func(string, []byte) (int, []byte) {
		return func(path string, body []byte) (int, []byte) {
			if strings.HasSuffix(path, part) {
				body[len(body)/2] ^= 1
			}
			return 0, body
		}
	}
	for _, part := range []string{"/recipient.parquet", "/manifest.json", "/manifest.json.sig", "/SHA256SUMS"} {
		s.spoil(flip(part))
		if r := p.try(t); r.code != 6 {
			t.Errorf("%s with a flipped bit: exit %d, %s", part, r.code, r.err)
		}
		if got := p.ask(t, fmt.Sprintf("select count(*) from release where newest and id = '%s'", first)); got != 1 || exists(filepath.Join(p.dir, "releases", id)) {
			t.Errorf("%s with a flipped bit was taken", part)
		}
	}
	// Changes that lie are found out by what they make.
	q := pristine.copy(t)
	s.spoil(flip("/changes.parquet"))
	if r := q.try(t); r.code != 6 {
		t.Errorf("changes with a flipped bit: exit %d, %s", r.code, r.err)
	}
	// A stream that ends early is resumed.
	cut := atomic.Int64{}
	s.spoil(func(path string, body []byte) (int, []byte) {
		if strings.HasSuffix(path, ".parquet") && cut.Add(1)%2 == 1 {
			body = body[:len(body)*2/3]
		}
		return 0, body
	})
	p = pristine
	before := s.seen.Load()
	if got := p.pull(t); got.Release != id || got.Mode != pull.Step || s.seen.Load() == before {
		t.Errorf("cut streams: %+v, %d ranges", got, s.seen.Load()-before)
	}
	p.same(t, m.data, id)
	refusals(t, m, p)
}

// refusals looks at the exit codes.
func refusals(t *testing.T, m *months, p puller) {
	t.Helper()
	other := p
	other.place = "06001"
	for what, x := range map[string]struct {
		p    puller
		code int
		args []string
	}{
		"another county into the same folder": {other, 2, nil},
		"a county without a grant":            {puller{p.url, p.token, "06001", filepath.Join(t.TempDir(), "x")}, 3, nil},
		"a wrong token":                       {puller{p.url, "dbk_wrong", p.place, p.dir}, 3, nil},
		"no county":                           {puller{p.url, p.token, "99999", p.dir}, 4, nil},
		"no token":                            {puller{p.url, "", p.place, p.dir}, 2, nil},
		"in the clear":                        {puller{"http://doses.example.org", p.token, p.place, p.dir}, 2, nil},
		"another key":                         {puller{p.url, p.token, p.place, filepath.Join(t.TempDir(), "y")}, 6, []string{"--key", write(t, "k", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n")}},
	} {
		if r := x.p.try(t, x.args...); r.code != x.code || strings.Contains(r.err, p.token) && p.token != "" {
			t.Errorf("%s: exit %d, want %d: %s", what, r.code, x.code, r.err)
		}
	}
	gone := p
	gone.url = m.url404(t)
	gone.dir = filepath.Join(t.TempDir(), "z")
	if r := gone.try(t); r.code != 4 {
		t.Errorf("no release: exit %d, %s", r.code, r.err)
	}
}

// url404 is a server that has nothing.
func (m *months) url404(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/keys" {
			_, _ = io.WriteString(w, "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestPullRecipes runs what docs/PULL.md says for DuckDB and Python.
func TestPullRecipes(t *testing.T) {
	t.Parallel()
	venv := os.Getenv("DOSEBOOK_PYTHON_VENV")
	if venv == "" {
		venv = "../../.tools/python"
	}
	python, err := filepath.Abs(filepath.Join(venv, "bin", "python"))
	if err != nil || !exists(python) {
		if need := os.Getenv(requireEnv); strings.Contains(need, "all") || strings.Contains(need, "python") {
			t.Fatalf("no Python at %s", python)
		}
		t.Skip("no Python tools: to run this, python3 -m venv .tools/python && .tools/python/bin/pip install -r testdata/python/requirements.txt")
	}
	m := newMonths(t, 1500, 2)
	m.next(t)
	p := puller{m.serve(t).url, m.token(t, "epi@example.org", "06037", "epi"), "06037", filepath.Join(t.TempDir(), "alameda")}
	p.pull(t)
	m.next(t)
	got := p.pull(t)
	page, err := os.ReadFile("../../docs/PULL.md")
	if err != nil {
		t.Fatal(err)
	}
	recipe := func(language string) string {
		_, rest, _ := strings.Cut(string(page), "```"+language+"\n")
		text, _, ok := strings.Cut(rest, "```")
		if !ok {
			t.Fatalf("docs/PULL.md has no %s", language)
		}
		return text
	}
	script := recipe("python") + "print(int(doses.n.sum()))\n" + "for q in '''" + recipe("sql") + "'''.split(';'):\n  if q.strip(): print(len(db.sql(q).fetchall()))\n"
	c := exec.CommandContext(t.Context(), python, "-c", script)
	c.Dir = filepath.Dir(p.dir)
	out, err := c.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), fmt.Sprint(got.Rows["dose"])+"\n") {
		t.Errorf("%v\n%s\nwant %d doses", err, out, got.Rows["dose"])
	}
}
