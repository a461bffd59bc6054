package main

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
)

// account returns the sum of verify's accounts, which must add up.
func (d data) account(t *testing.T) pipelines.Account {
	t.Helper()
	v := parse[verified](t, d.ok(t, "verify", "--json"))
	if len(v.Account) == 0 || len(v.Bad) > 0 {
		t.Fatalf("%+v, bad: %q", v.Account, v.Bad)
	}
	return v.Account[len(v.Account)-1]
}

// plant changes the warehouse behind its back.
func (d data) plant(t *testing.T, statement string) {
	t.Helper()
	db, err := sql.Open("duckdb", filepath.Join(string(d), "warehouse.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := db.Exec(statement)
	if err == nil {
		n, _ := res.RowsAffected()
		if n == 0 {
			t.Fatalf("%s: nothing was changed", statement)
		}
	}
	if err != nil || db.Close() != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// accounted is a store with one record of each kind, and two to spare.
func accounted(t *testing.T) data {
	t.Helper()
	d := newData(t)
	of := func(recip string) fields { return fields{"recip_id": recip, "recip_dob": "195" + recip[1:] + "-01-01"} }
	d.load(t, "--registry", "CAIR2", "--reject-limit", "1", write(t, "20210310_01_CAA.txt", cvrsText(
		row("a", of("P1")), row("b", of("P2")), row("c", of("P2")), row("gone", of("P3")), row("x", fields{"recip_id": "P4", "recip_dob": "1970-04-04", "admin_date": "2021-02-30"}),
		row("y", fields{"recip_id": "P5", "admin_date": "2021-02-30"}), row("", nil))))
	d.load(t, "--registry", "CAIR2", write(t, "20210311_01_CAA.txt", cvrsText(row("a", fields{"recip_id": "P1", "recip_dob": "1951-01-01", "lot_number": "NEW"}))))
	d.load(t, "--registry", "CAIR2", "--action", "delete", write(t, "20210312_01_CAA.txt", cvrsText(row("gone", nil))))
	return d
}

// Issue 6.5: received = current + superseded + tombstoned + duplicates + open
// rejects + closed rejects; before and after a replay and a closing.
func TestAccountAddsUp(t *testing.T) {
	t.Parallel()
	d := accounted(t)
	want := pipelines.Account{Registry: "all", Received: 9, Current: 2, Duplicates: 1, Superseded: 2, Tombstoned: 1, Open: 3}
	if got := d.account(t); got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	fix := d.ok(t, "rejects", "export", "--registry", "CAIR2", "--code", "DATA001")
	lines := strings.SplitAfter(fix, "\n")
	lines[1] = strings.Replace(lines[1], "2021-02-30", "2021-03-02", 1)
	lines[2] = strings.Replace(lines[2], "2021-02-30", "2021-02-31", 1) // still wrong
	if rep := d.replay(t, write(t, "fix.txt", strings.Join(lines, ""))); rep.Loaded() != 1 || rep.Refused() != 1 {
		t.Fatalf("%+v", rep)
	}
	want.Received, want.Current, want.Closed, want.Open = 11, 3, 2, 2
	if got := d.account(t); got != want {
		t.Errorf("after a replay: %+v, want %+v", got, want)
	}
	outcomes := map[string]int{}
	for _, r := range d.rejects(t, "--state", "replayed").Rejects {
		outcomes[r.Outcome]++
	}
	if outcomes["loaded"] != 1 || outcomes["refused again"] != 1 {
		t.Errorf("became: %v", outcomes)
	}
	d.ok(t, "rejects", "close", "--registry", "CAIR2", "--code", "REQD001", "--reason", "no id is to be had")
	want.Closed, want.Open = 3, 1
	if got := d.account(t); got != want {
		t.Errorf("after a closing: %+v, want %+v", got, want)
	}
	d.ok(t, "warehouse", "rebuild")
	if got := d.account(t); got != want {
		t.Errorf("rebuilt: %+v, want %+v", got, want)
	}
	d.sound(t)
}

// What is lost or doubled is told with its segment, also where a total would
// hide it; a file of rejects that was changed is too.
func TestAccountFindsFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][2]string{
		"an event lost":       {"delete from event where vax_event_id = 'b'", "1 are nowhere"},
		"a version lost":      {"delete from superseded where place = (select min(place) from superseded)", "1 are nowhere"},
		"a version twice":     {"insert into superseded select * from superseded limit 1", "1 too many"},
		"moved to another":    {"update superseded set place = place + 4294967296 where place = (select min(place) from superseded)", "1 too many"},
		"rows out of nowhere": {"insert into superseded values (1, 99 * 4294967296, 1)", "holds no records"},
	} {
		d := accounted(t)
		d.plant(t, c[0])
		r := d.exits(t, 1, "verify")
		if !strings.Contains(r.out, c[1]) || strings.Contains(r.out, "Example") {
			t.Errorf("%s: %s%s", name, r.out, r.err)
		}
		d.ok(t, "warehouse", "rebuild")
		d.sound(t)
	}
}

// A reject that a steward gave up is closed everywhere, also after a rebuild,
// is not replayed, and can be opened again; an earlier position does not know
// of it. Who did it, and who looked at a record, is in the audit.
func TestRejectGivenUp(t *testing.T) {
	t.Parallel()
	d := accounted(t)
	d.ok(t, "release", "build")
	all := d.rejects(t, "--state", "open").Rejects
	ref := all[0].Ref
	d.exits(t, 2, "rejects", "close", ref, "--registry", "CAIR2")
	d.exits(t, 2, "rejects", "close", "--registry", "CAIR2", "--reason", "why")
	d.exits(t, 2, "rejects", "close", ref, "0123456789abcdef:9", "--registry", "CAIR2", "--reason", "why")
	d.exits(t, 2, "rejects", "reopen", ref, "--registry", "CAIR2", "--reason", "why")
	export := d.ok(t, "rejects", "export", "--registry", "CAIR2")
	d.ok(t, "rejects", "close", ref, "--registry", "CAIR2", "--reason", "chart lost, clinic closed")
	d.exits(t, 2, "rejects", "close", ref, "--registry", "CAIR2", "--reason", "twice")
	shown := parse[[]rejected](t, d.ok(t, "rejects", "show", ref, "--json"))
	if len(shown) != 1 || shown[0].State != dose.RejectGivenUp || shown[0].Given == nil || shown[0].Given.Reason != "chart lost, clinic closed" || shown[0].Given.By == "" {
		t.Errorf("%+v", shown)
	}
	position := d.position(t)
	fixed := strings.ReplaceAll(export, "2021-02-30", "2021-03-02")
	first := strings.SplitAfter(fixed, "\n")
	if rep := d.replay(t, write(t, "fix.txt", first[0]+first[1])); rep.Settled != 1 || d.position(t) != position {
		t.Errorf("a replay of what was given up: %+v", rep)
	}
	state := "select string_agg(state, ' ' order by line) from reject"
	if got := d.count(t, state); got != "open open open" {
		t.Errorf("the earlier release: %s", got)
	}
	d.ok(t, "warehouse", "rebuild")
	d.ok(t, "release", "build")
	if got := d.count(t, state); got != "given-up open open" {
		t.Errorf("rebuilt: %s", got)
	}
	if n := d.rejects(t, "--state", "waiting").Total; n != 2 {
		t.Errorf("%d wait", n)
	}
	d.ok(t, "rejects", "reopen", ref, "--registry", "CAIR2", "--reason", "found")
	if rep := d.replay(t, write(t, "fix2.txt", first[0]+first[1])); rep.Loaded() != 1 {
		t.Errorf("after it was opened again: %+v", rep)
	}
	d.ok(t, "release", "build")
	if got := d.count(t, state); got != "replayed open open" {
		t.Errorf("replayed: %s", got)
	}
	d.sound(t)
	did := map[string]int{}
	for _, e := range parse[[]access.Entry](t, d.ok(t, "audit", "list", "--json")) {
		did[e.Action]++
		if e.Action == "reject close" && (e.File != ref || e.Place != "CAIR2" || e.User == "") {
			t.Errorf("%+v", e)
		}
	}
	if did["reject close"] < 1 || did["reject reopen"] < 1 || did["reject show"] != 1 || did["reject export"] != 1 {
		t.Errorf("the audit: %v", did)
	}
}
