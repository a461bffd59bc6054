// Package counts reads published tables of doses by county and day: the
// state's covid19vaccinesbycounty table, as CSV, in any of its vintages.
//
// It promises that columns are found by name and not by place, that a figure
// is read as it was published or the table is refused with file, line, rule
// and remedy, and that a blank stays apart from a zero. It never corrects a
// figure, and never quotes the file in an error.
package counts

import (
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// The places of a published table that are no county, by the codes that
// county_day has in county_fips. The other places are a county's FIPS.
const (
	AllCalifornia = "CA"  // All CA Counties: the 58 together
	Everywhere    = "ALL" // All CA and Non-CA Counties
	OutsideState  = dose.OutOfState
	Unknown       = dose.UnknownCounty
)

// Label returns the published name of a place.
func Label(place string) string {
	switch place {
	case AllCalifornia:
		return "All CA Counties"
	case Everywhere:
		return "All CA and Non-CA Counties"
	}
	return dose.Place(place).Label()
}

// parsePlace reads the county cell: a roll-up row's name or code, or any
// spelling of one of the 58.
func parsePlace(s string) (string, bool) {
	switch strings.ToLower(strings.Join(strings.Fields(s), " ")) {
	case "all ca counties", "ca":
		return AllCalifornia, true
	case "all ca and non-ca counties", "all":
		return Everywhere, true
	case "outside california", "oos":
		return OutsideState, true
	case "unknown", "unk":
		return Unknown, true
	}
	return dose.ParseCounty(s)
}

// Column is a column of figures.
type Column uint8

// The columns, in the order of the published table. The booster columns came
// in 2021-12 and were replaced by up-to-date columns on 2023-06-16.
const (
	TotalDoses Column = iota
	CumTotalDoses
	Pfizer
	CumPfizer
	Moderna
	CumModerna
	Janssen
	CumJanssen
	Partially
	TotalPartially
	Fully
	CumFully
	OneDose
	CumOneDose
	Booster
	CumBooster
	UpToDate
	CumUpToDate

	NumColumns
)

// names are the published ones.
var names = [NumColumns]string{
	"total_doses", "cumulative_total_doses", "pfizer_doses", "cumulative_pfizer_doses",
	"moderna_doses", "cumulative_moderna_doses", "jj_doses", "cumulative_jj_doses",
	"partially_vaccinated", "total_partially_vaccinated", "fully_vaccinated", "cumulative_fully_vaccinated",
	"at_least_one_dose", "cumulative_at_least_one_dose", "booster_recip_count", "cumulative_booster_recip_count",
	"up_to_date_count", "cumulative_up_to_date_count",
}

func (c Column) String() string { return names[c] }

// ParseColumn returns the column of a published name.
func ParseColumn(name string) (Column, bool) {
	for i, n := range names {
		if n == name {
			return Column(i), true
		}
	}
	return 0, false
}

// Row is the figures of one place and day.
type Row struct {
	Line  int64  // physical line in the file
	Place string // FIPS, CA, ALL, OOS, UNK
	Day   int32  // days since 1970-01-01
	Flag  string // california_flag as published

	known   uint32 // a bit a column that is filled
	figures [NumColumns]int64
}

// Get returns a figure; false when the table has none there.
func (r *Row) Get(c Column) (int64, bool) { return r.figures[c], r.known>>c&1 == 1 }

func (r *Row) set(c Column, n int64) {
	r.figures[c] = n
	r.known |= 1 << c
}
