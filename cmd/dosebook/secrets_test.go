package main

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// Markers that stand for what is a person's.
var markers = fields{"recip_first_name": "Zyxwvut", "recip_middle_name": "Qqmiddle", "recip_last_name": "Plughname", "recip_dob": "1913-11-17",
	"recip_address_street": "77 Xyzzystreet", "recip_address_street_2": "Apt Frobnitz", "recip_address_city": "Gronkville", "recip_id": "SSN-987-65-4321",
	"admin_address_street": "78 Xyzzystreet"}

func marked(id string, f fields) string {
	all := fields{}
	for _, from := range []fields{markers, f} {
		for k, v := range from {
			all[k] = v
		}
	}
	return row(id, all)
}

// No name, birth date, address or token in any output but where it was asked
// for (DESIGN §7): rows that load, rows that are refused, files that can't be
// read, wrong requests, wrong queries.
func TestNoPersonInOutput(t *testing.T) {
	t.Parallel()
	d := newData(t)
	var said []result
	run := func(args ...string) { said = append(said, d.try(t, args...)) }
	good := cvrsText(marked("m-1", nil), marked("m-2", fields{"recip_dob": "17.11.1913 Plughname"}), marked("m-3", fields{"recip_sex": "Zyxwvut"}))
	refused := cvrsText(marked("", nil), marked("m-4", fields{"admin_date": "Plughname"}), marked("m-5", fields{"cvx": "Zyxwvut"}),
		strings.TrimSuffix(marked("m-6", nil), "\t"+"UNK"), marked("m-7", fields{"lot_number": "\x00"}))
	headless := marked("m-8", nil) + "\r\n" + marked("m-9", nil) + "\r\n"
	spaces := strings.ReplaceAll(headless, "\t", " ")
	for i, text := range []string{good, refused, headless, spaces, strings.ReplaceAll(good, "\t", ","), good + strings.Repeat("Plughname", 200_000)} {
		name := []string{"a.txt", "b.txt", "c.txt", "d.txt", "e.csv", "f.txt"}[i]
		for _, action := range []string{"add", "update", "delete"} {
			path := write(t, name, text)
			run("ingest", "--registry", "CAIR2", "--action", action, path)
			if action == "add" { // a copy changes nothing, a file that can't be read fails again
				run("ingest", "--registry", "CAIR2", "--json", path)
			}
		}
	}
	run("ingest", "--registry", "CAIR2", write(t, "g.txt", strings.Replace(good, "m-1", "m-10", 1)))
	run("release", "build")
	run("release", "build", "--json")
	run("release", "show")
	run("verify", "--deep")
	run("warehouse", "rebuild")
	run("audit", "list")
	for _, r := range said {
		silent(t, "a command", r.out+r.err)
	}
	if n := d.count(t, "select count(*) from reject where contains(record, 'Plughname')"); n == "0" || d.count(t, "select count(*) from dose_event where recip_last_name = 'Plughname'") == "0" {
		t.Fatalf("the markers did not get in: %s rejects", n)
	}
	requests(t, d)
}

// requests asks the server right and wrong things and reads its log.
func requests(t *testing.T, d data) {
	t.Helper()
	token, m := d.token(t, "epi@alameda.example", "06001", "epi"), d.latest(t)
	s := d.serve(t)
	base := "/api/v1/releases/" + m.ID
	for _, path := range []string{base + "/counties/06001/dose_event.csv", base + "/counties/06001/recipient.ndjson", base + "/counties/06075/dose.csv",
		base + "/counties/Plughname/dose.csv", base + "/Plughname.csv", "/api/v1/releases/Plughname", "/Plughname?token=" + url.QueryEscape(token) + "&name=Zyxwvut",
		"/healthz?" + token, base + "/reject.csv"} {
		for _, bearer := range []string{token, "", token + "x", "Plughname"} {
			a := s.get(t, path, bearer)
			if a.status != 200 {
				for _, m := range []string{token, "Zyxwvut", "Xyzzystreet", "1913"} {
					if strings.Contains(string(a.body), m) {
						t.Errorf("%d holds %s", a.status, m)
					}
				}
			}
			for name, values := range a.header {
				if text := strings.Join(values, " "); strings.Contains(text, token) {
					t.Errorf("header %s holds the token", name)
				}
			}
		}
	}
	log := s.log()
	for range 200 { // a request is logged after its answer
		if strings.Count(log, `"msg":"request"`) == 9*4 {
			break
		}
		time.Sleep(50 * time.Millisecond)
		log = s.log()
	}
	if strings.Count(log, `"msg":"request"`) != 9*4 {
		t.Errorf("the log has %d requests", strings.Count(log, `"msg":"request"`))
	}
	silent(t, "the log of serve", log)
	if strings.Contains(log+d.ok(t, "access", "list")+d.ok(t, "audit", "list"), token) {
		t.Error("the token is in the log, in the list or in the audit")
	}
	silent(t, "the audit", d.ok(t, "audit", "list", "--json"))
}

// silent looks for all that the markers hold.
func silent(t *testing.T, what, text string) {
	t.Helper()
	for _, m := range markers {
		for _, part := range append(strings.Fields(m), m) {
			if len(part) > 4 && strings.Contains(text, part) {
				t.Errorf("%s says %q: %.400s", what, part, text)
			}
		}
	}
	if strings.Contains(text, "17.11.1913") {
		t.Errorf("%s says a birth date", what)
	}
}
