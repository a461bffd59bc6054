package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
	"github.com/dosebook/dosebook/synth"
)

// build makes a release and returns its id.
func (d data) build(t *testing.T) string {
	t.Helper()
	return parse[release.Manifest](t, d.ok(t, "release", "build", "--json")).ID
}

// diffOf is the JSON of release diff, with its rows.
type diffOf struct {
	release.Diff
	Rows []release.RowDiff `json:"rows"`
}

func (d data) diff(t *testing.T, args ...string) diffOf {
	t.Helper()
	return parse[diffOf](t, d.ok(t, append([]string{"release", "diff", "--json", "--rows"}, args...)...))
}

// person is a cell set of somebody whom no rule takes for somebody else.
func person(n int, more fields) fields {
	f := fields{"recip_id": fmt.Sprintf("P%d", n), "recip_first_name": fmt.Sprintf("First%c", 'a'+n), "recip_last_name": fmt.Sprintf("Last%c", 'a'+n),
		"recip_dob": fmt.Sprintf("19%02d-01-02", 40+n)}
	maps.Copy(f, more)
	return f
}

// The causes, one by one.
func TestDiffByHand(t *testing.T) {
	t.Parallel()
	d := newData(t)
	contra := fields{"recip_address_county": "06013", "recip_address_zip": "94520"}
	same := row("SAME", person(5, nil))
	d.load(t, "--registry", "CAIR2", write(t, "20210401_01_CAA.txt", cvrsText(
		row("LOT", person(1, nil)), row("FIRST", person(2, nil)), row("MOVES", person(3, contra)), row("GONE", person(4, nil)), same)))
	a := d.build(t)
	d.load(t, "--registry", "CAIR2", "--action", "update", write(t, "20210402_01_CAA.txt", cvrsText(
		row("LOT", person(1, fields{"lot_number": "EL2"})), row("MOVES", person(3, nil)))))
	d.load(t, "--registry", "CAIR2", "--action", "delete", write(t, "20210402_01_CAA.txt", cvrsText(row("GONE", person(4, nil)))))
	d.load(t, "--registry", "CAIR2", write(t, "20210403_01_CAA.txt", cvrsText(
		same, row("SECOND", person(2, fields{"admin_date": "2021-03-30", "dose_num": "2"})), row("NEW", person(6, fields{"recip_address_state": "NV"})))))
	b := d.build(t)

	got := d.diff(t, a, b)
	var rows []string
	for _, r := range got.Rows {
		rows = append(rows, strings.Join([]string{r.County, r.Change, r.Cause, r.Other, r.Registry, r.Event, r.Columns}, "|"))
	}
	want := []string{
		"06001|added|moved county|06013|CAIR2|MOVES|recip_address_county,recip_address_zip,county,lhj,hpi_quartile",
		"06001|added|new report||CAIR2|SECOND|",
		"06001|changed|other record||CAIR2|FIRST|series_status",
		"06001|changed|correction||CAIR2|LOT|lot_number",
		"06001|removed|delete||CAIR2|GONE|",
		"06013|removed|moved county|06001|CAIR2|MOVES|recip_address_county,recip_address_zip,county,lhj,hpi_quartile",
		"OOS|added|new report||CAIR2|NEW|",
	}
	if !slices.Equal(rows, want) {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
	if x := got.Total; x.Added != 2 || x.Removed != 1 || x.Changed != 3 || x.DosesAdded != 2 || x.DosesRemoved != 1 || x.Causes["moved county"] != 1 || x.Columns["county"] != 1 {
		t.Errorf("total %+v", x)
	}
	if x := got.Counties[0]; x.County != "06001" || x.Added != 2 || x.Removed != 1 || x.Changed != 2 || x.DosesAdded != 2 || x.DosesRemoved != 1 {
		t.Errorf("Alameda %+v", x)
	}
	days := map[string]string{}
	for _, x := range got.Days {
		days[x.County+" "+x.Day] = fmt.Sprint(x.Figures["total_doses"], x.Figures["fully_vaccinated"])
	}
	wantDays := map[string]string{"06001 2021-03-30": "[0 1] [0 1]", "06013 2021-03-05": "[1 0] [0 0]", "OOS 2021-03-05": "[0 1] [0 0]",
		"ALL 2021-03-30": "[0 1] [0 1]", "CA 2021-03-05": "[5 4] [0 0]", "CA 2021-03-30": "[0 1] [0 1]"}
	// Alameda's 5 March stays as it was, and everybody's: one dose came, one went.
	if !maps.Equal(days, wantDays) {
		t.Errorf("restated days %v, want %v", days, wantDays)
	}
	diffText(t, d, a, b)
}

// diffText looks at what people see: no rows unless asked for, and never a person.
func diffText(t *testing.T, d data, a, b string) {
	t.Helper()
	plain, rows := d.ok(t, "release", "diff", a, b), d.ok(t, "release", "diff", a, b, "--rows")
	if strings.Contains(plain, "MOVES") || !strings.Contains(rows, "MOVES") {
		t.Errorf("rows are shown when not asked for, or not when asked for:\n%s\n%s", plain, rows)
	}
	if !strings.Contains(plain, "correction 1, delete 1, moved county 1, new report 1, other record 1") || !strings.Contains(plain, "Contra Costa") {
		t.Errorf("the table says\n%s", plain)
	}
	for _, secret := range []string{"Firstb", "Lastb", "Example St", "1941-01-02", "94601"} {
		if strings.Contains(rows, secret) {
			t.Errorf("the output holds %q:\n%s", secret, rows)
		}
	}
	if x := d.diff(t, b, b); len(x.Counties)+len(x.Rows)+len(x.Days) > 0 {
		t.Errorf("a release differs from itself: %+v", x)
	}
	back := d.diff(t, b, a)
	if back.Total.Added != 1 || back.Total.Removed != 2 || back.Total.Causes[release.OlderRelease] == 0 || back.Total.Causes[release.Deleted] != 0 {
		t.Errorf("backwards: %+v", back.Total)
	}
	one := d.diff(t, a, b, "--county", "06013")
	if len(one.Counties) != 1 || one.Total.Removed != 1 || one.Rows[0].Cause != "moved county" || one.Rows[0].Other != "06001" || len(one.Days) != 1 {
		t.Errorf("one county: %+v", one)
	}
	d.exits(t, 4, "release", "diff", a, "999999-00000000")
	d.exits(t, 4, "release", "diff", a, b, "--county", "04013")
	d.exits(t, 2, "release", "diff", a, b, "--county", "Alameda")
	d.exits(t, 2, "release", "diff", a)
}

// Synthetic registries: every figure is held against two dumps of the releases.
func TestDiffOfDumps(t *testing.T) {
	t.Parallel()
	d, dir := newData(t), t.TempDir()
	d.ok(t, "synth", "--rows", fmt.Sprint(size(1500, 6000, 60_000)), "--rows-per-file", "500", "--updates", "0.05", "--deletes", "0.02", dir)
	text, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	truth := parse[synth.Truth](t, string(text))
	at := map[string]synth.File{}
	for _, f := range truth.Files {
		at[f.Path] = f
	}
	var files []arrival
	for _, p := range truth.Delivery {
		files = append(files, arrival{at[p].Registry, at[p].Action, filepath.Join(dir, filepath.FromSlash(p))})
	}
	var ids [2]string
	var dumps [2]map[string][]string
	half := len(files) / 2
	for i, part := range [][]arrival{files[:half], files[half:]} {
		d.loadAll(t, part, false)
		ids[i] = d.build(t)
		dumps[i] = d.events(t)
	}
	got := d.diff(t, ids[0], ids[1])
	want := compareDumps(dumps[0], dumps[1])
	have := map[string]string{}
	for _, r := range got.Rows {
		have[r.County+" "+r.Registry+" "+r.Event] = r.Change + " " + r.Columns
	}
	bad := 0
	for k, v := range want {
		if have[k] != v {
			if bad++; bad < 5 {
				t.Errorf("%s: %q, want %q", k, have[k], v)
			}
		}
		delete(have, k)
	}
	if len(have) > 0 || len(want) < 100 {
		t.Errorf("%d rows too many, %d wanted", len(have), len(want))
	}
	checkSums(t, got)
	for _, p := range []string{"06037", "06073", "OOS"} {
		one := d.diff(t, ids[0], ids[1], "--county", p)
		i := slices.IndexFunc(got.Counties, func(x release.Changes) bool { return x.County == p })
		if i < 0 || len(one.Counties) != 1 || !sameChanges(one.Counties[0], got.Counties[i]) {
			t.Errorf("alone, %s has %+v", p, one.Counties)
		}
	}
}

// sameChanges compares all but columns: rows that moved away count there only
// when the county is looked at alone.
func sameChanges(a, b release.Changes) bool {
	a.Columns, b.Columns = nil, nil
	return reflect.DeepEqual(a, b)
}

// checkSums holds the counts against the rows.
func checkSums(t *testing.T, got diffOf) {
	t.Helper()
	var added, removed, changed, doses int64
	for _, c := range got.Counties {
		added, removed, changed, doses = added+c.Added, removed+c.Removed, changed+c.Changed, doses+c.DosesAdded-c.DosesRemoved
	}
	moved := got.Total.Causes[release.MovedCounty]
	if moved == 0 || got.Total.Causes[release.Correction] == 0 || got.Total.Causes[release.Deleted] == 0 {
		t.Errorf("the synthetic data do not show every cause: %v", got.Total.Causes)
	}
	if x := got.Total; x.Added != added-moved || x.Removed != removed-moved || x.Changed != changed+moved || added+removed+changed != int64(len(got.Rows)) {
		t.Errorf("total %+v of %d rows; the counties have %d, %d, %d", x, len(got.Rows), added, removed, changed)
	}
	var restated int64
	for _, x := range got.Days {
		if n := x.Figures["total_doses"]; x.County == "ALL" {
			restated += n[1] - n[0]
		}
	}
	if restated != doses || restated != got.Total.DosesAdded-got.Total.DosesRemoved {
		t.Errorf("county_day has %d doses more, the rows %d", restated, doses)
	}
}

// events dumps dose_event of the latest release by key: the cells in order.
func (d data) events(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	at := dose.Index(dose.ReleaseColumns())
	for _, r := range rowsOf(t, d.ok(t, "sql", "--format", "csv", "from dose_event"))[1:] {
		out[r[at["registry"]]+" "+r[at["vax_event_id"]]] = r
	}
	return out
}

// compareDumps tells the changes as release diff should, in the plainest way.
func compareDumps(a, b map[string][]string) map[string]string {
	set := dose.Index(dose.Only(dose.Event(), dose.Set))
	out := map[string]string{}
	columns := func(x, y []string) string {
		var row, derived []string
		for i, c := range dose.ReleaseColumns() {
			if x[i] == y[i] || slices.Contains([]string{"reported_at", "segment", "line", "visible_because"}, c.Name) {
				continue
			}
			if _, ok := set[c.Name]; ok {
				derived = append(derived, c.Name)
			} else {
				row = append(row, c.Name)
			}
		}
		return strings.Join(append(row, derived...), ",")
	}
	county := dose.Index(dose.ReleaseColumns())["county"]
	for k, x := range a {
		y, both := b[k]
		switch {
		case !both:
			out[x[county]+" "+k] = "removed "
		case x[county] != y[county]:
			out[x[county]+" "+k] = "removed " + columns(x, y)
			out[y[county]+" "+k] = "added " + columns(x, y)
		case columns(x, y) != "":
			out[x[county]+" "+k] = "changed " + columns(x, y)
		}
	}
	for k, y := range b {
		if _, both := a[k]; !both {
			out[y[county]+" "+k] = "added "
		}
	}
	return out
}
