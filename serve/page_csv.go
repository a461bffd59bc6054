package serve

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
)

// csvText is a small table as RFC 4180 text.
func csvText(rows [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.WriteAll(rows) // into memory: it can't fail
	return b.Bytes()
}

func digits(n int64) string { return strconv.FormatInt(n, 10) }

// rate writes a share of 10,000 as percent, and nothing where there is none.
func rate(per int64) string {
	if per < 0 {
		return ""
	}
	return strconv.FormatFloat(float64(per)/100, 'f', 2, 64)
}

// sendCSV sends a figure's table under the entry of its page.
func (s *server) sendCSV(w http.ResponseWriter, r *http.Request, p access.Principal, e access.Entry, rows [][]string) error {
	w.Header().Set("Content-Disposition", `attachment; filename="`+strings.Trim(e.Place+"-"+strings.TrimSuffix(e.File, ".csv")+"-"+e.Release, "-")+`.csv"`)
	return s.sendBytes(w, r, p, e, mediaTypes["csv"], csvText(rows))
}

// countyCSV sends one figure of a county's page.
func (s *server) countyCSV(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	name := r.PathValue("file")
	place, err := s.mayCount(r, p, r.PathValue("fips"), r.PathValue("release"))
	if err != nil {
		return err
	}
	m, err := s.asked(r, p)
	if err != nil {
		return err
	}
	table, ok := countyTables[strings.TrimSuffix(name, ".csv")]
	if !ok || path.Ext(name) != ".csv" {
		return fmt.Errorf("a county's figures are doses.csv, coverage.csv, where.csv, completeness.csv, changes.csv and week.csv: %w", dose.ErrNotFound)
	}
	body, err := s.countyBody(r.Context(), m, place, false)
	if err != nil {
		return err
	}
	scope, err := access.Decide(p, access.Read, access.Resource{Kind: access.PlaceFiles, Place: place, Level: counts}, s.Now())
	if err != nil {
		return err
	}
	return s.sendCSV(w, r, p, access.Entry{Action: "page", Release: m.ID, Place: string(place), Grant: scope.Grant, File: name}, table(body))
}

// countyTables are the figures of a county's page as tables.
var countyTables = map[string]func(*dashboards.County) [][]string{
	"doses": func(c *dashboards.County) [][]string {
		out := [][]string{{"month", "doses", "pfizer", "moderna", "janssen", "other", "first_dose", "series_complete"}}
		for _, m := range c.Months {
			row := []string{m.Month, digits(m.Total.Value)}
			for _, n := range m.Makers {
				row = append(row, digits(n.Value))
			}
			out = append(out, append(row, digits(m.People), digits(m.Full)))
		}
		return out
	},
	"coverage": func(c *dashboards.County) [][]string {
		out := [][]string{{"category", "group", "population", "doses", "at_least_one_dose", "at_least_one_percent", "at_least_one_percent_capped",
			"series_complete", "series_complete_percent", "series_complete_percent_capped", "is_capped"}}
		for _, category := range c.Groups {
			for _, g := range category.Rows {
				people := ""
				if g.People > 0 {
					people = digits(g.People)
				}
				out = append(out, []string{category.Name, g.Name, people, digits(g.Doses.Value), digits(g.One.Value), rate(g.OnePer), rate(g.OneCap),
					digits(g.Full), rate(g.FullPer), rate(g.FullCap), strconv.FormatBool(g.Capped)})
			}
		}
		return out
	},
	"where": func(c *dashboards.County) [][]string {
		out := [][]string{{"direction", "county", "doses"}}
		for _, s := range c.Away.Rows {
			out = append(out, []string{"residents dosed elsewhere", s.Name, digits(s.Count)})
		}
		for _, s := range c.Here.Rows {
			out = append(out, []string{"others dosed here", s.Name, digits(s.Count)})
		}
		return out
	},
	"completeness": func(c *dashboards.County) [][]string {
		out := [][]string{{"field", "reported", "records"}}
		for _, s := range c.Complete {
			out = append(out, []string{s.Name, digits(s.Count), digits(s.Of)})
		}
		return out
	},
	"changes": func(c *dashboards.County) [][]string { return changesTable(c.Changes) },
	"week":    func(c *dashboards.County) [][]string { return changesTable(c.Week) },
}

func changesTable(c dashboards.Changes) [][]string {
	out := [][]string{{"day", "doses_in_" + c.Before, "doses_now"}}
	for _, d := range c.Rows {
		out = append(out, []string{d.Day, digits(d.Then), digits(d.Now)})
	}
	return out
}
