package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release/suppress"
)

const suppressRules = `
dimensions:
  - {column: county, kind: place, totals: [{value: All}]}
  - {column: week, kind: period}
counts: [doses]
derived: {rate: [doses]}
`

// TestSuppressCommand runs the command on a table that gives a small count
// away, with wrong input, and on what it wrote.
func TestSuppressCommand(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rules := write("rules.yaml", suppressRules)
	table := write("t.csv", "county,week,doses,rate\nAlpine,2021-01-04,4,0.1\nInyo,2021-01-04,50,0.2\nMono,2021-01-04,300,0.3\nAll,2021-01-04,354,0.3\n")
	out, why := filepath.Join(dir, "out.csv"), filepath.Join(dir, "why.json")
	run := func(args ...string) (string, error) {
		var stdout, stderr strings.Builder
		c := newRoot(&stdout, &stderr)
		c.SetArgs(append([]string{"suppress"}, args...))
		err := c.ExecuteContext(t.Context())
		return stdout.String() + stderr.String(), err
	}
	if text, err := run(table, "--rules", rules, "--out", out, "--report", why); err != nil || !strings.Contains(text, "2 of 4 counts hidden") {
		t.Fatalf("%s %v", text, err)
	}
	if got, _ := os.ReadFile(out); string(got) != "county,week,doses,rate\nAlpine,2021-01-04,,\nInyo,2021-01-04,,\nMono,2021-01-04,300,0.3\nAll,2021-01-04,354,0.3\n" {
		t.Errorf("wrote\n%s", got)
	}
	var report suppress.Report
	text, _ := os.ReadFile(why)
	if err := json.Unmarshal(text, &report); err != nil || len(report.Hidden) != 2 || report.Hidden[0].Line != 2 || report.Hidden[0].Why != "primary" {
		t.Errorf("%v %s", err, text)
	}
	if text, err := run(out, "--rules", rules, "--attack"); err != nil {
		t.Errorf("our own table is undone: %s %v", text, err)
	}
	leaky := write("leaky.csv", "county,week,doses,rate\nAlpine,2021-01-04,,\nInyo,2021-01-04,50,0.2\nMono,2021-01-04,300,0.3\nAll,2021-01-04,354,0.3\n")
	if text, err := run(leaky, "--rules", rules, "--attack"); dose.ExitCode(err) != 5 || !strings.Contains(text, "line 2, doses: can be told to be 4") {
		t.Errorf("%s %v", text, err)
	}
	for name, c := range map[string]struct{ table, want string }{
		"not a count": {"county,week,doses,rate\nAlpine,2021-01-04,4.5,0.1\n", "bad.csv:2: doses: rule counts: not a count"},
		"empty":       {"county,week,doses,rate\nAlpine,2021-01-04,,0.1\n", "--attack"},
		"no column":   {"county,week,dose,rate\nAlpine,2021-01-04,4,0.1\n", `no column "doses"`},
		"twice":       {"county,week,doses,rate\nA,2021-01-04,4,0.1\nA,2021-01-04,4,0.1\n", "the same place in the table as line 2"},
		"no date":     {"county,week,doses,rate\nA,soon,4,0.1\n", "bad.csv:2: week: rule dimensions: not a date"},
	} {
		if _, err := run(write("bad.csv", c.table), "--rules", rules, "--out", out+"2"); dose.ExitCode(err) != 2 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(out + "2"); err == nil {
		t.Error("a table was written in spite of an error")
	}
}
