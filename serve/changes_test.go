package serve

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// stepMaker writes texts in place of changes, and counts them.
type stepMaker struct {
	mu    sync.Mutex
	pairs int
	steps []release.Step
}

func (f *stepMaker) Pair(_ context.Context, since, id, dst string) (int64, error) {
	f.mu.Lock()
	f.pairs++
	f.mu.Unlock()
	return 1, os.WriteFile(dst, []byte("pair of "+since+" and "+id), 0o600)
}

func (f *stepMaker) Changes(_ context.Context, s release.Step, dst string) (int64, error) {
	f.mu.Lock()
	f.steps = append(f.steps, s)
	f.mu.Unlock()
	pair, err := os.ReadFile(s.Pair)
	if err != nil {
		return 0, err
	}
	for _, path := range s.Limited {
		if text, err := os.ReadFile(path); path != "" && (err != nil || !strings.HasPrefix(string(text), "limited ")) {
			return 0, errors.Join(err, errors.New("not a limited file"))
		}
	}
	return 3, os.WriteFile(dst, []byte("changes of "+string(s.Place)+" by "+string(pair)), 0o600)
}

const older = "000041-01234567"

// stepping is a world with two approved releases, one held and one ended.
func stepping(t *testing.T) (*world, *stepMaker) {
	w, _ := leveled(t)
	f := new(stepMaker)
	w.cfg.Changes = f
	w.release(older, release.Ready, dose.Places()...)
	return rebuilt(w), f
}

// changesOf is the address of changes of 06019.
func changesOf(id, name, since string) string {
	return base + "/" + id + "/counties/06019/" + name + "?since=" + since
}

// Changes are a file like any: made once for all formats and callers, with
// hash, rows and ranges; the text is made of the Parquet file.
func TestChangesAreAFile(t *testing.T) {
	w, f := stepping(t)
	token := w.user("e", access.Epi, dose.Identified, "06019")
	csv := w.get(changesOf(id, "changes.csv.gz", older), token)
	if csv.Code != 200 || !strings.HasPrefix(csv.Body.String(), "csv.gz of changes of 06019 by pair of "+older+" and "+id) ||
		csv.Header().Get("X-Dosebook-Rows") != "3" || csv.Header().Get("Content-Type") != "application/gzip" ||
		csv.Header().Get("Content-Disposition") != `attachment; filename="06019-changes-`+id+`.csv.gz"` || csv.Header().Get("Repr-Digest") == "" {
		t.Errorf("%d %v %s", csv.Code, csv.Header(), csv.Body)
	}
	again := w.get(changesOf(id, "changes.csv.gz", older), token, "Range", "bytes=0-5", "If-Range", csv.Header().Get("ETag"))
	if again.Code != http.StatusPartialContent || again.Body.String() != "csv.gz" {
		t.Errorf("%d %s", again.Code, again.Body)
	}
	if parquet := w.get(changesOf(id, "changes.parquet", older), token); parquet.Code != 200 || len(f.steps) != 1 || f.pairs != 1 {
		t.Errorf("%d, made %d times of %d pairs", parquet.Code, len(f.steps), f.pairs)
	}
	if e := w.last("e"); e.File != "changes.parquet?since="+older || e.Place != "06019" || e.Release != id {
		t.Errorf("the audit says %+v", e)
	}
	if other := w.get(strings.Replace(changesOf(id, "changes.parquet", older), "06019", "06001", 1), w.user("o", access.Epi, dose.Identified, "06001")); other.Code != 200 || f.pairs != 1 {
		t.Errorf("%d; two places took %d pairs", other.Code, f.pairs)
	}
	refused(t, w.get(changesOf(id, "changes.csv.gz", older), w.user("x", access.Epi, dose.Identified, "06001")), 403)
}

// Limited changes are made of limited files, for who sees no more, beside the
// identified ones.
func TestLimitedChanges(t *testing.T) {
	w, f := stepping(t)
	token := w.user("l", access.Epi, dose.Limited, "06019")
	rec := w.get(changesOf(id, "limited/changes.csv.gz", older), token)
	if rec.Code != 200 || len(f.steps) != 1 || f.steps[0].Limited[0] == "" ||
		rec.Header().Get("Content-Disposition") != `attachment; filename="06019-limited-changes-`+id+`.csv.gz"` {
		t.Fatalf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	p := refused(t, w.get(changesOf(id, "changes.csv.gz", older), token), 403)
	if !strings.HasSuffix(p.Detail, "/counties/06019/limited/changes.csv.gz") {
		t.Errorf("the refusal says %s", p.Detail)
	}
	if rec := w.get(changesOf(id, "changes.csv.gz", older), w.user("e", access.Epi, dose.Identified, "06019")); rec.Code != 200 || len(f.steps) != 2 || f.steps[1].Limited[0] != "" {
		t.Errorf("%d: identified changes are the limited ones", rec.Code)
	}
}

// A release that is held, ended, unknown or not named gives no changes, at
// either end of the step, and what to do is said.
func TestChangesSinceWhat(t *testing.T) {
	w, f := stepping(t)
	const gone = "000040-0badcafe"
	w.release(gone, release.Ready, "06019")
	token, steward := w.user("e", access.Epi, dose.Identified, "06019"), w.user("s", access.Steward, dose.Identified)
	if rec := w.get(changesOf(id, "changes.csv.gz", gone), token); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	if rec := w.get(changesOf(id, "limited/changes.csv.gz", gone), token); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	if rec := w.get(changesOf(id, "changes.csv.gz", older), token); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	made := func(pattern string) int {
		n := 0
		for _, dir := range []string{"", "06019", "06019/limited"} {
			found, _ := filepath.Glob(filepath.Join(w.cfg.Made, id, dir, pattern))
			n += len(found)
		}
		return n
	}
	of, others := made("*"+gone+"*"), made("*"+older+"*")
	if of < 6 || others < 4 {
		t.Fatalf("%d files of %s, %d of %s: the test shows nothing", of, gone, others, older)
	}
	w.prune(gone)
	if left := made("*" + gone + "*"); left != 0 || made("*"+older+"*") != others {
		t.Errorf("%d changes since a removed release are left; of %d others %d", left, others, made("*"+older+"*"))
	}
	before := len(f.steps)
	for what, c := range map[string]struct {
		path, token string
		status      int
		says        string
	}{
		"since a held one":          {changesOf(id, "changes.csv.gz", held), token, 409, "not yet approved"},
		"of a held one":             {changesOf(held, "changes.csv.gz", older), token, 409, "not yet approved"},
		"since an ended one":        {changesOf(id, "changes.csv.gz", gone), token, 410, gone},
		"of an ended one":           {changesOf(gone, "changes.csv.gz", older), token, 410, gone},
		"limited since an ended":    {changesOf(id, "limited/changes.csv.gz", gone), token, 410, gone},
		"since an unknown one":      {changesOf(id, "changes.csv.gz", "000001-00000000"), token, 404, "000001-00000000"},
		"since what is no release":  {changesOf(id, "changes.csv.gz", "latest"), token, 404, ""},
		"since a path":              {changesOf(id, "changes.csv.gz", "..%2F..%2Fx"), token, 404, ""},
		"since nothing":             {base + "/" + id + "/counties/06019/changes.csv.gz", token, 400, "since=ID"},
		"in a format there is none": {changesOf(id, "changes.xlsx", older), token, 404, ""},
	} {
		if p := refused(t, w.get(c.path, c.token), c.status); !strings.Contains(p.Detail, c.says) {
			t.Errorf("%s: %s", what, p.Detail)
		}
	}
	if len(f.steps) != before {
		t.Error("refused changes were made all the same")
	}
	if rec := w.get(changesOf(held, "changes.csv.gz", older), steward); rec.Code != 200 {
		t.Errorf("the steward decides on the held release and sees no changes: %d %s", rec.Code, rec.Body)
	}
}
