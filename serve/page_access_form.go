package serve

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dashboards"
	"github.com/dosebook/dosebook/dose"
)

// managing is what a steward of the whole state does with grants.
var managing = access.Resource{Kind: access.Grants}

func (s *server) mayManage(p access.Principal) bool {
	_, err := access.Decide(p, access.Manage, managing, s.Now())
	return err == nil
}

// did are what the page says after a form, by the address that it leads to.
var did = map[string]string{"asked": "Your request waits for a steward.", "approved": "The request is approved.", "denied": "The request is denied.", "revoked": "The token has ended."}

func afterForm(w http.ResponseWriter, r *http.Request, what, section string) error {
	http.Redirect(w, r, "/access?did="+what+"#"+section, http.StatusSeeOther)
	return nil
}

// askAccess files a request: one's own, or by a steward for somebody.
func (s *server) askAccess(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	form, err := s.form(w, r)
	if err != nil {
		return err
	}
	wish, err := s.wish(form, p.User)
	if err != nil {
		return err
	}
	if wish.User != p.User {
		if _, err := s.decide(r, p, access.Manage, managing, access.Entry{Action: "request", File: "access"}); err != nil {
			return err
		}
	}
	if _, err := s.Access.Ask(r.Context(), p.User, wish); err != nil {
		return err
	}
	return afterForm(w, r, "asked", "ask")
}

// wish reads the form of a request.
func (s *server) wish(form url.Values, user string) (q access.Request, err error) {
	q = access.Request{User: user, Agreement: strings.TrimSpace(form.Get("agreement")), Training: form.Get("training"), Purpose: strings.TrimSpace(form.Get("purpose"))}
	if other := strings.TrimSpace(form.Get("user")); other != "" {
		q.User = other
	}
	if q.Role, err = access.ParseRole(form.Get("role")); err != nil {
		return q, err
	}
	if q.Level, err = dose.ParseLevel(form.Get("level")); err != nil {
		return q, err
	}
	if q.Expires, err = formDay(form, "expires"); err != nil {
		return q, err
	}
	if q.All = slices.Contains(form["place"], "all"); q.All {
		return q, nil
	}
	for _, name := range form["place"] {
		place, err := dose.ParsePlace(name)
		if err != nil {
			return q, err
		}
		q.Places = append(q.Places, place)
	}
	return q, nil
}

// decideAccess approves or denies a request, with a reason.
func (s *server) decideAccess(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	if _, err := s.decide(r, p, access.Manage, managing, access.Entry{Action: "decide", File: "access"}); err != nil {
		return err
	}
	form, err := s.form(w, r)
	if err != nil {
		return err
	}
	id, err := formNumber(form, "request")
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(form.Get("reason"))
	switch form.Get("decision") {
	case "deny":
		if err := s.Access.Deny(r.Context(), id, p.User, reason); err != nil {
			return err
		}
		return afterForm(w, r, "denied", "waiting")
	case "approve":
		a := access.Approval{By: p.User, Reason: reason}
		level, err := dose.ParseLevel(form.Get("level"))
		if err != nil {
			return err
		}
		a.Level = &level
		if a.Expires, err = formDay(form, "expires"); err != nil {
			return err
		}
		if _, err := s.Access.Approve(r.Context(), id, a); err != nil {
			return err
		}
		return afterForm(w, r, "approved", "waiting")
	}
	return fmt.Errorf("a decision is approve or deny: %w", dose.ErrInvalid)
}

// makeToken makes one's own token and shows it, this once: the browser keeps no
// page of access, and no address leads to this one.
func (s *server) makeToken(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	form, err := s.form(w, r)
	if err != nil {
		return err
	}
	days, err := formNumber(form, "days")
	if err != nil {
		return err
	}
	plain, t, err := s.Access.MakeOwnToken(r.Context(), p, strings.TrimSpace(form.Get("name")), time.Duration(min(days, 1000))*24*time.Hour)
	if err != nil {
		return err
	}
	return s.showAccess(w, r, p, func(body *dashboards.Access) { body.Fresh, body.FreshOf = plain, s.tokenRow(t) })
}

// revokeToken ends one's own token.
func (s *server) revokeToken(w http.ResponseWriter, r *http.Request, p access.Principal) error {
	form, err := s.form(w, r)
	if err != nil {
		return err
	}
	id, err := formNumber(form, "token")
	if err != nil {
		return err
	}
	if err := s.Access.RevokeOwnToken(r.Context(), p, id); err != nil {
		return err
	}
	return afterForm(w, r, "revoked", "tokens")
}

// fillWishes lists the user's own requests, newest first, and to a steward
// those that wait.
func (s *server) fillWishes(r *http.Request, p access.Principal, body *dashboards.Access) error {
	body.Steward = s.mayManage(p)
	all, err := s.Access.Requests(r.Context(), true)
	if err != nil {
		return err
	}
	for _, q := range all {
		row := wishRow(q)
		if row.Own = strings.EqualFold(q.User, p.User); row.Own {
			body.Mine = append(body.Mine, row)
		}
		if body.Steward && q.State == "waiting" {
			body.Waiting = append(body.Waiting, row)
		}
	}
	slices.Reverse(body.Mine)
	return nil
}

func wishRow(q access.Request) dashboards.Wish {
	w := dashboards.Wish{ID: q.ID, User: q.User, Organisation: q.Organisation, Role: string(q.Role), Level: q.Level.String(), Agreement: q.Agreement, Training: q.Training,
		Purpose: q.Purpose, Until: q.Expires.Add(-time.Microsecond).UTC().Format(time.DateOnly), Asked: q.Asked.UTC().Format(time.DateOnly), State: q.State, Reason: q.Reason}
	if q.AskedBy != q.User {
		w.By = q.AskedBy
	}
	if q.DecidedBy != "" {
		w.State += " by " + q.DecidedBy
	}
	var names []string
	for _, place := range q.Places {
		names = append(names, place.Label())
	}
	if w.Places = strings.Join(names, ", "); q.All {
		w.Places = "all places"
	}
	for level := q.Level; ; level-- {
		w.Levels = append(w.Levels, dashboards.Pair{Name: level.String(), Value: level.String()})
		if level == 0 {
			return w
		}
	}
}

// choices are what a request can name, the least that most need first.
func (s *server) choices() dashboards.Choices {
	c := dashboards.Choices{Today: s.Now().UTC().Format(time.DateOnly)}
	for _, place := range dose.Places() {
		if place != dose.OutOfState && place != dose.UnknownCounty {
			c.Places = append(c.Places, dashboards.Pair{Name: place.Label(), Value: string(place)})
		}
	}
	slices.SortFunc(c.Places, func(a, b dashboards.Pair) int { return strings.Compare(a.Name, b.Name) })
	c.Places = append(c.Places, dashboards.Pair{Name: "All places", Value: "all"})
	for _, role := range []access.Role{access.Epi, access.Analyst, access.Steward, access.Reporter, access.Plan, access.Auditor} {
		c.Roles = append(c.Roles, dashboards.Pair{Name: roleNames[role], Value: string(role)})
	}
	for _, level := range []dose.Level{dose.Limited, dose.Identified, dose.Deidentified} {
		c.Levels = append(c.Levels, dashboards.Pair{Name: level.String(), Value: level.String()})
	}
	return c
}

var roleNames = map[access.Role]string{access.Epi: "epidemiologist", access.Analyst: "analyst", access.Steward: "data steward", access.Reporter: "state reporter",
	access.Plan: "health plan", access.Auditor: "auditor"}
