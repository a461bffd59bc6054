package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// fakeMaker writes a Parquet file of one column, or a text.
type fakeMaker struct {
	made  []string
	bases int
}

func (f *fakeMaker) Parquet(_ context.Context, query, dst string, _ [][2]string, folders ...string) error {
	f.made = append(f.made, query)
	type row struct {
		Type string `parquet:"ext_type,optional"`
	}
	if strings.Contains(query, "recipient.parquet") {
		return parquet.WriteFile(dst, []struct {
			Sex string `parquet:"recip_sex,optional"`
		}{{"F"}})
	}
	return parquet.WriteFile(dst, []row{{"D"}, {"I"}})
}

// Database writes other bytes each time, as DuckDB does.
func (f *fakeMaker) Database(_ context.Context, _ []string, dst string, _ ...string) error {
	f.bases++
	return os.WriteFile(dst, fmt.Appendf(nil, "database %d", f.bases), 0o600)
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
	refused(t, w.get(file("06019", "limited/dose.parquet"), limited), 409)
	refused(t, w.get(base+"/"+id+"/deidentified/dose_event.parquet", token), 409)
	for _, name := range []string{"limited/county_day.csv", "limited/dose.xls", "limited/x.duckdb", "dose.duckdb"} {
		refused(t, w.get(file("06001", name), w.user("x"+strings.ReplaceAll(name, "/", ""), access.Epi, dose.Identified, "06001")), 404)
	}
}

// A lost DuckDB file is refused with the remedy, which makes a new one; other
// bytes never come under the same name by themselves.
func TestLostDatabase(t *testing.T) {
	w, f := leveled(t)
	at := base + "/" + id + "/deidentified/"
	path, token := at+"dosebook.duckdb", w.user("d", access.Analyst, dose.Deidentified)
	first := w.get(path, token)
	made := filepath.Join(w.cfg.Made, id, "deidentified", "dosebook.duckdb")
	if again := w.get(path, token); first.Code != 200 || again.Code != 200 || f.bases != 1 {
		t.Fatalf("%d %d, made %d times: %s %s", first.Code, again.Code, f.bases, first.Body, w.log)
	}
	if err := os.Remove(made); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if p := refused(t, w.get(path, token), 409); !strings.Contains(p.Detail, "A lost file") || f.bases != 1 {
			t.Errorf("made %d times: %s", f.bases, p.Detail)
		}
	}
	if rec := w.get(at+"dose.parquet", token); rec.Code != 200 {
		t.Errorf("another format: %d", rec.Code)
	}
	if err := os.Remove(made + ".json"); err != nil {
		t.Fatal(err)
	}
	if rec := w.get(path, token); rec.Code != 200 || rec.Body.String() != "database 2" || rec.Header().Get("ETag") == first.Header().Get("ETag") {
		t.Errorf("given up, and still %d %v", rec.Code, rec.Header())
	}
}

// What was made is found out when a bit of it flips.
func TestVerifyMade(t *testing.T) {
	w, _ := leveled(t)
	w.cfg.Extract = plainExtract
	w = rebuilt(w)
	token := w.user("i", access.Epi, dose.Identified, "06019")
	for _, path := range []string{file("06019", "dose.csv"), base + "/" + id + "/deidentified/dosebook.duckdb", file("06019", "limited/dose.ndjson")} {
		if rec := w.get(path, token); rec.Code != 200 {
			t.Fatal(rec.Code, rec.Body)
		}
	}
	if rec := w.post(`{"county":"06019"}`, token); rec.Code != 303 {
		t.Fatal(rec.Code, rec.Body)
	}
	bad, files, _, err := VerifyMade(w.cfg.Made)
	if err != nil || len(bad) > 0 || files < 5 {
		t.Fatalf("%v of %d files, %v", bad, files, err)
	}
	flipped := 0
	err = filepath.WalkDir(w.cfg.Made, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, ".json") || e.Name() == "lock" {
			return err
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b := slices.Clone(whole)
		b[len(b)/2] ^= 1
		flipped++
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return err
		}
		if bad, _, _, err := VerifyMade(w.cfg.Made); err != nil || len(bad) != 1 || !strings.Contains(bad[0], e.Name()) {
			t.Errorf("%s: %v, %v", e.Name(), bad, err)
		}
		return os.WriteFile(path, whole, 0o600)
	})
	if err != nil || flipped != files {
		t.Errorf("%d of %d files, %v", flipped, files, err)
	}
	if bad, _, _, err := VerifyMade(filepath.Join(w.dir, "none")); err != nil || len(bad) > 0 {
		t.Errorf("nothing was made: %v, %v", bad, err)
	}
}

// The manifest of a limited data set is served with what proves it; a limited
// file that is not what was signed is not sent.
func TestLimitedProof(t *testing.T) {
	w, _ := leveled(t)
	token := w.user("l", access.Epi, dose.Limited, "06019")
	for name := range proofs {
		if p := refused(t, w.get(file("06019", "limited/"+name), token), 404); !strings.Contains(p.Detail, "a newer one has them") {
			t.Errorf("%s of a release that has none: %s", name, p.Detail)
		}
	}
	m := release.Manifest{ID: id, LedgerSeq: 42, Schema: 6, Place: "06019", Level: "limited"}
	for _, table := range release.Tables() {
		sum := sha256.Sum256(append([]byte("limited "), content(id, "06019", table)...))
		m.Files = append(m.Files, release.File{Path: "limited/06019/" + table + ".parquet", SHA256: hex.EncodeToString(sum[:]), Rows: 3})
	}
	m.Files[0].SHA256 = m.Files[1].SHA256
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	w.write("releases/"+id+"/limited/06019/manifest.json", text)
	key := w.signed(id, "limited/06019/")
	rec, sig := w.get(file("06019", "limited/manifest.json"), token), w.get(file("06019", "limited/manifest.json.sig"), token)
	if rec.Code != 200 || rec.Body.String() != string(text) || sig.Body.String() != string(key.Sign(text)) || w.last("l").Place != "06019" {
		t.Errorf("%d %s, the audit says %+v", rec.Code, rec.Body, w.last("l"))
	}
	if sums := w.get(strings.Replace(file("06019", "limited/SHA256SUMS"), id, "latest", 1), token); sums.Code != http.StatusSeeOther {
		t.Errorf("latest: %d", sums.Code)
	}
	for user, path := range map[string]string{"l2": file("06019", "manifest.json"), "l3": file("06001", "limited/manifest.json")} {
		refused(t, w.get(path, w.user(user, access.Epi, dose.Limited, "06019")), 403)
	}
	refused(t, w.get(file("06019", "limited/manifest.json"), w.user("d", access.Analyst, dose.Deidentified)), 403)
	for table, want := range map[string]int{release.Tables()[0]: 409, release.Tables()[1]: 200} {
		if rec := w.get(file("06019", "limited/"+table+".parquet"), token); rec.Code != want {
			t.Errorf("%s: %d, want %d: %s", table, rec.Code, want, rec.Body)
		}
	}
}
