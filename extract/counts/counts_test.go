package counts_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/counts"
)

const published = "../../../shared/data/published/"

// vintage reads a published table, which lies beside the repository.
func vintage(t *testing.T, name string) *counts.Table {
	t.Helper()
	f, err := os.Open(published + name)
	if err != nil {
		if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, "data") {
			t.Fatal(err)
		}
		t.Skip("put vintages of California's covid19vaccinesbycounty table into ../shared/data/published beside the repository to run this")
	}
	defer f.Close()
	table, err := counts.Read(f, name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

var vintages = []string{"chhs-bycounty.thru-2021-04-26.mdyyyy.csv", "chhs-bycounty.thru-2021-05-02.mdyy.csv",
	"chhs-bycounty.thru-2021-05-05.csv", "chhs-bycounty.thru-2021-08-30.csv"}

func date(s string) int32 {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return -1
	}
	return int32(d.Unix() / 86400)
}

// The figures are facts of the published files, counted apart from this
// package. Every vintage keeps the sums, the running sums and the identity of
// people; each has more people than doses in places, since people count where
// they live now; the first has more doses by maker than doses; the last leaves
// california_flag blank on days that were filled up later.
func TestVintages(t *testing.T) {
	bare := map[string]string{"counties_sum": "the table has no row of All CA Counties",
		"all_sum": "the table has no row of All CA Counties or of All CA and Non-CA Counties"}
	for i, want := range []struct {
		rows, places int
		last         string
		total        int64 // doses in the 58 counties
		violations   map[string]int
		unchecked    map[string]string
	}{
		{7946, 62, "2021-04-26", 28125915, map[string]int{"people_doses": 171, "makers_sum": 3 + 126}, nil},
		{7766, 58, "2021-05-02", 29927668, map[string]int{"people_doses": 165}, bare},
		{8500, 62, "2021-05-05", 30810269, map[string]int{"people_doses": 170}, nil},
		{16058, 62, "2021-08-30", 46071322, map[string]int{"people_doses": 207, "flag_of_place": 464}, nil},
	} {
		t.Run(want.last, func(t *testing.T) {
			table := vintage(t, vintages[i])
			first, last := table.Span()
			if len(table.Rows) != want.rows || len(table.Places()) != want.places || first != date("2020-12-15") || last != date(want.last) {
				t.Errorf("%d rows, %d places, days %d to %d", len(table.Rows), len(table.Places()), first, last)
			}
			if !slices.Equal(table.Missing, []string{"booster_recip_count", "cumulative_booster_recip_count", "up_to_date_count", "cumulative_up_to_date_count"}) || len(table.Unknown) > 0 {
				t.Errorf("missing %v, unknown %v", table.Missing, table.Unknown)
			}
			var total int64
			for _, r := range table.Rows {
				if n, _ := r.Get(counts.TotalDoses); len(r.Place) == 5 {
					total += n
				}
			}
			if total != want.total {
				t.Errorf("%d doses, want %d", total, want.total)
			}
			found := counts.Invariants(table)
			got := map[string]int{}
			for _, v := range found.Violations {
				got[v.Rule]++
			}
			if fmt.Sprint(got) != fmt.Sprint(want.violations) {
				t.Errorf("violations %v, want %v", got, want.violations)
			}
			for rule, why := range want.unchecked {
				if found.Unchecked[rule] != why {
					t.Errorf("%s is unchecked because %q, want %q", rule, found.Unchecked[rule], why)
				}
			}
			if len(found.Unchecked) != 2+len(want.unchecked) { // boosters and up to date came later
				t.Errorf("unchecked: %v", found.Unchecked)
			}
		})
	}
}

// One violation by hand: on 2021-03-16 the first vintage has more doses by
// maker than doses.
func TestViolationFigures(t *testing.T) {
	for _, v := range counts.Invariants(vintage(t, vintages[0])).Violations {
		if v.Rule == "makers_sum" && v.Place == "CA" && v.Column == "total_doses" {
			if v.Day != date("2021-03-16") || v.Have != 365242 || v.Want != 365245 {
				t.Errorf("%+v", v)
			}
			return
		}
	}
	t.Error("not found")
}

// total_partially_vaccinated is no running sum: that rule would not hold on so
// many rows of each vintage.
func TestPartiallyIsNoRunningSum(t *testing.T) {
	for i, want := range []int{6956, 6814, 7510, 15009} {
		table := vintage(t, vintages[i])
		rows := slices.Clone(table.Rows)
		slices.SortFunc(rows, func(a, b counts.Row) int { return int(a.Day - b.Day) })
		sum, off := map[string]int64{}, 0
		for _, r := range rows {
			n, _ := r.Get(counts.Partially)
			sum[r.Place] += n
			if total, _ := r.Get(counts.TotalPartially); total != sum[r.Place] {
				off++
			}
		}
		if off != want {
			t.Errorf("%s: %d rows, want %d", vintages[i], off, want)
		}
	}
}

// Facts of the files: rows whose doses of a day changed until the next vintage.
func TestRestatements(t *testing.T) {
	for i, want := range []struct {
		total, cumulative int
		change            int64
	}{{4605, 6679, 380157}, {3513, 6656, 299497}, {7951, 8420, 5387657}} {
		older, newer := vintage(t, vintages[i]), vintage(t, vintages[i+1])
		total, cumulative, change := 0, 0, int64(0)
		for _, r := range counts.Restated(older, newer) {
			if r.Old == nil || r.New == nil { // a row came or went
				continue
			}
			switch r.Column {
			case counts.TotalDoses:
				total++
				change += *r.New - *r.Old
			case counts.CumTotalDoses:
				cumulative++
			}
		}
		if total != want.total || cumulative != want.cumulative || change != want.change {
			t.Errorf("%s: %d and %d rows, %d doses; want %+v", vintages[i], total, cumulative, change, want)
		}
	}
}

func TestNoTable(t *testing.T) {
	vintage(t, vintages[0]) // skips when the data is not there
	for name, want := range map[string]string{
		"BAD-html-302-saved-as-csv.covid19vaccinesbyzipcode_test.csv": "web page",
		"cdc-8xkx-2cols.vytrox.csv":                                   "line 1: FMT_001 this is CDC's table by county",
		"chhs-bydemographics.thru-2021-05-05.csv":                     "line 1: FMT_001 this is the table by demographic group",
	} {
		f, err := os.Open(published + name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = counts.Read(f, name)
		f.Close()
		check(t, err, name+": ", want)
	}
}

// check wants a fault that names all of parts, with a remedy.
func check(t *testing.T, err error, parts ...string) {
	t.Helper()
	var fault *extract.Fault
	if !errors.Is(err, dose.ErrInvalid) || !errors.As(err, &fault) || fault.Remedy == "" {
		t.Errorf("error %v: no fault with a remedy", err)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

const head = "county,administered_date,total_doses,cumulative_total_doses\n"

func TestCells(t *testing.T) {
	for _, c := range []struct {
		row, place, day string
		total, sum      int64 // -1 for blank
	}{
		{"Alameda,12/15/2020,1,1", "06001", "2020-12-15", 1, 1},
		{"alameda county,1/5/21,2,3", "06001", "2021-01-05", 2, 3},
		{"6003,2021-01-05,\"1,234\",\"1,234,567\"", "06003", "2021-01-05", 1234, 1234567},
		{"003,2021-01-05T00:00:00,4.0,4.00", "06003", "2021-01-05", 4, 4},
		{"CA003,2021-01-05T00:00:00.000Z, 4 ,", "06003", "2021-01-05", 4, -1},
		{"All CA Counties,2021-01-05 00:00:00,,0", "CA", "2021-01-05", -1, 0},
		{"all ca and  non-ca counties,02/29/2024,0,0", "ALL", "2024-02-29", 0, 0},
		{"Outside California,2021-01-05 00:00:00+00:00,-7,7", "OOS", "2021-01-05", -7, 7},
		{"Unknown,1/5/2021 12:00:00 AM,7,7", "UNK", "2021-01-05", 7, 7},
	} {
		for _, text := range []string{head + c.row, "\ufeff" + head + c.row + "\r\n"} {
			table, err := counts.Read(strings.NewReader(text), "t.csv")
			if err != nil || len(table.Rows) != 1 {
				t.Errorf("%s: %v", c.row, err)
				continue
			}
			r := table.Rows[0]
			if r.Place != c.place || r.Day != date(c.day) || r.Line != 2 || figure(r, counts.TotalDoses) != c.total || figure(r, counts.CumTotalDoses) != c.sum {
				t.Errorf("%s: %+v", c.row, r)
			}
			if _, ok := r.Get(counts.Pfizer); ok {
				t.Errorf("%s: a figure for a column that is not there", c.row)
			}
		}
	}
}

func figure(r counts.Row, c counts.Column) int64 {
	if n, ok := r.Get(c); ok {
		return n
	}
	return -1
}

func TestFaults(t *testing.T) {
	for text, parts := range map[string][]string{
		"":                                     {"t.csv: FMT_003 the file is empty"},
		"<html><body>302":                      {"web page"},
		"\x00\x01\x02\x00pq":                   {"t.csv"},
		"county,total_doses\nAlameda,1\n":      {"line 1", "no column administered_date"},
		"area,administered_date,total_doses\n": {"line 1", "no column county"},
		"county,administered_date,deaths\n":    {"line 1", "columns of doses"},
		"county,administered_date,total_doses,total_doses\n":     {"line 1", "twice"},
		"county;administered_date;total_doses\n":                 {"line 1", "separated by commas"},
		"county,demographic_category,administered_date\n":        {"demographic"},
		"vax_event_id\tadmin_date\n":                             {"line 1"},
		"zip_code_tabulation_area,county,as_of_date\n":           {"by ZIP"},
		head + "Alameda,2021-01-05,1,1\nMaricopa,2021-01-05,1,1": {"line 3", "county is none of California's 58"},
		head + "Alameda,2021-02-30,1,1\n":                        {"line 2", "administered_date"},
		head + "Alameda,31/12/2020,1,1\n":                        {"line 2", "administered_date"},
		head + "Alameda,1/5/121,1,1\n":                           {"line 2", "administered_date"},
		head + "Alameda,2021-01-05x,1,1\n":                       {"line 2", "administered_date"},
		head + "Alameda,,1,1\n":                                  {"line 2", "administered_date"},
		head + "Alameda,2021-01-05,<11,1\n":                      {"line 2", "total_doses is no whole number"},
		head + "Alameda,2021-01-05,1.5,1\n":                      {"line 2", "total_doses"},
		head + "Alameda,2021-01-05,1,\"1,2\"\n":                  {"line 2", "cumulative_total_doses"},
		head + "Alameda,2021-01-05,1,99999999999999999999\n":     {"line 2", "cumulative_total_doses"},
		head + "Alameda,2021-01-05,1,1\nAlameda,2021-01-0":       {"line 3", "cut short"},
		head + "Alameda,2021-01-05,1,1,9\n":                      {"line 2", "FEW_FIELDS"},
		head + "Alameda,2021-01-05,\"1,1\n":                      {"quotes"},
	} {
		_, err := counts.Read(strings.NewReader(text), "t.csv")
		check(t, err, parts...)
	}
	for _, secret := range []string{"Maricopa", "2021-02-30", "<11"} {
		for _, row := range []string{secret + ",2021-01-05,1,1", "Alameda," + secret + ",1,1", "Alameda,2021-01-05," + secret + ",1"} {
			if _, err := counts.Read(strings.NewReader(head+row), "t.csv"); err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("the error quotes the file: %v", err)
			}
		}
	}
}

type broken struct{ r io.Reader }

func (b broken) Read(p []byte) (int, error) {
	if n, err := b.r.Read(p); err == nil {
		return n, nil
	}
	return 0, errors.New("disk")
}

func TestReadErrorIsNoFault(t *testing.T) {
	_, err := counts.Read(broken{strings.NewReader(head)}, "t.csv")
	if err == nil || errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), "t.csv") {
		t.Error(err)
	}
}

func TestUnknownColumnsAreNamed(t *testing.T) {
	table, err := counts.Read(strings.NewReader("extra,County,ADMINISTERED_DATE,Total_Doses\nx,Inyo,1/1/21,5\n"), "t.csv")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(table.Unknown, []string{"extra"}) || len(table.Missing) != int(counts.NumColumns)-1 || !table.Has(counts.TotalDoses) || table.Has(counts.Booster) {
		t.Errorf("%v %v", table.Unknown, table.Missing)
	}
	if r, ok := table.Row("06027", date("2021-01-01")); !ok || figure(*r, counts.TotalDoses) != 5 {
		t.Errorf("row %+v", r)
	}
}
