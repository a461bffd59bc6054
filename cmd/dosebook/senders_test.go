package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/pipelines"
)

const senderList = "registry,id,name,parent,region,kind,state,agreement,training\n" +
	"CAIR2,100001,\"Clinic, One\",HQ,Bay Area,clinical,production,2020-12-01,2020-12-02\n" +
	"CAIR2,100002,Clinic Two,HQ,Bay Area,clinical,testing,,\n" +
	"CAIR2,100003,Clinic Three,,Valley,clinical,suspended,2020-12-01,\n" +
	"SDIR,100002,Namesake,,South,non-clinical,enrolled,,\n"

// Issue 5.7: what a sender that is not cleared sends waits with its reason,
// deletes too, and is replayed when it is.
func TestSenders(t *testing.T) {
	t.Parallel()
	d := newData(t)
	d.exits(t, 2, "senders", "require", "CAIR2", "--reason", "x") // nobody is listed
	d.ok(t, "senders", "load", write(t, "senders.csv", senderList))
	from := func(id, pin string, f fields) string {
		if f == nil {
			f = fields{}
		}
		f["vtrcks_prov_pin"] = pin
		return row(id, f)
	}
	first := cvrsText(from("one", "100001", nil), from("two", "100002", nil), from("three", "100003", nil), from("four", "999999", nil),
		from("five", "100002", fields{"admin_date": "x"}))
	d.load(t, "--registry", "SDIR", "--reject-limit", "1", write(t, "20210310_01_SDA.txt", first+from("six", "100001", nil)+"\n")) // not checked there
	d.ok(t, "senders", "require", "CAIR2", "--reason", "list is complete")
	r := d.exits(t, 7, "ingest", "--json", "--registry", "CAIR2", write(t, "20210310_01_CAA.txt", first))
	if p := reportOf(t, r.out).Payloads[0]; p.Events != 1 || p.Rejects != 4 {
		t.Fatalf("%+v", p)
	}
	d.exits(t, 7, "ingest", "--registry", "CAIR2", "--action", "delete", write(t, "20210311_01_CAA.txt", cvrsText(from("two", "100002", nil))))
	got := map[string]int{}
	for _, x := range d.rejects(t, "--registry", "CAIR2").Rejects {
		got[x.Code+" "+x.Field+" "+x.Sender+" "+x.State]++
	}
	want := map[string]int{"SENDER_TESTING vtrcks_prov_pin 100002 quarantined": 3, "SENDER_SUSPENDED vtrcks_prov_pin 100003 quarantined": 1,
		"SENDER_UNKNOWN vtrcks_prov_pin 999999 quarantined": 1}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("rejects %v, want %v", got, want)
	}
	d.exits(t, 2, "senders", "show", "100002") // two registries have one
	told := d.ok(t, "senders", "set", "100002", "--registry", "CAIR2", "--state", "production", "--reason", "ticket 7")
	if !strings.Contains(told, "3 of its records wait") || !strings.Contains(told, "dosebook rejects replay --registry CAIR2 --sender '100002'") {
		t.Errorf("%s", told)
	}
	if rep := d.replay(t, "--registry", "CAIR2", "--sender", "100002"); rep.Loaded() != 2 || rep.Left != 1 {
		t.Errorf("cleared: %+v", rep) // five is refused for its date, as it stands
	}
	d.ok(t, "senders", "set", "100003", "--state", "production", "--reason", "cleared", "--replay")
	if rep := d.replay(t, "--registry", "CAIR2"); rep.Loaded() != 0 || rep.Left != 2 {
		t.Errorf("nobody else: %+v", rep)
	}
	d.adds(t, 6, 3)
	d.ok(t, "release", "build")
	if got := d.count(t, "select string_agg(vax_event_id, ' ' order by vax_event_id) from dose_event where registry = 'CAIR2'"); got != "one three" {
		t.Errorf("events: %s", got) // two was added, then deleted
	}
	if got := d.count(t, "select string_agg(state || ' ' || n, ', ' order by state) from (select state, count(*) as n from reject where registry = 'CAIR2' group by all)"); got != `"quarantined 2, replayed 3"` {
		t.Errorf("states: %s", got)
	}
	d.ok(t, "senders", "set", "100001", "--state", "suspended", "--reason", "cold chain")
	d.exits(t, 7, "ingest", "--registry", "CAIR2", write(t, "20210312_01_CAA.txt", cvrsText(from("seven", "100001", nil))))
	shown := parse[senderShown](t, d.ok(t, "senders", "show", "--json", "100001"))
	if h := shown.History; shown.Waiting != 1 || len(h) != 2 || h[1].Was != "production" || h[1].Became != "suspended" || h[1].Reason != "cold chain" || !strings.HasPrefix(h[1].By, "local:") {
		t.Errorf("%+v", shown)
	}
	d.ok(t, "senders", "require", "CAIR2", "--off", "--reason", "pause")
	if rep := d.replay(t, "--registry", "CAIR2"); rep.Loaded() != 2 || rep.Left != 1 {
		t.Errorf("unchecked: %+v", rep)
	}
	d.sound(t)
}

// HL7 names its sender in MSH-4; a test message stays out whoever sends it.
func TestSendersOfHL7(t *testing.T) {
	t.Parallel()
	d := newData(t)
	d.ok(t, "senders", "load", write(t, "senders.csv", senderList))
	d.ok(t, "senders", "require", "CAIR2", "--reason", "all")
	message := func(sender, id, processing string) string {
		return "MSH|^~\\&|EHR|" + sender + "|IIS|CAIR2|20210310120000||VXU^V04^VXU_V04|m" + id + "|" + processing + "|2.5.1\r" +
			"PID|1||P" + id + "^^^X^MR||Example^Ann||19800203|F|||1 Example St^^Oakland^CA^94601\rORC|RE||" + id + "\r" +
			"RXA|0|1|20210305||208^COVID^CVX|0.3|mL||00||||||L1||PFR|||CP|A\rORC|RE||" + id + "b\r" +
			"RXA|0|1|20210326||208^COVID^CVX|0.3|mL||00||||||L1||PFR|||CP|A\r"
	}
	d.exits(t, 7, "ingest", "--registry", "CAIR2", write(t, "day.hl7",
		message("100001", "a", "P")+message("100002", "b", "P")+message("100002", "c", "T")))
	rep := parse[pipelines.ReplayReport](t, d.ok(t, "senders", "set", "100002", "--registry", "CAIR2", "--state", "production", "--reason", "tests passed", "--replay", "--json"))
	if rep.Selected != 2 || rep.Loaded() != 2 || rep.Left != 0 {
		t.Errorf("%+v", rep)
	}
	if rep := d.replay(t, "--registry", "CAIR2"); rep.Loaded() != 0 || rep.Left != 2 {
		t.Errorf("tests stay out: %+v", rep)
	}
	d.ok(t, "release", "build")
	if got := d.count(t, "select string_agg(vax_event_id, ' ' order by vax_event_id) from dose_event"); got != "a ab b bb" {
		t.Errorf("events: %s", got)
	}
	fix := strings.ReplaceAll(d.ok(t, "rejects", "export", "--registry", "CAIR2", "--code", "HL7_TEST"), "|T|2.5.1", "|P|2.5.1")
	fix = strings.ReplaceAll(fix, "\r", "\n") // as an editor leaves it
	if rep := d.replay(t, write(t, "fix.hl7", fix)); rep.Loaded() != 2 || rep.Refused() != 0 {
		t.Errorf("corrected: %+v", rep)
	}
	d.adds(t, 4, 4)
	d.sound(t)
}

func TestSenderReport(t *testing.T) {
	t.Parallel()
	d := newData(t)
	d.ok(t, "senders", "load", write(t, "senders.csv", senderList))
	d.exits(t, 4, "senders", "report", "--registry", "CAIR2") // no release yet
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	today := time.Now().In(pacific)
	ago := func(days int) string { return today.AddDate(0, 0, -days).Format(time.DateOnly) }
	dose := func(id, pin string, days int, f fields) string {
		cells := fields{"vtrcks_prov_pin": pin, "admin_date": ago(days), "lot_number": "A1", "ndc": "59267-1000-01"}
		for k, v := range f {
			cells[k] = v
		}
		return row(id, cells)
	}
	d.exits(t, 7, "ingest", "--registry", "CAIR2", write(t, "day.txt", cvrsText(dose("a", "100001", 0, nil), dose("b", "100001", 1, fields{"recip_id": "R-a2", "recip_last_name": "Other"}),
		dose("c", "100001", 3, fields{"lot_number": "B2", "recip_last_name": "Third"}), dose("d", "100001", 30, fields{"recip_last_name": "Fourth", "recip_sex": ""}), dose("e", "100001", 40, fields{"vax_refusal": "YES", "recip_last_name": "Fifth"}),
		dose("f", "100001", 5, fields{"cvx": "", "ndc": ""}), dose("g", "100002", 9, nil), "short\tI")))
	d.ok(t, "release", "build")
	rep := parse[senderReport](t, d.ok(t, "senders", "report", "--registry", "CAIR2", "--json"))
	by := map[string]senderLine{}
	for _, s := range rep.Senders {
		by[s.Sender] = s
	}
	one := by["100001"]
	if one.Name != "Clinic, One" || one.State != "production" || one.Records != 6 || one.Refused != 1 || one.Waiting != 1 || one.Events != 5 || one.LastSeen != ago(0) ||
		one.Issues["REQD001"] != 1 || one.Median == nil || *one.Median != 3 || *one.Within1 != 0.4 || *one.Within3 != 0.6 {
		t.Errorf("%+v", one)
	}
	if got := fmt.Sprint(one.Doses); got != "[{208 59267-1000-01 A1 3} {208 59267-1000-01 B2 1}]" {
		t.Errorf("doses %s", got)
	}
	if two, none := by["100002"], by[""]; two.Events != 1 || none.Refused != 1 || none.Records != 1 || by["100003"].Records != 0 || len(by) != 4 {
		t.Errorf("%+v", by)
	}
	part := parse[senderReport](t, d.ok(t, "senders", "report", "--registry", "CAIR2", "--json", "--from", ago(9), "--to", ago(1)))
	for _, s := range part.Senders {
		if want := map[string]int64{"100001": 2, "100002": 1}[s.Sender]; s.Events != want || s.Records != 0 {
			t.Errorf("part: %+v", s)
		}
	}
	d.ok(t, "senders", "report", "--registry", "CAIR2")
	d.exits(t, 2, "senders", "report", "--registry", "CAIR2", "--from", "March")
}

// kill -9 at any instant of a replay, then the same command: the same bytes.
func TestKilledReplay(t *testing.T) {
	t.Parallel()
	d := newData(t)
	d.ok(t, "senders", "load", write(t, "senders.csv", senderList))
	d.ok(t, "senders", "require", "CAIR2", "--reason", "all")
	var rows []string
	for i := range size(3_000, 20_000, 200_000) {
		rows = append(rows, row(fmt.Sprintf("k-%d", i), fields{"vtrcks_prov_pin": "100002", "recip_last_name": fmt.Sprint("N", i)}))
	}
	dir := t.TempDir()
	for i := range 3 {
		n := len(rows) / 3
		if err := os.WriteFile(fmt.Sprintf("%s/202103%02d_01_CAA.txt", dir, 10+i), []byte(cvrsText(rows[i*n:(i+1)*n]...)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.ok(t, "ingest", "--registry", "CAIR2", "--reject-limit", "1", dir)
	d.ok(t, "senders", "set", "100002", "--registry", "CAIR2", "--state", "production", "--reason", "cleared")
	killed(t, func(t *testing.T) data { return copyOf(t, d, "control.db", "warehouse.duckdb", "raw", "lake") }, size(3, 6, 40),
		"rejects", "replay", "--json", "--registry", "CAIR2", "--sender", "100002")
}
