package serve

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// toCounty sends to the county's page in the newest approved release.
func (s *server) toCounty(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	place, err := s.mayCount(r, p, r.PathValue("fips"), "")
	if err != nil {
		return err
	}
	m, err := s.asked(r, p)
	if err != nil {
		return err
	}
	http.Redirect(w, r, countyAddress(m.ID, place), http.StatusSeeOther)
	return nil
}

// mayCount asks the one decision about a place's counts.
func (s *server) mayCount(r *http.Request, p access.Principal, fips, id string) (dose.Place, error) {
	place, err := dose.ParsePlace(fips)
	if err != nil {
		return "", err
	}
	_, err = s.decide(r, p, access.Read, access.Resource{Kind: access.PlaceFiles, Place: place, Level: counts},
		access.Entry{Action: "page", Release: id, Place: string(place)})
	return place, err
}

// countyPage shows one place's figures and its files.
func (s *server) countyPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	id := r.PathValue("release")
	is := access.Resource{Kind: access.PlaceFiles, Level: counts}
	place, err := s.mayCount(r, p, r.PathValue("fips"), id)
	if err != nil {
		return err
	}
	is.Place = place
	m, err := s.asked(r, p)
	if err != nil {
		return err
	}
	if id != m.ID {
		http.Redirect(w, r, countyAddress(m.ID, place), http.StatusSeeOther)
		return nil
	}
	is.Level = built
	body, err := s.countyBody(r.Context(), m, place, s.may(p, is))
	if err != nil {
		return err
	}
	scope, err := access.Decide(p, access.Read, access.Resource{Kind: access.PlaceFiles, Place: place, Level: counts}, s.Now())
	if err != nil {
		return err
	}
	return s.showPage(w, r, p, access.Entry{Action: "page", Release: m.ID, Place: string(place), Grant: scope.Grant}, "county",
		dashboards.Page{Title: placeTitle(place), Release: m.ID, Body: *body,
			Lead: "Residents, by the day their doses were given; doses through " + body.Through + ". A number that is a link leads to its rows."})
}

func placeTitle(place dose.Place) string {
	if _, ok := dose.CountyByFIPS(string(place)); ok {
		return place.Label() + " County"
	}
	return place.Label()
}

// countyBody is the page's data for those who see the place's files whole, or
// its limited data set.
func (s *server) countyBody(ctx context.Context, m *release.Manifest, place dose.Place, whole bool) (*dashboards.County, error) {
	body, err := s.counted(ctx, m, place)
	if err != nil {
		return nil, err
	}
	own := *body
	before, err := s.before(m)
	if err != nil {
		return nil, err
	}
	week, day, err := s.weekBefore(m)
	if err != nil {
		return nil, err
	}
	if own.Changes, err = s.changesSince(ctx, before, m, place, whole); err != nil {
		return nil, err
	}
	if own.WeekDay = day; week != nil {
		if own.Week, err = s.changesSince(ctx, week, m, place, whole); err != nil {
			return nil, err
		}
	}
	own.Files, err = s.countyFiles(m.ID, place, whole)
	own.Lines = countyLines(m.ID, place, whole)
	return &own, err
}

// changesSince compares the place with a release before; nil: there is none.
func (s *server) changesSince(ctx context.Context, before, m *release.Manifest, place dose.Place, whole bool) (c dashboards.Changes, err error) {
	if before == nil {
		return c, nil
	}
	key := "changes " + before.ID + " " + m.ID + " " + string(place)
	if c, err = once(s.views, key, func() (dashboards.Changes, error) { return s.countChanges(ctx, before, m, place) }); err == nil && whole {
		c.File = base + "/" + m.ID + "/counties/" + string(place) + "/changes.csv.gz?since=" + before.ID
	}
	return c, err
}

// tableOf opens a table of the release, or of one place in it.
func (s *server) tableOf(id string, name ...string) (*table, error) {
	return openTable(s.Releases.Dir, path.Join(append([]string{id}, name...)...)+".parquet")
}

// countCounty counts what the page shows, in one pass over each file.
func (s *server) countCounty(ctx context.Context, m *release.Manifest, place dose.Place) (*dashboards.County, error) {
	c := &dashboards.County{Place: string(place), Name: place.Label(), Makers: makers[:], City: isCity(place)}
	if county, ok := dose.CountyByFIPS(string(place)); ok {
		c.People = int64(county.Population)
	}
	doses, err := s.tableOf(m.ID, "counties", string(place), "dose")
	if err != nil {
		return nil, err
	}
	defer doses.close()
	other, err := otherCVX(ctx, doses)
	if err != nil {
		return nil, err
	}
	days, err := s.placeDays(ctx, m.ID, place, doses)
	if err != nil {
		return nil, err
	}
	q := release.Question{Release: m.ID, Place: place, Table: "dose", Residents: true}
	fillDays(c, days, q, other)
	for _, step := range []func() error{
		func() error { return s.fillGroups(ctx, c, q) },
		func() error { return fillWhere(ctx, c, doses) },
		func() error { return s.fillComplete(ctx, c, m.ID, place) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	countyNotes(c, m.ID)
	return c, nil
}

// otherCVX lists the codes of the file's doses that no maker's column counts.
func otherCVX(ctx context.Context, doses *table) (out []int, err error) {
	counts, err := doses.cross(ctx, "cvx")
	for code := range counts {
		if n, ok := whole(code); ok && dose.Maker(n) == "" {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, err
}

type field struct{ column, name string }

// said are the fields whose completeness is told.
var said = []field{
	{"recip_dob", "Date of birth"}, {"recip_sex", "Sex"}, {"recip_race_1", "Race"}, {"recip_ethnicity", "Ethnicity"},
	{"recip_address_street", "Street"}, {"recip_address_zip", "ZIP code"}, {"recip_address_county", "County, as reported"},
	{"recip_phone", "Phone"}, {"recip_email", "Email"}, {"cvx", "Vaccine (CVX)"}, {"ndc", "Package (NDC)"}, {"mvx", "Maker (MVX)"},
	{"lot_number", "Lot"}, {"vax_admin_site", "Site on the body"}, {"vax_route", "Route"}, {"responsible_org", "Responsible organization"},
}

// unsaid are the values that say nothing, besides an empty cell.
var unsaid = map[string]bool{"": true, "UNK": true, "U": true, "POL": true, "PHC1175": true, "ASKU": true, "Redacted": true}

// fillComplete counts what residents' records say.
func (s *server) fillComplete(ctx context.Context, c *dashboards.County, id string, place dose.Place) (err error) {
	events, err := s.tableOf(id, "counties", string(place), "dose_event")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, events.close()) }()
	known := slices.DeleteFunc(slices.Clone(said), func(f field) bool { _, none := events.column(f.column); return none != nil })
	for _, f := range known {
		c.Complete = append(c.Complete, dashboards.Share{Name: f.name})
	}
	for _, g := range events.groups {
		at, dict, err := events.codes(g, "visible_because")
		if err != nil {
			return err
		}
		here, all := make([]bool, len(at)), int64(0)
		for row, code := range at {
			if here[row] = code >= 0 && dict[code] != "administration"; here[row] {
				all++
			}
		}
		for i, f := range known {
			if err := ctx.Err(); err != nil {
				return err
			}
			row := &c.Complete[i]
			row.Of += all
			if err := events.said(g, f.column, unsaid, func(n int) {
				if here[n] {
					row.Count++
				}
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillWhere counts doses between the county and others. Of a city no file says
// which doses were given in it.
func fillWhere(ctx context.Context, c *dashboards.County, doses *table) error {
	if c.City {
		return nil
	}
	counts, err := doses.cross(ctx, "visible_because", "admin_county", "county")
	if err != nil {
		return err
	}
	away, here := map[string]int64{}, map[string]int64{}
	for key, n := range counts {
		v := strings.Split(key, "\t")
		if v[0] != "administration" {
			c.Away.Of += n
		}
		if v[0] != "residence" {
			c.Here.Of += n
		}
		switch v[0] {
		case "residence":
			away[elsewhere(v[1])] += n
			c.Away.Total += n
		case "administration":
			here[elsewhere(v[2])] += n
			c.Here.Total += n
		}
	}
	c.Away.Rows, c.Here.Rows = largest(away, c.Away.Total), largest(here, c.Here.Total)
	return nil
}

// elsewhere names the other county.
func elsewhere(code string) string {
	if code == "" {
		return "not known"
	}
	return cmp.Or(dose.Place(code).Label(), code)
}

// largest are the ten largest counts, and the rest as one.
func largest(counts map[string]int64, of int64) (out []dashboards.Share) {
	for name, n := range counts {
		out = append(out, dashboards.Share{Name: name, Count: n, Of: of})
	}
	slices.SortFunc(out, func(a, b dashboards.Share) int {
		if a.Count != b.Count {
			return int(b.Count - a.Count)
		}
		return strings.Compare(a.Name, b.Name)
	})
	if len(out) > 11 {
		rest := dashboards.Share{Name: "all others", Of: of}
		for _, s := range out[10:] {
			rest.Count += s.Count
		}
		out = append(out[:10], rest)
	}
	return out
}
