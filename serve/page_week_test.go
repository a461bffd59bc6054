package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// judged writes what the gate decided of a release, and when.
func (w *world) judged(id string, at time.Time) {
	w.t.Helper()
	text, err := json.Marshal(map[string]any{"body": release.Gate{ID: id, Status: release.Ready, BuiltAt: at}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("releases/"+id+".gate.json", text)
}

// plantOlder puts an approved release before the planted one, in which Fresno
// has so many doses fewer.
func (w *world) plantOlder(seq int64, fewer int64, at time.Time) string {
	w.t.Helper()
	old := fmt.Sprintf("%06d-00000000", seq)
	text, err := json.Marshal(release.Manifest{ID: old, LedgerSeq: seq, Schema: 1, Status: release.Ready})
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("releases/"+old+"/manifest.json", text)
	n := figure("06019") - fewer
	row := cells{"county_fips": "06019", "administered_date": int32(18_687)}
	for _, c := range dayColumns[3:] {
		row[c.Name] = n
	}
	w.write("releases/"+old+"/county_day.parquet", parquetOf(w.t, "state", "county_day", dayColumns, row))
	w.write("releases/"+old+"/counties/06019/dose.parquet", parquetOf(w.t, "06019", "dose", dose.ReleaseColumns(), cells{"visible_because": "both"}))
	w.judged(old, at)
	return old
}

// Corrections since last week are against the newest approved release that was
// judged at least seven days before, not the last one, and not any older one.
func TestCorrectionsSinceLastWeek(t *testing.T) {
	w := newWorld(t)
	w.plantPages()
	token, at := w.user("epi", access.Epi, dose.Limited, "06019"), "/releases/"+id+"/counties/06019"
	week := func() string {
		w.h = New(w.cfg)
		_, rest, _ := strings.Cut(w.get(at, token).Body.String(), `id="week"`)
		rest, _, _ = strings.Cut(rest, "</section>")
		return rest
	}
	if got := week(); !strings.Contains(got, "No approved release is at least seven days older") {
		t.Errorf("without releases before: %s", got)
	}
	w.judged(id, day)
	w.plantOlder(38, 700, day.AddDate(0, 0, -30))
	sought := w.plantOlder(39, 30, day.AddDate(0, 0, -7))
	if got := week(); !strings.Contains(got, "The same: the release before is of "+day.AddDate(0, 0, -7).Format(time.DateOnly)) {
		t.Errorf("the release before is a week old: %s", got)
	}
	w.plantOlder(40, 20, day.AddDate(0, 0, -7).Add(time.Second))
	w.plantOlder(41, 10, day.AddDate(0, 0, -1))
	if got := week(); !strings.Contains(got, sought) || !strings.Contains(got, "<strong>&#43;30</strong>") || !strings.Contains(got, at+"/week.csv") {
		t.Errorf("a week before: %s", got)
	}
	if text := w.get(at, token).Body.String(); !strings.Contains(text, "<strong>&#43;10</strong>") {
		t.Error("the page does not compare with the last release")
	}
	if got := w.get(at+"/week.csv", token).Body.String(); !strings.Contains(got, "doses_in_"+sought) || !strings.Contains(got, fmt.Sprint(figure("06019")-30)+","+fmt.Sprint(figure("06019"))) {
		t.Errorf("week.csv: %s", got)
	}
}

// A server that starts again counts nothing that was counted before, and
// shows the same bytes; what is damaged, or counted by another program, or of
// files that are not the released ones, is not kept and not believed.
func TestFiguresAreKept(t *testing.T) {
	w := newWorld(t)
	w.plantPages()
	token, at := w.user("epi", access.Epi, dose.Limited, "06019"), "/releases/"+id+"/counties/06019"
	file := filepath.Join(w.dir, "releases", id, "counties/06019/dose_event.parquet")
	begin := func(by string) *server {
		s := New(w.cfg).(*service)
		s.server.program = func() string { return by }
		w.h = s
		return s.server
	}
	warmed := func(by string) {
		if n := begin(by).countAll(context.Background(), id); n != len(dose.Places()) {
			t.Fatalf("%d places counted", n)
		}
	}
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w.write("releases/"+id+"/counties/OOS/dose_event.parquet", parquetOf(t, "OOS", "dose_event", dose.ReleaseColumns(), cells{"visible_because": "both"}))
	warmed("a")
	if left, _ := filepath.Glob(filepath.Join(w.cfg.Made, id, "pages-*")); len(left) != 0 || !strings.Contains(w.log.String(), "could not be kept") {
		t.Fatalf("figures of another file were kept: %v", left)
	}
	w.plantPages()
	warmed("a")
	page := w.get(at, token)
	if err := os.Remove(file); err != nil { // what is counted again now fails
		t.Fatal(err)
	}
	begin("a")
	if again := w.get(at, token); again.Code != 200 || again.Body.String() != page.Body.String() {
		t.Errorf("%d: a server that began again shows another page", again.Code)
	}
	begin("b")
	if got := w.get(at, token); got.Code != 409 {
		t.Errorf("%d: another program's figures are shown", got.Code)
	}
	kept := filepath.Join(w.cfg.Made, id, "pages-a")
	text, err := os.ReadFile(kept)
	if err == nil {
		err = os.WriteFile(kept, []byte(strings.Replace(string(text), "7", "8", 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	begin("a")
	if got := w.get(at, token); got.Code != 409 {
		t.Errorf("%d: damaged figures are shown", got.Code)
	}
	w.write("releases/"+id+"/counties/06019/dose_event.parquet", was)
	begin("a")
	if got := w.get(at, token); got.Code != 200 || got.Body.String() != page.Body.String() {
		t.Errorf("%d: what was damaged is not counted again", got.Code)
	}
	w.write("releases/latest", []byte(held)) // the latest can't be removed
	w.prune(id)
	if _, err := os.Stat(kept); !os.IsNotExist(err) {
		t.Error("the figures outlive the release")
	}
}
