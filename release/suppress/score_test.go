package suppress

import "testing"

// The worked examples of the guideline's criteria as the project's notes have
// them, and the edges of each table.
func TestScore(t *testing.T) {
	for name, c := range map[string]struct {
		f    Facts
		sum  int
		hide bool
	}{
		"county, week, sex, age; 30,000 people": {Facts{Smallest: 3, Population: 30_000, Period: "week", Sex: true, AgeWidth: 12}, 21, true},
		"the same county's year":                {Facts{Smallest: 4000, Population: 30_000, Period: "year"}, 1, false},
		"large county's days":                   {Facts{Smallest: 1, Population: 10_000_000, Period: "day"}, 7, false},
		"Alpine's days":                         {Facts{Smallest: 1, Population: 1129, Period: "day"}, 19, true},
		"unknown place counts as the smallest":  {Facts{Smallest: 1, Period: "day"}, 19, true},
		"just hidden":                           {Facts{Smallest: 1, Population: 200_000, Period: "day"}, 13, true},
		"just not hidden":                       {Facts{Smallest: 1, Population: 300_000, Period: "day"}, 12, false},
		"eleven of 20,001 are free":             {Facts{Smallest: 11, Population: 20_001, Period: "day", Sex: true, AgeWidth: 1, Race: "detailed"}, 29, false},
		"eleven of 20,000 are not":              {Facts{Smallest: 11, Population: 20_000, Period: "day", Sex: true, AgeWidth: 1, Race: "detailed"}, 30, true},
		"service in a small place":              {Facts{Smallest: 1, Population: 20_000, Service: true, Period: "day"}, 13, true},
	} {
		got := c.f.Score()
		if got.Sum != c.sum || got.Hides() != c.hide {
			t.Errorf("%s: score %d, hides %v: %+v; want %d, %v", name, got.Sum, got.Hides(), got.Lines, c.sum, c.hide)
		}
		total := 0
		for _, l := range got.Lines {
			total += l.Points
		}
		if total != got.Sum {
			t.Errorf("%s: lines add to %d, not %d", name, total, got.Sum)
		}
	}
	if s := (Facts{Smallest: 11, Population: 20_000, Period: "day", Sex: true, AgeWidth: 1, Race: "detailed"}).Score(); s.Sum != 5+5+5+1+7+3+4 {
		t.Errorf("sum %d", s.Sum)
	}
}
