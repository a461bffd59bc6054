package serve

import (
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
)

// countyNotes says what each figure of a county is, and where its table is.
func countyNotes(c *dashboards.County, id string) {
	at := countyAddress(id, dose.Place(c.Place)) + "/"
	note := func(anchor, says string) dashboards.Note {
		return dashboards.Note{Release: id, Says: says, CSV: at + anchor + ".csv", Anchor: anchor}
	}
	c.MonthsOf = note("doses", "Doses by residents of the place, on the day given, each real dose once (county_day: total_doses by maker); people in the county of their latest dose, on the day of their first dose, and of the day their primary series was complete.")
	c.GroupsOf = note("coverage", "People by their latest dose; doses by what the record says of the person. Population: the state's estimates by age, census estimates of 2019 by race; quartiles have none. Capped: never above 95 % (CDC, late 2021).")
	c.WhereOf = note("where", "The place's dose file: rows that stand in it because of residence alone, or because of the place of administration alone. Doses whose place is not known count as elsewhere.")
	c.FullOf = note("completeness", "Records of residents (dose_event) whose cell says something; empty cells, UNK, U, POL, Redacted and asked-but-unknown don't.")
	c.WeekOf = note("week", "Residents' doses by day, in this release and the newest approved one that was judged at least seven days before it.")
	c.ChangeOf = note("changes", "Residents' doses by day, in this release and the newest approved one before it.")
}
