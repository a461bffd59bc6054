package serve

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
)

// mostSeen bounds the readings that the page lists.
const mostSeen = 200

// accessPage shows what the reader may see, what they asked for, their tokens,
// and who saw the places whose audit they may read.
func (s *server) accessPage(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	return s.showAccess(w, r, p, func(body *dashboards.Access) { body.Announce = did[r.URL.Query().Get("did")] })
}

// showAccess shows the page with what a form adds to it.
func (s *server) showAccess(w http.ResponseWriter, r *http.Request, p access.Principal, add func(*dashboards.Access)) error {
	body := dashboards.Access{User: p.User, Form: s.formToken(r), Places: s.mayPlaces(p), Choices: s.choices(), Signed: p.Session != 0}
	tokens, err := s.Access.Tokens(r.Context(), p.User)
	if err != nil {
		return err
	}
	for _, t := range slices.Backward(tokens) {
		body.Tokens = append(body.Tokens, s.tokenRow(t))
	}
	if err := s.fillWishes(r, p, &body); err != nil {
		return err
	}
	grant, err := s.fillSeen(r, p, &body)
	if err != nil {
		return err
	}
	body.Lines = []dashboards.Line{
		{Name: "Ask for access", Text: "dosebook access request " + p.User + " --county 06001 --role epi --level limited \\\n  --agreement NUMBER --training DATE --purpose \"…\""},
		{Name: "Replace a token", Text: "dosebook access token rotate ID --overlap 24h"},
	}
	add(&body)
	return s.showPage(w, r, p, access.Entry{Action: "page", Grant: grant, File: "access"}, "access",
		dashboards.Page{Title: "Access", At: "Access", Lead: "What you may see, your requests and tokens, and who saw the places you answer for.", Body: body})
}

// fillSeen lists who read the places whose audit the reader may see, and
// returns the grant that opens it.
func (s *server) fillSeen(r *http.Request, p access.Principal, body *dashboards.Access) (grant int64, err error) {
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
				return 0, err
			}
			body.Seen = addSeen(body.Seen, all)
		}
	}
	body.Seen = body.Seen[:min(len(body.Seen), mostSeen)]
	return grant, nil
}

// mayPlaces names, for each level, the places whose highest it is by the one
// decision.
func (s *server) mayPlaces(p access.Principal) (out []dashboards.Pair) {
	done := []dose.Place{}
	for _, level := range []dose.Level{dose.Identified, dose.Limited, dose.Deidentified} {
		var names []string
		for _, place := range access.Visible(p, level, s.Now()) {
			if !slices.Contains(done, place) {
				done, names = append(done, place), append(names, place.Label())
			}
		}
		says := strings.Join(names, ", ")
		if len(names) == len(dose.Places()) {
			says = "all " + digits(int64(len(names))) + " places"
		}
		if len(names) > 0 {
			out = append(out, dashboards.Pair{Name: level.String(), Value: says})
		}
	}
	return out
}

func (s *server) tokenRow(t access.Token) dashboards.Token {
	row := dashboards.Token{ID: t.ID, Name: t.Name, Lives: true, Ends: t.Expires.Format(time.DateOnly), State: "in force"}
	if !t.LastUsed.IsZero() {
		row.Used = t.LastUsed.UTC().Format("2006-01-02 15:04")
	}
	if t.Within != nil {
		row.Scope = "narrowed"
	}
	switch {
	case !t.Revoked.IsZero():
		row.State, row.Lives = "revoked", false
	case !t.Expires.After(s.Now()):
		row.State, row.Lives = "ended", false
	}
	return row
}

// addSeen adds readings that are not there yet: a state table is among those
// of every place.
func addSeen(to []dashboards.Seen, all []access.Reading) []dashboards.Seen {
	for _, x := range all {
		row := dashboards.Seen{Day: x.Day, User: x.User, Place: cmp.Or(dose.Place(x.Place).Label(), x.Place), File: x.File, Rows: x.Rows}
		if x.Place == "" {
			row.Place = "the state"
		}
		if !slices.Contains(to, row) {
			to = append(to, row)
		}
	}
	return to
}
