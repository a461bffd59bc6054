package suppress

import (
	"os"
	"strings"
	"testing"
)

func sheet(t *testing.T, table, rulesFile string, blank bool) *Sheet {
	t.Helper()
	f, err := os.Open("testdata/" + table)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tab, err := ReadCSV(f, table)
	if err != nil {
		t.Fatal(err)
	}
	sh, err := Build(tab, rules(t, rulesFile), blank)
	if err != nil {
		t.Fatal(err)
	}
	return sh
}

// TestLeakOfTheZIPFile: the state's ZIP file blanked small counts, and showed
// 2, 8 and 17 in the next column (domain notes, section 2.5). The attack finds
// it; the rule closes it.
func TestLeakOfTheZIPFile(t *testing.T) {
	report, err := sheet(t, "zip/published.csv", "zip/rules.yaml", true).Attack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]string{}
	for _, l := range report.Leaks {
		found[l.Line] += l.Column + " " + l.Why + "; "
	}
	for line, want := range map[int]string{
		3: "eligible_recipient_count shown", // and the booster below it can't be 10
		4: "booster_recip_count bounded",
	} {
		if !strings.Contains(found[line], want) {
			t.Errorf("line %d: found %q, want %q", line, found[line], want)
		}
	}
	out, report, err := sheet(t, "zip/true.csv", "zip/rules.yaml", false).Suppress(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range out.Rows {
		if i == 0 {
			if row[6] != "33000" || row[4] != "0.7069" {
				t.Errorf("a large ZIP lost %v", row)
			}
			continue
		}
		if row[2] != "" || row[4] != "" || row[5] != "" || i < 3 && row[6] != "" {
			t.Errorf("row %d shows %v", i, row)
		}
	}
	if len(report.Leaks) > 0 || report.Attacked == 0 {
		t.Errorf("%+v", report)
	}
}
