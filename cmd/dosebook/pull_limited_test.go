package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/pull"
	"github.com/dosebook/dosebook/release"
)

// TestPullLimited: who may read the limited data set alone gets it signed,
// then by changes, proves it offline, and never sees an identified column.
func TestPullLimited(t *testing.T) {
	t.Parallel()
	m := newMonths(t, size(1500, 6000, 60_000), 3)
	before := m.next(t)
	s := m.serve(t)
	m.ok(t, "access", "grant", "limited@example.org", "--county", "06037", "--role", "epi", "--level", "limited", "--expires", "1d")
	token := parse[struct{ Token string }](t, m.ok(t, "access", "token", "create", "limited@example.org", "--expires", "24h", "--json")).Token
	p := puller{s.url, token, "06037", filepath.Join(t.TempDir(), "copy")}
	if r := p.try(t); r.code != 3 {
		t.Errorf("an identified copy for a limited grant: exit %d, %s", r.code, r.err)
	}
	level := []string{"--level", "limited"}
	if first := p.pull(t, level...); first.Mode != pull.Whole || first.Release != before {
		t.Errorf("the first pull: %+v", first)
	}
	p.sameLimited(t, m.data, before)
	for len(m.parts) > 0 {
		id := m.next(t)
		if got := p.pull(t, level...); got.Mode != pull.Step || got.Release != id || got.Changes == 0 || got.Why != "" {
			t.Errorf("%+v after %s", got, before)
		}
		p.sameLimited(t, m.data, id)
		net := p.ask(t, fmt.Sprintf("select count(*) filter (version = 'new') - count(*) filter (version = 'old') from changes where release = '%s'", id))
		if rows := p.ask(t, "select count(*) from dose_event") - p.ask(t, fmt.Sprintf("select count(*) from dose_event_as_of('%s')", before)); rows != net {
			t.Errorf("changes say %+d rows, there are %+d", net, rows)
		}
		s.limitedChanges(t, p, before, id)
		before = id
	}
	if n := p.ask(t, "select count(*) from changes n join changes o on n.other_row = o.row and o.other_row = n.row and n.release = o.release and n.version = 'new' and o.version = 'old' where n.dose_id is distinct from o.dose_id and n.columns not like '%dose_id%'"); n != 0 {
		t.Errorf("%d old and new rows of one change are not the same event's", n)
	}
	p.proveOffline(t, m.data, before)
	if r := p.try(t); r.code != 2 {
		t.Errorf("an identified copy in the folder of a limited one: exit %d, %s", r.code, r.err)
	}
	if r := p.try(t, "--level", "deidentified"); r.code != 2 {
		t.Errorf("a copy of de-identified records: exit %d, %s", r.code, r.err)
	}
}

// sameLimited holds the copy against the manifest that the release signed.
func (p puller) sameLimited(t *testing.T, d data, id string) {
	t.Helper()
	m, err := release.Store{Dir: filepath.Join(string(d), "releases")}.LimitedManifest(id, dose.Place(p.place))
	if err != nil || len(m.Files) != 3 {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, f := range m.Files {
		path := filepath.Join(p.dir, "releases", id, filepath.Base(f.Path))
		if n, sum, err := durable.Hash(path); err != nil || n != f.Bytes || sum != f.SHA256 {
			t.Errorf("%s of %s is not as signed (%v)", f.Path, id, err)
		}
		columns, err := release.Columns(path)
		for _, c := range columns {
			if c.Level > dose.Limited {
				t.Errorf("%s has the column %s", f.Path, c.Name)
			}
		}
		if err != nil || len(columns) < 10 {
			t.Errorf("%s: %d columns, %v", f.Path, len(columns), err)
		}
	}
}

// limitedChanges looks at the changes as text.
func (s *server) limitedChanges(t *testing.T, p puller, since, id string) {
	t.Helper()
	path := "/api/v1/releases/" + id + "/counties/06037/"
	if a := s.get(t, path+"changes.csv.gz?since="+since, p.token); a.status != http.StatusForbidden {
		t.Errorf("identified changes for a limited grant: %d", a.status)
	}
	a := s.get(t, path+"limited/changes.csv.gz?since="+since, p.token)
	if a.status != http.StatusOK {
		t.Fatalf("limited changes: %d %s", a.status, a.body)
	}
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(z).ReadAll()
	if err != nil || a.header.Get("X-Dosebook-Rows") != fmt.Sprint(len(lines)-1) {
		t.Errorf("%d lines, %s told, %v", len(lines), a.header.Get("X-Dosebook-Rows"), err)
	}
	if head := lines[0]; head[0] != "change" || head[5] != "other_row" || slices.Contains(head, "vax_event_id") || slices.Contains(head, "recip_last_name") || !slices.Contains(head, "person_id") {
		t.Errorf("limited changes have the columns %v", head)
	}
}

// proveOffline proves the copy with its files and the key alone.
func (p puller) proveOffline(t *testing.T, d data, id string) {
	t.Helper()
	dir, key := filepath.Join(p.dir, "releases", id), filepath.Join(string(d), "keys", "release.pub")
	d.ok(t, "release", "verify", dir, "--key", key)
	path := filepath.Join(dir, "recipient.parquet")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := d.try(t, "release", "verify", dir, "--key", key); r.code == 0 {
		t.Error("a flipped bit in a limited file is not found")
	}
}
