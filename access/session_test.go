package access

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

func person(user string, roles ...Role) Person {
	return Person{User: user, Issuer: "https://login.example", Subject: "of " + user, Roles: roles}
}

func signIn(t *testing.T, s *Store, p Person) string {
	t.Helper()
	plain, _, err := s.StartSession(t.Context(), "192.0.2.1", p)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestSessionLife(t *testing.T) {
	s, db, now := open(t)
	grant(t, s, "ana", Epi, dose.Identified, "06001")
	plain := signIn(t, s, person("ana"))
	p, is, err := s.ResumeSession(t.Context(), plain)
	if err != nil || p.User != "ana" || p.Session != is.ID || p.Session == 0 || p.Token != 0 || len(p.Grants) != 1 || p.Roles != nil {
		t.Fatalf("%+v %v", p, err)
	}
	var kept string
	if err := db.QueryRow("select hex(hash) || user from access_session").Scan(&kept); err != nil || strings.Contains(kept, plain) {
		t.Fatal("the session must stand as its SHA-256 only", err)
	}
	other := plain[:len(plain)-2] + "AA"
	for _, bad := range []string{"", other, plain + "A", strings.ToLower(plain), "' or 1=1 --"} {
		if _, _, err := s.ResumeSession(t.Context(), bad); !errors.Is(err, dose.ErrUnknownUser) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	resume := func(at time.Duration) error {
		*now = day.Add(at)
		_, _, err := s.ResumeSession(t.Context(), plain)
		return err
	}
	for at := 29 * time.Minute; at < sessionLife; at += 29 * time.Minute { // used, it lives on
		if err := resume(at); err != nil {
			t.Fatal(at, err)
		}
	}
	if err := resume(sessionLife); !errors.Is(err, dose.ErrUnknownUser) {
		t.Error("lives on beyond its end:", err)
	}
	*now = day
	plain = signIn(t, s, person("ana"))
	if err := resume(sessionIdle - 1); err != nil {
		t.Error(err)
	}
	if err := resume(2*sessionIdle - 1); !errors.Is(err, dose.ErrUnknownUser) {
		t.Error("idle:", err)
	}
	if err := resume(-time.Hour); !errors.Is(err, dose.ErrUnknownUser) {
		t.Error("before it was made:", err)
	}
}

func TestSignOutEndsOneSession(t *testing.T) {
	s, _, _ := open(t)
	grant(t, s, "ana", Epi, dose.Identified, "06001")
	one, two := signIn(t, s, person("ana")), signIn(t, s, person("ana"))
	p, _, err := s.ResumeSession(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EndSession(t.Context(), "192.0.2.1", Principal{User: "ben", Session: p.Session}); !errors.Is(err, dose.ErrNotFound) {
		t.Error("ended by another user:", err)
	}
	if err := s.EndSession(t.Context(), "192.0.2.1", p); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ResumeSession(t.Context(), one); !errors.Is(err, dose.ErrUnknownUser) {
		t.Error(err)
	}
	if _, _, err := s.ResumeSession(t.Context(), two); err != nil {
		t.Error(err)
	}
	if err := s.RevokeUser(t.Context(), "root", "ana"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ResumeSession(t.Context(), two); !errors.Is(err, dose.ErrUnknownUser) {
		t.Error("after revoke:", err)
	}
	es, err := s.ListAudit(t.Context(), "ana", 0, 10)
	if err != nil || len(es) != 3 || es[0].Action != "sign in" || es[2].Action != "sign out" || es[2].Session != p.Session || es[2].Remote != "192.0.2.1" {
		t.Errorf("%+v %v", es, err)
	}
}

// A user's name belongs to one person of the issuer until it is revoked.
func TestNameOfAnotherPerson(t *testing.T) {
	s, _, _ := open(t)
	grant(t, s, "ana", Epi, dose.Identified, "06001")
	signIn(t, s, person("ana"))
	thief := Person{User: "ana", Issuer: "https://login.example", Subject: "another"}
	for _, p := range []Person{thief, {User: "ana", Issuer: "https://evil.example", Subject: "of ana"}} {
		if _, _, err := s.StartSession(t.Context(), "", p); !errors.Is(err, dose.ErrDenied) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	for _, p := range []Person{{User: "ana\nroot", Issuer: "i", Subject: "s"}, {User: "", Issuer: "i", Subject: "s"}, {User: "ana", Subject: "s"}, {User: "ana", Issuer: "i"}} {
		if _, _, err := s.StartSession(t.Context(), "", p); !errors.Is(err, dose.ErrDenied) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if err := s.RevokeUser(t.Context(), "root", "ana"); err != nil {
		t.Fatal(err)
	}
	signIn(t, s, thief)
	renamed := thief
	renamed.User = "ana.maria"
	signIn(t, s, renamed)
	signIn(t, s, person("ana")) // the name is free again
}

// The roles of a session take away and never add.
func TestGroupsNarrow(t *testing.T) {
	s, db, _ := open(t)
	grant(t, s, "ana", Epi, dose.Identified, "06001")
	grant(t, s, "ana", Steward, dose.Identified)
	file, audit := Resource{PlaceFiles, "06001", dose.Identified}, Resource{Kind: AuditLog}
	for _, c := range []struct {
		roles       []Role
		file, audit bool
	}{{nil, true, true}, {[]Role{}, false, false}, {[]Role{Epi}, true, false}, {[]Role{Steward}, true, true}, {[]Role{Plan, Epi}, true, false}, {[]Role{Auditor}, false, false}} {
		who := person("ana")
		who.Roles = c.roles
		p, is, err := s.ResumeSession(t.Context(), signIn(t, s, who))
		if err != nil || !slices.Equal(is.Roles, c.roles) || (p.Roles == nil) != (c.roles == nil) {
			t.Fatalf("%+v %v", is, err)
		}
		_, noFile := Decide(p, Read, file, day)
		_, noAudit := Decide(p, Read, audit, day)
		if (noFile == nil) != c.file || (noAudit == nil) != c.audit {
			t.Errorf("%v: %v, %v", c.roles, noFile, noAudit)
		}
		if !c.file && !strings.Contains(noFile.Error(), "groups at the issuer") {
			t.Error(noFile)
		}
	}
	plain := signIn(t, s, person("ana"))
	must(t, db, "update access_session set roles = 'king'")
	if _, _, err := s.ResumeSession(t.Context(), plain); !errors.Is(err, dose.ErrDenied) {
		t.Error("a damaged session:", err)
	}
	db.Close()
	if _, _, err := s.ResumeSession(t.Context(), plain); err == nil || errors.Is(err, dose.ErrUnknownUser) {
		t.Error("without a database:", err)
	}
}

// Who has no grant may sign in, and may nothing.
func TestSessionWithoutGrant(t *testing.T) {
	s, _, _ := open(t)
	p, _, err := s.ResumeSession(t.Context(), signIn(t, s, person("new")))
	if err != nil || p.User != "new" {
		t.Fatal(err)
	}
	if _, err := Decide(p, List, Resource{Kind: Releases}, day); !errors.Is(err, dose.ErrDenied) || !strings.Contains(err.Error(), "no grant") {
		t.Error(err)
	}
}

func TestFirstSteward(t *testing.T) {
	s, _, now := open(t)
	link := func() string {
		t.Helper()
		plain, err := s.FirstLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
	become := func(user, plain string) error { return s.BecomeFirst(t.Context(), "", user, plain) }
	old := link()
	plain := link()
	if err := become("ana", old); !errors.Is(err, dose.ErrDenied) {
		t.Error("a link that was replaced:", err)
	}
	*now = day.Add(firstLife)
	if err := become("ana", plain); !errors.Is(err, dose.ErrDenied) {
		t.Error("a link that is too old:", err)
	}
	plain = link()
	for _, bad := range []string{"", "x", plain + "A"} {
		if err := become("ana", bad); !errors.Is(err, dose.ErrDenied) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if gs, _ := s.List(t.Context(), ""); len(gs) != 0 {
		t.Fatal("a grant without a link")
	}
	if err := become("ana", plain); err != nil {
		t.Fatal(err)
	}
	if err := become("ben", plain); !errors.Is(err, dose.ErrDenied) {
		t.Error("used twice:", err)
	}
	gs, err := s.List(t.Context(), "")
	if err != nil || len(gs) != 1 || gs[0].User != "ana" || gs[0].Role != Steward || !gs[0].All {
		t.Errorf("%+v %v", gs, err)
	}
	if link() != "" {
		t.Error("a link beside a steward")
	}
}

// A link that was printed before a steward was made by command opens nothing.
func TestFirstLinkBesideASteward(t *testing.T) {
	s, _, _ := open(t)
	plain, err := s.FirstLink(t.Context())
	if err != nil || plain == "" {
		t.Fatal(err)
	}
	g := grant(t, s, "root", Steward, dose.Identified)
	if err := s.BecomeFirst(t.Context(), "", "ana", plain); !errors.Is(err, dose.ErrDenied) {
		t.Error(err)
	}
	if err := s.Revoke(t.Context(), "root", g.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.BecomeFirst(t.Context(), "", "ana", plain); err != nil {
		t.Error("no steward is in force:", err)
	}
}
