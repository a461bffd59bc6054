package synth

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// told is truth_events.tsv read back: lines by "registry id".
type told struct {
	recip, person, dose string
	marks               []string
}

func readTold(t *testing.T, dir string) map[string]told {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]told)
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")[1:] {
		f := strings.Split(line, "\t")
		if _, twice := out[f[0]+" "+f[1]]; twice {
			t.Errorf("%s comes twice", f[1])
		}
		out[f[0]+" "+f[1]] = told{f[0] + " " + f[4], f[2], f[3], strings.Split(f[5], ",")}
	}
	return out
}

func (e told) is(mark string) bool { return slices.Contains(e.marks, mark) }

var wildOverlap = Overlap{Share: 0.5, Rekeyed: true, Historical: 0.4, DateOff: 0.2, Typos: 0.2, Formats: 0.5, Moved: 0.2,
	SameRegistry: 0.2, Twins: 0.2, JunkPhone: 0.2, NameSakes: 0.2, Crosswalk: 0.5}

// The current events of the files are those of truth_events.tsv, and counted
// by its doses and persons they give county_day_true.
func TestTrueDosesAndPersons(t *testing.T) {
	same := wildOverlap
	same.Rekeyed = false
	for name, cfg := range map[string]Config{
		"as usual": {Seed: 21, Rows: 20_000, Defects: DefaultDefects(), Overlap: DefaultOverlap()},
		"wild":     {Seed: 22, Rows: 12_000, Defects: Defects{Updates: 0.2, Deletes: 0.1, Soft: 0.2, Unusable: 0.05}, Overlap: wildOverlap},
		"same ids": {Seed: 23, Rows: 12_000, Defects: DefaultDefects(), Overlap: same, Through: "2025-12-31"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, truth := write(t, cfg)
			c, events := count(t, dir, truth), readTold(t, dir)
			live := make(map[string]version)
			for key, v := range c.versions {
				if !v.deleted {
					live[key] = v
				}
			}
			for key, v := range live {
				if e, ok := events[key]; !ok || !strings.HasSuffix(e.recip, " "+c.cell(v, "recip_id")) {
					t.Fatalf("%s is current in the files, and not the same in the truth", key)
				}
			}
			if len(live) != len(events) {
				t.Errorf("%d events are current, the truth has %d", len(live), len(events))
			}
			got, left := c.merged(t, live, events)
			if !reflect.DeepEqual(got, truth.CountyDayTrue) {
				t.Errorf("county_day_true differs: %s", firstDifference(got, truth.CountyDayTrue))
			}
			if left != truth.Overlap.LeftOut {
				t.Errorf("left out: got %+v, truth says %+v", left, truth.Overlap.LeftOut)
			}
		})
	}
}

// merged counts each true dose once, and leaves out the undecided persons. It
// checks that all others have one story.
func (c *recount) merged(t *testing.T, live map[string]version, events map[string]told) (map[string]map[string][6]int, LeftOut) {
	one := recount{at: c.at, versions: make(map[string]version)}
	doses, out := make(map[string]string), LeftOut{}
	undecided := make(map[string]map[string]bool)
	for key, v := range live {
		e := events[key]
		if c.cell(v, "vax_refusal") == "YES" {
			continue
		}
		if e.is("undecided") {
			if undecided[e.person] == nil {
				undecided[e.person] = make(map[string]bool)
			}
			undecided[e.person][e.dose] = true
			out.Events++
			continue
		}
		home, _ := c.counties(v)
		cvx, _ := strconv.Atoi(c.cell(v, "cvx"))
		story := home + c.cell(v, "admin_date") + dose.Maker(cvx)
		if had, ok := doses[e.dose]; ok && had != story {
			t.Errorf("two reports of one dose differ, and the person is not marked")
		}
		doses[e.dose] = story
		v.row = slices.Clone(v.row)
		v.row[c.at["recip_id"]], v.row[0] = e.person, e.dose // one registry, ids are numbers
		one.versions["X "+e.dose] = v
	}
	for _, d := range undecided {
		out.Persons++
		out.Doses += len(d)
	}
	days, _ := one.countyDay()
	return days, out
}

func TestOverlapIsTheSameOnAnyMachine(t *testing.T) {
	cfg := Config{Seed: 3, Rows: 12_000, Defects: DefaultDefects(), Overlap: wildOverlap}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, _ := write(t, cfg)
	want := contents(t, one)
	for _, procs := range []int{2, 5} {
		runtime.GOMAXPROCS(procs)
		dir, _ := write(t, cfg)
		got := contents(t, dir)
		for name := range want {
			if !bytes.Equal(got[name], want[name]) {
				t.Errorf("%s differs on %d processors", name, procs)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d files on %d processors, %d on one", len(got), procs, len(want))
		}
	}
}

// Each share comes out as asked, and each mark stands where the rows differ.
func TestOverlapShares(t *testing.T) {
	o := DefaultOverlap()
	o.Typos, o.Moved, o.DateOff, o.JunkPhone, o.NameSakes, o.Twins = 0.2, 0.2, 0.2, 0.2, 0.2, 0.2
	dir, truth := write(t, Config{Seed: 24, Rows: 60_000, Overlap: o})
	c, events := count(t, dir, truth), readTold(t, dir)
	extra := func(v version, i int) string { return v.row[dose.CVRSColumns+i] }
	byDose := make(map[string][]string)
	persons, both, ids := make(map[string]bool), make(map[string]bool), make(map[string]map[string]bool)
	n := make(map[string]float64)
	for key, e := range events {
		v := c.versions[key]
		byDose[e.dose] = append(byDose[e.dose], key)
		persons[e.person] = true
		if ids[e.person] == nil {
			ids[e.person] = make(map[string]bool)
		}
		ids[e.person][e.recip] = true
		if e.is("historical") != (extra(v, 0) == "01") {
			t.Errorf("information_source %q, marks %v", extra(v, 0), e.marks)
		}
		if e.is("junk_phone") != (extra(v, 1) == junkPhone) {
			t.Errorf("phone %q, marks %v", extra(v, 1), e.marks)
		}
		if e.is("junk_phone") {
			n["junk"]++
		}
	}
	for _, keys := range byDose {
		if len(keys) != 2 {
			continue
		}
		a, b := c.versions[keys[0]], c.versions[keys[1]]
		e, f := events[keys[0]], events[keys[1]]
		both[e.person] = true
		n["second"]++
		for mark, columns := range map[string][]string{"typo": {"recip_first_name", "recip_last_name", "recip_dob"}, "date_off": {"admin_date"}} {
			differs := slices.ContainsFunc(columns, func(name string) bool { return c.cell(a, name) != c.cell(b, name) })
			if differs != (e.is(mark) || f.is(mark)) && !(e.is("two_ids") || f.is("two_ids")) {
				t.Errorf("%s: the rows differ is %v, marks %v and %v", mark, differs, e.marks, f.marks)
			}
			if e.is(mark) || f.is(mark) {
				n[mark]++
			}
		}
		if e.is("moved") || f.is("moved") {
			n["moved"]++
		} else if c.cell(a, "recip_address_zip")[:5] != c.cell(b, "recip_address_zip")[:5] {
			t.Error("another ZIP, and nobody moved")
		}
		if e.is("historical") || f.is("historical") {
			n["historical"]++
			if c.cell(a, "lot_number") == "" || c.cell(b, "lot_number") == "" {
				n["no lot"]++
			}
		} else if c.cell(a, "lot_number") != c.cell(b, "lot_number") || c.cell(a, "admin_name") != c.cell(b, "admin_name") {
			t.Error("two reports of one dose, not hearsay, have two lots or sites")
		}
	}
	near(t, "known to both", float64(len(both))/float64(len(persons)), o.Share, 0.02)
	near(t, "typos", n["typo"]/n["second"], o.Typos, 0.03)
	near(t, "moved", n["moved"]/n["second"], o.Moved, 0.03)
	near(t, "date off", n["date_off"]/n["second"], o.DateOff, 0.05) // not where the product was not given then
	near(t, "historical", n["historical"]/n["second"], o.Historical, 0.03)
	near(t, "hearsay without lot", n["no lot"]/n["historical"], 0.75, 0.06)
	near(t, "placeholder phones", n["junk"]/float64(len(events)), o.JunkPhone*0.8, 0.04)
	if truth.Overlap.SecondReports != int(n["second"]) {
		t.Errorf("%d second reports, truth says %d", int(n["second"]), truth.Overlap.SecondReports)
	}
}

// Twins share all but the first name, and got the same lot on the same day;
// namesakes share name and birth date, and nothing else.
func TestTwinsAndNamesakes(t *testing.T) {
	dir, truth := write(t, Config{Seed: 25, Rows: 25_000, Overlap: Overlap{Twins: 0.3, NameSakes: 0.3}})
	c, events := count(t, dir, truth), readTold(t, dir)
	type facts struct{ names, lots map[string]bool }
	groups := map[string]map[string]facts{"twin": {}, "namesake": {}}
	for key, e := range events {
		v := c.versions[key]
		for mark, by := range groups {
			if !e.is(mark) {
				continue
			}
			group := c.cell(v, "recip_last_name") + c.cell(v, "recip_dob")
			if mark == "twin" {
				group += c.cell(v, "recip_address_street")
			} else {
				group += c.cell(v, "recip_first_name")
			}
			if by[group].names == nil {
				by[group] = facts{make(map[string]bool), make(map[string]bool)}
			}
			by[group].names[e.person+" "+c.cell(v, "recip_first_name")] = true
			if lot := c.cell(v, "lot_number"); lot != "" {
				by[group].lots[e.person+" "+c.cell(v, "admin_date")+lot] = true
			}
		}
	}
	shares := func(f facts) bool { // two persons of the group got one lot on one day
		lots := make(map[string]bool)
		for l := range f.lots {
			lots[strings.Fields(l)[1]] = true
		}
		return len(lots) < len(f.lots)
	}
	pairs := make(map[string]int)
	for mark, by := range groups {
		for _, f := range by {
			if len(f.names) != 2 {
				continue
			}
			pairs[mark]++
			first := make(map[string]bool)
			for name := range f.names {
				first[strings.Fields(name)[1]] = true
			}
			if twins := mark == "twin"; len(first) == 2 != twins || shares(f) != twins && len(f.lots) > 0 {
				t.Errorf("%s: %d first names, one lot on one day %v", mark, len(first), shares(f))
			}
		}
	}
	if pairs["twin"] < 300 || pairs["namesake"] < 300 {
		t.Errorf("pairs: %v", pairs)
	}
}

func TestCrosswalk(t *testing.T) {
	dir, truth := write(t, Config{Seed: 26, Rows: 30_000, Defects: DefaultDefects(), Overlap: Overlap{Share: 0.3, Rekeyed: true, Crosswalk: 0.5}})
	events, recips, listed := readTold(t, dir), make(map[string]string), make(map[string]int)
	twice := make(map[string]map[string]bool)
	for _, e := range events {
		recips[e.recip] = e.person
		if twice[e.person] == nil {
			twice[e.person] = make(map[string]bool)
		}
		twice[e.person][e.recip] = true
	}
	if want := []string{"crosswalk/SDIR_to_CAIR2/crosswalk.csv", "crosswalk/RIDE_to_CAIR2/crosswalk.csv"}; !slices.Equal(truth.Overlap.Crosswalks, want) {
		t.Fatalf("files: %v", truth.Overlap.Crosswalks)
	}
	for _, path := range truth.Overlap.Crosswalks {
		text, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if lines[0] != "entity,old_registry,old_id,new_registry,new_id" {
			t.Errorf("header %s", lines[0])
		}
		for _, line := range lines[1:] {
			f := strings.Split(line, ",")
			listed[f[0]]++
			old, now := f[1]+" "+f[2], f[3]+" "+f[4]
			switch {
			case !strings.HasPrefix(path, "crosswalk/"+f[1]+"_to_"+f[3]+"/"):
				t.Errorf("%s holds ids of %s to %s", path, f[1], f[3])
			case f[0] == "event" && (events[old].dose == "" || events[old].dose != events[now].dose):
				t.Error("two event ids in a line are not one dose")
			case f[0] == "recipient" && (recips[old] == "" || recips[old] != recips[now]):
				t.Error("two recipient ids in a line are not one person")
			case f[0] == "organisation" && strings.TrimPrefix(f[2], f[1]) != strings.TrimPrefix(f[4], f[3]):
				t.Errorf("organisation %s is not %s", f[2], f[4])
			}
		}
	}
	known := 0.0
	for _, ids := range twice {
		if len(ids) == 2 {
			known++
		}
	}
	near(t, "listed persons", float64(listed["recipient"])/known, 0.5, 0.04)
	if listed["event"] < listed["recipient"] || listed["organisation"] == 0 {
		t.Errorf("listed: %v", listed)
	}
}

func TestSlipsAndTranspositions(t *testing.T) {
	for _, name := range []string{"Ng", "O'Brien", "Muñoz", "Garcia-Lopez", "De La Cruz", "Lee", "X"} {
		for seed := range uint64(200) {
			r := rng(hash(1, 2, seed))
			if got := slip(&r, name); letters(got) == letters(name) || len([]rune(got)) < len([]rune(name))-1 {
				t.Fatalf("%s became %s", name, got)
			}
		}
	}
	w := &world{cal: newCalendar()}
	for born, want := range map[string]string{"1980-03-07": "1980-07-03", "1980-05-05": "1980-05-05", "1980-05-21": "1980-05-12", "1980-05-29": "1980-05-29", "1980-12-20": "1980-12-02"} {
		day, _ := parseDay(born)
		if got := dateText(w.transposed(day)); got != want {
			t.Errorf("%s became %s, want %s", born, got, want)
		}
	}
}

func TestOverlapRefusedOrCancelled(t *testing.T) {
	for name, cfg := range map[string]Config{
		"bad share":    {Rows: 1, Overlap: Overlap{Share: 1.1}},
		"one registry": {Rows: 1, Registries: []string{"A"}, Overlap: Overlap{Share: 0.1}},
	} {
		if _, err := Write(context.Background(), t.TempDir(), cfg, nil); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	_, err := Write(ctx, dir, Config{Rows: 20_000, Overlap: wildOverlap}, func(done, total int64) {
		if done == total { // before the truth is written
			cancel()
		}
	})
	if left := contents(t, dir); !errors.Is(err, context.Canceled) || len(left) > 0 {
		t.Errorf("a cancelled run left %v, %v", slices.Collect(maps.Keys(left)), err)
	}
}

// Rekeyed ids say nothing: no number of the first registry comes back in the
// second. Otherwise each does.
func TestRekeyedIDs(t *testing.T) {
	for _, rekeyed := range []bool{true, false} {
		dir, _ := write(t, Config{Seed: 29, Rows: 8_000, Overlap: Overlap{Share: 0.4, Rekeyed: rekeyed}})
		numbers, same, pairs := make(map[string][2]string), 0, 0
		for key, e := range readTold(t, dir) {
			_, id, _ := strings.Cut(key, " ")
			had, twice := numbers[e.dose]
			_, recip, _ := strings.Cut(e.recip, " ")
			numbers[e.dose] = [2]string{id[1:], recip}
			if twice {
				pairs++
				for i, n := range numbers[e.dose] {
					if had[i] == n {
						same++
					}
				}
			}
			if is := id[1:] >= "1099511627776"; is && !rekeyed {
				t.Errorf("%s is no id of the first registry", id)
			}
		}
		if pairs < 1_000 || rekeyed && same > 0 || !rekeyed && same < 2*pairs {
			t.Errorf("rekeyed %v: %d of %d ids are the same", rekeyed, same, 2*pairs)
		}
	}
}
