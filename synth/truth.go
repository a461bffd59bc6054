package synth

import (
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Truth is what a correct reader of all files must find.
type Truth struct {
	Seed       uint64   `json:"seed"`
	Events     int      `json:"events"` // reported, before defects repeat them
	Through    string   `json:"through"`
	Registries []string `json:"registries"`
	Totals     Totals   `json:"totals"`
	Files      []File   `json:"files"`    // by path
	Delivery   []string `json:"delivery"` // paths in the order in which they arrive
	// CountyDay holds, by county (FIPS, OOS, UNK) and administered_date, the
	// figures named in CountyDayColumns. A day without one is zero.
	CountyDay map[string]map[string][6]int `json:"county_day"`
	// Rows holds, by county, the current events, refused ones too, that a
	// county's file shows: residence alone, administration alone, both.
	Rows map[string][3]int `json:"rows"`
	// Cities holds the current events of the three cities that are health
	// jurisdictions of their own, by the address that gave the county.
	Cities map[string]int `json:"cities"`
	// CountyDayTrue is CountyDay by true doses and true persons, and Overlap
	// says more about them; both only with an overlap. See agreed.
	CountyDayTrue map[string]map[string][6]int `json:"county_day_true,omitempty"`
	Overlap       *OverlapTruth                `json:"overlap,omitempty"`
	// Full names, by registry, the folder of what a full export of a FHIR
	// server holds after all deliveries.
	Full map[string]string `json:"full,omitempty"`
	// Disasters that were planted into the files afterwards.
	Disasters []Disaster `json:"disasters,omitempty"`
	// Month that was planted behind the files. See PlantMonth.
	Month *Month `json:"month,omitempty"`
}

// CountyDayColumns names the figures of Truth.CountyDay.
var CountyDayColumns = [6]string{"total_doses", "pfizer_doses", "moderna_doses", "jj_doses", "at_least_one_dose", "fully_vaccinated"}

// File is one file of a registry.
type File struct {
	Path       string `json:"path"`
	Registry   string `json:"registry"`
	Format     string `json:"format,omitempty"` // empty for CVRS
	Action     string `json:"action"`           // of all records; empty where each has its own
	SourceDate string `json:"source_date"`
	Sequence   int    `json:"sequence"` // NN
	Records    int    `json:"records"`
	Rejects    int    `json:"rejects"`
	RepeatOf   string `json:"repeat_of,omitempty"` // has the same bytes as that file
}

// Totals add up over files that repeat no other:
//
//	Records = Rejected + Added + Resent + Revived + RepeatedRows + Updates + Deletes
//	Current = Added + Resent + Revived - Deletes
type Totals struct {
	Records         int            `json:"records"`
	Rejected        int            `json:"rejected"`
	Rejects         map[string]int `json:"rejects"` // by code
	Added           int            `json:"added"`
	Resent          int            `json:"resent"`
	Revived         int            `json:"revived"`
	RepeatedRows    int            `json:"repeated_rows"`
	Updates         int            `json:"updates"`
	Deletes         int            `json:"deletes"`
	Current         int            `json:"current_events"`
	CurrentIn       map[string]int `json:"current_by_registry"`
	Refused         int            `json:"current_refusals"`
	Locked          int            `json:"current_locked,omitempty"` // not to be shared, and said so
	Recipients      int            `json:"recipients"`               // with a current event that is a dose
	FullyVaccinated int            `json:"fully_vaccinated"`         // of them
	RepeatedFiles   int            `json:"repeated_files"`
	RepeatedRecords int            `json:"repeated_file_records"`
}

// tally counts the truth while chains are made.
type tally struct {
	days    int
	cells   [][6]int // place · days + day
	rows    [numPlaces][3]int
	cities  map[string]int
	steps   [resent + 1]int
	faults  [numFormats][numFaults]int
	current []int // by registry
	refused int
	locked  int
	people  int
	fully   int
	doses   []held  // of the person at hand
	one     []held  // of them, one recipient id's
	agreed  *agreed // by true doses and persons; nil without an overlap
}

// held is a current dose of one person, as one report has it.
type held struct {
	day, place int
	maker      string
	event      uint64
	dose       uint64 // number of the true one
	id         identity
	updated    bool // of the formula of 2023-24, or a later one
}

// held takes what counts from a current row that is a dose.
func (r *record) held() held {
	v, _ := dose.VaccineByCVX(r.given.cvx)
	return held{updated: v.Class == "seasonal", day: r.day, place: r.counted(), maker: dose.Maker(r.given.cvx), event: r.event, dose: eventKey(r.person, r.given), id: r.id}
}

// countDose adds a dose to the figures of its place and day.
func countDose(cell *[6]int, maker string) {
	cell[0]++
	switch maker {
	case "pfizer":
		cell[1]++
	case "moderna":
		cell[2]++
	case "janssen":
		cell[3]++
	}
}

func newTally(w *world) *tally {
	days := w.through - rollout + 1
	t := &tally{days: days, cells: make([][6]int, numPlaces*days), current: make([]int, len(w.names)), cities: make(map[string]int)}
	if w.overlap.on {
		t.agreed = newAgreed(days)
	}
	return t
}

func (t *tally) reported(w *world, registry int, key uint64, s step) {
	t.steps[s]++
	if s == unusable {
		t.faults[w.formats[registry]][w.faultOf(key)]++
	}
}

// holds takes a current event.
func (t *tally) holds(w *world, f *family, p *person, story *report) {
	r := w.record(&f.household, p, story.given, story.copy, added, story.chain.corrected)
	g := r.given
	t.current[r.registry]++
	if w.locked(p, w.formats[r.registry]) {
		t.locked++
	}
	place := r.counted()
	switch {
	case r.bySite == place:
		t.rows[place][2]++
	default:
		t.rows[place][0]++
		if r.bySite != none {
			t.rows[r.bySite][1]++
		}
	}
	if city, ok := r.city(place, w); ok {
		t.cities[city]++
	}
	if g.refused {
		t.refused++
		return
	}
	d := r.held()
	countDose(&t.cells[place*t.days+d.day-rollout], d.maker)
	t.doses = append(t.doses, d)
}

// personDone counts the person whose doses were taken: each recipient id by
// itself, as long as nobody knows that they are one.
func (t *tally) personDone() {
	if t.agreed != nil {
		t.agreed.person(t.doses)
	}
	for id := range numIDs {
		t.one = t.one[:0]
		for _, d := range t.doses {
			if d.id == id {
				t.one = append(t.one, d)
			}
		}
		t.recipient(t.one)
	}
	t.doses = t.doses[:0]
}

// recipient counts one who got these doses in the county of the latest, the
// greatest event id deciding between doses of one day.
func (t *tally) recipient(doses []held) {
	if len(doses) == 0 {
		return
	}
	latest, from := doses[0], doses[0].day
	for _, d := range doses {
		from = min(from, d.day)
		if d.day > latest.day || d.day == latest.day && d.event > latest.event {
			latest = d
		}
	}
	t.people++
	t.cells[latest.place*t.days+from-rollout][4]++
	if day := fully(doses); day > 0 {
		t.fully++
		t.cells[latest.place*t.days+day-rollout][5]++
	}
}

// fully is the first day on which CDPH's rule holds: one Janssen; two Pfizer
// at least 17 days apart; two Moderna 24; one of each 17 (CDPH data
// dictionary, FULLY_VACCINATED). Updated doses (2023-24 and later) alone
// complete nothing (CHHS note of 2023). 0 when it never does.
func fully(doses []held) (day int) {
	for i, a := range doses {
		if a.maker == "janssen" && (day == 0 || a.day < day) {
			day = a.day
		}
		for _, b := range doses[i+1:] {
			gap := 17
			if a.maker == "moderna" && b.maker == "moderna" {
				gap = 24
			}
			later, apart := max(a.day, b.day), max(a.day-b.day, b.day-a.day)
			mrna := (a.maker == "pfizer" || a.maker == "moderna") && (b.maker == "pfizer" || b.maker == "moderna")
			if mrna && !(a.updated && b.updated) && apart >= gap && (day == 0 || later < day) {
				day = later
			}
		}
	}
	return day
}

func (t *tally) add(o *tally) {
	for i := range t.cells {
		for k := range t.cells[i] {
			t.cells[i][k] += o.cells[i][k]
		}
	}
	for i := range t.rows {
		for k := range t.rows[i] {
			t.rows[i][k] += o.rows[i][k]
		}
	}
	for i, n := range o.steps {
		t.steps[i] += n
	}
	for f := range o.faults {
		for i, n := range o.faults[f] {
			t.faults[f][i] += n
		}
	}
	for i, n := range o.current {
		t.current[i] += n
	}
	for city, n := range o.cities {
		t.cities[city] += n
	}
	if t.agreed != nil {
		t.agreed.add(o.agreed)
	}
	t.refused += o.refused
	t.locked += o.locked
	t.people += o.people
	t.fully += o.fully
}

// truth writes the tally down.
func (t *tally) truth(w *world) *Truth {
	out := &Truth{Registries: w.names, CountyDay: countyDay(w, t.cells, t.days), Rows: make(map[string][3]int), Cities: t.cities}
	for place := range numPlaces {
		code := w.place(place)
		if t.rows[place] != [3]int{} {
			out.Rows[code] = t.rows[place]
		}
	}
	n := &out.Totals
	n.Added, n.Resent, n.Revived, n.RepeatedRows = t.steps[added], t.steps[resent], t.steps[revived], t.steps[repeated]
	n.Updates, n.Deletes, n.Rejected = t.steps[updated], t.steps[deleted], t.steps[unusable]
	n.Rejects, n.CurrentIn = make(map[string]int), make(map[string]int)
	for f := range numFormats {
		checks := checksOf(f)
		for i, count := range t.faults[f] {
			if count > 0 {
				n.Rejects[checks[i].Rule().Code] += count
			}
		}
	}
	for i, count := range t.current {
		n.CurrentIn[w.names[i]] = count
		n.Current += count
	}
	n.Refused, n.Locked, n.Recipients, n.FullyVaccinated = t.refused, t.locked, t.people, t.fully
	return out
}

// countyDay writes cells down by county and date; nothing for zeros.
func countyDay(w *world, cells [][6]int, perPlace int) map[string]map[string][6]int {
	out := make(map[string]map[string][6]int)
	for place := range numPlaces {
		days := make(map[string][6]int)
		for day, cell := range cells[place*perPlace : (place+1)*perPlace] {
			if cell != [6]int{} {
				days[string(w.cal.iso(rollout+day))] = cell
			}
		}
		if len(days) > 0 {
			out[w.place(place)] = days
		}
	}
	return out
}

// place is the code of a row of the tally.
func (w *world) place(n int) string {
	switch n {
	case outOfState:
		return dose.OutOfState
	case unknown:
		return dose.UnknownCounty
	}
	return w.counties[n].fips
}

func dateText(day int) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }
