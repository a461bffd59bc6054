package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// heldRows are what a sender holds: 200 events in three counties.
func heldRows() []string {
	var rows []string
	for i := range 200 {
		county := []string{"06001", "06013", "06075"}[i%3]
		rows = append(rows, row(fmt.Sprintf("E%03d", i), person(i, fields{"recip_address_county": county, "admin_date": fmt.Sprintf("2021-03-%02d", 1+i%20)})))
	}
	return rows
}

// controlOf makes the control file of the rows, as the sender would.
func controlOf(t *testing.T, flags []string, rows ...string) string {
	t.Helper()
	file := write(t, "held.txt", cvrsText(rows...))
	return write(t, "control.csv", newData(t).ok(t, append(append([]string{"reconcile", "control"}, flags...), file)...))
}

func (d data) control(t *testing.T, code int, args ...string) controlled {
	t.Helper()
	return parse[controlled](t, d.exits(t, code, append([]string{"reconcile", "--json", "--registry", "CAIR2"}, args...)...).out)
}

// plantedWorld holds all rows but the first two, one with other content, one
// in another county, and two of its own; and the control file of all rows.
func plantedWorld(t *testing.T) (d data, rows []string) {
	t.Helper()
	d, rows = newData(t), heldRows()
	stored := append(slices.Clone(rows[2:]), row("X1", person(301, fields{"admin_date": "2021-03-30"})), row("X2", person(302, fields{"admin_date": "2021-03-30"})))
	stored[3] = row("E005", person(5, fields{"recip_address_county": "06075", "admin_date": "2021-03-06", "lot_number": "OTHER"}))
	stored[4] = row("E006", person(6, fields{"recip_address_county": "06013", "admin_date": "2021-03-07"}))
	d.load(t, "--registry", "CAIR2", write(t, "20210401_01_CAA.txt", cvrsText(stored...)))
	d.load(t, "--registry", "RIDE", write(t, "20210401_01_RID.txt", cvrsText(rows[0])))
	return d, rows
}

func TestControlEqual(t *testing.T) {
	t.Parallel()
	d, rows := newData(t), heldRows()
	d.load(t, "--registry", "CAIR2", "--mode", "snapshot", write(t, "20210401_01_CAA.txt", cvrsText(rows...)))
	slices.Reverse(rows)
	for form, flags := range map[string][]string{"events": nil, "days": {"--summary"}} {
		got := d.control(t, 0, controlOf(t, flags, rows...), "--check")
		if !got.Equal || got.Form != form || got.Rows != 200 || got.Events != 200 || len(got.Days) > 0 || got.Missing+got.Extra+got.Different > 0 {
			t.Errorf("%s: %+v", form, got)
		}
	}
	// The store as its own sender sees it later: by then two versions and a repeat.
	later := row("E000", person(0, fields{"recip_address_county": "06001", "admin_date": "2021-03-01", "lot_number": "NEW"}))
	d.load(t, "--registry", "CAIR2", "--action", "update", write(t, "20210402_01_CAA.txt", cvrsText(later)))
	first, second := write(t, "20210401_01_CAA.txt", cvrsText(rows...)), write(t, "20210402_01_CAA.txt", cvrsText(later, rows[7]))
	both := d.ok(t, "reconcile", "control", second, first) // the names tell the order
	if got := d.control(t, 0, write(t, "c.csv", both)); !got.Equal || got.Rows != 200 {
		t.Errorf("%+v", got)
	}
	if lines := strings.Split(both, "\n"); lines[0] != "vax_event_id,county,admin_date,content" || !slices.IsSorted(lines[1:201]) || len(lines) != 202 {
		t.Errorf("the control file begins %q and has %d lines", lines[:2], len(lines))
	}
	got := d.control(t, 0, controlOf(t, nil, rows...))
	if got.Different != 1 || !slices.Equal(got.IDs["different"], []string{"E000"}) || got.Equal {
		t.Errorf("after an update: %+v", got)
	}
	// The file speaks for the first of April: what came later is not judged.
	d.load(t, "--registry", "CAIR2", write(t, "20210403_01_CAA.txt", cvrsText(row("LATE", person(300, nil)))))
	byDay := controlOf(t, []string{"--summary"}, append(slices.Clone(rows[:199]), later)...) // reversed: E000 is the last
	if got := d.control(t, 0, byDay, "--as-of-time", "2021-04-02", "--check"); !got.Equal || got.Newer != 1 {
		t.Errorf("by day as of: %+v", got)
	}
	got = d.control(t, 0, controlOf(t, nil, rows...), "--as-of-time", "2021-04-01", "--check")
	if !got.Equal || got.Newer != 2 || got.Same != 199 || got.AsOf != "2021-04-01T23:59:59Z" {
		t.Errorf("as of: %+v", got)
	}
}

func TestControlFindings(t *testing.T) {
	t.Parallel()
	d, rows := plantedWorld(t)
	ask := filepath.Join(t.TempDir(), "ask.csv")
	got := d.control(t, 1, controlOf(t, nil, rows...), "--check", "--request", ask)
	want := map[string][]string{"missing": {"E000", "E001"}, "extra": {"X1", "X2"}, "different": {"E005", "E006"}}
	if !reflect.DeepEqual(got.IDs, want) || got.Equal || got.Rows != 200 || got.Events != 200 || got.Same != 196 {
		t.Errorf("%+v", got)
	}
	var days []string
	for _, x := range got.Days {
		days = append(days, fmt.Sprint(x.County, " ", x.Day, " ", x.Rows, " ", x.Events, " -", x.Missing, " +", x.Extra, " ~", x.Different))
	}
	if want := []string{"06001 2021-03-01 4 3 -1 +0 ~0", "06001 2021-03-07 4 3 -0 +0 ~1", "06001 2021-03-30 0 2 -0 +2 ~0", "06013 2021-03-02 4 3 -1 +0 ~0", "06075 2021-03-06 4 4 -0 +0 ~1"}; !slices.Equal(days, want) {
		t.Errorf("days %q, want %q", days, want)
	}
	if text, err := os.ReadFile(ask); err != nil || string(text) != "vax_event_id,finding\nE000,missing\nE001,missing\nE005,different\nE006,different\n" {
		t.Errorf("request %q, %v", text, err)
	}
	text := d.ok(t, "reconcile", "--registry", "CAIR2", controlOf(t, nil, rows...), "--limit", "1")
	for _, part := range []string{"200 rows; store: 200 events", "same 196, missing 2, extra 2, different 2", "missing (the first 1 of 2)\n  E000\n", "the first 1 of 5"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
	if strings.Contains(text, "Example") || strings.Contains(text, "1980") {
		t.Errorf("it shows more than ids:\n%s", text)
	}
	// A sender with other rules for counties: the content is the same.
	moved := strings.Replace(d.ok(t, "reconcile", "control", write(t, "held.txt", cvrsText(rows...))), "\nE010,06013,", "\nE010,UNK,", 1)
	if got := d.control(t, 0, write(t, "control.csv", moved)); !slices.Contains(got.IDs["different"], "E010") || got.Different != 3 {
		t.Errorf("another county: %+v", got)
	}
	// Without ids: the county and the day.
	got = d.control(t, 1, controlOf(t, []string{"--summary"}, rows...), "--check", "--request", ask)
	days = nil
	for _, x := range got.Days {
		days = append(days, x.County+" "+x.Day+" "+x.Differs)
	}
	if want := []string{"06001 2021-03-01 rows", "06001 2021-03-07 rows", "06001 2021-03-30 rows", "06013 2021-03-02 rows", "06013 2021-03-07 rows", "06075 2021-03-06 content"}; !slices.Equal(days, want) {
		t.Errorf("days %q, want %q", days, want)
	}
	if text, err := os.ReadFile(ask); err != nil || strings.Count(string(text), "\n") != 7 || !strings.HasPrefix(string(text), "county,admin_date\n06001,2021-03-01\n") {
		t.Errorf("request %q, %v", text, err)
	}
}

func TestControlRepair(t *testing.T) {
	t.Parallel()
	d, rows := plantedWorld(t)
	control := controlOf(t, nil, rows...)
	lake := d.hashes(t, "lake", "raw")
	got := d.control(t, 0, control, "--repair", "--source-date", "2021-04-01")
	if got.Repair == nil || got.Repair.Deletes != 2 || got.Repair.Path != "20210401_99_FIX.txt" || got.Repair.Rejects != 0 || len(got.Repair.Issues) > 0 {
		t.Fatalf("repair %+v", got.Repair)
	}
	after := d.hashes(t, "lake", "raw")
	for name, sum := range lake {
		if after[name] != sum {
			t.Errorf("%s was edited", name)
		}
	}
	d.load(t, "--registry", "CAIR2", "--action", "update", write(t, "20210402_01_CAA.txt", cvrsText(rows[0], rows[1], rows[5], rows[6])))
	equal := func(when string) {
		t.Helper()
		if got := d.control(t, 0, control, "--check"); !got.Equal || got.Same != 200 || got.Events != 200 {
			t.Errorf("%s: %+v", when, got)
		}
	}
	equal("after the sender's part")
	d.ok(t, "warehouse", "rebuild")
	equal("rebuilt")
	if text := d.ok(t, "explain", "CAIR2/X1"); !strings.Contains(text, "20210401_99_FIX.txt line 2") || !strings.Contains(text, "deletes the event") {
		t.Errorf("explain does not show the repair:\n%s", text)
	}
	d.build(t)
	d.sound(t)
	// A later file brings the event back, and a second repair takes it away again.
	d.load(t, "--registry", "CAIR2", write(t, "20210403_01_CAA.txt", cvrsText(row("X1", person(301, nil)))))
	if got := d.control(t, 0, control, "--as-of-time", "2021-04-02"); !got.Equal || got.Newer != 1 {
		t.Errorf("newer: %+v", got)
	}
	for range 2 {
		d.control(t, 0, control, "--repair", "--check")
		equal("repaired again")
		d.load(t, "--registry", "CAIR2", "--mode", "incremental", write(t, "again.txt", cvrsText(row("X1", person(301, fields{"lot_number": fmt.Sprint(len(d.hashes(t, "raw")))})))))
	}
}

func TestControlGuard(t *testing.T) {
	t.Parallel()
	d, rows := plantedWorld(t)
	short := controlOf(t, nil, rows[:190]...)
	position := d.ok(t, "warehouse", "status", "--json")
	r := d.exits(t, 5, "reconcile", "--registry", "CAIR2", short, "--repair")
	if !strings.Contains(r.err, "lacks 12 of the registry's 200 events, more than 2 %") || !strings.Contains(r.out, "extra 12") {
		t.Errorf("%s%s", r.out, r.err)
	}
	if now := d.ok(t, "warehouse", "status", "--json"); now != position {
		t.Errorf("the held repair changed the store: %s, was %s", now, position)
	}
	if got := d.control(t, 0, short, "--repair", "--max-absent", "0.06"); got.Repair == nil || got.Repair.Deletes != 12 {
		t.Errorf("%+v", got.Repair)
	}
	// What is newer than the deletions would outlive them, and is not touched.
	if got := d.control(t, 0, controlOf(t, nil, rows[:180]...), "--repair", "--source-date", "2021-03-01"); got.Repair != nil || got.Extra != 0 || got.Newer == 0 {
		t.Errorf("%+v", got)
	}
}

// What CVRS can't carry is not deleted by guess.
func TestControlRepairRefused(t *testing.T) {
	t.Parallel()
	d, rows := newData(t), heldRows()
	d.load(t, "--registry", "CAIR2", write(t, "20210401_01_CAA.txt", cvrsText(append(rows, row(`A"B`, person(301, nil)))...)))
	raw := d.hashes(t, "raw", "lake")
	if r := d.exits(t, 2, "reconcile", "--registry", "CAIR2", controlOf(t, nil, rows...), "--repair"); !strings.Contains(r.err, "CVRS can't carry") {
		t.Errorf("%s", r.err)
	}
	sameFiles(t, "after a refused repair", d.hashes(t, "raw", "lake"), raw)
}

// An id that moved to another registry is there under its new one.
func TestControlMoved(t *testing.T) {
	t.Parallel()
	d, rows := newData(t), heldRows()[:10]
	d.load(t, "--registry", "RIDE", write(t, "20210401_01_RID.txt", cvrsText(rows...)))
	d.load(t, "--registry", "CAIR2", write(t, "20210402_01_CAA.txt", cvrsText(row("C1", person(3, fields{"lot_number": "CAIR"})))))
	d.ok(t, "ingest", "--registry", "RIDE", "--format", "crosswalk", write(t, "moved.csv", "entity,old_registry,old_id,new_registry,new_id\nevent,RIDE,E003,CAIR2,C1\n"))
	got := parse[controlled](t, d.ok(t, "reconcile", "--json", "--registry", "RIDE", controlOf(t, nil, rows...), "--check"))
	if !got.Equal || got.Moved != 1 || got.Same != 9 || got.Events != 9 {
		t.Errorf("%+v", got)
	}
}

func TestControlRefusals(t *testing.T) {
	t.Parallel()
	d, rows := plantedWorld(t)
	good, err := os.ReadFile(controlOf(t, nil, rows...))
	if err != nil {
		t.Fatal(err)
	}
	text := string(good)
	cut := write(t, "cut.csv", text[:len(text)-9])
	summary := controlOf(t, []string{"--summary"}, rows...)
	control := write(t, "control.csv", text)
	none := filepath.Join(t.TempDir(), "none.csv")
	for name, c := range map[string]struct {
		code int
		args []string
		says string
	}{
		"cut":            {2, []string{cut}, "cut.csv: line 201: content is not 16 hex digits"},
		"no control":     {2, []string{write(t, "page.csv", "<html>\n")}, "line 1: the header is neither"},
		"no file":        {2, []string{none}, "none.csv"},
		"no ids":         {2, []string{summary, "--repair"}, "without --summary"},
		"time":           {2, []string{control, "--as-of-time", "yesterday"}, "--as-of-time"},
		"date":           {2, []string{control, "--repair", "--source-date", "2021-02-30"}, "--source-date"},
		"date, no use":   {2, []string{control, "--source-date", "2021-02-03"}, "goes with --repair"},
		"request":        {2, []string{control, "--request", filepath.Join(none, "x")}, "--request"},
		"two files":      {2, []string{control, control}, "arg"},
		"other registry": {2, []string{control, "--registry", "../x"}, "registry"},
	} {
		if r := d.exits(t, c.code, append([]string{"reconcile", "--registry", "CAIR2"}, c.args...)...); !strings.Contains(r.err, c.says) {
			t.Errorf("%s: %q does not say %q", name, r.err, c.says)
		}
	}
	d.exits(t, 2, "reconcile", control)
	newData(t).exits(t, 4, "reconcile", "--registry", "CAIR2", control)
	if r := d.exits(t, 2, "reconcile", "control", write(t, "bad.txt", "<html>")); r.out != "" || !strings.Contains(r.err, "bad.txt") {
		t.Errorf("a control file of nothing: %q %q", r.out, r.err)
	}
	if r := d.exits(t, 0, "reconcile", "control", write(t, "b.txt", cvrsText(rows[0], row("", nil)))); strings.Count(r.out, "\n") != 2 || !strings.Contains(r.err, "1 of 2 records would be refused") {
		t.Errorf("a refused row: %q %q", r.out, r.err)
	}
	left, err := filepath.Glob(filepath.Join(string(d), ".part-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// A control file of HL7 messages is held against what was loaded of them.
func TestControlHL7(t *testing.T) {
	t.Parallel()
	d := newData(t)
	for _, name := range []string{"hl7-several-doses", "hl7-batch"} {
		file := filepath.Join("..", "..", "testdata", "cases", name, "input.hl7")
		d.ok(t, "ingest", "--registry", "CAIR2", "--reject-limit", "1", file)
		got := d.control(t, 0, write(t, "control.csv", d.ok(t, "reconcile", "control", file)))
		if got.Same == 0 || got.Same != got.Rows || got.Missing+got.Different > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
