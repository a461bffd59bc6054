package synth

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// recount is a second way to the truth: it reads the written files with
// strings.Split, keeps the newest version of each event, and counts again.
type recount struct {
	at       map[string]int // columns
	versions map[string]version
	records  map[string]int // by path
	rejects  map[string]int
	codes    map[string]int
}

type version struct {
	order   string // source date, NN, delivery, line: compares as text
	row     []string
	deleted bool
}

func count(t *testing.T, dir string, truth *Truth) recount {
	t.Helper()
	c := recount{make(map[string]int), make(map[string]version), make(map[string]int), make(map[string]int), make(map[string]int)}
	for i, col := range dose.Raw()[:dose.CVRSColumns] {
		c.at[col.Name] = i
	}
	contents := make(map[string]bool)
	for n, path := range truth.Delivery {
		text, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		first := !contents[string(text)]
		contents[string(text)] = true
		c.file(path, n, string(text), first)
	}
	return c
}

func (c *recount) file(path string, delivered int, text string, first bool) {
	part := strings.Split(path, "/")
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r", ""), "\n"), "\n")
	for n, line := range lines[1:] {
		c.records[path]++
		row := strings.Split(line, "\t")
		if check, bad := c.bad(row, part[1]); bad {
			c.rejects[path]++
			if first {
				c.codes[check.Rule().Code]++
			}
			continue
		}
		v := version{order: fmt.Sprintf("%s %06d %09d", part[2][:11], delivered, n), row: row, deleted: part[1] == "delete"}
		key := part[0] + " " + row[0]
		if first && v.order > c.versions[key].order {
			c.versions[key] = v
		}
	}
}

func (c *recount) bad(row []string, action string) (dose.Check, bool) {
	if len(row) < dose.CVRSColumns {
		return dose.FewFields, true
	}
	date := row[c.at["admin_date"]]
	_, err := time.Parse(time.DateOnly, date)
	switch {
	case row[0] == "":
		return dose.EventIDMissing, true
	case action == "delete":
		return 0, false
	case date == "":
		return dose.AdminDateMissing, true
	case err != nil:
		return dose.AdminDateBad, true
	case row[c.at["cvx"]] == "" && row[c.at["ndc"]] == "":
		return dose.VaccineMissing, true
	}
	return 0, false
}

func (c *recount) cell(v version, name string) string { return strings.Trim(v.row[c.at[name]], `"`) }

// place is the county that an address names.
func (c *recount) place(v version, who string) string {
	if fips, ok := dose.ParseCounty(c.cell(v, who+"_address_county")); ok {
		return fips
	}
	zip, _, _ := strings.Cut(c.cell(v, who+"_address_zip"), "-")
	fips, _, _ := dose.ZIP(zip)
	return fips
}

// counties are the county of residence that counts, and that of the site.
func (c *recount) counties(v version) (home, site string) {
	home, site = c.place(v, "recip"), c.place(v, "admin")
	switch {
	case c.cell(v, "recip_address_state") != "CA":
		home = dose.OutOfState
	case home == "" && site != "":
		home = site
	case home == "":
		home = dose.UnknownCounty
	}
	return home, site
}

// countyDay counts doses by place and day, and people by the county of their
// latest dose.
func (c *recount) countyDay() (map[string]map[string][6]int, map[string][3]int) {
	out, rows := make(map[string]map[string][6]int), make(map[string][3]int)
	plus := func(county, day string, column int) {
		if out[county] == nil {
			out[county] = make(map[string][6]int)
		}
		cell := out[county][day]
		cell[column]++
		out[county][day] = cell
	}
	people := make(map[string][]version)
	for key, v := range c.versions {
		if v.deleted {
			continue
		}
		home, site := c.counties(v)
		show := func(county string, why int) { n := rows[county]; n[why]++; rows[county] = n }
		switch {
		case home == site:
			show(home, 2)
		default:
			show(home, 0)
			if site != "" {
				show(site, 1)
			}
		}
		if c.cell(v, "vax_refusal") == "YES" {
			continue
		}
		day, cvx := c.cell(v, "admin_date"), 0
		fmt.Sscan(c.cell(v, "cvx"), &cvx)
		plus(home, day, 0)
		if m := slices.Index([]string{"pfizer", "moderna", "janssen"}, dose.Maker(cvx)); m >= 0 {
			plus(home, day, 1+m)
		}
		who := key[:strings.Index(key, " ")+1] + c.cell(v, "recip_id")
		people[who] = append(people[who], v)
	}
	for _, doses := range people {
		slices.SortFunc(doses, func(a, b version) int {
			return strings.Compare(c.cell(a, "admin_date")+a.row[0], c.cell(b, "admin_date")+b.row[0])
		})
		home, _ := c.counties(doses[len(doses)-1])
		plus(home, c.cell(doses[0], "admin_date"), 4)
		if day := c.vaccinated(doses); day != "" {
			plus(home, day, 5)
		}
	}
	return out, rows
}

// vaccinated walks the doses by date and stops at the first that completes
// the series. Two of the updated formulas complete nothing.
func (c *recount) vaccinated(doses []version) string {
	first := map[bool]map[string]time.Time{true: {}, false: {}} // each maker's first dose: all, and those not updated
	for _, d := range doses {
		cvx := 0
		fmt.Sscan(c.cell(d, "cvx"), &cvx)
		day, _ := time.Parse(time.DateOnly, c.cell(d, "admin_date"))
		m := dose.Maker(cvx)
		gaps := map[string]map[string]int{"pfizer": {"pfizer": 17, "moderna": 17}, "moderna": {"pfizer": 17, "moderna": 24}}[m]
		v, _ := dose.VaccineByCVX(cvx)
		updated := v.Class == "seasonal"
		for other, gap := range gaps {
			if first, ok := first[!updated][other]; ok && day.Sub(first).Hours() >= float64(gap*24) {
				return c.cell(d, "admin_date")
			}
		}
		if m == "janssen" {
			return c.cell(d, "admin_date")
		}
		for _, all := range []bool{true, updated} {
			if _, ok := first[all][m]; !ok {
				first[all][m] = day
			}
		}
	}
	return ""
}

func TestTruthEqualsRecount(t *testing.T) {
	wild := Defects{RepeatRows: 0.1, RepeatFiles: 0.2, Updates: 0.2, Deletes: 0.1, LateFiles: 0.3, Unusable: 0.03, Soft: 0.3}
	for name, cfg := range map[string]Config{
		"as usual":       {Seed: 7, Rows: 30_000, Defects: DefaultDefects()},
		"without faults": {Seed: 8, Rows: 5_000},
		"wild":           {Seed: 9, Rows: 30_000, Defects: wild, RowsPerFile: 700},
		"one registry":   {Seed: 10, Rows: 4_000, Defects: wild, Registries: []string{"SDIR"}, Through: "2021-06-30"},
		"overlap":        {Seed: 12, Rows: 15_000, Defects: DefaultDefects(), Overlap: DefaultOverlap()},
		"wild overlap": {Seed: 13, Rows: 10_000, Defects: wild, Overlap: Overlap{Share: 0.5, Historical: 0.5, DateOff: 0.3, Typos: 0.3, Formats: 0.5, Moved: 0.3,
			SameRegistry: 0.3, Twins: 0.3, JunkPhone: 0.3, NameSakes: 0.3, Crosswalk: 0.5}},
		"two seasons on": {Seed: 11, Rows: 8_000, Defects: wild, Through: "2025-12-31"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, truth := write(t, cfg)
			c := count(t, dir, truth)
			days, rows := c.countyDay()
			if !reflect.DeepEqual(days, truth.CountyDay) {
				t.Errorf("county_day differs: %s", firstDifference(days, truth.CountyDay))
			}
			if !reflect.DeepEqual(rows, truth.Rows) {
				t.Errorf("rows by county: got %v, truth says %v", rows, truth.Rows)
			}
			if !maps.Equal(c.codes, truth.Totals.Rejects) {
				t.Errorf("rejects: got %v, truth says %v", c.codes, truth.Totals.Rejects)
			}
			if cities := c.cities(); !maps.Equal(cities, truth.Cities) {
				t.Errorf("cities: got %v, truth says %v", cities, truth.Cities)
			}
			for _, f := range truth.Files {
				if c.records[f.Path] != f.Records || c.rejects[f.Path] != f.Rejects {
					t.Errorf("%s: got %d records and %d rejects, truth says %d and %d", f.Path, c.records[f.Path], c.rejects[f.Path], f.Records, f.Rejects)
				}
			}
			checkTotals(t, c, truth, cfg)
		})
	}
}

// cities counts the rows of residents of Berkeley, Long Beach and Pasadena.
func (c *recount) cities() map[string]int {
	out := make(map[string]int)
	for _, v := range c.versions {
		if v.deleted {
			continue
		}
		home, _ := c.counties(v)
		who := "recip"
		if c.place(v, who) == "" {
			who = "admin"
		}
		if city, ok := dose.CityLHJ(home, c.cell(v, who+"_address_city")); ok {
			out[city]++
		}
	}
	return out
}

func firstDifference(got, want map[string]map[string][6]int) string {
	for _, county := range slices.Sorted(maps.Keys(want)) {
		for _, day := range slices.Sorted(maps.Keys(want[county])) {
			if got[county][day] != want[county][day] {
				return fmt.Sprintf("%s %s: got %v, truth says %v", county, day, got[county][day], want[county][day])
			}
		}
	}
	return "a county or day that the truth lacks"
}

func checkTotals(t *testing.T, c recount, truth *Truth, cfg Config) {
	t.Helper()
	n, records, rejects := truth.Totals, 0, 0
	for _, f := range truth.Files {
		if f.RepeatOf == "" {
			records += f.Records
			rejects += f.Rejects
		}
	}
	if records != n.Records || rejects != n.Rejected {
		t.Errorf("files hold %d records and %d rejects, totals say %d and %d", records, rejects, n.Records, n.Rejected)
	}
	if sum := n.Rejected + n.Added + n.Resent + n.Revived + n.RepeatedRows + n.Updates + n.Deletes; sum != n.Records {
		t.Errorf("totals add up to %d, not to %d", sum, n.Records)
	}
	want := cfg.Rows
	if truth.Overlap != nil {
		want += truth.Overlap.SecondReports
	}
	if n.Added+n.Rejected != want {
		t.Errorf("%d events were reported, %d asked for", n.Added+n.Rejected, want)
	}
	current, byRegistry := 0, make(map[string]int)
	for key, v := range c.versions {
		if !v.deleted {
			current++
			byRegistry[strings.Fields(key)[0]]++
		}
	}
	if current != n.Current || n.Current != n.Added+n.Resent+n.Revived-n.Deletes {
		t.Errorf("%d events are current, truth says %d; %+v", current, n.Current, n)
	}
	for r, want := range n.CurrentIn {
		if byRegistry[r] != want {
			t.Errorf("%s has %d current events, truth says %d", r, byRegistry[r], want)
		}
	}
}
