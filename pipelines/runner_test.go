package pipelines_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/cvrs"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

// line is the whole line over a data directory, and an inbox.
type line struct {
	*pipelines.Runner
	dir, inbox string
}

func newLine(t *testing.T) *line {
	t.Helper()
	dir := t.TempDir()
	l := &line{&pipelines.Runner{Raw: pipelines.Raw{Dir: filepath.Join(dir, "raw")}, Lake: load.Lake{Dir: filepath.Join(dir, "lake")},
		Ledger: newLedger(t, dir), Now: clock(), Workers: 2}, dir, filepath.Join(t.TempDir(), "inbox")}
	for _, d := range []string{l.Raw.Dir, l.Lake.Dir, l.inbox} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w, err := duckdb.Open(t.Context(), filepath.Join(dir, "warehouse.duckdb"), l.Lake, duckdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	l.Warehouses = []load.Warehouse{w}
	l.Decoder = func(format string) (extract.Decoder, error) {
		if format != "cvrs" {
			return nil, fmt.Errorf("format %q: %w", format, dose.ErrInvalid)
		}
		return &cvrs.Decoder{BlockSize: 700}, nil // some rows a block
	}
	return l
}

// clock goes on by a minute each time it is read.
func clock() func() time.Time {
	now := noon
	return func() time.Time { now = now.Add(time.Minute); return now }
}

// file puts a CVRS file into the inbox: one row an item, "id lot", or "id" and
// a blank date for a row that must be refused.
func (l *line) file(t *testing.T, name string, items ...string) string {
	t.Helper()
	var b strings.Builder
	cols := dose.Raw()[:dose.CVRSColumns]
	for i, c := range cols {
		b.WriteString(c.Name + map[bool]string{true: "\n", false: "\t"}[i == len(cols)-1])
	}
	for _, item := range items {
		id, lot, ok := strings.Cut(item, " ")
		cells := map[string]string{"vax_event_id": id, "ext_type": "I", "recip_id": "r" + id, "recip_dob": "1980-03-05", "recip_sex": "F",
			"recip_address_county": "06001", "recip_address_state": "CA", "recip_address_zip": "94601", "recip_race_1": "2106-3", "recip_ethnicity": "2186-5",
			"admin_date": "2021-03-01", "cvx": "208", "lot_number": lot}
		if !ok {
			cells["admin_date"] = ""
		}
		for i, c := range cols {
			b.WriteString(cells[c.Name] + map[bool]string{true: "\n", false: "\t"}[i == len(cols)-1])
		}
	}
	return l.bytes(t, name, b.String())
}

func (l *line) bytes(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(l.inbox, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func request(action string, paths ...string) pipelines.Request {
	return pipelines.Request{Registry: "CAIR2", Format: "auto", Action: action, Limit: 1, Paths: paths}
}

// counts shows records, events, adds, updates, deletes, unchanged, rejects.
func counts(p pipelines.Payload) string {
	return fmt.Sprint(p.Records, p.Events, p.Adds, p.Updates, p.Deletes, p.Unchanged, p.Rejects)
}

func (l *line) load(t *testing.T, reqs ...pipelines.Request) *pipelines.Report {
	t.Helper()
	rep, err := l.Load(t.Context(), reqs...)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestLoad(t *testing.T) {
	l := newLine(t)
	first := l.file(t, "20210305_01_CAA.txt", "1 a", "2 a", "3", "4 a", "5 a", "6 a", "7 a", "8 a")
	second := l.file(t, "20210306_01_CAA.txt", "1 b", "2 a", "9 a")
	gone := l.file(t, "20210307_01_CAA.txt", "4 a", "99 a")
	rep := l.load(t, request("A", first, second), request("D", gone))
	for i, want := range []string{"8 7 7 0 0 0 1", "3 3 1 1 0 1 0", "2 2 0 0 2 0 0"} {
		if got := counts(rep.Payloads[i]); got != want {
			t.Errorf("payload %d: %s, want %s", i, got, want)
		}
	}
	p := rep.Payloads[0]
	if p.Path != first || len(p.SHA256) != 64 || p.Segment != p.SHA256[:16] || p.Format != "cvrs" || p.Registry != "CAIR2" || p.Duplicate || p.Error != "" {
		t.Errorf("payload %+v", p)
	}
	if got := rep.Payloads[1].Issues["ADD_OF_KNOWN"]; got != 1 || rep.Payloads[2].Issues["DELETE_OF_UNKNOWN"] != 1 {
		t.Errorf("issues %v and %v", rep.Payloads[1].Issues, rep.Payloads[2].Issues)
	}
	sums(t, rep)
	again := l.load(t, request("A", l.file(t, "20210309_01_CAA.txt", "1 b", "2 a", "9 a")))
	if p := again.Payloads[0]; !p.Duplicate || p.Segment != rep.Payloads[1].Segment || counts(p) != "0 0 0 0 0 0 0" || again.Totals.Duplicates != 1 {
		t.Errorf("a known payload: %+v", p)
	}
	// The rows of a delete file as they were added: what they say decides by when.
	back := l.load(t, request("A", l.file(t, "20210308_01_CAA.txt", "4 a", "99 a")))
	if got := counts(back.Payloads[0]); got != "2 2 2 0 0 0 0" || back.Payloads[0].Issues["REVIVED"] != 2 {
		t.Errorf("revival: %s, %v", got, back.Payloads[0].Issues)
	}
	v, err := pipelines.Verify(t.Context(), l.Raw, l.Lake, l.Ledger)
	if err != nil || len(v.Bad) != 0 || v.Files < 9 {
		t.Errorf("verify: %+v, %v", v, err)
	}
}

// sums: the totals are the sums, and each payload's counts add up.
func sums(t *testing.T, rep *pipelines.Report) {
	t.Helper()
	var s pipelines.Totals
	issues := map[string]int64{}
	for _, p := range rep.Payloads {
		if p.Records != p.Events+p.Rejects || p.Adds+p.Updates+p.Deletes+p.Unchanged != p.Events {
			t.Errorf("%s does not add up: %s", p.Path, counts(p))
		}
		s.Records, s.Events, s.Rejects = s.Records+p.Records, s.Events+p.Events, s.Rejects+p.Rejects
		s.Adds, s.Updates, s.Deletes, s.Unchanged = s.Adds+p.Adds, s.Updates+p.Updates, s.Deletes+p.Deletes, s.Unchanged+p.Unchanged
		for k, n := range p.Issues {
			issues[k] += n
		}
	}
	g := rep.Totals
	got, want := fmt.Sprint(g.Records, g.Events, g.Adds, g.Updates, g.Deletes, g.Unchanged, g.Rejects), fmt.Sprint(s.Records, s.Events, s.Adds, s.Updates, s.Deletes, s.Unchanged, s.Rejects)
	if got != want || g.Payloads != len(rep.Payloads) || !maps.Equal(g.Issues, issues) {
		t.Errorf("totals %+v, sums %s %v", g, want, issues)
	}
}

// TestBadFiles: a file that can't be used stops no other, and none of it counts.
func TestBadFiles(t *testing.T) {
	l := newLine(t)
	good := l.file(t, "20210305_01_CAA.txt", "1 a")
	text := l.bytes(t, "letter.txt", "Dear registry,\nsee below.\n")
	missing := filepath.Join(l.inbox, "missing.txt")
	cut := l.bytes(t, "20210304_01_CAA.txt.gz", "\x1f\x8b\x08\x00cut")
	last := l.file(t, "20210306_01_CAA.txt", "2 a")
	rep, err := l.Load(t.Context(), request("A", missing, text, good, cut, last))
	if !errors.Is(err, dose.ErrInvalid) || dose.ExitCode(err) != 2 {
		t.Errorf("%v is not of kind ErrInvalid", err)
	}
	if rep == nil {
		t.Fatal("no report")
	}
	var got []string
	for _, p := range rep.Payloads {
		got = append(got, fmt.Sprintf("%s %v %d", filepath.Base(p.Path), p.Error != "", p.Adds))
	}
	if want := []string{"letter.txt true 0", "20210305_01_CAA.txt false 1", "20210304_01_CAA.txt.gz true 0", "20210306_01_CAA.txt false 1"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if rep.Totals.Failed != 2 || rep.Totals.Adds != 2 || !strings.Contains(err.Error(), "missing.txt") {
		t.Errorf("totals %+v, %v", rep.Totals, err)
	}
	sums(t, rep)
	if last, err := l.Ledger.Position(t.Context()); err != nil || last != 2 {
		t.Errorf("ledger at %d, %v", last, err)
	}
	if _, err := l.Load(t.Context(), pipelines.Request{Registry: "no good", Paths: []string{good}}); !errors.Is(err, dose.ErrInvalid) {
		t.Errorf("registry: %v", err)
	}
}

func TestRejectLimit(t *testing.T) {
	l := newLine(t)
	path := l.file(t, "20210305_01_CAA.txt", "1 a", "2 a", "3 a", "4")
	r := request("A", path)
	r.Limit = 0.2
	rep, err := l.Load(t.Context(), r)
	if !errors.Is(err, dose.ErrRejects) || rep == nil || rep.Totals.Adds != 3 || rep.Totals.Rejects != 1 {
		t.Errorf("%+v, %v", rep, err)
	}
	r.Limit, r.Paths = 0.25, []string{l.file(t, "20210306_01_CAA.txt", "5 a", "6 a", "7 a", "8")}
	l.load(t, r)
}

// TestEarlierName: a copy under an earlier name makes its rows older, as if it
// had been known from the start.
func TestEarlierName(t *testing.T) {
	l := newLine(t)
	l.load(t, request("A", l.file(t, "20210309_01_CAA.txt", "1 new", "2 new")), request("U", l.file(t, "20210307_01_CAA.txt", "1 old", "3 old")))
	l.load(t, request("A", l.file(t, "20210301_01_CAA.txt", "1 new", "2 new")))
	entries, err := l.Ledger.Since(t.Context(), 0, 9)
	if err != nil || len(entries) != 3 || !entries[2].Retime || entries[2].SourceTime >= entries[1].SourceTime {
		t.Fatalf("%+v, %v", entries, err)
	}
	// The update counts now: its rows again change nothing, the others do.
	rep := l.load(t, request("U", l.file(t, "20210308_01_CAA.txt", "1 old", "2 newer")))
	if got := counts(rep.Payloads[0]); got != "2 2 0 1 0 1 0" {
		t.Errorf("after the retime: %s", got)
	}
	if at, err := l.Warehouses[0].Position(t.Context()); err != nil || at != 4 {
		t.Errorf("warehouse at %d, %v", at, err)
	}
}

// TestExpand: a folder is its files by name, over all its folders; hidden
// files are left out.
func TestExpand(t *testing.T) {
	l := newLine(t)
	for _, name := range []string{"b/20210302.txt", "a/20210303.txt", "20210304.txt", "c/20210301.txt", ".hidden", "d/.part-1"} {
		l.bytes(t, name, "x")
	}
	single := l.bytes(t, "z/0.txt", "x")
	files, errs := pipelines.Expand([]string{single, filepath.Join(l.inbox, "none"), l.inbox})
	var got []string
	for _, f := range files {
		got = append(got, strings.TrimPrefix(f, l.inbox+"/"))
	}
	if want := []string{"z/0.txt", "z/0.txt", "c/20210301.txt", "b/20210302.txt", "a/20210303.txt", "20210304.txt"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if len(errs) != 1 || !errors.Is(errs[0], dose.ErrInvalid) {
		t.Errorf("errors %v", errs)
	}
}

// TestCatchUp: a warehouse that fails loses nothing; the next run brings it up.
func TestCatchUp(t *testing.T) {
	l := newLine(t)
	working := l.Warehouses[0]
	l.Warehouses = []load.Warehouse{down{working}}
	if _, err := l.Load(t.Context(), request("A", l.file(t, "20210305_01_CAA.txt", "1 a"))); !errors.Is(err, errDown) {
		t.Fatalf("%v", err)
	}
	l.Warehouses[0] = working
	rep := l.load(t, request("A", l.file(t, "20210306_01_CAA.txt", "1 a", "2 a")))
	if got := counts(rep.Payloads[0]); got != "2 2 1 0 0 1 0" {
		t.Errorf("after the outage: %s", got)
	}
}

var errDown = errors.New("down")

type down struct{ load.Warehouse }

func (down) Apply(context.Context, []load.Entry, []load.Entry) ([]load.Effect, error) {
	return nil, errDown
}

// TestStopped: a run that is stopped leaves nothing that counts, and the same
// run again ends as if it had not been stopped.
func TestStopped(t *testing.T) {
	items := strings.Split(strings.Repeat("1 a,2 a,3 a,", 40)+"4 a", ",")
	calm := newLine(t)
	calm.load(t, request("A", calm.file(t, "20210305_01_CAA.txt", items...)))
	for stop := int64(1); stop < 120; stop += 40 {
		l := newLine(t)
		path := l.file(t, "20210305_01_CAA.txt", items...)
		ctx, cancel := context.WithCancel(t.Context())
		l.Progress = func(c pipelines.Count) {
			if c.Records >= stop {
				cancel()
			}
		}
		if _, err := l.Load(ctx, request("A", path)); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped at %d: %v", stop, err)
		}
		l.Progress = nil
		// What a kill leaves: a folder that never reached the ledger, and parts.
		_ = os.MkdirAll(filepath.Join(l.Lake.Dir, "CAIR2", strings.Repeat("0", 16), durable.Prefix+"x"), 0o700)
		_ = os.WriteFile(filepath.Join(l.Raw.Dir, durable.Prefix+"y"), nil, 0o600)
		l.load(t, request("A", path))
		same(t, calm, l)
	}
}

// same: two data directories hold the same segments, byte by byte, and no part.
func same(t *testing.T, a, b *line) {
	t.Helper()
	x, err := a.Ledger.List(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Ledger.List(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range max(len(x), len(y)) {
		if i >= len(x) || i >= len(y) || x[i].Segment != y[i].Segment || !slices.Equal(x[i].Files, y[i].Files) {
			t.Fatalf("segments %+v and %+v", x, y)
		}
	}
	err = filepath.WalkDir(b.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), durable.Prefix) {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWorkers: how many work on a payload changes no byte of its segment.
func TestWorkers(t *testing.T) {
	items := strings.Split(strings.Repeat("1 a,2 b,3,4 c,", 50)+"5 a", ",")
	var first *line
	for _, workers := range []int{1, 2, 5} {
		l := newLine(t)
		l.Workers = workers
		l.load(t, request("A", l.file(t, "20210305_01_CAA.txt", items...)))
		if first == nil {
			first = l
		}
		same(t, first, l)
	}
}

// TestVerify finds what happened to kept files.
func TestVerify(t *testing.T) {
	l := newLine(t)
	p := l.load(t, request("A", l.file(t, "20210305_01_CAA.txt", "1 a", "2"))).Payloads[0]
	folder, err := l.Lake.Folder("CAIR2", p.Segment)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{l.Raw.Path(p.SHA256), filepath.Join(folder, load.EventFile), filepath.Join(folder, load.RejectFile)} {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flipped := slices.Clone(whole)
		flipped[len(flipped)/3] ^= 1
		for says, spoil := range map[string]func() error{
			"other bytes":  func() error { return os.WriteFile(path, flipped, 0o600) },
			"were written": func() error { return os.WriteFile(path, whole[1:], 0o600) },
			"is missing":   func() error { return os.Remove(path) },
		} {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			v, err := pipelines.Verify(t.Context(), l.Raw, l.Lake, l.Ledger)
			if err != nil || len(v.Bad) != 1 || !strings.Contains(v.Bad[0], says) {
				t.Errorf("%s: %v, %v, want one that says %q", filepath.Base(path), v.Bad, err, says)
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
