package serve

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// fillGroups reads the last day of each group of county_demographic_day. That
// table has counties and the state alone.
func (s *server) fillGroups(ctx context.Context, c *dashboards.County, q release.Question) (err error) {
	t, err := s.tableOf(q.Release, "county_demographic_day")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	p, err := t.part(ctx, "county_fips", []string{string(q.Place)}, "demographic_category", "demographic_value", "est_population", "administered_date",
		"cumulative_total_doses", "cumulative_at_least_one_dose", "cumulative_fully_vaccinated", "at_least_one_per_10000", "fully_per_10000", "is_capped")
	if err != nil {
		return err
	}
	last := map[string]int{}
	for i := range p.rows {
		key := p.text("demographic_category", i) + "\t" + p.text("demographic_value", i)
		if at, ok := last[key]; !ok || p.day("administered_date", i) > p.day("administered_date", at) {
			last[key] = i
		}
	}
	for _, name := range []string{"Age Group", "Race/Ethnicity", "HPI Quartile"} {
		g := dashboards.Groups{Name: map[string]string{"HPI Quartile": "Healthy Places Index quartile (1 least healthy conditions, 4 most)"}[name]}
		if g.Name == "" {
			g.Name = name
		}
		for key, i := range last {
			if value, ok := strings.CutPrefix(key, name+"\t"); ok {
				g.Rows = append(g.Rows, group(p, i, name, value, q))
			}
		}
		slices.SortFunc(g.Rows, func(a, b dashboards.Group) int { return strings.Compare(sortAs(a.Name), sortAs(b.Name)) })
		if len(g.Rows) > 0 {
			c.Groups = append(c.Groups, g)
		}
	}
	return nil
}

// sortAs puts the youngest first and what is not known last.
func sortAs(name string) string {
	switch {
	case strings.HasPrefix(name, "Unknown"):
		return "~~"
	case name == "Other Race", name == "Multiracial":
		return "~" + name
	case name == "Under 5":
		return "0"
	case name == "5-11":
		return "05"
	}
	return name
}

const capAt = 9500 // per 10,000: CDC's cap of late 2021

func group(p part, i int, category, value string, q release.Question) dashboards.Group {
	g := dashboards.Group{Name: value, Full: p.int("cumulative_fully_vaccinated", i), OnePer: p.per("at_least_one_per_10000", i), FullPer: p.per("fully_per_10000", i)}
	g.Doses.Value, g.One.Value = p.int("cumulative_total_doses", i), p.int("cumulative_at_least_one_dose", i)
	if !p.null("est_population", i) {
		g.People = p.int("est_population", i)
	}
	g.OneCap, g.FullCap = min(g.OnePer, capAt), min(g.FullPer, capAt)
	g.Capped = !p.null("is_capped", i) && p.cells["is_capped"][i].Boolean()
	switch n, quartile := whole(value); {
	case category == "Age Group":
		q.AgeGroups = []string{value}
	case category == "Race/Ethnicity":
		q.RaceEth = []string{value}
	case quartile:
		q.HPI = []int{n}
	default:
		return g // a quartile that is not known has no value to ask for
	}
	g.Doses.Rows = rowsAddress(q)
	q.Table = "recipient"
	g.One.Rows = rowsAddress(q)
	return g
}

// countyFiles lists what the reader can download of the place.
func (s *server) countyFiles(id string, place dose.Place, whole bool) (out []dashboards.File, err error) {
	m, err := s.Releases.PlaceManifest(id, place)
	if err != nil {
		return nil, err
	}
	below := ""
	if !whole {
		below = "limited/"
	}
	for _, name := range release.Tables() {
		f, ok := m.File("counties/" + string(place) + "/" + name + ".parquet")
		if !ok {
			continue
		}
		for _, format := range release.ExtractFormats() {
			is := dashboards.File{Table: name, Format: format, Rows: f.Rows, Path: base + "/" + id + "/counties/" + string(place) + "/" + below + name + "." + format}
			if format == release.Parquet && whole {
				is.Bytes, is.SHA256 = f.Bytes, f.SHA256
			} else if done, ok := s.madeAlready(path.Join(id, string(place), below+name+"."+format)); ok {
				is.Bytes, is.SHA256 = done.Bytes, done.SHA256
			}
			out = append(out, is)
		}
	}
	return out, nil
}

// madeAlready tells of a format that somebody asked for before.
func (s *server) madeAlready(rel string) (made, bool) {
	text, err := os.ReadFile(filepath.Join(s.Made, filepath.FromSlash(rel)) + ".json")
	if err != nil {
		return made{}, false
	}
	var is made
	return is, json.Unmarshal(text, &is) == nil
}

// countyLines are ways to get the files, to be copied.
func countyLines(id string, place dose.Place, whole bool) []dashboards.Line {
	below := ""
	if !whole {
		below = "limited/"
	}
	at := "$DOSEBOOK" + base + "/" + id + "/counties/" + string(place) + "/" + below
	lines := []dashboards.Line{
		{Name: "Command line", Text: `curl --fail -LOJ -H "Authorization: Bearer $DOSEBOOK_TOKEN" \` + "\n  " + at + `dose.csv.gz
sha256sum ` + string(place) + "-*dose-" + id + ".csv.gz   # the header Repr-Digest says what it must be"},
		{Name: "R", Text: `library(httr2); library(arrow)
request(paste0(Sys.getenv("DOSEBOOK"), "` + strings.TrimPrefix(at, "$DOSEBOOK") + `dose.parquet")) |>
  req_auth_bearer_token(Sys.getenv("DOSEBOOK_TOKEN")) |> req_perform(path = "dose.parquet")
dose <- read_parquet("dose.parquet")`},
		{Name: "Python", Text: `import os, requests, pandas
r = requests.get(os.environ["DOSEBOOK"] + "` + strings.TrimPrefix(at, "$DOSEBOOK") + `dose.parquet",
                 headers={"Authorization": "Bearer " + os.environ["DOSEBOOK_TOKEN"]}); r.raise_for_status()
open("dose.parquet", "wb").write(r.content)
dose = pandas.read_parquet("dose.parquet")`},
	}
	if whole {
		lines = append([]dashboards.Line{{Name: "A verified copy that stays up to date", Text: "dosebook pull $DOSEBOOK --county " + string(place) + " --into " + string(place)}}, lines...)
	}
	return lines
}
