package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// makers are the columns of doses, as county_day has them.
var makers = [...]string{"Pfizer", "Moderna", "Janssen", "Other"}

// dayOf is a place's day: county_day's figures.
type dayOf struct {
	day              string
	makers           [4]int64
	total, one, full int64
	booster, current int64
}

// placeDays reads the place's days from county_day; a city, which that table
// has not, is counted from its own doses, without people.
func (s *server) placeDays(ctx context.Context, id string, place dose.Place, doses *table) (_ []dayOf, err error) {
	if isCity(place) {
		return cityDays(ctx, doses)
	}
	return s.days(ctx, id, string(place))
}

// isCity says that the place is a health jurisdiction within a county.
func isCity(place dose.Place) bool {
	_, county := dose.CountyByFIPS(string(place))
	return !county && place != dose.OutOfState && place != dose.UnknownCounty
}

// days reads the rows of county_day of one county_fips.
func (s *server) days(ctx context.Context, id, fips string) (out []dayOf, err error) {
	t, err := s.tableOf(id, "county_day")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	p, err := t.part(ctx, "county_fips", []string{fips}, "administered_date", "total_doses", "pfizer_doses", "moderna_doses", "jj_doses",
		"at_least_one_dose", "fully_vaccinated", "booster_recip_count", "up_to_date_count")
	if err != nil {
		return nil, err
	}
	for i := range p.rows {
		d := dayOf{day: p.day("administered_date", i), total: p.int("total_doses", i), one: p.int("at_least_one_dose", i), full: p.int("fully_vaccinated", i),
			booster: p.int("booster_recip_count", i), current: p.int("up_to_date_count", i)}
		d.makers = [4]int64{p.int("pfizer_doses", i), p.int("moderna_doses", i), p.int("jj_doses", i)}
		d.makers[3] = d.total - d.makers[0] - d.makers[1] - d.makers[2]
		out = append(out, d)
	}
	return out, nil
}

// cityDays counts residents' doses by day and maker.
func cityDays(ctx context.Context, doses *table) (out []dayOf, err error) {
	counts, err := doses.cross(ctx, "visible_because", "admin_date", "cvx")
	if err != nil {
		return nil, err
	}
	by := map[int]*dayOf{}
	for key, n := range counts {
		v := strings.Split(key, "\t")
		number, ok := whole(v[1])
		if v[0] == "administration" || !ok {
			continue
		}
		d := by[number]
		if d == nil {
			d = &dayOf{day: time.Unix(int64(number)*86400, 0).UTC().Format(time.DateOnly)}
			by[number] = d
		}
		cvx, _ := whole(v[2])
		d.makers[makerOf(cvx)] += n
		d.total += n
	}
	for _, k := range slices.Sorted(maps.Keys(by)) {
		out = append(out, *by[k])
	}
	return out, nil
}

func makerOf(cvx int) int {
	return map[string]int{"pfizer": 0, "moderna": 1, "janssen": 2, "": 3}[dose.Maker(cvx)]
}

// makerCVX are the codes that a maker's column counts.
func makerCVX(maker int, other []int) (out []int) {
	if maker == 3 {
		return other
	}
	for cvx := 200; cvx < 400; cvx++ {
		if dose.Maker(cvx) != "" && makerOf(cvx) == maker {
			out = append(out, cvx)
		}
	}
	return out
}

func whole(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// fillDays fills what the page says of time.
func fillDays(c *dashboards.County, days []dayOf, q release.Question, other []int) {
	c.Weeks = weeks(days, "Doses given to residents of "+c.Name+", by week and product")
	var all dayOf
	for _, d := range days {
		c.Through = max(c.Through, d.day)
		all.total, all.one, all.full = all.total+d.total, all.one+d.one, all.full+d.full
		all.booster, all.current = all.booster+d.booster, all.current+d.current
		if n := len(c.Months); n == 0 || c.Months[n-1].Month != d.day[:7] {
			c.Months = append(c.Months, dashboards.Month{Month: d.day[:7], Makers: make([]dashboards.Cell, len(makers))})
		}
		m := &c.Months[len(c.Months)-1]
		m.Total.Value, m.People, m.Full = m.Total.Value+d.total, m.People+d.one, m.Full+d.full
		for i, n := range d.makers {
			m.Makers[i].Value += n
		}
	}
	for i := range c.Months {
		m, in := &c.Months[i], q
		in.From, in.To = m.Month+"-01", lastOf(m.Month)
		m.Total.Rows = rowsAddress(in)
		for k := range m.Makers {
			if in.CVX = makerCVX(k, other); len(in.CVX) > 0 {
				m.Makers[k].Rows = rowsAddress(in)
			}
		}
	}
	people := q
	people.Table = "recipient"
	c.Figures = []dashboards.Figure{{Label: "Doses given to residents", Value: all.total, Rows: rowsAddress(q)}}
	if c.City {
		return
	}
	c.Figures = append(c.Figures,
		dashboards.Figure{Label: "Residents with at least one dose", Value: all.one, Share: shareOf(all.one, c.People), Rows: rowsAddress(people)},
		dashboards.Figure{Label: "Primary series complete", Value: all.full, Share: shareOf(all.full, c.People)},
		dashboards.Figure{Label: "Booster since 2021-08-13", Value: all.booster, Share: shareOf(all.booster, c.People)},
		dashboards.Figure{Label: "Up to date", Value: all.current, Share: shareOf(all.current, c.People)})
}

func shareOf(n, of int64) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f %% of %s residents", float64(n)*100/float64(of), dashboards.Number(of))
}

func lastOf(month string) string {
	t, _ := time.Parse("2006-01", month)
	return t.AddDate(0, 1, -1).Format(time.DateOnly)
}

// weeks adds days up, from Monday, without gaps.
func weeks(days []dayOf, label string) dashboards.Series {
	s := dashboards.Series{Label: label, Names: makers[:], Values: make([][]int64, len(makers))}
	if len(days) == 0 {
		return s
	}
	monday := func(day string) time.Time {
		t, _ := time.Parse(time.DateOnly, day)
		return t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
	}
	at := monday(days[0].day)
	for _, d := range days {
		for week := monday(d.day); len(s.Days) == 0 || !at.After(week); at = at.AddDate(0, 0, 7) {
			s.Days = append(s.Days, at.Format(time.DateOnly))
			for k := range s.Values {
				s.Values[k] = append(s.Values[k], 0)
			}
		}
		for k, n := range d.makers {
			s.Values[k][len(s.Days)-1] += n
		}
	}
	return s
}

// countChanges compares the place's days of two releases.
func (s *server) countChanges(ctx context.Context, before, m *release.Manifest, place dose.Place) (dashboards.Changes, error) {
	var sides [2][]dayOf
	for i, id := range []string{before.ID, m.ID} {
		doses, err := s.tableOf(id, "counties", string(place), "dose")
		if err != nil {
			return dashboards.Changes{}, err
		}
		sides[i], err = s.placeDays(ctx, id, place, doses)
		if err := errors.Join(err, doses.close()); err != nil {
			return dashboards.Changes{}, err
		}
	}
	q := release.Question{Release: m.ID, Place: place, Table: "dose", Residents: true}
	return compareDays(before.ID, sides[0], sides[1], &q), nil
}

// mostDays bounds the days that a page lists.
const mostDays = 20

// compareDays finds the days whose doses differ, the largest differences
// first; q, if not nil, asks for a day's rows.
func compareDays(before string, old, days []dayOf, q *release.Question) dashboards.Changes {
	out := dashboards.Changes{Before: before}
	then, now, last := map[string]int64{}, map[string]int64{}, ""
	for _, d := range old {
		then[d.day] = d.total
		out.Then += d.total
		last = max(last, d.day)
	}
	for _, d := range days {
		now[d.day] = d.total
		out.Now += d.total
	}
	both := maps.Clone(then)
	maps.Copy(both, now)
	for day := range both {
		if then[day] == now[day] {
			continue
		}
		row := dashboards.Change{Day: day, Then: then[day], Now: now[day]}
		if q != nil {
			q.From, q.To = day, day
			row.Rows = rowsAddress(*q)
		}
		out.Rows = append(out.Rows, row)
		if out.Days++; day > last {
			out.Later++
		}
	}
	slices.SortFunc(out.Rows, func(a, b dashboards.Change) int {
		return cmp.Or(cmp.Compare(abs(b.Now-b.Then), abs(a.Now-a.Then)), strings.Compare(a.Day, b.Day))
	})
	out.Rows = out.Rows[:min(len(out.Rows), mostDays)]
	return out
}

func abs(n int64) int64 { return max(n, -n) }

func daysBetween(a, b string) int {
	x, _ := time.Parse(time.DateOnly, a)
	y, _ := time.Parse(time.DateOnly, b)
	return int(y.Sub(x) / (24 * time.Hour))
}
