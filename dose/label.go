package dose

// The labels of RECIP_RACE_ETH (CDPH data dictionary).
const (
	Latino      = "Latino"
	Multiracial = "Multiracial"
	OtherRace   = "Other Race"
	Unknown     = "Unknown"
)

// raceGroups are the five races that are counted together as Multiracial.
// Detail codes and the one-letter codes of older systems count as their group.
var raceGroups = []struct {
	label string
	codes []string
}{
	{"American Indian or Alaska Native", []string{"1002-5", "I"}},
	{"Asian", []string{"2028-9", "A", "2034-7", "2036-2", "2039-6"}},
	{"Black or African American", []string{"2054-5", "B"}},
	{"Native Hawaiian or Other Pacific Islander", []string{"2076-8"}},
	{"White", []string{"2106-3", "W"}},
	{OtherRace, []string{"2131-1", "O"}},
}

// Race returns the place of a race code in the order American Indian, Asian,
// Black, Pacific Islander, White, Other; -1 for all others.
func Race(code string) int {
	for i, g := range raceGroups {
		for _, c := range g.codes {
			if c == code {
				return i
			}
		}
	}
	return -1
}

// IsLatino tells whether the code says Hispanic or Latino. It is an
// ethnicity, but some systems send it as a race.
func IsLatino(code string) bool { return code == "2135-2" || code == "H" }

// RaceEth returns CDPH's one label of race and ethnicity (data dictionary,
// RECIP_RACE_ETH): Latino before all; Multiracial when two of the five races
// are named; else the first race that has a label; else Unknown.
func RaceEth(races []string, ethnicity string) string {
	latino := IsLatino(ethnicity)
	seen, first := 0, -1
	for _, code := range races {
		latino = latino || IsLatino(code)
		if r := Race(code); r >= 0 {
			if first < 0 {
				first = r
			}
			seen |= 1 << r
		}
	}
	return RaceEthOf(latino, seen, first)
}

// RaceEthOf is RaceEth over numbers: seen has bit r for each Race r, first is
// the first of them or -1.
func RaceEthOf(latino bool, seen, first int) string {
	five := seen & 0b11111
	switch {
	case latino:
		return Latino
	case five&(five-1) != 0:
		return Multiracial
	case first >= 0 && first < len(raceGroups):
		return raceGroups[first].label
	}
	return Unknown
}

// RaceEths returns the labels of RaceEth.
func RaceEths() []string {
	labels := []string{Latino, Multiracial}
	for _, g := range raceGroups {
		labels = append(labels, g.label)
	}
	return append(labels, Unknown)
}

// ageGroups are the published age groups (CHHS, doses by demographics).
var ageGroups = [...]struct {
	from  int
	label string
}{{65, "65+"}, {50, "50-64"}, {18, "18-49"}, {12, "12-17"}, {5, "5-11"}, {0, "Under 5"}}

// AgeGroups returns the published age groups, oldest first, and the label for
// an unknown age.
func AgeGroups() (labels []string) {
	for _, g := range ageGroups {
		labels = append(labels, g.label)
	}
	return append(labels, "Unknown Agegroup")
}

// AgeGroup returns the published age group.
func AgeGroup(age int, known bool) string {
	for _, g := range ageGroups {
		if known && age >= g.from {
			return g.label
		}
	}
	return "Unknown Agegroup"
}
