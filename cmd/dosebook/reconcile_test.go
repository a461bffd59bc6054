package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func (d data) reconcile(t *testing.T, args ...string) reconciled {
	t.Helper()
	return parse[reconciled](t, d.ok(t, append([]string{"reconcile", "published", "--json"}, args...)...))
}

// told writes differences as "place [day] ours theirs cause n".
func toldOf(all []difference) (out []string) {
	for _, x := range all {
		out = append(out, strings.TrimSpace(fmt.Sprint(x.Place, " ", x.Day, " ", x.Ours, " ", x.Theirs, " ", signed(x.Causes))))
	}
	return out
}

const publishedHead = "county,administered_date,total_doses,cumulative_total_doses\n"

// reconcileWorld has one event for each cause.
func reconcileWorld(t *testing.T) data {
	t.Helper()
	d := newData(t)
	contra := fields{"recip_address_county": "06013", "recip_address_zip": "94520"}
	gone := row("GONE", person(1, fields{"admin_date": "2021-03-10"}))
	d.load(t, "--registry", "CAIR2", write(t, "20210310_01_CAA.txt", cvrsText(
		row("KEEP", person(2, nil)), gone, row("MOVES", person(3, contra)),
		row("OTHERDAY", person(4, fields{"admin_date": "2021-03-06"})),
		row("ZIP", person(5, fields{"recip_address_county": ""})),
		row("NOSTATE", person(6, fields{"recip_address_state": "", "admin_date": "2021-03-08"})),
		row("TRIAL", person(7, fields{"admin_date": "2020-11-01"})),
	)))
	d.load(t, "--registry", "CAIR2", "--action", "update", write(t, "20210402_01_CAA.txt", cvrsText(
		row("MOVES", person(3, nil)), row("OTHERDAY", person(4, fields{"admin_date": "2021-03-07"})))))
	d.load(t, "--registry", "CAIR2", "--action", "delete", write(t, "20210403_01_CAA.txt", cvrsText(gone)))
	d.load(t, "--registry", "CAIR2", write(t, "20210404_01_CAA.txt", cvrsText(
		row("LATE", person(8, nil)), row("AFTER", person(9, fields{"admin_date": "2021-03-11"})))))
	d.build(t)
	return d
}

func TestReconcileCauses(t *testing.T) {
	t.Parallel()
	d := reconcileWorld(t)
	theirs := write(t, "published.csv", publishedHead+"Alameda,3/5/2021,1,1\nAlameda,3/6/2021,1,2\nAlameda,3/8/2021,1,3\nAlameda,3/10/2021,1,4\n"+
		"Contra Costa,3/5/2021,2,2\nMarin,3/5/2021,5,5\nAll CA Counties,3/10/2021,1,11\n")
	got := d.reconcile(t, theirs, "--county", "06001")
	want := []string{
		"06001 2020-11-01 1 0 before EUA +1",
		"06001 2021-03-05 4 1 county changed +1, county found +1, late +1",
		"06001 2021-03-06 0 1 day changed -1",
		"06001 2021-03-07 1 0 day changed +1",
		"06001 2021-03-08 0 1 county unknown -1",
		"06001 2021-03-10 0 1 deleted -1",
	}
	if told := toldOf(got.Days); !slices.Equal(told, want) {
		t.Errorf("days\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	if len(got.Counties) != 1 || got.Counties[0].Difference != 2 || got.Through != "2021-03-10" {
		t.Errorf("county %+v", got.Counties)
	}
	got = d.reconcile(t, theirs)
	want = []string{"06041  0 5 unexplained -5", "06001  6 4 before EUA +1, county changed +1, county found +1, county unknown -1, deleted -1, late +1",
		"06013  0 2 county changed -1, unexplained -1", "CA  6 1 unexplained +3, before EUA +1, day changed +1, deleted -1, late +1"}
	if told := toldOf(got.Counties); !slices.Equal(told, want) || len(got.Days) > 0 || !slices.Contains(got.NotTheir, "06003") {
		t.Errorf("counties\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	if v := got.Vintages; len(v) != 1 || v[0].Rows != 7 || v[0].First != "2021-03-05" || v[0].Unchecked["counties_sum"] == "" || v[0].Rules["running_sum"] != 1 {
		t.Errorf("vintage %+v", v)
	}
	text := d.ok(t, "reconcile", "published", theirs)
	for _, part := range []string{"published.csv: 7 rows, 2021-03-05 to 2021-03-10, against its own rules: running_sum 1", "06041 Marin", "unexplained -5", "not in their table: 06003"} {
		if !strings.Contains(text, part) {
			t.Errorf("the table does not say %q:\n%s", part, text)
		}
	}
}

// Our own figures as a published table differ from ours in nothing.
func TestReconcileWithItself(t *testing.T) {
	t.Parallel()
	d, _ := shared(t)
	theirs := write(t, "ours.csv", d.ok(t, "sql", "--format", "csv", "select * exclude (county_fips) from county_day"))
	got := d.reconcile(t, theirs)
	for _, x := range got.Counties {
		if x.Difference != 0 || len(x.Causes) > 0 || x.Ours == 0 {
			t.Errorf("%+v", x)
		}
	}
	if len(got.Counties) < 50 || len(got.Restated) != 0 {
		t.Errorf("%d places", len(got.Counties))
	}
	broken := maps.Clone(got.Vintages[0].Rules)
	delete(broken, "people_doses") // people count where they live now
	if len(broken) > 0 || got.Vintages[0].Unchecked["all_sum"] != "" {
		t.Errorf("our own table breaks the rules of the published one: %v; unchecked %v", broken, got.Vintages[0].Unchecked)
	}
}

func TestReconcileVintages(t *testing.T) {
	t.Parallel()
	d := reconcileWorld(t)
	older := write(t, "older.csv", publishedHead+"Alameda,3/5/21,1,1\nAlameda,3/7/21,2,3\nMarin,3/5/21,4,4\n")
	newer := write(t, "newer.csv", publishedHead+"Alameda,2021-03-05,3,3\nAlameda,2021-03-06,1,4\nAlameda,2021-03-07,2,6\nAlameda,2021-03-08,9,15\nMarin,2021-03-05,4,4\n")
	got := d.reconcile(t, newer, older) // in any order
	if got.Through != "2021-03-08" || len(got.Restated) != 1 || got.Restated[0].From != "older.csv" || len(got.Restated[0].Counties) != 1 {
		t.Fatalf("%+v", got.Restated)
	}
	if x := got.Restated[0].Counties[0]; x.Place != "06001" || x.Days != 2 || x.Doses != 3 || len(got.Restated[0].Days) > 0 {
		t.Errorf("%+v", x)
	}
	got = d.reconcile(t, older, newer, "--county", "06001")
	if x := got.Restated[0].Days; len(x) != 4 || x[0].Day != "2021-03-05" || *x[0].Was != 1 || *x[0].Is != 3 || x[2].Was != nil {
		t.Errorf("%+v", x)
	}
	if text := d.ok(t, "reconcile", "published", older, newer, "--county", "06001"); !strings.Contains(text, "newer.csv restated older.csv:") || !strings.Contains(text, "no row") {
		t.Errorf("%s", text)
	}
}

func TestReconcileRefusals(t *testing.T) {
	t.Parallel()
	d := reconcileWorld(t)
	good := write(t, "good.csv", publishedHead+"Alameda,3/5/21,1,1\n")
	for name, c := range map[string]struct {
		code int
		args []string
		says string
	}{
		"page":         {2, []string{write(t, "page.csv", "<html><body>302 Found")}, "page.csv: FMT_003 the file is a web page"},
		"row":          {2, []string{good, write(t, "bad.csv", publishedHead+"Alameda,3/5/21,one,1\n")}, "bad.csv: line 2: DATA007 total_doses is no whole number"},
		"no rows":      {2, []string{write(t, "head.csv", publishedHead)}, "no rows"},
		"no doses":     {2, []string{write(t, "full.csv", "county,administered_date,fully_vaccinated\nInyo,1/1/21,1\n")}, "total_doses"},
		"no file":      {2, []string{filepath.Join(t.TempDir(), "none.csv")}, "none.csv"},
		"no args":      {2, nil, "arg"},
		"release":      {4, []string{good, "--release", "000001-00000000"}, "000001-00000000"},
		"county":       {2, []string{good, "--county", "Inyo"}, "--county Inyo"},
		"city":         {4, []string{good, "--county", "berkeley"}, "counts a city in its county"},
		"other county": {4, []string{good, "--county", "04013"}, "04013"},
	} {
		if r := d.exits(t, c.code, append([]string{"reconcile", "published"}, c.args...)...); !strings.Contains(r.err, c.says) {
			t.Errorf("%s: %q does not say %q", name, r.err, c.says)
		}
	}
	newData(t).exits(t, 4, "reconcile", "published", good)
}
