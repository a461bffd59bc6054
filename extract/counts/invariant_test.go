package counts_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract/counts"
)

// state writes a table of two days that keeps every rule: each county has 3
// and 2 doses, all of Pfizer; outside and unknown have 1 on the first day only.
func state() string {
	var b strings.Builder
	b.WriteString("county,administered_date,total_doses,cumulative_total_doses,pfizer_doses,cumulative_pfizer_doses,moderna_doses,cumulative_moderna_doses,jj_doses,cumulative_jj_doses," +
		"partially_vaccinated,total_partially_vaccinated,fully_vaccinated,cumulative_fully_vaccinated,at_least_one_dose,cumulative_at_least_one_dose,california_flag\n")
	row := func(place, day string, n, sum, full, cumFull, one, cumOne int, flag string) {
		fmt.Fprintf(&b, "%s,%s,%d,%d,%d,%d,0,0,0,0,%d,%d,%d,%d,%d,%d,%s\n", place, day, n, sum, n, sum, one, cumOne-cumFull, full, cumFull, one, cumOne, flag)
	}
	for _, c := range dose.Counties() {
		row(c.Name, "2021-01-01", 3, 3, 0, 0, 3, 3, "California")
		row(c.Name, "2021-02-01", 2, 5, 1, 1, 1, 4, "California")
	}
	row("All CA Counties", "2021-01-01", 174, 174, 0, 0, 174, 174, "")
	row("All CA Counties", "2021-02-01", 116, 290, 58, 58, 58, 232, "")
	row("Outside California", "2021-01-01", 1, 1, 0, 0, 1, 1, "Not in California")
	row("Unknown", "2021-01-01", 1, 1, 0, 0, 1, 1, "Not in California")
	row("All CA and Non-CA Counties", "2021-01-01", 176, 176, 0, 0, 176, 176, "")
	row("All CA and Non-CA Counties", "2021-02-01", 116, 292, 58, 58, 58, 234, "")
	return b.String()
}

func TestInvariants(t *testing.T) {
	const inyo, inyo2 = "Inyo,2021-01-01,3,3,3,3,0,0,0,0,3,3,0,0,3,3,California", "Inyo,2021-02-01,2,5,2,5,0,0,0,0,1,3,1,1,1,4,California"
	for _, c := range []struct {
		name, old, new string
		want           []string
	}{
		{"all is well", "", "", nil},
		{"a county counts one dose more", inyo, "Inyo,2021-01-01,4,4,3,3,0,0,0,0,3,3,0,0,3,3,California", []string{
			"counties_sum CA 2021-01-01 total_doses 174 175", "counties_sum CA 2021-01-01 cumulative_total_doses 174 175",
			"running_sum 06027 2021-02-01 cumulative_total_doses 5 6"}},
		{"a county is missing on the last day", inyo2 + "\n", "", []string{
			"counties_sum CA 2021-02-01 at_least_one_dose 58 57", "counties_sum CA 2021-02-01 cumulative_at_least_one_dose 232 231",
			"counties_sum CA 2021-02-01 cumulative_fully_vaccinated 58 57", "counties_sum CA 2021-02-01 cumulative_pfizer_doses 290 288",
			"counties_sum CA 2021-02-01 cumulative_total_doses 290 288", "counties_sum CA 2021-02-01 fully_vaccinated 58 57",
			"counties_sum CA 2021-02-01 partially_vaccinated 58 57", "counties_sum CA 2021-02-01 pfizer_doses 116 114", "counties_sum CA 2021-02-01 total_doses 116 114"}},
		{"outside does not count", "All CA and Non-CA Counties,2021-01-01,176,176", "All CA and Non-CA Counties,2021-01-01,175,176", []string{
			"all_sum ALL 2021-01-01 total_doses 175 176", "running_sum ALL 2021-01-01 cumulative_total_doses 176 175",
			"makers_sum ALL 2021-01-01 total_doses 175 176"}},
		{"people do not add up", inyo2, "Inyo,2021-02-01,2,5,2,5,0,0,0,0,1,2,1,1,1,4,California", []string{
			"one_dose_sum 06027 2021-02-01 cumulative_at_least_one_dose 4 3", "counties_sum CA 2021-02-01 total_partially_vaccinated 174 173"}},
		{"negative", inyo2, "Inyo,2021-02-01,2,5,2,5,0,0,-1,-1,1,3,1,1,1,4,California", []string{
			"negative 06027 2021-02-01 jj_doses -1 0", "negative 06027 2021-02-01 cumulative_jj_doses -1 0",
			"counties_sum CA 2021-02-01 jj_doses 0 -1", "counties_sum CA 2021-02-01 cumulative_jj_doses 0 -1"}},
		{"more people than doses", inyo, "Inyo,2021-01-01,3,3,3,3,0,0,0,0,3,4,0,0,4,4,California", []string{
			"people_doses 06027 2021-01-01 cumulative_at_least_one_dose 4 3", "running_sum 06027 2021-02-01 cumulative_at_least_one_dose 4 5",
			"counties_sum CA 2021-01-01 at_least_one_dose 174 175", "counties_sum CA 2021-01-01 cumulative_at_least_one_dose 174 175",
			"counties_sum CA 2021-01-01 total_partially_vaccinated 174 175"}},
		{"the same day twice", inyo, inyo + "\n" + inyo, []string{"twice 06027 2021-01-01 line 29 28"}},
		{"a blank is left out", inyo, "Inyo,2021-01-01,,3,3,3,0,0,0,0,3,3,0,0,3,3,California", nil},
		{"flag", inyo, strings.TrimSuffix(inyo, "California"), []string{"flag_of_place 06027 2021-01-01 california_flag 0 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(state(), c.old, c.new, 1)
			if c.old != "" && text == state() {
				t.Fatal("the table is as before")
			}
			table, err := counts.Read(strings.NewReader(text), "t.csv")
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, v := range counts.Invariants(table).Violations {
				day := map[int32]string{date("2021-01-01"): "2021-01-01", date("2021-02-01"): "2021-02-01"}[v.Day]
				got[fmt.Sprint(v.Rule, " ", v.Place, " ", day, " ", v.Column, " ", v.Have, " ", v.Want)] = true
			}
			for _, w := range c.want {
				if !got[w] {
					t.Errorf("not found: %s", w)
				}
				delete(got, w)
			}
			for g := range got {
				t.Errorf("found: %s", g)
			}
		})
	}
}

func TestUnchecked(t *testing.T) {
	one := strings.Replace(state(), "Inyo,", "Kern,", 2)
	table, err := counts.Read(strings.NewReader(one), "t.csv")
	if err != nil {
		t.Fatal(err)
	}
	if f := counts.Invariants(table); f.Unchecked[counts.CountiesSum] != "the table has 57 of 58 counties" {
		t.Errorf("%v", f.Unchecked)
	}
}

func TestRestatedByHand(t *testing.T) {
	read := func(rows string) *counts.Table {
		t.Helper()
		table, err := counts.Read(strings.NewReader(head+rows), "t.csv")
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	older := read("Inyo,2021-01-01,1,1\nInyo,2021-01-03,1,2\nKern,2021-01-01,5,5\nMono,2021-01-01,0,0\n")
	newer := read("Inyo,1/1/21,2,2\nInyo,1/2/21,3,5\nInyo,1/3/21,1,6\nInyo,1/4/21,9,15\nAlpine,1/1/21,1,1\nMono,1/2/21,4,4")
	var got []string
	show := func(n *int64) string {
		if n == nil {
			return "–"
		}
		return fmt.Sprint(*n)
	}
	for _, r := range counts.Restated(older, newer) {
		got = append(got, fmt.Sprint(r.Place, " ", r.Day-date("2021-01-01"), " ", r.Column, " ", show(r.Old), " ", show(r.New)))
	}
	want := []string{"06027 0 total_doses 1 2", "06027 0 cumulative_total_doses 1 2", "06027 1 total_doses – 3", "06027 2 cumulative_total_doses 2 6", "06051 1 total_doses – 4"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
