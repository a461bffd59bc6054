package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/synth"
)

// worldOf writes synthetic registries, lets what is given go wrong with them,
// loads and releases them.
func worldOf(t *testing.T, seed uint64, rows int, disasters []synth.Disaster) *env {
	t.Helper()
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	truth, err := synth.Write(t.Context(), in, synth.Config{Seed: seed, Rows: rows, Defects: synth.DefaultDefects()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := synth.Plant(t.Context(), in, truth, disasters); err != nil {
		t.Fatal(err)
	}
	e := &env{data: filepath.Join(dir, "data"), out: io.Discard, err: io.Discard, now: time.Now}
	if err := e.readConfig(nil); err != nil {
		t.Fatal(err)
	}
	b, err := e.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	err = e.writing(t.Context(), "test", b, func(w *duckdb.DB) error {
		reqs := deliveries(in, truth)
		for i := range reqs {
			reqs[i].Limit = 1
		}
		if _, err := e.load(t.Context(), b, w, reqs...); err != nil {
			return err
		}
		_, err := e.buildFrom(t.Context(), b, w, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(in); err != nil {
		t.Fatal(err)
	}
	return e
}

// found asks for all findings, as code, registry, sender and county.
func found(t *testing.T, e *env) (names []string, q *quality) {
	t.Helper()
	q, err := e.quality(t.Context(), qualityAsk{by: "sender"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range q.Findings {
		names = append(names, strings.Join([]string{f.Code, f.Registry, f.Sender, f.County}, " "))
	}
	slices.Sort(names)
	return names, q
}

// without are the disasters' senders with nothing wrong.
func without(all []synth.Disaster) (out []synth.Disaster) {
	for _, d := range all {
		d.Code = ""
		out = append(out, d)
	}
	return out
}

// TestSevenDisasters is the promise of docs/QUALITY.md: each of seven planted
// disasters is found by its name, with registry and sender or county, and
// nothing else is; without them nothing is found.
func TestSevenDisasters(t *testing.T) {
	seeds := []uint64{3}
	if long() {
		seeds = []uint64{3, 4, 5, 6, 7}
	}
	rows := 100_000 // fewer make so few files that deletes come once or never before they stop
	all := synth.Disasters("CAIR2")
	for _, seed := range seeds {
		if names, q := found(t, worldOf(t, seed, rows, without(all))); len(names) > 0 {
			t.Errorf("seed %d, nothing wrong: found %q, %s", seed, names, q.Findings[0].Says)
		}
		e := worldOf(t, seed, rows, all)
		var want []string
		for _, d := range all {
			want = append(want, strings.Join([]string{d.Code, d.Registry, d.Sender, d.County}, " "))
		}
		slices.Sort(want)
		names, q := found(t, e)
		if !slices.Equal(names, want) {
			t.Errorf("seed %d: found %q, want %q", seed, names, want)
		}
		for _, f := range q.Findings {
			i := slices.IndexFunc(all, func(d synth.Disaster) bool { return d.Code == f.Code })
			if i < 0 {
				continue
			}
			if d := all[i]; d.Code == "DAY_MISSING" || d.Code == "RESENT_UNDER_NEW_IDS" {
				if f.Day != d.Day || f.Until != d.Day {
					t.Errorf("%s: on %s to %s, it was on %s", f.Code, f.Day, f.Until, d.Day)
				}
			}
			if f.Remedy == "" || strings.Contains(f.Says, "{") || !strings.Contains(f.Says, f.Registry) || !strings.Contains(f.Says, f.Sender) {
				t.Errorf("%s says %q, to do %q", f.Code, f.Says, f.Remedy)
			}
		}
		cards(t, e, q)
	}
}

// TestDisastersAlone plants one at a time.
func TestDisastersAlone(t *testing.T) {
	if !long() {
		t.Skip("long: " + longEnv + "=1")
	}
	all := synth.Disasters("CAIR2")
	for _, d := range all {
		t.Run(d.Code, func(t *testing.T) {
			want := []string{strings.Join([]string{d.Code, d.Registry, d.Sender, d.County}, " ")}
			if names, _ := found(t, worldOf(t, 11, 100_000, []synth.Disaster{d})); !slices.Equal(names, want) {
				t.Errorf("found %q, want %q", names, want)
			}
		})
	}
}

// cards holds the scorecards against the release, and looks at what is written.
func cards(t *testing.T, e *env, q *quality) {
	t.Helper()
	d := data(e.data)
	for _, c := range []struct{ column, query string }{
		{"events", "select count(*) from dose_event"},
		{"with_lot", "select count(lot_number) from dose_event"},
		{"with_sex", "select count(*) from dose_event where recip_sex in ('M', 'F')"},
		{"county_unknown", "select count(*) from dose_event where county = 'UNK'"},
		{"latino", "select count(*) from dose_event where recip_race_eth = 'Latino'"},
		{"after_12", "select count(*) from dose_event where day(admin_date) > 12 and admin_date_precision = 'day'"},
		{"rejects", "select count(*) from reject"},
	} {
		n := int64(0)
		for _, card := range q.Cards {
			n += card.Counts[c.column]
		}
		if want := d.count(t, c.query); fmt.Sprint(n) != want {
			t.Errorf("scorecards add up to %d %s, the release has %s", n, c.column, want)
		}
	}
	card := filepath.Join(t.TempDir(), "card.html")
	d.ok(t, "quality", "sender", "900001", "--registry", "CAIR2", "--out", card)
	page, err := os.ReadFile(card)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(page); !strings.Contains(s, "MONTH_DAY_SWAPPED") || strings.Contains(s, "900002") || strings.Contains(s, "RACE_MIX_DRIFT") {
		t.Errorf("the sender's page lacks its finding or tells of others:\n%.2000s", s)
	}
	d.exits(t, 4, "quality", "sender", "nobody", "--out", card)
	d.exits(t, 2, "quality", "sender", "900001", "--out", "card.docx")
	d.exits(t, 2, "quality", "--from", "yesterday")
	text := d.ok(t, "quality", "--registry", "CAIR2")
	if !strings.Contains(text, "7 findings") || strings.Index(text, "DAY_MISSING") > strings.Index(text, "REGISTRY") || strings.Contains(text, "SDIR") {
		t.Errorf("quality:\n%s", text)
	}
	rows, err := csv.NewReader(strings.NewReader(d.ok(t, "quality", "--by", "sender", "--sender", "900001", "--format", "csv"))).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][1] != "900001" {
		t.Errorf("CSV of a sender: %q, %v", rows, err)
	}
	if n := d.count(t, "select count(*) from dose_event where vtrcks_prov_pin = '900001'"); fmt.Sprint(rows[1][slices.Index(rows[0], "events")]) != n {
		t.Errorf("CSV has %s events, the release %s", rows[1][slices.Index(rows[0], "events")], n)
	}
}

// TestQualityDoc keeps the checks of docs/QUALITY.md equal to the declarations.
func TestQualityDoc(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "QUALITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range dose.SetChecks() {
		if line := fmt.Sprintf("| `%s` | %s | %s | %s |", c.Code, c.Severity, c.Remedy, c.Source); !strings.Contains(string(b), line) {
			t.Errorf("docs/QUALITY.md lacks: %s", line)
		}
	}
}

// TestThresholds are read from the configuration, and refused when they are none.
func TestThresholds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dosebook.yaml")
	for text, code := range map[string]int{"quality: {window: 14}": 0, "quality: {window: 0}": 2, "quality: {windows: 3}": 2} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := newData(t).exits(t, code, "config", "check", "--config", file)
		if code == 0 && (!strings.Contains(r.out, "window: 14") || !strings.Contains(r.out, "baseline: 180")) {
			t.Errorf("config check says\n%s", r.out)
		}
	}
}
