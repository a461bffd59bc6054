package release_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/loadtest"
	"github.com/dosebook/dosebook/release"
)

const day0 = 18700 // 2021-03-14

// small is one person after the other, each seen for another reason.
func small(t *testing.T) *book {
	b := newBook(t)
	e := func(id, recip string, day int32, county, city, given string) loadtest.Row {
		return loadtest.Row{ID: id, Recip: recip, Day: day0 + day, CVX: 208, County: county, City: city, Given: given, Text: map[string]string{
			"recip_first_name": "Ann " + recip, "recip_address_street": "1 Main St", "recip_address_zip": "94601", "lot_number": "L" + id, "recip_race_eth": "Asian",
			"recip_address_county": county, "recip_address_state": "CA", "recip_address_city": "Oakland"}}
	}
	partial := e("5", "r5", 0, "06001", "", "06001")
	partial.NoDose = "PA"
	dead := e("6", "r6", 0, "06001", "", "06001")
	dead.Tombstone = true
	b.log.Add(t, "CAIR2", "A", 1000,
		e("1", "r1", 0, "06001", "", "06001"),         // lives and got it in Alameda
		e("2", "r2", 0, "06001", "berkeley", "06075"), // Berkeley, got it in San Francisco
		e("3", "r3", 0, "OOS", "", "06001"),           // from Nevada, got it in Alameda
		e("4", "r4", 0, "UNK", "", ""),                // nothing is known
		partial, dead,                                 // no dose, and deleted
		e("7", "r7", 0, "06075", "", "06001"), e("8", "r7", 21, "06075", "", "06075"), e("9", "r7", 50, "06075", "", "06001"),
		e("10", "r10", 0, "06037", "long-beach", "06037"))
	b.log.Add(t, "CAIR2", "U", 2000, e("1", "r1", 3, "06001", "", "06001"))
	return b
}

func TestWhoSeesWhat(t *testing.T) {
	b := small(t)
	_, root := b.build(t, release.Options{})
	for code, want := range map[string][3]string{ // dose_event, dose, recipient
		"06001": {"2 residence, 3 administration, 7 administration, 9 administration, 1 both, 5 both", "2 residence, 3 administration, 7 administration, 9 administration, 1 both",
			"r2 residence, r3 administration, r7 administration, r1 residence"},
		"06075":      {"2 administration, 7 residence, 8 both, 9 residence", "", "r2 administration, r7 residence"},
		"berkeley":   {"2 residence", "", "r2 residence"},
		"06037":      {"10 both", "", "r10 residence"},
		"long-beach": {"10 residence", "", "r10 residence"},
		"OOS":        {"3 residence", "", "r3 residence"},
		"UNK":        {"4 residence", "", "r4 residence"},
		"06073":      {}, "pasadena": {},
	} {
		if want[1] == "" {
			want[1] = want[0]
		}
		events, doses := place(t, root, code, "dose_event"), place(t, root, code, "dose")
		var people []string
		for _, r := range place(t, root, code, "recipient") {
			people = append(people, r["recip_id"]+" "+r["visible_because"])
		}
		for i, got := range []string{ids(events), ids(doses), strings.Join(people, ", ")} {
			if sorted(got) != sorted(want[i]) {
				t.Errorf("%s, table %d:\n got  %s\n want %s", code, i, sorted(got), sorted(want[i]))
			}
		}
	}
}

func sorted(list string) string {
	items := strings.Split(list, ", ")
	slices.Sort(items)
	return strings.Join(items, ", ")
}

func TestRecipients(t *testing.T) {
	b := small(t)
	b.log.Add(t, "CAIR2", "A", 3000, // a guest of two counties
		loadtest.Row{ID: "20", Recip: "r20", Day: day0, CVX: 207, County: "OOS", Given: "06001"},
		loadtest.Row{ID: "21", Recip: "r20", Day: day0 + 28, CVX: 212, County: "OOS", Given: "06075"})
	_, root := b.build(t, release.Options{})
	person := func(code, recip string) row {
		for _, r := range place(t, root, code, "recipient") {
			if r["recip_id"] == recip {
				return r
			}
		}
		t.Fatalf("%s does not hold %s", code, recip)
		return nil
	}
	check := func(name string, r row, want row) {
		t.Helper()
		for k, v := range want {
			if r[k] != v {
				t.Errorf("%s: %s is %q, want %q", name, k, r[k], v)
			}
		}
	}
	day := func(n int) string { return fmt.Sprint(day0 + n) }
	check("resident", person("06075", "r7"), row{"doses": "3", "ds1_admin_date": day(0), "ds2_admin_date": day(21), "ds3_admin_date": day(50), "ds4_admin_date": "",
		"last_admin_date": day(50), "fully_vaccinated": "true", "fully_vaccinated_date": day(21), "vax_received": "Pfizer", "county": "06075",
		"recip_address_street": "1 Main St", "recip_first_name": "Ann r7"})
	guest := person("06001", "r7")
	check("seen by a dose", guest, row{"doses": "2", "ds1_admin_date": day(0), "ds2_admin_date": day(50), "ds3_admin_date": "", "last_admin_date": day(50),
		"fully_vaccinated": "", "fully_vaccinated_date": "", "vax_received": "Pfizer", "recip_first_name": "Ann r7"})
	for _, c := range dose.Recipient() {
		home := strings.HasPrefix(c.Name, "recip_address") || c.Name == "county" || c.Name == "lhj" || c.Name == "county_method" || c.Name == "hpi_quartile"
		if home && guest[c.Name] != "" {
			t.Errorf("Alameda sees where a guest lives: %s", c.Name)
		}
	}
	check("guest, first county", person("06001", "r20"), row{"doses": "1", "ds1_admin_date": day(0), "last_admin_date": day(0), "vax_received": "Moderna"})
	check("guest, second county", person("06075", "r20"), row{"doses": "1", "ds1_admin_date": day(28), "ds2_admin_date": "", "vax_received": "J&J"})
	check("one dose", person("berkeley", "r2"), row{"doses": "1", "fully_vaccinated": "false", "fully_vaccinated_date": "", "lhj": "berkeley"})
	check("the version that counts", person("06001", "r1"), row{"ds1_admin_date": day(3), "last_admin_date": day(3)})
}

// mixed is a log of random rows over all places in row groups of its own.
func mixed(t *testing.T, rows int) *book {
	b := newBook(t)
	rng := rand.New(rand.NewPCG(7, 7))
	places := dose.Places()
	for file := range 3 {
		var all []loadtest.Row
		for i := range rows / 3 {
			p := places[rng.IntN(len(places))]
			id := rng.IntN(rows) // each on a day of its own, so that no two are one dose
			r := loadtest.Row{ID: fmt.Sprint(id), Recip: fmt.Sprint("r", rng.IntN(rows/2)), Day: day0 + int32(id), CVX: []int32{207, 208, 211, 212}[rng.IntN(4)],
				County: string(p), Given: string(places[rng.IntN(58)]), Tombstone: rng.IntN(20) == 0, Refused: rng.IntN(20) == 0,
				Text: map[string]string{"lot_number": fmt.Sprint(i % 97), "recip_address_zip": fmt.Sprint(90000 + i), "recip_last_name": fmt.Sprint("n", i%13), "recip_sex": string("FMU"[i%3]), "serology": ""}}
			if rng.IntN(6) == 0 {
				r.Given = ""
			}
			if rng.IntN(8) == 0 {
				r.Sent = reported + 1 + rng.Int64N(5)
			}
			if home := map[dose.Place]string{"berkeley": "06001", "long-beach": "06037", "pasadena": "06037"}[p]; home != "" {
				r.County, r.City = home, string(p)
			}
			all = append(all, r)
		}
		b.log.Split(t, "CAIR2", "A", int64(file), rows/7, all...)
	}
	return b
}

// TestEveryCell: what a file holds is what the segment and the log say, cell
// by cell, and every column is there in its place with its type.
func TestEveryCell(t *testing.T) {
	b := mixed(t, 300)
	_, root := b.build(t, release.Options{Rows: 80})
	segment, lake := map[int64][]row{}, map[int64]load.Entry{}
	for _, e := range b.log.Known(b.log.Last()) {
		folder, err := b.log.Lake.Folder(e.Registry, e.Segment)
		if err != nil {
			t.Fatal(err)
		}
		segment[e.Seq], _ = read(t, filepath.Join(folder, load.EventFile))
		lake[e.Seq] = e
	}
	want := map[string][]string{} // by place
	byOrder := map[[2]int64]loadtest.Version{}
	for _, v := range b.log.Expect(b.log.Last()) {
		if v.Primary {
			byOrder[[2]int64{v.Person, int64(v.Ordinal)}] = v
		}
	}
	for _, v := range b.log.Expect(b.log.Last()) {
		if v.Tombstone {
			continue
		}
		seq := v.Place >> 32
		cells := expected(v, segment[seq][v.Place&(1<<32-1)], lake[seq])
		if _, any := byOrder[[2]int64{v.Person, 1}]; any && v.Full == 0 {
			cells["series_status"] = "partial" // the person's, on all rows
		}
		if before, ok := byOrder[[2]int64{v.Person, int64(v.Ordinal) - 1}]; ok && v.Primary {
			gap := v.Day - before.Day
			cells["interval_days"], cells["interval_valid"] = fmt.Sprint(gap), fmt.Sprint(kept(before, v, gap))
		}
		add := func(code, why string) {
			cells["visible_because"] = why
			want[code] = append(want[code], line(cells))
		}
		home, given := cells["county"], cells["admin_county"]
		if home == given {
			add(home, "both")
		} else {
			add(home, "residence")
			if given != "" {
				add(given, "administration")
			}
		}
		if cells["lhj"] != home {
			add(cells["lhj"], "residence")
		}
	}
	for _, p := range dose.Places() {
		rows, f := read(t, filepath.Join(root, "counties", string(p), "dose_event.parquet"))
		var got []string
		for _, r := range rows {
			got = append(got, line(r))
		}
		slices.Sort(got)
		slices.Sort(want[string(p)])
		if !slices.Equal(got, want[string(p)]) {
			t.Fatalf("%s holds\n%s\nwant\n%s", p, strings.Join(got, "\n"), strings.Join(want[string(p)], "\n"))
		}
		columns(t, f, dose.ReleaseColumns())
		for _, table := range []string{"dose", "recipient"} {
			_, f := read(t, filepath.Join(root, "counties", string(p), table+".parquet"))
			columns(t, f, map[string][]dose.Column{"dose": dose.ReleaseColumns(), "recipient": dose.Recipient()}[table])
		}
	}
}

// kept is CDSi's minimum interval for products of the original formula: 28
// days, 21 between the first two of Pfizer, four of grace from 2021-10-25 and
// no minimum before.
func kept(before, v loadtest.Version, gap int32) bool {
	least := int32(28)
	if v.Ordinal == 2 && before.CVX == 208 && v.CVX == 208 {
		least = 21
	}
	return v.Day < 18925 || gap >= least-4
}

// expected are the cells of an event in a release.
func expected(v loadtest.Version, segment row, e load.Entry) row {
	out := row{}
	for _, c := range dose.ReleaseColumns() {
		if s, ok := segment[c.Name]; ok && c.Stage != dose.Set {
			out[c.Name] = s
		}
	}
	out["person_id"], out["dose_id"], out["is_primary"] = fmt.Sprint(v.Person), segment["event_key"], fmt.Sprint(v.Primary)
	out["reported_at"], out["segment"], out["series_status"] = fmt.Sprint(v.SourceTime), e.Segment, "none"
	if v.Ordinal != 0 {
		out["dose_ordinal"] = fmt.Sprint(v.Ordinal)
	}
	if v.Full != 0 {
		out["series_status"] = "complete"
	}
	return out
}

func line(r row) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(r)) {
		fmt.Fprintf(&b, "%s=%s ", k, r[k])
	}
	return b.String()
}

// TestSameBytes: workers and processors change no byte of a release; the row
// budget changes row groups, never rows.
func TestSameBytes(t *testing.T) {
	b := mixed(t, 300)
	_, first := b.build(t, release.Options{Workers: 1, Rows: 60})
	for _, workers := range []int{2, 4} {
		procs := runtime.GOMAXPROCS(workers - 1)
		_, root := b.buildInto(t, release.Store{Dir: filepath.Join(t.TempDir(), "releases")}, release.Options{Workers: workers, Rows: 60})
		runtime.GOMAXPROCS(procs)
		sameTree(t, first, root)
	}
	_, loose := b.buildInto(t, release.Store{Dir: filepath.Join(t.TempDir(), "releases")}, release.Options{})
	groups := 0
	for _, p := range dose.Places()[50:] {
		for _, table := range []string{"dose_event", "dose", "recipient"} {
			x, f := read(t, filepath.Join(first, "counties", string(p), table+".parquet"))
			y, g := read(t, filepath.Join(loose, "counties", string(p), table+".parquet"))
			groups += len(f.RowGroups()) - len(g.RowGroups())
			if a, b := lines(x), lines(y); !slices.Equal(a, b) {
				t.Errorf("%s/%s: %d rows with one budget, %d with another", p, table, len(a), len(b))
			}
		}
	}
	if groups <= 0 {
		t.Error("a smaller budget made no more row groups: the test shows nothing")
	}
}

func lines(rows []row) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = line(r)
	}
	slices.Sort(out)
	return out
}
