package serve

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

// fakeMaker writes a Parquet file of one column, or a text.
type fakeMaker struct{ made []string }

func (f *fakeMaker) Parquet(_ context.Context, query, dst string, _ [][2]string, folders ...string) error {
	f.made = append(f.made, query)
	type row struct {
		Type string `parquet:"ext_type,optional"`
	}
	return parquet.WriteFile(dst, []row{{"D"}, {"I"}})
}

func (f *fakeMaker) Database(context.Context, []string, string, ...string) error {
	return errors.New("not here")
}

// leveled is a world that makes limited files and de-identified records.
func leveled(t *testing.T) (*world, *fakeMaker) {
	w, f := newWorld(t), new(fakeMaker)
	w.cfg.Maker = f
	w.cfg.Limit = func(_ context.Context, src, dst string) (int64, error) {
		b, err := os.ReadFile(src)
		if err != nil {
			return 0, err
		}
		return 3, os.WriteFile(dst, append([]byte("limited "), b...), 0o600)
	}
	return rebuilt(w), f
}

func rebuilt(w *world) *world {
	w.h = New(w.cfg)
	return w
}

// Each level opens its own files and what is less, and no more.
func TestLevels(t *testing.T) {
	w, _ := leveled(t)
	limited, deid := file("06019", "limited/dose_event.parquet"), base+"/"+id+"/deidentified/dose_event.parquet"
	full := file("06019", "dose_event.parquet")
	for user, c := range map[string]struct {
		token string
		want  []string
	}{
		"identified":    {w.user("i", access.Epi, dose.Identified, "06019"), []string{full, limited, deid}},
		"limited":       {w.user("l", access.Epi, dose.Limited, "06019"), []string{limited, deid}},
		"deidentified":  {w.user("d", access.Epi, dose.Deidentified, "06019"), []string{deid}},
		"analyst":       {w.user("a", access.Analyst, dose.Identified, "06019"), []string{deid}},
		"other county":  {w.user("o", access.Epi, dose.Identified, "06001"), []string{deid}},
		"plan":          {w.user("p", access.Plan, dose.Identified), nil},
		"auditor":       {w.user("u", access.Auditor, dose.Identified), nil},
		"nobody's user": {"", nil},
	} {
		for _, path := range []string{full, limited, deid} {
			rec := w.get(path, c.token)
			if got := rec.Code == 200; got != slices.Contains(c.want, path) {
				t.Errorf("%s, %s: %d %s", user, path, rec.Code, rec.Body)
			}
			if rec.Code != 200 {
				refused(t, rec, map[bool]int{true: 401, false: 403}[c.token == ""])
			}
		}
	}
	if rec := w.get(limited, w.user("l2", access.Epi, dose.Limited, "06019")); !strings.HasPrefix(rec.Body.String(), "limited PAR1 rows of <06019>") ||
		rec.Header().Get("Content-Disposition") != `attachment; filename="06019-limited-dose_event-`+id+`.parquet"` || rec.Header().Get("X-Dosebook-Rows") != "3" {
		t.Errorf("%v %s", rec.Header(), rec.Body)
	}
	if rec := w.get(file("06019", "limited/dose.csv"), w.user("l3", access.Epi, dose.Limited, "06019")); rec.Body.String()[:16] != "csv of limited P" {
		t.Errorf("a limited CSV is not made of the limited file: %s", rec.Body)
	}
}

// Who asks for more than the grant's level is told where the level's own
// files are.
func TestRefusalNamesTheLevelsAddress(t *testing.T) {
	w, _ := leveled(t)
	for token, want := range map[string]string{
		w.user("l", access.Epi, dose.Limited, "06019"):          "/counties/06019/limited/dose.csv",
		w.user("d", access.Analyst, dose.Deidentified, "06019"): "/deidentified/dose.csv",
	} {
		if p := refused(t, w.get(file("06019", "dose.csv"), token), 403); !strings.HasSuffix(p.Detail, want) {
			t.Errorf("%q does not end with %s", p.Detail, want)
		}
	}
}

// A made file stays, is made once for all formats, and is not made of a file
// that was tampered with.
func TestLevelsAreMadeOnceOfWhatWasReleased(t *testing.T) {
	w, f := leveled(t)
	token := w.user("d", access.Analyst, dose.Deidentified)
	deid := base + "/" + id + "/deidentified/dose."
	first := w.get(deid+"parquet", token)
	if again := w.get(deid+"parquet", token); first.Code != 200 || again.Header().Get("ETag") != first.Header().Get("ETag") || len(f.made) != 1 {
		t.Errorf("%d, made %d times", first.Code, len(f.made))
	}
	for _, place := range []string{"counties/06115", "counties/OOS"} {
		if !strings.Contains(f.made[0], place) {
			t.Errorf("%s is not in the records", place)
		}
	}
	if strings.Contains(f.made[0], "counties/berkeley") {
		t.Error("a city's rows are in twice")
	}
	for _, table := range []string{"dose", "dose_event"} {
		w.write("releases/"+id+"/counties/06019/"+table+".parquet", []byte("PAR1 rows of <06019> tampered PAR1"))
	}
	limited := w.user("l", access.Epi, dose.Limited, "06019")
	refused(t, w.get(file("06019", "limited/dose.parquet"), limited), 500)
	refused(t, w.get(base+"/"+id+"/deidentified/dose_event.parquet", token), 500)
	for _, name := range []string{"limited/county_day.csv", "limited/dose.xls", "limited/x.duckdb", "dose.duckdb"} {
		refused(t, w.get(file("06001", name), w.user("x"+strings.ReplaceAll(name, "/", ""), access.Epi, dose.Identified, "06001")), 404)
	}
}
