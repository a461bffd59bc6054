package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release/suppress"
)

type dayRow struct {
	County string `parquet:"county"`
	Day    string `parquet:"administered_date"`
	Total  int64  `parquet:"total_doses"`
	Pfizer int64  `parquet:"pfizer_doses"`
	Modern int64  `parquet:"moderna_doses"`
	Jj     int64  `parquet:"jj_doses"`
	Flag   string `parquet:"california_flag"`
}

type groupRow struct {
	County   string `parquet:"county"`
	Category string `parquet:"demographic_category"`
	Value    string `parquet:"demographic_value"`
	Est      int64  `parquet:"est_population"`
	Day      string `parquet:"administered_date"`
	Full     int64  `parquet:"fully_vaccinated"`
	One      int64  `parquet:"at_least_one_dose"`
}

type personRow struct {
	ZIP   string `parquet:"recip_address_zip"`
	Why   string `parquet:"visible_because"`
	First int32  `parquet:"ds1_admin_date"`
	Full  *int32 `parquet:"fully_vaccinated_date,optional"`
	Boost *int32 `parquet:"booster_date,optional"`
}

func writeRows[T any](t *testing.T, path string, rows []T) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := parquet.WriteFile(path, rows); err != nil {
		t.Fatal(err)
	}
}

// world is a release of few days, counties and people. later adds people.
func world(t *testing.T, store Store, id string, newest time.Time, later int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(10, 21))
	root := filepath.Join(store.Dir, id)
	var days []dayRow
	var groups []groupRow
	sum := map[string]*groupRow{}
	for d := range 12 {
		day := time.Date(2021, 3, 1+d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		all := dayRow{County: allCA, Day: day}
		for i, c := range dose.Counties() {
			n := rng.Int64N(int64(2 + c.Population/40_000))
			if later > 0 && d == 3 && i%3 == 0 {
				n += int64(i % 5) // late reports
			}
			r := dayRow{County: c.Name, Day: day, Total: n, Pfizer: n / 2, Modern: n / 3, Flag: "California"}
			all.Total, all.Pfizer, all.Modern = all.Total+r.Total, all.Pfizer+r.Pfizer, all.Modern+r.Modern
			days = append(days, r)
		}
		days = append(days, all)
		all.County = allCounties
		days = append(days, all)
	}
	for i, c := range dose.Counties() {
		people := 40 + rng.IntN(2+c.Population/4_000)
		if later > 0 {
			people += later * (i % 7)
		}
		var rows []personRow
		zips := dose.ZIPs(c.FIPS)
		for p := range people {
			first := int32(18690)
			row := personRow{ZIP: zips[p%min(3, len(zips))], Why: "residence", First: first}
			if p%3 > 0 {
				row.Full = &first
			}
			rows = append(rows, row)
			for category, value := range map[string]string{"Age Group": []string{"65+", "18-49", "50-64"}[p%7%3], "Race/Ethnicity": []string{"White", "Latino"}[p%5%2], "HPI Quartile": "1"} {
				for _, county := range []string{c.Name, allCA} {
					key := county + category + value
					if sum[key] == nil {
						sum[key] = &groupRow{County: county, Category: category, Value: value, Est: 1000, Day: "2021-03-04"}
					}
					sum[key].One++
					sum[key].Full += int64(min(p%3, 1))
				}
			}
		}
		writeRows(t, filepath.Join(root, "counties", c.FIPS, "recipient.parquet"), rows)
	}
	for _, key := range slices.Sorted(maps.Keys(sum)) {
		groups = append(groups, *sum[key])
	}
	writeRows(t, filepath.Join(root, "county_day.parquet"), days)
	writeRows(t, filepath.Join(root, "county_demographic_day.parquet"), groups)
	m := Manifest{ID: id, LedgerSeq: 1, Schema: 1, Status: Ready, Feeds: []Feed{{Registry: "A", Newest: newest.Format(time.RFC3339)}}}
	if _, err := writeManifest(root, "", &m, nil); err != nil {
		t.Fatal(err)
	}
}

// twoWeeks publishes two releases, a week apart, and returns the truth of both.
func twoWeeks(t *testing.T) (Public, [][]*suppress.Table) {
	t.Helper()
	dir := t.TempDir()
	store, out := Store{Dir: filepath.Join(dir, "releases")}, Public{Dir: filepath.Join(dir, "public")}
	var truth [][]*suppress.Table
	for week := range 2 {
		id, newest := fmt.Sprintf("00000%d-0000000a", week+1), time.Date(2021, 3, 16+7*week, 12, 0, 0, 0, time.UTC)
		world(t, store, id, newest, week)
		m, err := out.Publish(t.Context(), store, id, DefaultPublic(), nil)
		if err != nil || m == nil || m.ID != newest.AddDate(0, 0, -7).Format(time.DateOnly) {
			t.Fatal(m, err)
		}
		if again, err := out.Publish(t.Context(), store, id, DefaultPublic(), nil); again != nil || err != nil {
			t.Errorf("the same day was published twice: %v %v", again, err)
		}
		asOf, _ := time.Parse(time.DateOnly, m.ID)
		tables, err := publicTables(t.Context(), filepath.Join(store.Dir, id), asOf)
		if err != nil {
			t.Fatal(err)
		}
		truth = append(truth, tables)
	}
	return out, truth
}

// TestPublicTables publishes two weeks. Whatever is published, from each
// publication alone no small number is bounded more narrowly than the rule,
// and no number shown in both differs by one to ten.
func TestPublicTables(t *testing.T) {
	s, truth := twoWeeks(t)
	days, err := s.List()
	if err != nil || len(days) != 2 {
		t.Fatal(days, err)
	}
	for i, day := range days {
		p, err := VerifyDir(filepath.Join(s.Dir, day), nil)
		if err != nil || len(p.Bad) > 0 {
			t.Fatal(p, err)
		}
		attackPublication(t, s, day, truth[i])
	}
	a, _ := s.table(days[0], byCounty)
	b, _ := s.table(days[1], byCounty)
	was := map[string][]string{}
	for _, row := range a.Rows {
		was[row[0]+row[1]] = row
	}
	scores := scoresOf(t, truth[1][byCounty])
	changed := 0
	for _, row := range b.Rows {
		old := was[row[0]+row[1]]
		for k := 2; old != nil && k < 6; k++ {
			x, y := count(old[k]), count(row[k])
			if x > 0 && y > 0 && x != y {
				changed++
				if d := max(x-y, y-x); d <= 10 && scores[row[0]].Hides() {
					t.Errorf("%s %s: %d was shown and now %d", row[0], row[1], x, y)
				}
			}
		}
	}
	var text struct{ Previous string }
	raw, _ := os.ReadFile(filepath.Join(s.Dir, days[1], manifestName))
	if err := json.Unmarshal(raw, &text); err != nil || text.Previous != days[0] || changed == 0 {
		t.Errorf("%v %+v, %d numbers changed", err, text, changed)
	}
	if log, err := os.ReadFile(filepath.Join(s.Dir, days[1], "changes.csv")); err != nil || len(log) < 100 {
		t.Errorf("changes: %v %s", err, log)
	}
}

func count(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func scoresOf(t *testing.T, table *suppress.Table) map[string]suppress.Score {
	t.Helper()
	sh, err := suppress.Build(table, publicRules()[byCounty], false)
	if err != nil {
		t.Fatal(err)
	}
	return sh.Scores
}

// attackPublication attacks what one publication shows, knowing nothing else.
func attackPublication(t *testing.T, s Public, day string, truth []*suppress.Table) {
	t.Helper()
	scores := scoresOf(t, truth[byCounty])
	for n := range truth {
		all, err := s.table(day, n)
		if err != nil {
			t.Fatal(err)
		}
		if appended(n) { // the rows of this publication
			all.Rows = all.Rows[len(all.Rows)-len(truth[n].Rows):]
		}
		for i, row := range truth[n].Rows {
			for k, v := range row {
				isCount := slices.Contains(publicRules()[n].Counts, truth[n].Columns[k])
				shown := all.Rows[i][k]
				if isCount && shown != "" && shown != v {
					t.Fatalf("%s: %s is published for %s", publicNames[n], shown, v)
				}
				if small := count(v) >= 1 && count(v) <= 10; isCount && small && shown != "" && (n != byCounty || scores[row[0]].Hides()) {
					t.Errorf("%s %s: a small count is shown", publicNames[n], row[0])
				}
			}
		}
	}
	store := Store{Dir: filepath.Join(filepath.Dir(s.Dir), "releases")}
	if got, err := s.Attack(t.Context(), store, day); err != nil || got.Small < 100 || got.Told > 0 {
		t.Errorf("%s: %+v %v", day, got, err)
	}
}

// TestPublicTablesAgain makes the same two publications elsewhere: the same
// bytes. Without the chain nothing more is published.
func TestPublicTablesAgain(t *testing.T) {
	a, _ := twoWeeks(t)
	b, _ := twoWeeks(t)
	names := func(s Public) map[string]string {
		out := map[string]string{}
		err := filepath.WalkDir(s.Dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				text, rerr := os.ReadFile(path)
				rel, _ := filepath.Rel(s.Dir, path)
				out[rel], err = hashHex(text), rerr
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if x, y := names(a), names(b); !maps.Equal(x, y) || len(x) < 20 {
		t.Errorf("%d and %d files differ", len(x), len(y))
	}
	latest, err := a.Latest()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(a.chainPath(latest)); err != nil {
		t.Fatal(err)
	}
	store := Store{Dir: filepath.Join(filepath.Dir(a.Dir), "releases")}
	world(t, store, "000003-0000000a", time.Date(2021, 4, 1, 0, 0, 0, 0, time.UTC), 2)
	if m, err := a.Publish(t.Context(), store, "000003-0000000a", DefaultPublic(), nil); m != nil || !errors.Is(err, dose.ErrHeld) {
		t.Errorf("%v %v", m, err)
	}
}
