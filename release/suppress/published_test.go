package suppress

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// published opens a table that the state published, or skips.
func published(t *testing.T, name string) *Table {
	t.Helper()
	dir := os.Getenv("DOSEBOOK_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(dir, "published", name))
	if err != nil {
		if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, "data") {
			t.Fatal(err)
		}
		t.Skip("no published tables: set DOSEBOOK_TEST_DATA to the folder that has published/")
	}
	defer f.Close()
	table, err := ReadCSV(f, name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func rules(t *testing.T, name string) *Rules {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	r, err := ReadRules(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPublishedCountyTable gives the state's own table of doses by county and
// day to the rule: what the state shows and what the rule would hide.
func TestPublishedCountyTable(t *testing.T) {
	table := published(t, "chhs-bycounty.thru-2021-05-05.csv")
	sheet, err := Build(table, rules(t, "county_day.yaml"), false)
	if err != nil {
		t.Fatal(err)
	}
	before, err := sheet.Attack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, report, err := sheet.Suppress(t.Context(), Options{})
	if err != nil {
		t.Fatal(err, len(report.Held))
	}
	t.Logf("%d cells, %d small ones shown by the state; %d hidden, %d witnesses, %d attacked (%d roughly), %v", report.Cells, len(before.Leaks), len(report.Hidden), report.Witnesses, report.Attacked, report.Rough, time.Since(start))
	t.Log(report.Columns, report.Broken, report.Relations)
	if len(before.Leaks) == 0 || len(report.Hidden) < len(before.Leaks) || len(report.Leaks) > 0 {
		t.Errorf("%d shown, %d hidden, %d leaks", len(before.Leaks), len(report.Hidden), len(report.Leaks))
	}
}

// TestPublishedRunningSums gives the rule the same table with its running
// sums, which ends proven, and with the search cut short, where it ends without
// those that find no proof.
func TestPublishedRunningSums(t *testing.T) {
	table := published(t, "chhs-bycounty.thru-2021-05-05.csv")
	sheet, err := Build(table, rules(t, "county_day_running.yaml"), false)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, report, err := sheet.Suppress(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cells, %d hidden, %d witnesses, %d attacked (%d roughly), %v", report.Cells, len(report.Hidden), report.Witnesses, report.Attacked, report.Rough, time.Since(start))
	t.Log(report.Columns)
	if len(report.Leaks) > 0 || len(report.Withheld) > 0 || len(report.Hidden) > 22_000 || report.Attacked < 6000 {
		t.Errorf("%d leaks, %d hidden, %d attacked, given up: %v", len(report.Leaks), len(report.Hidden), report.Attacked, report.Withheld)
	}
}
