package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// The configuration's levels hold for their registry: a check that is raised
// keeps its rows out with its own code, one that is off says nothing, and what
// is found stands with the level in force; a mistake in them is told.
func TestLevelsByRegistry(t *testing.T) {
	d := newData(t)
	config := write(t, "dosebook.yaml", `reject_limit: 0.5
checks:
  "*":
    QUOTES: {level: "off"}
    DAY_CLUSTER: {level: info}
  CAIR2:
    CVX_AGE: {level: error, reject: true}
    lot-short: {level: error}
`)
	file := func(name string) string {
		return write(t, name, cvrsText(row("a", fields{"recip_dob": "2016-05-05"}), row("b", fields{"lot_number": `"EN6"`, "recip_dob": "1980-05-05"}),
			row("c", fields{"admin_date": "2021-03-01", "recip_dob": "1980-05-05"})))
	}
	for registry, want := range map[string]string{"CAIR2": "2 1 map[DAY_CLUSTER:1 LOT_SHORT:1]", "RIDE": "3 0 map[CVX_AGE:1 DAY_CLUSTER:1 LOT_SHORT:1]"} {
		p := d.load(t, "--config", config, "--registry", registry, file("20210401_01_"+registry[:3]+".txt")).Payloads[0]
		if got := fmt.Sprint(p.Events, " ", p.Rejects, " ", p.Issues); got != want {
			t.Errorf("%s: %s, want %s", registry, got, want)
		}
	}
	if text := d.ok(t, "--json", "rejects", "list"); !strings.Contains(text, "CVX_AGE") || !strings.Contains(text, "not meant for that age") {
		t.Errorf("rejects: %s", text)
	}
	for _, bad := range []string{"checks: {CAIR2: {NO_SUCH: {level: info}}}", "checks: {CAIR2: {CVX_AGE: {level: loud}}}", "checks: {CAIR2: {admin-date-bad: {level: info}}}"} {
		if r := d.exits(t, 2, "--config", write(t, "bad.yaml", bad), "config", "check"); !strings.Contains(r.err, "CAIR2") {
			t.Errorf("%s: %s", filepath.Base(bad), r.err)
		}
	}
}

// Text that a spreadsheet takes for a formula comes out as the text it is, and
// is named on the way in; so are letters of full width.
func TestFormulasStayText(t *testing.T) {
	d := newData(t)
	p := d.load(t, "--registry", "CAIR2", write(t, "20210401_01_CAA.txt", cvrsText(row("a", fields{"admin_name": "=HYPERLINK(1)", "lot_number": "EN６２０１"})))).Payloads[0]
	if p.Issues["FORMULA"] != 1 || p.Issues["WIDE_DIGITS"] != 1 {
		t.Errorf("issues %v", p.Issues)
	}
	d.ok(t, "release", "build")
	if got := d.count(t, "select admin_name || ' ' || lot_number from dose_event"); strings.Trim(got, `"`) != "=HYPERLINK(1) EN６２０１" {
		t.Errorf("came out as %s", got)
	}
}
