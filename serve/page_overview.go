package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// stateCounts are the whole state's counts, as county_day has them.
var stateCounts = access.Resource{Kind: access.StateFiles, Level: dose.Deidentified}

// overviewPage shows the places that the reader may see, and the whole state
// to those who see it.
func (s *server) overviewPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	m, err := s.asked(r, p)
	if err != nil {
		return err
	}
	scope, err := access.Decide(p, access.List, access.Resource{Kind: access.Releases}, s.Now())
	if err != nil {
		return err
	}
	body, err := s.overviewBody(r.Context(), p, m)
	if err != nil {
		return err
	}
	if r.PathValue("release") == "" { // an address with a release's id never shows other numbers
		body.Operating = s.operating(r.Context(), p)
	}
	lead := "The places that you may see."
	if body.State {
		lead = "Residents of California, by the day their doses were given."
	}
	return s.showPage(w, r, p, access.Entry{Action: "page", Release: m.ID, Grant: scope.Grant, File: "overview"}, "overview",
		dashboards.Page{Title: "Overview", At: "Overview", Release: m.ID, Lead: lead, Body: *body})
}

func (s *server) overviewBody(ctx context.Context, p access.Principal, m *release.Manifest) (*dashboards.Overview, error) {
	o := &dashboards.Overview{State: s.may(p, stateCounts)}
	at := "/releases/" + m.ID + "/overview/"
	o.MapOf = dashboards.Note{Release: m.ID, Anchor: "counties", CSV: at + "counties.csv", Says: "Residents' doses, and people by the county of their latest dose (county_day, last day); share of the state's population estimates, not capped."}
	o.FeedsOf = dashboards.Note{Release: m.ID, Anchor: "feeds", Says: "The latest source time of a registry's payloads in this release, and days since."}
	before, err := s.before(m)
	if err != nil {
		return nil, err
	}
	if before != nil {
		o.Before = before.ID
	}
	if o.Counties, err = s.visibleCounties(ctx, p, m, before); err != nil {
		return nil, err
	}
	o.Feeds = s.feeds(m, o.State)
	if !o.State {
		return o, nil
	}
	days, err := once(s.views, "state "+m.ID, func() ([]dayOf, error) { return s.days(ctx, m.ID, "CA") })
	if err != nil {
		return nil, err
	}
	c := dashboards.County{Name: "California"}
	for _, county := range dose.Counties() {
		c.People += int64(county.Population)
	}
	fillDays(&c, days, release.Question{Release: m.ID, Place: dose.UnknownCounty}, nil)
	for i := range c.Figures {
		c.Figures[i].Rows = "" // the rows stand in the counties' files
	}
	o.Figures, o.Weeks = c.Figures, c.Weeks
	o.WeeksOf = dashboards.Note{Release: m.ID, Anchor: "doses", CSV: at + "weeks.csv", Says: "county_day, All CA Counties: doses by residents on the day given, in weeks from Monday."}
	o.ChangeOf = dashboards.Note{Release: m.ID, Anchor: "changes", CSV: at + "changes.csv", Says: "All CA Counties: doses by day, in this release and the newest approved one before it."}
	if before != nil {
		o.Changes, err = once(s.views, "state changes "+before.ID+" "+m.ID, func() (dashboards.Changes, error) { return s.stateChanges(ctx, before, days) })
	}
	return o, errors.Join(err, s.waiting(o))
}

// waiting lists the releases that the gate holds.
func (s *server) waiting(o *dashboards.Overview) error {
	ids, err := s.Releases.List()
	if err != nil {
		return err
	}
	for _, id := range slices.Backward(ids) {
		if status, err := s.Releases.Status(id); err == nil && status == release.Held {
			o.Held = append(o.Held, id)
		}
	}
	return nil
}

// feeds tells how fresh each registry is; how much it sent is the state's.
func (s *server) feeds(m *release.Manifest, state bool) (out []dashboards.Feed) {
	for _, f := range m.Feeds {
		is := dashboards.Feed{Registry: f.Registry, Newest: f.Newest, Counts: state}
		if t, err := time.Parse(time.RFC3339, f.Newest); err == nil {
			is.Newest, is.Days = t.UTC().Format(time.DateOnly), int64(s.Now().Sub(t)/(24*time.Hour))
		}
		if state {
			is.Payloads, is.Records, is.Rejects = f.Payloads, f.Records, f.Rejects
		}
		out = append(out, is)
	}
	return out
}

// lastDay is what a place has come to.
type lastDay struct{ doses, one, full int64 }

// lastDays reads the latest cumulative figures of each county_fips.
func (s *server) lastDays(ctx context.Context, id string) (map[string]lastDay, error) {
	return once(s.views, "last "+id, func() (_ map[string]lastDay, err error) {
		t, err := s.tableOf(id, "county_day")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, t.close()) }()
		p, err := t.part(ctx, "", nil, "county_fips", "cumulative_total_doses", "cumulative_at_least_one_dose", "cumulative_fully_vaccinated")
		if err != nil {
			return nil, err
		}
		out := map[string]lastDay{}
		for i := range p.rows { // days are in order
			out[p.text("county_fips", i)] = lastDay{p.int("cumulative_total_doses", i), p.int("cumulative_at_least_one_dose", i), p.int("cumulative_fully_vaccinated", i)}
		}
		return out, nil
	})
}

// visibleCounties are the places whose counts p may read, each judged by the
// one decision.
func (s *server) visibleCounties(ctx context.Context, p access.Principal, m, before *release.Manifest) (out []dashboards.Place, err error) {
	now, err := s.lastDays(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	then := map[string]lastDay{}
	if before != nil {
		if then, err = s.lastDays(ctx, before.ID); err != nil {
			return nil, err
		}
	}
	for _, place := range access.Visible(p, counts, s.Now()) {
		last, ok := now[string(place)]
		is := dashboards.Place{FIPS: string(place), Name: place.Label(), Page: countyAddress(m.ID, place), Doses: last.doses, One: last.one, Full: last.full, OnePer: -1}
		if county, known := dose.CountyByFIPS(string(place)); known && county.Population > 0 {
			is.People = int64(county.Population)
			is.OnePer = (last.one*10_000 + is.People/2) / is.People
		} else if !ok && place != dose.OutOfState && place != dose.UnknownCounty {
			is.Doses = -1 // a city: its page counts it
		}
		if before != nil && ok {
			is.Change = last.doses - then[string(place)].doses
		}
		out = append(out, is)
	}
	return out, nil
}

// stateChanges compares the state's days with those of the release before.
func (s *server) stateChanges(ctx context.Context, before *release.Manifest, days []dayOf) (dashboards.Changes, error) {
	old, err := s.days(ctx, before.ID, "CA")
	if err != nil {
		return dashboards.Changes{}, err
	}
	return compareDays(before.ID, old, days, nil), nil
}

// overviewCSV sends the tables behind the overview.
func (s *server) overviewCSV(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	m, err := s.asked(r, p)
	if err != nil {
		return err
	}
	e := access.Entry{Action: "page", Release: m.ID, File: r.PathValue("file")}
	what := access.Resource{Kind: access.Releases}
	action := access.List
	if e.File == "weeks.csv" || e.File == "changes.csv" {
		what, action = stateCounts, access.Read
	}
	scope, err := s.decide(r, p, action, what, e)
	if err != nil {
		return err
	}
	body, err := s.overviewBody(r.Context(), p, m)
	if err != nil {
		return err
	}
	e.Grant = scope.Grant
	var rows [][]string
	switch e.File {
	case "weeks.csv":
		rows = weeksTable(body.Weeks)
	case "changes.csv":
		rows = changesTable(body.Changes)
	case "counties.csv":
		rows = [][]string{{"county_fips", "county", "population", "doses", "at_least_one_dose", "series_complete", "at_least_one_percent", "doses_more_than_before"}}
		for _, c := range body.Counties {
			if c.Doses >= 0 { // a city's are on its page
				rows = append(rows, []string{c.FIPS, c.Name, digits(c.People), digits(c.Doses), digits(c.One), digits(c.Full), rate(c.OnePer), digits(c.Change)})
			}
		}
	default:
		return fmt.Errorf("the overview's figures are weeks.csv, counties.csv and changes.csv: %w", dose.ErrNotFound)
	}
	return s.sendCSV(w, r, p, e, rows)
}

func weeksTable(s dashboards.Series) [][]string {
	out := [][]string{append([]string{"week"}, strings.Split(strings.ToLower(strings.Join(s.Names, ",")), ",")...)}
	for i, day := range s.Days {
		row := []string{day}
		for k := range s.Values {
			row = append(row, digits(s.Values[k][i]))
		}
		out = append(out, row)
	}
	return out
}
