package suppress

import "fmt"

// Mask is the score from which small cells are hidden: up to 12 a table may go
// out as it is (guideline, Publication Scoring Criteria).
const Mask = 13

// Facts are what the score asks of a table, or of the part of it that is one
// place. The worst level of each variable counts.
type Facts struct {
	Smallest    int64  // smallest count that is not zero; 0 if there is none
	Population  int64  // of the place; 0 if nobody knows
	Denominator int64  // smallest group that the counts are of; 0 as population
	Service     bool   // the place is where the dose was given, not where people live
	Period      string // day, week, month, quarter, half-year, year, years, five-years
	AgeWidth    int    // of the narrowest age group, in years; 0 without ages
	Sex         bool
	Race        string // "", broad, detailed (with AI/AN, NHPI or mixed), small (further detail: Other says its points)
	Ethnicity   bool   // Hispanic yes or no, apart from race
	Other       int    // points of language, SOGI, detailed race and the like, by the statewide group
}

// Points is one line of a score.
type Points struct {
	Variable string `json:"variable"`
	Level    string `json:"level"`
	Points   int    `json:"points"`
}

// Score is the sum of its lines.
type Score struct {
	Lines []Points `json:"lines"`
	Sum   int      `json:"sum"`
	Free  bool     `json:"free,omitempty"` // numerator and denominator alone allow release (step 2)
}

// Hides says whether small cells are to be hidden.
func (s Score) Hides() bool { return !s.Free && s.Sum >= Mask }

// tier is a level of a variable: from this many on.
type tier struct {
	from   int64
	level  string
	points int
}

// The tables of the guideline's Publication Scoring Criteria, edition 2.0,
// highest level first. A place that nobody knows the population of gets the
// last.
var (
	eventTiers = []tier{{1000, "1,000 or more events", 2}, {100, "100 to 999 events", 3}, {11, "11 to 99 events", 5}, {0, "fewer than 11 events", 7}}
	ageTiers   = []tier{{30, "more than 29 years", 1}, {11, "11 to 29 years", 2}, {6, "6 to 10 years", 3}, {3, "3 to 5 years", 5}, {0, "1 or 2 years", 7}}
	homeTiers  = []tier{{2_000_001, "more than 2 million people", -5}, {1_000_001, "1 to 2 million", -3}, {560_001, "560,000 to 1 million", -1},
		{250_001, "250,000 to 560,000", 0}, {100_001, "100,000 to 250,000", 1}, {50_001, "50,000 to 100,000", 3}, {20_001, "20,000 to 50,000", 4},
		{4001, "4,000 to 20,000", 5}, {0, "4,000 people or fewer, or not known", 7}}
	serviceTiers = []tier{{2_000_001, "more than 2 million people", -5}, {1_000_001, "1 to 2 million", -4}, {560_001, "560,000 to 1 million", -3},
		{250_001, "250,000 to 560,000", -1}, {20_001, "20,000 to 250,000", 0}, {0, "20,000 people or fewer, or not known", 1}}
	periods = map[string]int{"five-years": -5, "years": -3, "year": 0, "half-year": 3, "quarter": 4, "month": 5, "week": 5, "day": 5}
	races   = map[string]int{"broad": 2, "detailed": 3}
)

func (s *Score) add(variable, level string, points int) {
	s.Lines = append(s.Lines, Points{variable, level, points})
	s.Sum += points
}

func (s *Score) tier(variable string, tiers []tier, n int64) {
	for _, t := range tiers {
		if n >= t.from {
			s.add(variable, t.level, t.points)
			return
		}
	}
}

// Score scores by the guideline's Publication Scoring Criteria. A period of
// less than a month counts as a month, the most that the criteria have.
func (f Facts) Score() Score {
	var s Score
	s.tier("events", eventTiers, f.Smallest)
	if f.Service {
		s.tier("place of service", serviceTiers, f.Population)
	} else {
		s.tier("place of residence", homeTiers, f.Population)
	}
	points, ok := periods[f.Period]
	if !ok {
		points = periods["day"]
	}
	s.add("period", f.Period, points)
	others := 0
	if f.AgeWidth > 0 {
		s.tier("age", ageTiers, int64(f.AgeWidth))
		others++
	}
	if f.Sex {
		s.add("sex", "male, female", 1)
		others++
	}
	if f.Race != "" {
		s.add("race", f.Race, races[f.Race])
		others++
	}
	if f.Ethnicity {
		s.add("ethnicity", "Hispanic or not", 1)
		others++
	}
	if f.Other != 0 {
		s.add("other", "by the statewide group", f.Other)
		others++
	}
	s.add("variables together", fmt.Sprintf("%d besides events, time and place", others), together(others, f.Smallest))
	s.Free = f.Smallest >= 11 && f.denominator() > 20_000
	return s
}

// denominator of the condition of step 2.
func (f Facts) denominator() int64 {
	if f.Denominator > 0 {
		return f.Denominator
	}
	return f.Population
}

// together is what the variables add by being combined.
func together(others int, smallest int64) int {
	switch {
	case others == 1:
		return 1
	case others == 2:
		return 2
	case others > 2:
		return 4
	case smallest >= 5:
		return -5
	case smallest >= 3:
		return -3
	}
	return 0
}
