package access

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

func agree(t testing.TB, s *Store) Agreement {
	t.Helper()
	a, err := s.AddAgreement(t.Context(), "root", Agreement{Number: "22-10847", Organisation: "Alameda County", Signed: "2024-01-10"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wish() Request {
	return Request{User: "ana", Role: Epi, Places: []dose.Place{"06001"}, Level: dose.Limited, Agreement: "22-10847", Training: "2024-02-01", Purpose: "outbreak work"}
}

func TestFromRequestToRevocation(t *testing.T) {
	s, db, now := open(t)
	a := agree(t, s)
	if want := time.Date(2026, 1, 11, 0, 0, 0, 0, time.UTC); !a.Expires.Equal(want) {
		t.Errorf("the agreement runs to %v", a.Expires)
	}
	r, err := s.Ask(t.Context(), "ana", wish())
	if err != nil || r.State != "waiting" || !r.Expires.Equal(a.Expires) || r.Organisation != "Alameda County" {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := s.Principal(t.Context(), "ana"); !errors.Is(err, dose.ErrUnknownUser) {
		t.Errorf("a request alone makes a user: %v", err)
	}
	for name, c := range map[string]struct {
		a    Approval
		want error
	}{
		"themself":          {Approval{By: "ana", Reason: "ok"}, dose.ErrDenied},
		"themself, cased":   {Approval{By: "ANA", Reason: "ok"}, dose.ErrDenied},
		"themself, locally": {Approval{By: "local:ana", Reason: "ok"}, dose.ErrDenied},
		"no reason":         {Approval{By: "root"}, dose.ErrInvalid},
		"more":              {Approval{By: "root", Reason: "ok", Level: new(dose.Identified)}, dose.ErrInvalid},
		"longer":            {Approval{By: "root", Reason: "ok", Expires: r.Expires.Add(1)}, dose.ErrInvalid},
	} {
		if _, err := s.Approve(t.Context(), r.ID, c.a); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Deny(t.Context(), r.ID, "ana", "mine"); !errors.Is(err, dose.ErrDenied) {
		t.Errorf("denied by themself: %v", err)
	}
	g, err := s.Approve(t.Context(), r.ID, Approval{By: "root", Reason: "as agreed", Expires: day.AddDate(0, 3, 0)})
	if err != nil || g.Level != dose.Limited || g.Agreement != "22-10847" || g.Purpose != "outbreak work" {
		t.Fatalf("%+v %v", g, err)
	}
	if _, err := s.Approve(t.Context(), r.ID, Approval{By: "root", Reason: "again"}); !errors.Is(err, dose.ErrHeld) {
		t.Errorf("approved twice: %v", err)
	}
	all, err := s.Requests(t.Context(), true)
	if waiting, _ := s.Requests(t.Context(), false); err != nil || len(all) != 1 || all[0].State != "approved" || all[0].Grant != g.ID || len(waiting) != 0 {
		t.Errorf("%+v %v", all, err)
	}
	plain, _ := token(t, s, "ana")
	ask := func() error {
		p, err := s.Authenticate(t.Context(), plain)
		if err == nil {
			_, err = Decide(p, Read, Resource{PlaceFiles, "06001", dose.Limited}, *now)
		}
		return err
	}
	*now = g.Expires.Add(-time.Hour)
	if err := ask(); !errors.Is(err, dose.ErrUnknownUser) { // the token lives 90 days
		t.Errorf("token: %v", err)
	}
	*now = day.AddDate(0, 2, 28)
	if due, err := s.Due(t.Context(), 7*24*time.Hour); err != nil || len(due) != 1 || due[0].ID != g.ID {
		t.Errorf("%+v %v", due, err)
	}
	for name, err := range map[string]error{
		"own":      attest(s, g.ID, "ana", a.Expires),
		"no later": attest(s, g.ID, "root", g.Expires),
		"too late": attest(s, g.ID, "root", a.Expires.Add(1)),
		"nothing":  attest(s, 99, "root", a.Expires),
	} {
		if err == nil {
			t.Errorf("attested: %s", name)
		}
	}
	if err := errors.Join(ask(), attest(s, g.ID, "root", day.AddDate(0, 6, 0))); err != nil {
		t.Error(err)
	}
	gs, err := s.List(t.Context(), "ana")
	if err != nil || !gs[0].Expires.Equal(day.AddDate(0, 6, 0)) {
		t.Errorf("%+v %v", gs, err)
	}
	if err := errors.Join(ask(), s.EndAgreement(t.Context(), "root", "22-10847", "board withdrew")); err != nil {
		t.Fatal(err)
	}
	if err := ask(); !errors.Is(err, dose.ErrDenied) || !strings.Contains(err.Error(), "expired or was revoked") {
		t.Errorf("after the agreement ended: %v", err)
	}
	if err := attest(s, g.ID, "root", day.AddDate(0, 7, 0)); !errors.Is(err, dose.ErrDenied) {
		t.Errorf("attested after its end: %v", err)
	}
	var kinds string
	if err := db.QueryRow("select group_concat(kind || ' ' || about) from (select * from access_notice order by id)").Scan(&kinds); err != nil || kinds != "request request 1,expiring grant 1" {
		t.Error(kinds, err)
	}
	if n, err := s.VerifyAudit(t.Context()); err != nil || n != 6 {
		t.Error(n, err)
	}
}

func attest(s *Store, id int64, by string, until time.Time) error {
	_, err := s.Attest(context.Background(), id, by, until, "", "still at work")
	return err
}

func TestAgreementEndsItsGrants(t *testing.T) {
	s, _, now := open(t)
	a, err := s.AddAgreement(t.Context(), "root", Agreement{Number: "A", Organisation: "X", Signed: "2024-01-10", Expires: day.AddDate(0, 1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	g := Grant{User: "ana", Role: Epi, Places: []dose.Place{"06001"}, Agreement: "A", Training: "2024-02-01"}
	if g, err = s.Grant(t.Context(), "root", g); err != nil || !g.Expires.Equal(a.Expires) {
		t.Fatalf("%+v %v", g, err)
	}
	*now = a.Expires
	if p, err := s.Principal(t.Context(), "ana"); err != nil || p.Grants[0].Counts(*now) {
		t.Errorf("%+v %v", p, err)
	}
	g.Expires = time.Time{}
	if _, err := s.Grant(t.Context(), "root", g); !errors.Is(err, dose.ErrDenied) {
		t.Errorf("a grant under an ended agreement: %v", err)
	}
}

func TestNoGrantWithoutPapers(t *testing.T) {
	s, _, _ := open(t)
	bare := Grant{User: "ana", Role: Epi, Places: []dose.Place{"06001"}}
	if _, err := s.Grant(t.Context(), "root", bare); err != nil {
		t.Errorf("before the first agreement: %v", err)
	}
	if r := wish(); true {
		if _, err := s.Ask(t.Context(), "ana", r); !errors.Is(err, dose.ErrNotFound) {
			t.Errorf("a request without any agreement: %v", err)
		}
	}
	a := agree(t, s)
	good := bare
	good.Agreement, good.Training = a.Number, "2024-02-01"
	for name, c := range map[string]struct {
		change func(*Grant)
		want   error
	}{
		"good":              {func(*Grant) {}, nil},
		"nothing":           {func(g *Grant) { g.Agreement, g.Training = "", "" }, dose.ErrDenied},
		"no training":       {func(g *Grant) { g.Training = "" }, dose.ErrDenied},
		"no agreement":      {func(g *Grant) { g.Agreement = "" }, dose.ErrDenied},
		"other agreement":   {func(g *Grant) { g.Agreement = "99" }, dose.ErrDenied},
		"training to come":  {func(g *Grant) { g.Training = "2024-05-03" }, dose.ErrInvalid},
		"training, no date": {func(g *Grant) { g.Training = "yes" }, dose.ErrInvalid},
		"too long":          {func(g *Grant) { g.Expires = a.Expires.Add(1) }, dose.ErrInvalid},
		"to its end":        {func(g *Grant) { g.Expires = a.Expires }, nil},
	} {
		g := good
		c.change(&g)
		if _, err := s.Grant(t.Context(), "root", g); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if g.Agreement == "" || g.Training == "" {
			r := wish()
			r.Agreement, r.Training = g.Agreement, g.Training
			if _, err := s.Ask(t.Context(), "ana", r); !errors.Is(err, dose.ErrDenied) {
				t.Errorf("request, %s: %v", name, err)
			}
		}
	}
	for name, a := range map[string]Agreement{
		"no number": {Organisation: "X", Signed: "2024-01-10"}, "no name": {Number: "1", Signed: "2024-01-10"}, "unsigned": {Number: "1", Organisation: "X"},
		"to come": {Number: "1", Organisation: "X", Signed: "2024-05-03"}, "three years": {Number: "1", Organisation: "X", Signed: "2024-01-10", Expires: day.AddDate(3, 0, 0)},
		"past": {Number: "1", Organisation: "X", Signed: "2021-01-10"}, "known": {Number: "22-10847", Organisation: "X", Signed: "2024-01-10"},
		"two lines": {Number: "1", Organisation: "X\nY", Signed: "2024-01-10"},
	} {
		if _, err := s.AddAgreement(t.Context(), "root", a); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("agreement, %s: %v", name, err)
		}
	}
}

func TestNobodyGrantsToThemself(t *testing.T) {
	s, _, _ := open(t)
	first := Grant{User: "sam@state.example", Role: Steward, All: true, Level: dose.Identified}
	if _, err := s.Grant(t.Context(), "local:sam", first); err != nil {
		t.Fatalf("the first steward: %v", err)
	}
	for _, by := range []string{"local:sam", "sam@state.example", "SAM@state.example"} {
		if _, err := s.Grant(t.Context(), by, first); !errors.Is(err, dose.ErrDenied) {
			t.Errorf("%s: %v", by, err)
		}
	}
	if _, err := s.Grant(t.Context(), "sam@other.example", first); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

func TestDenyWithReason(t *testing.T) {
	s, _, _ := open(t)
	agree(t, s)
	r, err := s.Ask(t.Context(), "ana", wish())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Deny(t.Context(), r.ID, "root", ""); !errors.Is(err, dose.ErrInvalid) {
		t.Errorf("no reason: %v", err)
	}
	if err := errors.Join(s.Deny(t.Context(), r.ID, "root", "wrong county")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Approve(t.Context(), r.ID, Approval{By: "root", Reason: "ok"}); !errors.Is(err, dose.ErrHeld) {
		t.Errorf("approved after it was denied: %v", err)
	}
	if all, err := s.Requests(t.Context(), true); err != nil || all[0].Reason != "wrong county" || all[0].DecidedBy != "root" {
		t.Errorf("%+v %v", all, err)
	}
	if _, err := s.Approve(t.Context(), 77, Approval{By: "root", Reason: "ok"}); !errors.Is(err, dose.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	for name, change := range map[string]func(*Request){
		"no purpose": func(r *Request) { r.Purpose = "" }, "two lines": func(r *Request) { r.Purpose = "a\nb" }, "role": func(r *Request) { r.Role = "king" },
		"no place": func(r *Request) { r.Places = nil }, "state": func(r *Request) { r.Places = []dose.Place{"OOS"} }, "past": func(r *Request) { r.Expires = day },
	} {
		r := wish()
		change(&r)
		if _, err := s.Ask(t.Context(), "ana", r); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
