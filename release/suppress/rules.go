package suppress

import (
	"bytes"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dosebook/dosebook/dose"
)

// Rules say what a table's columns are and what an outsider knows of how they
// hang together. docs/PUBLIC.md describes the file.
type Rules struct {
	Name       string              `yaml:"table"`
	Dimensions []Dimension         `yaml:"dimensions"`
	Counts     []string            `yaml:"counts"`
	Cumulative map[string]string   `yaml:"cumulative"` // running sum → column it sums, "" where that isn't published
	Sums       []Linked            `yaml:"sums"`       // in each row, parts add to total
	AtMost     []Linked            `yaml:"at_most"`    // in each row, parts are no more than total
	Derived    map[string][]string `yaml:"derived"`    // column → the counts that it is made from
	Withhold   []string            `yaml:"withhold"`   // columns that are not published at all
	Equal      *Equal              `yaml:"equal"`      // groups whose values add to the same
	Range      Range               `yaml:"small"`      // default 1 to 10
	Score      *ScoreRules         `yaml:"score"`      // default: small cells are hidden everywhere
}

// Dimension is a column that says what a row counts.
type Dimension struct {
	Column string  `yaml:"column"`
	Kind   string  `yaml:"kind"` // place, period, or nothing
	Totals []Total `yaml:"totals"`
}

// Total is a value that adds up others: those named, or all that are no total
// and no total's named part.
type Total struct {
	Value string   `yaml:"value"`
	Parts []string `yaml:"parts"`
}

// Linked are columns that add up in each row.
type Linked struct {
	Total string   `yaml:"total"`
	Parts []string `yaml:"parts"`
}

// Equal says that the values of Of add to the same within each value of By:
// ages and races of the same people.
type Equal struct {
	By string `yaml:"by"`
	Of string `yaml:"of"`
}

// ScoreRules are the facts that the score asks for and the table doesn't say.
type ScoreRules struct {
	Period      string           `yaml:"period"`
	Service     bool             `yaml:"place_of_service"`
	AgeWidth    int              `yaml:"age_years"`
	Sex         bool             `yaml:"sex"`
	Race        string           `yaml:"race"`
	Ethnicity   bool             `yaml:"ethnicity"`
	Other       int              `yaml:"other_points"`
	Counties    bool             `yaml:"california_counties"` // populations of the 58 by name, and of the state for the places in State
	State       []string         `yaml:"state"`
	Populations map[string]int64 `yaml:"populations"`
	AskedBy     string           `yaml:"asked_by"` // kept with the score: who asked for what
	Purpose     string           `yaml:"purpose"`
}

// ReadRules reads a rules file. Errors are of kind dose.ErrInvalid.
func ReadRules(text []byte) (*Rules, error) {
	r := &Rules{Range: Small}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(r); err != nil {
		return nil, fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	return r, r.check()
}

func (r *Rules) check() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf(format+": %w", append(args, dose.ErrInvalid)...)
	}
	switch {
	case len(r.Counts) == 0:
		return wrong("counts: name at least one column of counts")
	case len(r.Dimensions) == 0:
		return wrong("dimensions: name the columns that say what a row counts")
	case r.Range.Low < 1 || r.Range.High < r.Range.Low:
		return wrong("small: wants low of 1 or more and high no less than low")
	case len(r.Cumulative) > 0 && r.dimension("period") < 0:
		return wrong("cumulative: one dimension must have kind: period")
	case r.Score != nil && r.dimension("place") < 0:
		return wrong("score: one dimension must have kind: place")
	}
	for _, d := range r.Dimensions {
		if !slices.Contains([]string{"", "place", "period"}, d.Kind) {
			return wrong("dimensions: %s: kind is place, period or left out", d.Column)
		}
	}
	if s := r.Score; s != nil {
		if _, ok := periods[s.Period]; !ok {
			return wrong("score: period is day, week, month, quarter, half-year, year, years or five-years")
		}
		if _, ok := races[s.Race]; !ok && s.Race != "" {
			return wrong("score: race is broad or detailed; give other detail as other_points")
		}
	}
	return r.checkCounts(wrong)
}

func (r *Rules) checkCounts(wrong func(string, ...any) error) error {
	is := func(c string) bool { return slices.Contains(r.Counts, c) }
	for total, of := range r.Cumulative {
		if !is(total) || of != "" && !is(of) {
			return wrong("cumulative: %s: %s: both must stand under counts", total, of)
		}
	}
	for _, l := range slices.Concat(r.Sums, r.AtMost) {
		for _, c := range append([]string{l.Total}, l.Parts...) {
			if !is(c) {
				return wrong("sums, at_most: %s must stand under counts", c)
			}
		}
	}
	for _, w := range r.Withhold {
		if is(w) {
			return wrong("withhold: %s is not published and can't stand under counts too", w)
		}
	}
	for d, from := range r.Derived {
		for _, c := range from {
			if !is(c) || is(d) {
				return wrong("derived: %s: is made from counts, and is none itself; %s must stand under counts", d, c)
			}
		}
	}
	return nil
}

func (r *Rules) dimension(kind string) int {
	return slices.IndexFunc(r.Dimensions, func(d Dimension) bool { return d.Kind == kind })
}

// populations of places by their names.
func (s *ScoreRules) populations() map[string]int64 {
	out := map[string]int64{}
	if s.Counties {
		var state int64
		for _, c := range dose.Counties() {
			n := int64(c.Population)
			out[c.Name], out[c.FIPS] = n, n
			state += n
		}
		for _, name := range s.State {
			out[name] = state
		}
	}
	for name, n := range s.Populations {
		out[name] = n
	}
	return out
}
