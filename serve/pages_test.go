package serve

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

var everyPage = []string{"/overview", "/releases", "/releases/" + id, "/access", "/quality", "/releases/" + id + "/quality", "/releases/" + id + "/quality/senders.csv",
	"/counties/06019", "/releases/" + id + "/overview", "/releases/" + id + "/overview/counties.csv", "/releases/" + id + "/counties/06019",
	"/releases/" + id + "/counties/06019/where.csv", "/releases/" + id + "/counties/06019/rows?table=dose"}

// What a page reads can be missing, cut, something else, or of another
// version: the reader is told what to do, as a problem and as a page, and the
// log names the file. It is no server's error.
func TestPagesOfADamagedRelease(t *testing.T) {
	w := newWorld(t)
	w.plantPages()
	token := w.user("steward", access.Steward, dose.Identified)
	tables := []string{"county_day", "county_demographic_day", "quality_day", "quality_finding", "reject", "counties/06019/dose", "counties/06019/dose_event"}
	for name, spoil := range map[string]func(path string) error{
		"missing":    os.Remove,
		"cut":        func(path string) error { return os.Truncate(path, 40) },
		"no Parquet": func(path string) error { return os.WriteFile(path, content(id, "06019", "dose"), 0o600) },
		"another version": func(path string) error {
			return os.WriteFile(path, parquetOf(t, "06019", "dose", columnsOf(dose.Text, "other"), cells{}), 0o600)
		},
		"a folder": func(path string) error { _ = os.Remove(path); return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, table := range tables {
				path := filepath.Join(w.dir, "releases", id, table+".parquet")
				was, err := os.ReadFile(path)
				if err := errors.Join(err, spoil(path)); err != nil {
					t.Fatal(err)
				}
				defer func() { _ = errors.Join(os.RemoveAll(path), os.WriteFile(path, was, 0o600)) }()
			}
			w.h = New(w.cfg) // nothing is kept of the pages before
			told := 0
			for _, path := range everyPage {
				w.log.Reset()
				rec := w.get(path, token)
				if rec.Code < 400 {
					continue
				}
				told++
				if p := refused(t, rec, 409); !strings.Contains(p.Detail, "verify --deep") || strings.Contains(p.Detail, ".parquet") {
					t.Errorf("%s: %s", path, p.Detail)
				}
				if !strings.Contains(w.log.String(), "level=ERROR") {
					t.Errorf("%s: the log has %s", path, w.log)
				}
				if seen := w.get(path, token, "Accept", "text/html"); seen.Code != 409 || !strings.Contains(seen.Body.String(), "verify --deep") || !strings.Contains(seen.Body.String(), "<h1>") {
					t.Errorf("%s: %d %.200s", path, seen.Code, seen.Body)
				}
			}
			if told < 6 {
				t.Errorf("only %d pages read what is damaged", told)
			}
		})
	}
}

// Bytes changed at random in the files that pages read: figures or the
// problem, never a server's error.
func TestPagesOfChangedBytes(t *testing.T) {
	w := newWorld(t)
	w.plantPages()
	token := w.user("steward", access.Steward, dose.Identified)
	random, told := rand.New(rand.NewPCG(8, 8)), 0
	for range map[bool]int{false: 40, true: 1000}[os.Getenv("DOSEBOOK_TEST_LONG") == "1"] {
		table := []string{"county_day", "county_demographic_day", "quality_day", "counties/06019/dose", "counties/06019/dose_event"}[random.IntN(5)]
		path := filepath.Join(w.dir, "releases", id, table+".parquet")
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b := slices.Clone(was)
		for range 1 + random.IntN(20) {
			b[random.IntN(len(b))] ^= byte(1 + random.IntN(255))
		}
		w.write("releases/"+id+"/"+table+".parquet", b)
		w.h = New(w.cfg) // nothing is kept of the pages before
		for _, page := range []string{"/releases/" + id + "/overview", "/releases/" + id + "/quality", "/releases/" + id + "/counties/06019"} {
			switch rec := w.get(page, token); rec.Code {
			case 200:
			case 409:
				told++
			default:
				t.Errorf("%s after changes of %s: %d\n%.2000s", page, table, rec.Code, w.log)
			}
		}
		w.log.Reset()
		w.write("releases/"+id+"/"+table+".parquet", was)
	}
	if told < 10 {
		t.Errorf("only %d pages saw a change", told)
	}
}

// A page's refusal is in the audit with what was asked for.
func TestRefusalsOfPagesAreNoted(t *testing.T) {
	w := newWorld(t)
	w.plantPages()
	token := w.user("epi", access.Epi, dose.Identified, "06037")
	for path, want := range map[string]access.Entry{
		"/counties/06019":                                  {Place: "06019"},
		"/releases/" + id + "/counties/06019":              {Place: "06019", Release: id},
		"/releases/" + id + "/counties/06019/where.csv":    {Place: "06019", Release: id, File: "where.csv"},
		"/releases/" + id + "/counties/06019/Jane Doe.csv": {Place: "06019", Release: id, File: "unknown"},
		"/quality": {},
		"/releases/" + id + "/quality/senders.csv":          {Release: id, File: "senders.csv"},
		"/releases/" + id + "/overview/weeks.csv":           {Release: id, File: "weeks.csv"},
		"/releases/" + id + "/counties/OOS/rows?table=dose": {Place: "OOS", Release: id},
	} {
		refused(t, w.get(strings.ReplaceAll(path, " ", "%20"), token), 403)
		e := w.last("epi")
		if e.Action != "page" || e.Outcome != "denied" || e.Place != want.Place || e.Release != want.Release || e.File != want.File {
			t.Errorf("%s: %+v", path, e)
		}
	}
}
