package dashboards

// Count is a published number, or the mark of one that is hidden.
type Count struct {
	Value  int64
	Hidden bool
}

// Add adds up what is shown; a sum with a hidden part is hidden.
func (c Count) Add(other Count) Count {
	return Count{c.Value + other.Value, c.Hidden || other.Hidden}
}

// Public is the page of one publication of the public tables.
type Public struct {
	Day      string
	Base     string // address of the page, in its language: /public or /publico
	Latest   bool
	Days     []string // of all publications, newest first
	Figures  []PublicFigure
	Weeks    Series
	Unshown  int // days of the state whose doses are hidden
	Counties []PublicPlace
	Groups   []PublicGroups
	Files    []File
	Hidden   []PublicTable
	Changes  []PublicChange
	Changed  int // rows of the change log, of which Changes are the first
	Fields   []Pair
}

// PublicFigure is one published number.
type PublicFigure struct {
	Label   string
	N       Count
	Of      int64 // people; 0: none
	Unshown int   // days whose number is hidden and not in N
}

// PublicPlace is a row of the public page and the head of a place's own.
type PublicPlace struct {
	Place
	Shown     int64 // doses, on the days that are shown
	Unshown   int   // days on which they are hidden
	AtLeast   Count
	Series    Count
	Reachable bool // it has a page
}

// PublicGroups is a category of people.
type PublicGroups struct {
	Name string
	Rows []PublicGroup
}

// PublicGroup is one group. People is 0 where nobody estimates it; the shares
// are those of the table.
type PublicGroup struct {
	Name               string
	People             int64
	Partial, Full, One Count
	OnePer, FullPer    Count
}

// PublicTable says how much of a table is hidden.
type PublicTable struct {
	Name                          string
	Rows, Counts, Small, More, In int64 // In: hidden for a change since
	Held                          bool  // as it was published before
}

// PublicChange is a line of the change log.
type PublicChange struct{ Table, Row, Column, Before, After, Why string }

// PublicCounty is the public page of one place.
type PublicCounty struct {
	Day, Base string
	PublicPlace
	Groups []PublicGroups
	Weeks  Series
	Months []PublicMonth
	ZIPs   []PublicZIP
	Files  []File
}

// PublicMonth is what is shown of a month: the sums of its shown days, and on
// how many days the number is hidden.
type PublicMonth struct {
	Month   string
	Days    int // that have a row
	Total   PublicSum
	Makers  []PublicSum
	Unshown int
}

// PublicSum is what is shown of a sum, and how many of its days are hidden.
type PublicSum struct {
	Value   int64
	Unshown int
}

// PublicZIP is a row of the table by ZIP.
type PublicZIP struct {
	ZIP, Quartile               string
	Partial, Full, One, Booster Count
}

// For puts the page into a language: its addresses, and the address of the
// same in the other.
func (p Public) For(lang string) Public {
	p.Base = publicBase(lang)
	places := make([]PublicPlace, len(p.Counties))
	copy(places, p.Counties)
	for i := range places {
		if places[i].Reachable {
			places[i].Page = p.Base + "/" + p.Day + "/" + places[i].FIPS
		}
	}
	p.Counties = places
	return p
}

// For puts the page into a language.
func (p PublicCounty) For(lang string) PublicCounty {
	p.Base = publicBase(lang)
	return p
}

// Places are the rows as the map takes them: a hidden number has no colour.
func (p Public) Places() (out []Place) {
	for _, c := range p.Counties {
		if c.Reachable && !c.AtLeast.Hidden && c.People > 0 {
			out = append(out, c.Place)
		}
	}
	return out
}

func publicBase(lang string) string {
	if lang == Spanish {
		return "/publico"
	}
	return "/public"
}
