package serve

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
)

// publicReader reads a publication's files, one row at a time.
type publicReader struct{ dir, day string }

// publicRow is a row of a published table.
type publicRow map[string]string

// count is a published number; an empty cell is hidden, not zero.
func (r publicRow) count(column string) dashboards.Count {
	n, err := strconv.ParseInt(r[column], 10, 64)
	return dashboards.Count{Value: n, Hidden: err != nil}
}

// each calls do with the rows of a table.
func (p *publicReader) each(name string, do func(publicRow)) (err error) {
	f, err := os.OpenInRoot(p.dir, filepath.Join(p.day, name+".csv"))
	if err != nil {
		return fmt.Errorf("open %s: %v", name, err) // not "not found": the manifest has it
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := csv.NewReader(f)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return fmt.Errorf("read %s: %v", name, err)
	}
	head = slices.Clone(head)
	row := publicRow{}
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %v", name, err)
		}
		for i, name := range head {
			row[name] = cells[i]
		}
		do(row)
	}
}

// The state's row, and how doses are called.
const (
	allCounties = "All CA Counties"
	weeksOfAll  = "Doses given to Californians, by week and product"
	weeksOfOne  = "Doses of residents, by week and product"
)

var publicMakers = [...]string{"pfizer_doses", "moderna_doses", "jj_doses"}

// view makes what the pages show.
func (p *publicReader) view() (*publicView, error) {
	v := &publicView{page: &dashboards.Public{Day: p.day}, places: map[dose.Place]*dashboards.PublicCounty{}}
	byName := map[string]*dashboards.PublicCounty{}
	state := &dashboards.PublicCounty{Day: p.day, PublicPlace: dashboards.PublicPlace{Place: dashboards.Place{Name: allCounties, OnePer: -1}}}
	byName[allCounties] = state
	for _, place := range dose.Places() {
		if isCity(place) {
			continue
		}
		c := &dashboards.PublicCounty{Day: p.day, PublicPlace: dashboards.PublicPlace{Place: dashboards.Place{FIPS: string(place), Name: place.Label(), OnePer: -1}, Reachable: true}}
		byName[place.Label()], v.places[place] = c, c
	}
	for _, step := range []func() error{
		func() error { return p.doses(byName) },
		func() error { return p.people(byName) },
		func() error { return p.zips(byName) },
		func() error { return p.changes(v.page) },
		func() error { return p.fields(v.page) },
		func() error { return p.state(v.page) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	v.page.Weeks, v.page.Unshown = state.Weeks, state.Unshown
	v.page.Weeks.Label = weeksOfAll
	v.page.Figures = []dashboards.PublicFigure{
		{Label: "People with at least one dose", N: sumOf(v.page.Groups, func(g dashboards.PublicGroup) dashboards.Count { return g.One }), Of: peopleOf(v.page.Groups)},
		{Label: "Primary series complete", N: sumOf(v.page.Groups, func(g dashboards.PublicGroup) dashboards.Count { return g.Full }), Of: peopleOf(v.page.Groups)},
		{Label: "Doses given to Californians", N: dashboards.Count{Value: state.Shown}, Unshown: state.Unshown},
	}
	for _, place := range dose.Places() {
		if c, ok := v.places[place]; ok {
			v.page.Counties = append(v.page.Counties, c.PublicPlace)
		}
	}
	v.page.Counties = append(v.page.Counties, state.PublicPlace)
	return v, nil
}

// doses adds up each place's days that are shown.
func (p *publicReader) doses(byName map[string]*dashboards.PublicCounty) error {
	days := map[string][]dayOf{}
	err := p.each("by_county", func(r publicRow) {
		c := byName[r["county"]]
		if c == nil {
			return // both sums: their parts are here
		}
		day, total := strings.Clone(r["administered_date"]), r.count("total_doses")
		m := monthOf(c, day[:7])
		m.Days++
		addShown(&m.Total, total)
		if c.Shown += total.Value; total.Hidden {
			c.Unshown++
		}
		d := dayOf{day: day, total: total.Value}
		for i, name := range publicMakers {
			n := r.count(name)
			addShown(&m.Makers[i], n)
			d.makers[i] = n.Value
		}
		d.makers[3] = max(d.total-d.makers[0]-d.makers[1]-d.makers[2], 0)
		days[c.Name] = append(days[c.Name], d)
	})
	for name, list := range days {
		byName[name].Weeks = weeks(list, weeksOfOne)
	}
	return err
}

func monthOf(c *dashboards.PublicCounty, month string) *dashboards.PublicMonth {
	if n := len(c.Months); n == 0 || c.Months[n-1].Month != month {
		c.Months = append(c.Months, dashboards.PublicMonth{Month: month, Makers: make([]dashboards.PublicSum, len(publicMakers))})
	}
	return &c.Months[len(c.Months)-1]
}

func addShown(to *dashboards.PublicSum, n dashboards.Count) {
	if to.Value += n.Value; n.Hidden {
		to.Unshown++
	}
}

// people reads who was reached by the day of the publication; the table keeps
// the rows of earlier ones.
func (p *publicReader) people(byName map[string]*dashboards.PublicCounty) error {
	err := p.each("by_county_demographic", func(r publicRow) {
		if c := byName[r["county"]]; c != nil && r["as_of_date"] == p.day {
			c.Groups = addGroup(c.Groups, r)
		}
	})
	for _, c := range byName {
		c.Groups = inOrder(c.Groups)
		c.AtLeast = sumOf(c.Groups, func(g dashboards.PublicGroup) dashboards.Count { return g.One })
		c.Series = sumOf(c.Groups, func(g dashboards.PublicGroup) dashboards.Count { return g.Full })
		if c.People = peopleOf(c.Groups); c.People > 0 && !c.AtLeast.Hidden {
			c.OnePer = (c.AtLeast.Value*10_000 + c.People/2) / c.People
		}
	}
	return err
}

func (p *publicReader) state(page *dashboards.Public) error {
	err := p.each("by_demographic", func(r publicRow) {
		if r["as_of_date"] == p.day {
			page.Groups = addGroup(page.Groups, r)
		}
	})
	page.Groups = inOrder(page.Groups)
	return err
}

func addGroup(to []dashboards.PublicGroups, r publicRow) []dashboards.PublicGroups {
	category := r["demographic_category"]
	at := slices.IndexFunc(to, func(g dashboards.PublicGroups) bool { return g.Name == category })
	if at < 0 {
		at, to = len(to), append(to, dashboards.PublicGroups{Name: strings.Clone(category)})
	}
	to[at].Rows = append(to[at].Rows, dashboards.PublicGroup{Name: strings.Clone(r["demographic_value"]), People: r.count("est_population").Value,
		Partial: r.count("total_partially_vaccinated"), Full: r.count("cumulative_fully_vaccinated"), One: r.count("cumulative_at_least_one_dose"),
		OnePer: r.count("at_least_one_per_10000"), FullPer: r.count("fully_per_10000")})
	return to
}

// ageGroups is the category that adds up to all people and has populations.
const ageGroups = "Age Group"

// inOrder puts ages first, and the youngest.
func inOrder(groups []dashboards.PublicGroups) []dashboards.PublicGroups {
	slices.SortFunc(groups, func(a, b dashboards.PublicGroups) int { return strings.Compare(ageFirst(a.Name), ageFirst(b.Name)) })
	for _, g := range groups {
		slices.SortFunc(g.Rows, func(a, b dashboards.PublicGroup) int { return strings.Compare(sortAs(a.Name), sortAs(b.Name)) })
	}
	return groups
}

func ageFirst(category string) string { return strings.Replace(category, ageGroups, "", 1) }

// sumOf adds up the age groups: whoever reads the table can do the same.
func sumOf(groups []dashboards.PublicGroups, of func(dashboards.PublicGroup) dashboards.Count) (out dashboards.Count) {
	for _, g := range groups {
		if g.Name == ageGroups {
			for _, row := range g.Rows {
				out = out.Add(of(row))
			}
		}
	}
	return out
}

func peopleOf(groups []dashboards.PublicGroups) int64 {
	return sumOf(groups, func(g dashboards.PublicGroup) dashboards.Count { return dashboards.Count{Value: g.People} }).Value
}

func (p *publicReader) zips(byName map[string]*dashboards.PublicCounty) error {
	return p.each("by_zip", func(r publicRow) {
		if c := byName[r["county"]]; c != nil && r["as_of_date"] == p.day {
			c.ZIPs = append(c.ZIPs, dashboards.PublicZIP{ZIP: strings.Clone(r["zip_code_tabulation_area"]), Quartile: strings.Clone(r["vaccine_equity_metric_quartile"]),
				Partial: r.count("persons_partially_vaccinated"), Full: r.count("persons_fully_vaccinated"), One: r.count("persons_with_1_plus_dose"), Booster: r.count("booster_recip_count")})
		}
	})
}

// mostChanges bounds the lines of the change log that the page lists.
const mostChanges = 40

func (p *publicReader) changes(page *dashboards.Public) error {
	return p.each("changes", func(r publicRow) {
		if page.Changed++; len(page.Changes) < mostChanges {
			page.Changes = append(page.Changes, dashboards.PublicChange{Table: strings.Clone(r["table"]), Row: strings.Clone(r["row"]), Column: strings.Clone(r["column"]),
				Before: strings.Clone(r["before"]), After: strings.Clone(r["after"]), Why: strings.Clone(r["why"])})
		}
	})
}

// fields reads what the columns mean from the data package.
func (p *publicReader) fields(page *dashboards.Public) error {
	f, err := os.OpenInRoot(p.dir, filepath.Join(p.day, "datapackage.json"))
	if err != nil {
		return fmt.Errorf("open datapackage.json: %v", err) // not "not found": the manifest has it
	}
	defer f.Close()
	var described struct {
		Resources []struct {
			Schema struct {
				Fields []struct{ Name, Description string }
			}
		}
	}
	if err := json.NewDecoder(f).Decode(&described); err != nil {
		return fmt.Errorf("read datapackage.json: %v", err)
	}
	for _, r := range described.Resources {
		for _, f := range r.Schema.Fields {
			is := dashboards.Pair{Name: f.Name, Value: f.Description}
			if f.Description != "" && !slices.Contains(page.Fields, is) {
				page.Fields = append(page.Fields, is)
			}
		}
	}
	return nil
}
