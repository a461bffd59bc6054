package access

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

func make1(t testing.TB, s *Store, user string, l *Limits) (string, Token) {
	t.Helper()
	plain, tok, err := s.MakeToken(t.Context(), "root", Token{User: user, Name: "job", Within: l})
	if err != nil {
		t.Fatal(err)
	}
	return plain, tok
}

func TestTokenScope(t *testing.T) {
	s, db, now := open(t)
	grant(t, s, "sam", Steward, dose.Identified)
	grant(t, s, "ana", Epi, dose.Identified, "06001", "06003")
	for name, c := range map[string]struct {
		user string
		l    *Limits
		want []string
	}{
		"none":           {"ana", nil, []string{"06001", "06003", "berkeley"}},
		"no limits":      {"ana", &Limits{Level: dose.Identified}, []string{"06001", "06003", "berkeley"}},
		"place":          {"ana", &Limits{Level: dose.Identified, Places: []dose.Place{"06003"}}, []string{"06003"}},
		"city of county": {"ana", &Limits{Level: dose.Identified, Places: []dose.Place{"berkeley"}}, []string{"berkeley"}},
		"foreign place":  {"ana", &Limits{Level: dose.Identified, Places: []dose.Place{"06005"}}, nil},
		"level":          {"ana", &Limits{Level: dose.Limited}, nil},
		"kind":           {"ana", &Limits{Level: dose.Identified, Kinds: []Kind{AuditLog}}, nil},
		"right kind":     {"ana", &Limits{Level: dose.Identified, Kinds: []Kind{PlaceFiles}}, []string{"06001", "06003", "berkeley"}},
		"steward's":      {"sam", &Limits{Level: dose.Identified, Places: []dose.Place{"06001"}}, []string{"06001", "berkeley"}},
		"steward's OOS":  {"sam", &Limits{Level: dose.Identified, Places: []dose.Place{"OOS", "06003"}}, []string{"06003"}},
	} {
		plain, tok := make1(t, s, c.user, c.l)
		p, err := s.Authenticate(t.Context(), plain)
		if err != nil {
			t.Fatal(name, err)
		}
		var got []string
		for _, place := range Visible(p, dose.Identified, *now) {
			got = append(got, string(place))
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if _, err := Decide(p, List, Resource{Kind: Releases}, *now); err != nil {
			t.Errorf("%s: the list of releases: %v", name, err)
		}
		if kept, _ := s.Tokens(t.Context(), c.user); c.l != nil && (kept[len(kept)-1].ID != tok.ID || kept[len(kept)-1].Within == nil || !slices.Equal(kept[len(kept)-1].Within.Places, c.l.Places)) {
			t.Errorf("%s: kept as %+v", name, kept[len(kept)-1])
		}
	}
	for name, l := range map[string]*Limits{"place": {Places: []dose.Place{"06001 06003"}}, "kind": {Kinds: []Kind{"all"}}, "manage": {Kinds: []Kind{Releases}}, "level": {Level: 9}} {
		if _, _, err := s.MakeToken(t.Context(), "root", Token{User: "ana", Within: l}); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain, _ := make1(t, s, "ana", nil)
	for _, change := range []string{"places = '06001'", "level = 'all'", "kinds = 'audit'", "level = 'limited', places = 'x y'", "level = 'limited', kinds = 'king'"} {
		if _, err := db.Exec("update access_token set places = '', level = '', kinds = ''; update access_token set " + change); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Authenticate(t.Context(), plain); !errors.Is(err, dose.ErrDenied) {
			t.Errorf("damaged, %s: %v", change, err)
		}
		if _, err := s.Tokens(t.Context(), "ana"); !errors.Is(err, dose.ErrDenied) {
			t.Errorf("damaged, listed, %s: %v", change, err)
		}
	}
}

func TestRotation(t *testing.T) {
	s, _, now := open(t)
	grant(t, s, "ana", Epi, dose.Identified, "06001", "06003")
	old, was := make1(t, s, "ana", &Limits{Level: dose.Limited, Places: []dose.Place{"06001"}})
	if _, _, err := s.RotateToken(t.Context(), "root", was.ID, time.Time{}, 8*24*time.Hour); !errors.Is(err, dose.ErrInvalid) {
		t.Errorf("a long overlap: %v", err)
	}
	plain, is, err := s.RotateToken(t.Context(), "root", was.ID, time.Time{}, time.Hour)
	if err != nil || is.Replaces != was.ID || is.Name != "job" || plain == old || is.Expires.Sub(day) != defaultLife || is.Within.Level != dose.Limited {
		t.Fatalf("%+v %v", is, err)
	}
	both := func() (int, int) {
		_, a := s.Authenticate(t.Context(), old)
		p, b := s.Authenticate(t.Context(), plain)
		if b == nil && (p.Token != is.ID || p.Within == nil || p.Within.Places[0] != "06001") {
			t.Errorf("%+v", p)
		}
		return dose.Status(a), dose.Status(b)
	}
	if a, b := both(); a != 200 || b != 200 {
		t.Error("within the overlap:", a, b)
	}
	*now = day.Add(time.Hour)
	if a, b := both(); a != 401 || b != 200 {
		t.Error("after the overlap:", a, b)
	}
	for _, id := range []int64{was.ID, 99} {
		if _, _, err := s.RotateToken(t.Context(), "root", id, time.Time{}, 0); err == nil {
			t.Error("rotated again:", id)
		}
	}
	third, _, err := s.RotateToken(t.Context(), "root", is.ID, time.Time{}, 0)
	if _, gone := s.Authenticate(t.Context(), plain); err != nil || !errors.Is(gone, dose.ErrUnknownUser) {
		t.Error(err, gone)
	}
	if _, err := s.Authenticate(t.Context(), third); err != nil {
		t.Error(err)
	}
	if _, _, err := s.RotateToken(t.Context(), "root", is.ID, time.Time{}, 0); !errors.Is(err, dose.ErrDenied) {
		t.Error("an ended token was rotated:", err)
	}
}

func TestClockSetBack(t *testing.T) {
	s, _, now := open(t)
	grant(t, s, "ana", Epi, dose.Identified, "06001")
	plain, tok := token(t, s, "ana")
	ask := func() error {
		p, err := s.Authenticate(t.Context(), plain)
		if err == nil {
			_, err = Decide(p, Read, Resource{PlaceFiles, "06001", dose.Identified}, *now)
		}
		return err
	}
	read := func() error {
		return s.Audit(t.Context(), Entry{User: "ana", Token: tok.ID, Action: "read", Outcome: "allowed"})
	}
	*now = day.Add(24 * time.Hour)
	if err := errors.Join(ask(), read()); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(-time.Minute)
	if err := ask(); err != nil {
		t.Errorf("a minute is nothing: %v", err)
	}
	*now = day
	for range 2 { // the refusal's own entry must not open the door
		if err := ask(); !errors.Is(err, dose.ErrDenied) {
			t.Errorf("a day back: %v", err)
		}
		if err := read(); err != nil {
			t.Error(err)
		}
	}
	if _, shut, err := s.Clock(t.Context()); !shut || err != nil {
		t.Error(shut, err)
	}
	if err := errors.Join(s.AcceptClock(t.Context(), "root"), ask()); err != nil {
		t.Error(err)
	}
	if seen, shut, err := s.Clock(t.Context()); shut || err != nil || !seen.Equal(day) {
		t.Error(seen, shut, err)
	}
}
