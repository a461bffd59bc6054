package release

import (
	"time"

	"github.com/dosebook/dosebook/release/suppress"
)

// The public tables, in the order in which a chain has them. by_demographic is
// the state's rows of by_county_demographic once more.
const (
	byCounty = iota
	byCountyDemographic
	byZIP
	byDemographic
)

// publicNames are the names of the tables' files. All but the first have one
// set of rows for each publication and keep those of all before: what stands
// in them is never said again otherwise.
var publicNames = [...]string{"by_county", "by_county_demographic", "by_zip", "by_demographic"}

// PublicTables are the names of the public tables.
func PublicTables() []string { return publicNames[:] }

func appended(table int) bool { return table != byCounty }

// The places that are no county, as county_day names them.
const (
	allCA       = "All CA Counties"
	allCounties = "All CA and Non-CA Counties"
	outside     = "Outside California"
	unknown     = "Unknown"
)

// A measure goes by one axis of time in one set of tables: doses by the day
// given, people by what was reached until a day. With people by day beside
// people until now, every number of a county would hang together with every
// day of it, and no search here protects that in reasonable time
// (docs/PUBLIC.md).
var (
	doseCounts   = []string{"total_doses", "pfizer_doses", "moderna_doses", "jj_doses"}
	peopleCounts = []string{"total_partially_vaccinated", "cumulative_fully_vaccinated", "cumulative_at_least_one_dose"}
	zipCounts    = []string{"persons_partially_vaccinated", "persons_fully_vaccinated", "persons_with_1_plus_dose", "booster_recip_count"}
)

// publicRules are the rules of the tables, in order. Only by_county has a
// score, which differs by place; the others cross more variables or smaller
// places, and hide small counts everywhere.
func publicRules() []*suppress.Rules {
	places := suppress.Dimension{Column: "county", Kind: "place", Totals: []suppress.Total{{Value: allCA}}}
	all := places
	all.Totals = append(all.Totals[:1:1], suppress.Total{Value: allCounties, Parts: []string{allCA, outside, unknown}})
	makers := []suppress.Linked{{Total: doseCounts[0], Parts: doseCounts[1:]}}
	equal := &suppress.Equal{By: "demographic_category", Of: "demographic_value"}
	category, value := suppress.Dimension{Column: "demographic_category"}, suppress.Dimension{Column: "demographic_value"}
	return []*suppress.Rules{
		{Dimensions: []suppress.Dimension{all, {Column: "administered_date", Kind: "period"}}, Counts: doseCounts, AtMost: makers, Range: suppress.Small,
			Score: &suppress.ScoreRules{Period: "day", Counties: true, State: []string{allCA, allCounties}, AskedBy: "open data", Purpose: "public tables"}},
		{Dimensions: []suppress.Dimension{places, category, value}, Counts: peopleCounts, Equal: equal, Range: suppress.Small,
			Sums:    []suppress.Linked{{Total: peopleCounts[2], Parts: peopleCounts[:2]}},
			Derived: map[string][]string{"at_least_one_per_10000": peopleCounts[2:], "fully_per_10000": peopleCounts[1:2]}},
		{Dimensions: []suppress.Dimension{{Column: "zip_code_tabulation_area", Kind: "place"}}, Counts: zipCounts, Range: suppress.Small,
			Sums:   []suppress.Linked{{Total: zipCounts[2], Parts: zipCounts[:2]}},
			AtMost: []suppress.Linked{{Total: zipCounts[1], Parts: zipCounts[3:]}}},
	}
}

// publicLinks say what else an outsider can add up between the tables: the
// ZIPs of a county are no more than the county.
func publicLinks() (out []suppress.Link) {
	county := func(row []string) string {
		if row[1] == "Age Group" {
			return row[0]
		}
		return ""
	}
	for i, c := range peopleCounts {
		out = append(out, suppress.Link{Name: "the ZIPs of a county", AtMost: true,
			Left:  suppress.Side{Table: byZIP, Column: zipCounts[i], Group: func(row []string) string { return row[1] }},
			Right: suppress.Side{Table: byCountyDemographic, Column: c, Group: county}})
	}
	return out
}

// weekEnd is the Tuesday on or after a day: the state's ZIP file goes by
// Tuesdays (domain facts, CHHS open data).
func weekEnd(day time.Time) time.Time {
	return day.AddDate(0, 0, (int(time.Tuesday)-int(day.Weekday())+7)%7)
}
