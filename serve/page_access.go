package serve

import (
	"net/http"
	"slices"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
)

// mostSeen bounds the readings that the page lists.
const mostSeen = 200

// accessPage shows what the reader may see, their tokens, and who saw the
// places whose audit they may read.
func (s *server) accessPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	body := dashboards.Access{User: p.User, Places: s.mayPlaces(p)}
	tokens, err := s.Access.Tokens(r.Context(), p.User)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		body.Tokens = append(body.Tokens, s.tokenRow(t))
	}
	var grant int64
	since := s.Now().UTC().AddDate(0, 0, -30).Format(time.DateOnly)
	for _, place := range dose.Places() {
		scope, err := access.Decide(p, access.Read, access.Resource{Kind: access.AuditLog, Place: place}, s.Now())
		if err != nil {
			continue
		}
		grant, body.SeenOf = scope.Grant, since
		if len(body.Seen) < mostSeen {
			all, err := s.Access.WhoSaw(r.Context(), place, since, mostSeen)
			if err != nil {
				return err
			}
			body.Seen = addSeen(body.Seen, all)
		}
	}
	body.Seen = body.Seen[:min(len(body.Seen), mostSeen)]
	body.Lines = []dashboards.Line{
		{Name: "Ask for access", Text: "dosebook access request " + p.User + " --county 06001 --role epi --level limited \\\n  --agreement NUMBER --training DATE --purpose \"…\""},
		{Name: "Replace a token", Text: "dosebook access token rotate ID --overlap 24h"},
	}
	return s.showPage(w, r, p, access.Entry{Action: "page", Grant: grant, File: "access"}, "access",
		dashboards.Page{Title: "Access", At: "Access", Lead: "What you may see, your tokens, and who saw the places you answer for.", Body: body})
}

// mayPlaces lists the places by the highest level that the one decision
// allows.
func (s *server) mayPlaces(p access.Principal) (out []dashboards.Pair) {
	done := []dose.Place{}
	for _, level := range []dose.Level{dose.Identified, dose.Limited, dose.Deidentified} {
		for _, place := range access.Visible(p, level, s.Now()) {
			if !slices.Contains(done, place) {
				done = append(done, place)
				out = append(out, dashboards.Pair{Name: placeTitle(place), Value: level.String()})
			}
		}
	}
	return out
}

func (s *server) tokenRow(t access.Token) dashboards.Token {
	row := dashboards.Token{Name: t.Name, Ends: t.Expires.Format(time.DateOnly), State: "in force"}
	if !t.LastUsed.IsZero() {
		row.Used = t.LastUsed.UTC().Format("2006-01-02 15:04")
	}
	if t.Within != nil {
		row.Scope = "narrowed"
	}
	switch {
	case !t.Revoked.IsZero():
		row.State = "revoked"
	case !t.Expires.After(s.Now()):
		row.State = "ended"
	}
	return row
}

// addSeen adds readings that are not there yet: a state table is among those
// of every place.
func addSeen(to []dashboards.Seen, all []access.Reading) []dashboards.Seen {
	for _, x := range all {
		row := dashboards.Seen{Day: x.Day, User: x.User, Place: x.Place, File: x.File, Rows: x.Rows}
		if x.Place == "" {
			row.Place = "the state"
		}
		if !slices.Contains(to, row) {
			to = append(to, row)
		}
	}
	return to
}
