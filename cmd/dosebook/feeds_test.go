package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/pipelines"
)

// box is a data directory, a drop folder and a configuration.
type box struct {
	data
	inbox, config string
}

func newBox(t *testing.T, more string) *box {
	t.Helper()
	b := &box{newData(t), filepath.Join(t.TempDir(), "in box"), filepath.Join(t.TempDir(), "dosebook.yaml")}
	if err := os.MkdirAll(b.inbox, 0o700); err != nil {
		t.Fatal(err)
	}
	b.configure(t, `feeds:
  - name: cair2
    registry: CAIR2
    schedule: "30 2 * * *"
    source: {drop: {folder: "`+b.inbox+`", ready: done}}
`+more)
	return b
}

func (b *box) configure(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(b.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// put lays a file into the drop folder and marks it as done.
func (b *box) put(t *testing.T, name, text string) {
	t.Helper()
	for n, s := range map[string]string{name: text, name + ".done": ""} {
		if err := os.WriteFile(filepath.Join(b.inbox, n), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a command that must end with the code and returns its last run.
func (b *box) run(t *testing.T, code int, args ...string) pipelines.Outcome {
	t.Helper()
	r := b.exits(t, code, append([]string{"--config", b.config, "--json", "run"}, args...)...)
	runs := parse[struct{ Runs []pipelines.Outcome }](t, r.out).Runs
	if len(runs) == 0 {
		return pipelines.Outcome{}
	}
	return runs[len(runs)-1]
}

type shown struct {
	Feed     pipelines.FeedStatus
	Held     []pipelines.Held
	Payloads []pipelines.Brought
	Notices  []pipelines.Notice
}

func (b *box) show(t *testing.T) shown {
	t.Helper()
	return parse[shown](t, b.ok(t, "--config", b.config, "--json", "feeds", "show", "cair2"))
}

func TestFeedRuns(t *testing.T) {
	t.Parallel()
	b := newBox(t, "")
	if s := b.show(t).Feed; s.State != "new" || s.Lag != -1 || s.Next.IsZero() {
		t.Errorf("a new feed: %+v", s)
	}
	b.put(t, "20210305_01_CAA.txt", cvrsText(row("a", nil), row("b", nil)))
	if o := b.run(t, 0, "--dry-run"); o.ID != 0 {
		t.Errorf("a dry run ran: %+v", o)
	}
	if o := b.run(t, 0); o.ID != 0 {
		t.Errorf("nothing is due, and it ran: %+v", o)
	}
	if o := b.run(t, 0, "cair2"); o.State != "ok" || o.Fresh != 1 || o.Records != 2 {
		t.Errorf("first run: %+v", o)
	}
	if o := b.run(t, 0, "--all"); o.State != "nothing" || o.Fresh != 0 {
		t.Errorf("second run: %+v", o)
	}
	if text := b.ok(t, "--config", b.config, "explain", "CAIR2/a"); !strings.Contains(text, "20210305_01_CAA.txt") {
		t.Errorf("the event is not there: %s", text)
	}
	s := b.show(t)
	if s.Feed.State != "ok" || s.Feed.Lag < 0 || s.Feed.Records != 2 || len(s.Payloads) != 1 || s.Payloads[0].Day != "2021-03-05" {
		t.Errorf("%+v", s)
	}
	text := b.ok(t, "--config", b.config, "feeds")
	if !strings.Contains(text, "All is well: 1 ok.") || !strings.Contains(text, "02:30 P") {
		t.Errorf("feeds says %s", text)
	}
	b.exits(t, 4, "--config", b.config, "run", "none")
	b.exits(t, 2, "--config", b.config, "run", "--all", "cair2")
	b.exits(t, 4, "run", "--all")
	b.sound(t)
}

// TestFeedHolds: what can't be loaded waits for a steward, and the rest goes on.
func TestFeedHolds(t *testing.T) {
	t.Parallel()
	b := newBox(t, "    limits: {rejects: 0.1, on_rejects: hold}\n")
	b.put(t, "20210305_01_CAA.txt", cvrsText(row("a", nil), row("b", map[string]string{"admin_date": ""})))
	b.put(t, "20210306_01_CAA.txt", "<html><body>Please sign in</body></html>")
	b.put(t, "20210307_01_CAA.txt", cvrsText(row("c", nil)))
	if o := b.run(t, 2, "cair2"); o.State != "held" || o.Fresh != 3 {
		t.Errorf("%+v", o)
	}
	s := b.show(t)
	if s.Feed.State != "held" || len(s.Held) != 2 || len(s.Feed.Why) != 2 || len(s.Notices) != 2 ||
		!strings.Contains(s.Held[0].Reason, "1 of 2 records") || !strings.Contains(s.Held[1].Reason, "web page") {
		t.Fatalf("%+v", s)
	}
	b.ok(t, "explain", "CAIR2/c")
	b.exits(t, 4, "explain", "CAIR2/a")
	if o := b.run(t, 0, "cair2"); o.State != "nothing" { // it is known what is held
		t.Errorf("%+v", o)
	}
	b.exits(t, 4, "--config", b.config, "feeds", "release", "cair2", "99")
	b.ok(t, "--config", b.config, "feeds", "release", "cair2", fmt.Sprint(s.Held[0].ID))
	b.ok(t, "explain", "CAIR2/a")
	b.exits(t, 2, "--config", b.config, "feeds", "release", "cair2") // the web page still is one
	b.ok(t, "--config", b.config, "feeds", "drop", "cair2", fmt.Sprint(s.Held[1].ID))
	if a := b.ok(t, "audit", "list"); strings.Count(a, "feed release") != 2 || strings.Count(a, "feed drop") != 1 {
		t.Errorf("the audit: %s", a)
	}
	b.run(t, 0, "cair2")
	if s := b.show(t); s.Feed.State != "ok" || len(s.Held) != 0 || s.Notices[0].Cleared.IsZero() || s.Notices[1].Cleared.IsZero() {
		t.Errorf("%+v", s)
	}
}

// TestFeedCorrected: a held file under a CVRS name gives way to its correction;
// with on_rejects left out it is loaded, and exit 7 says so.
func TestFeedCorrected(t *testing.T) {
	t.Parallel()
	b := newBox(t, "    limits: {rejects: 0.1, on_rejects: hold}\n")
	b.put(t, "20210305_01_CAA.txt", cvrsText(row("a", map[string]string{"admin_date": ""})))
	b.run(t, 5, "cair2")
	b.put(t, "20210305_01_CAA.txt", cvrsText(row("a", nil)))
	if o := b.run(t, 0, "cair2"); o.State != "ok" {
		t.Errorf("%+v", o)
	}
	if s := b.show(t); s.Feed.State != "ok" || len(s.Held) != 0 {
		t.Errorf("%+v", s)
	}
	text, err := os.ReadFile(b.config)
	if err != nil {
		t.Fatal(err)
	}
	b.configure(t, strings.Replace(string(text), ", on_rejects: hold", "", 1))
	b.put(t, "20210306_01_CAA.txt", cvrsText(row("x", map[string]string{"admin_date": ""}), row("y", nil)))
	if o := b.run(t, 7, "cair2"); o.State != "rejects" || o.Rejects != 1 {
		t.Errorf("%+v", o)
	}
	if s := b.show(t); s.Feed.State != "ok" || len(s.Feed.Why) != 1 || s.Feed.Why[0].State != "rejects" {
		t.Errorf("%+v", s.Feed)
	}
}

// TestFeedFails: a feed that fails says so to people, once, and recovers.
func TestFeedFails(t *testing.T) {
	t.Parallel()
	var heard []pipelines.Notice
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n pipelines.Notice
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		heard = append(heard, n)
	}))
	defer srv.Close()
	b := newBox(t, "notify: {webhook: {url: \""+srv.URL+"\"}}\n")
	if err := os.Remove(b.inbox); err != nil {
		t.Fatal(err)
	}
	o := pipelines.Outcome{}
	r := b.try(t, "--config", b.config, "--json", "run", "cair2")
	if err := json.Unmarshal([]byte(r.out), &struct{ Runs []*pipelines.Outcome }{[]*pipelines.Outcome{&o}}); err != nil {
		t.Fatal(err)
	}
	if r.code == 0 || o.State != "failed" || !strings.Contains(r.err, `"state":"failed"`) {
		t.Errorf("exit %d, %+v, %s", r.code, o, r.err)
	}
	b.try(t, "--config", b.config, "run", "cair2")
	if s := b.show(t); s.Feed.State != "failing" || len(s.Feed.Why) != 1 || s.Feed.Why[0].Do == "" {
		t.Errorf("%+v", s.Feed)
	}
	if !o.Again && (len(heard) != 1 || heard[0].Kind != "failing" || heard[0].Feed != "cair2") {
		t.Errorf("told %+v", heard)
	}
	if err := os.MkdirAll(b.inbox, 0o700); err != nil {
		t.Fatal(err)
	}
	b.run(t, 0, "cair2")
	if s := b.show(t); s.Feed.State != "ok" {
		t.Errorf("%+v", s.Feed)
	}
}

// TestFeedAcks: each HL7 payload is answered once, whatever it holds.
func TestFeedAcks(t *testing.T) {
	t.Parallel()
	acks := filepath.Join(t.TempDir(), "acks")
	b := newBox(t, "    format: hl7v2\n    ack: \""+acks+"\"\n")
	b.put(t, "vxu.hl7", "MSH|^~\\&|A|B|C|D|20210305||VXU^V04^VXU_V04|m1|P|2.5.1\rPID|1||p1^^^B^MR||Doe^Jane||19800305|F\r"+
		"ORC|RE||e1^B\rRXA|0|1|20210301||208^Pfizer^CVX|0.3|mL^^UCUM||00|||||||||||CP|A\r")
	b.put(t, "web.hl7", "<html></html>")
	b.run(t, 2, "cair2")
	b.run(t, 0, "cair2")
	left, err := filepath.Glob(filepath.Join(acks, "*"))
	if err != nil || len(left) != 2 || !strings.Contains(left[0], "vxu.hl7.") || !strings.HasSuffix(left[0], ".ack.hl7") {
		t.Fatal(left, err)
	}
	for i, want := range []string{"MSA|AE|m1", "MSA|AR"} {
		if text, err := os.ReadFile(left[i]); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s %v", left[i], text, err)
		}
	}
}

// TestServeRunsFeeds: serve runs what is due, and lets others write meanwhile.
func TestServeRunsFeeds(t *testing.T) {
	t.Parallel()
	b := newBox(t, "")
	text, err := os.ReadFile(b.config)
	if err != nil {
		t.Fatal(err)
	}
	b.configure(t, "listen: 127.0.0.1:0\n"+strings.Replace(string(text), `"30 2 * * *"`, `"* * * * *"`, 1))
	b.put(t, "20210305_01_CAA.txt", cvrsText(row("a", nil)))
	c := command(t.Context(), "--data", string(b.data), "--config", b.config, "serve")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(2 * time.Second) {
		if s := b.show(t); s.Feed.State == "ok" && len(s.Payloads) == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("serve ran no feed in three minutes")
		}
	}
	b.ok(t, "explain", "CAIR2/a")
	b.put(t, "20210306_01_CAA.txt", cvrsText(row("b", nil)))
	b.run(t, 0, "cair2")
	b.ok(t, "explain", "CAIR2/b")
}

func TestFeedConfig(t *testing.T) {
	t.Parallel()
	const ok = "feeds: [{name: a, registry: CAIR2, source: {drop: {folder: in}}"
	d := newData(t)
	path := filepath.Join(t.TempDir(), "c.yaml")
	for text, says := range map[string]string{
		ok + "}]": "",
		ok + ", schedule: '@daily', mode: snapshot, limits: {rejects: 0, max_absent: 0.1}, expect: {by: '09:00', days: weekdays, except: [2022-07-04], grace: 30m}}]": "",
		ok + ", shedule: '@daily'}]":                                                      "shedule",
		ok + ", schedule: 'daily'}]":                                                      "cron",
		ok + ", format: xml}]":                                                            "format",
		ok + ", mode: snapshot, action: add}]":                                            "mode",
		ok + ", limits: {on_rejects: drop}}]":                                             "on_rejects",
		ok + ", limits: {rejects: 5}}]":                                                   "0 to 1",
		ok + ", expect: {by: 9}}]":                                                        "time of day",
		ok + ", expect: {by: '09:00', days: holidays}}]":                                  "days",
		ok + ", ack: acks}]":                                                              "hl7v2",
		ok + "}, {name: a, registry: CAIR2, source: {drop: {folder: in}}}]":               "two feeds",
		"feeds: [{name: ../a, registry: CAIR2, source: {drop: {folder: in}}}]":            "name",
		"feeds: [{name: a, registry: cair, source: {drop: {folder: in}}}]":                "registry",
		"feeds: [{name: a, registry: CAIR2}]":                                             "source",
		"feeds: [{name: a, registry: CAIR2, source: {drop: {}}}]":                         "folder or sftp",
		"feeds: [{name: a, registry: CAIR2, source: {drop: {folder: in}, opendata: {}}}]": "names 2",
		"notify: {webhook: {}}":                                                           "url_env",
		"notify: {mail: {server: mail, from: a@b, to: [c@d]}}":                            "host:port",
		"notify: {mail: {server: 'm:25', from: a@b, to: [c@d], tls: yes}}":                "starttls",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := 2
		if says == "" {
			want = 0
		}
		if r := d.exits(t, want, "--config", path, "config", "check"); !strings.Contains(r.err, says) {
			t.Errorf("%s: %q does not say %q", text, r.err, says)
		}
	}
}

// DESIGN §7: a run that is killed at any instant and run again ends as if it
// had not been disturbed.
func TestKilledRun(t *testing.T) {
	t.Parallel()
	b := newBox(t, "")
	for day := range 3 {
		rows := make([]string, size(3000, 8000, 50_000))
		for i := range rows {
			rows[i] = row(fmt.Sprintf("%d-%d", day, i), nil)
		}
		b.put(t, fmt.Sprintf("2021030%d_01_CAA.txt", day+1), cvrsText(rows...))
	}
	killed(t, newData, size(3, 6, 40), "--config", b.config, "run", "cair2")
}
