package synth

import "strings"

// marks say what is odd about a report, or who it is easily taken for.
type marks uint16

const (
	markTypo marks = 1 << iota
	markMoved
	markFormat
	markHistorical
	markDateOff
	markTwoIDs
	markCorrected
	markFlaw
	markTwin // from here on: what two persons have in common
	markJunkPhone
	markNamesake
	markUndecided
	allMarks = 12
)

// causes names the marks, as truth_events.tsv and Score do.
var causes = [allMarks]string{"typo", "moved", "format", "historical", "date_off", "two_ids", "corrected", "flaw", "twin", "junk_phone", "namesake", "undecided"}

// String lists the names, by comma.
func (m marks) String() string {
	var out []string
	for i, name := range causes {
		if m>>i&1 == 1 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ",")
}

// OverlapTruth says what a reader must find who knows which reports are of
// one dose and which recipient ids of one person.
type OverlapTruth struct {
	Events        string         `json:"events"`         // truth_events.tsv: one line a current event
	SecondReports int            `json:"second_reports"` // events that a second registry reported too
	Persons       int            `json:"persons"`        // with a current event that is a dose
	Doses         int            `json:"doses"`
	Fully         int            `json:"fully_vaccinated"` // of the persons decided
	LeftOut       LeftOut        `json:"left_out"`
	Marks         map[string]int `json:"marks"`      // current events by what is odd about them
	Crosswalks    []string       `json:"crosswalks"` // paths
}

// LeftOut counts whom county_day_true leaves out: persons for whom two reports
// of one dose differ in day, county or maker, so that it hangs on the choice
// of the survivor what counts. Their events bear the mark "undecided".
type LeftOut struct {
	Persons int `json:"persons"`
	Doses   int `json:"doses"`
	Events  int `json:"events"`
}

// agreed counts by true doses and true persons. A person counts in the county
// of the latest dose by date.
type agreed struct {
	days           int
	cells          [][6]int
	persons, doses int
	fully          int
	left           LeftOut
	doses1         []held // of the person at hand, one a dose
}

func newAgreed(days int) *agreed {
	return &agreed{days: days, cells: make([][6]int, numPlaces*days)}
}

// person takes all reports of doses of one person.
func (a *agreed) person(reports []held) {
	if len(reports) == 0 {
		return
	}
	var ok bool
	a.doses1, ok = decide(a.doses1[:0], reports)
	a.persons++
	a.doses += len(a.doses1)
	if !ok {
		a.left.Persons++
		a.left.Doses += len(a.doses1)
		a.left.Events += len(reports)
		return
	}
	latest, from := a.doses1[0], a.doses1[0].day
	for _, d := range a.doses1 {
		countDose(&a.cells[d.place*a.days+d.day-rollout], d.maker)
		from = min(from, d.day)
		if d.day > latest.day {
			latest = d
		}
	}
	a.cells[latest.place*a.days+from-rollout][4]++
	if day := fully(a.doses1); day > 0 {
		a.fully++
		a.cells[latest.place*a.days+day-rollout][5]++
	}
}

// decide makes one of all reports of a dose. It fails when two of them differ
// in what counts, or when two latest doses of one day lie in two places.
func decide(out, reports []held) (_ []held, ok bool) {
	ok = true
	for _, d := range reports {
		known := false
		for _, o := range out {
			if o.dose == d.dose {
				known = true
				ok = ok && o.day == d.day && o.place == d.place && o.maker == d.maker
			}
		}
		if !known {
			out = append(out, d)
		}
	}
	latest := out[0]
	for _, d := range out {
		if d.day > latest.day {
			latest = d
		}
	}
	for _, d := range out {
		ok = ok && (d.day < latest.day || d.place == latest.place)
	}
	return out, ok
}

func (a *agreed) add(o *agreed) {
	for i := range a.cells {
		for k := range a.cells[i] {
			a.cells[i][k] += o.cells[i][k]
		}
	}
	a.persons += o.persons
	a.doses += o.doses
	a.fully += o.fully
	a.left.Persons += o.left.Persons
	a.left.Doses += o.left.Doses
	a.left.Events += o.left.Events
}

// truth writes it down.
func (a *agreed) truth(w *world, t *Truth) {
	t.CountyDayTrue = countyDay(w, a.cells, a.days)
	t.Overlap = &OverlapTruth{Persons: a.persons, Doses: a.doses, Fully: a.fully, LeftOut: a.left, Marks: make(map[string]int), Crosswalks: []string{}}
}
