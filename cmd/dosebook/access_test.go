package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/control"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/release"
)

// inDays is a date some days from now.
func inDays(n int) string { return time.Now().AddDate(0, 0, n).Format(time.DateOnly) }

// From the signed agreement to revocation, by commands alone: no papers, no
// grant; never for oneself; each step in the audit.
func TestAccessByCommands(t *testing.T) {
	t.Parallel()
	d := newData(t)
	request := []string{"access", "request", "ana@alameda.example", "--county", "06001", "--role", "epi", "--level", "limited", "--purpose", "outbreak work", "--json"}
	papers := []string{"--agreement", "26-1", "--training", inDays(-30)}
	d.exits(t, 3, request...)                      // nothing signed, no training
	d.exits(t, 4, append(request, papers...)...)   // no such agreement
	d.exits(t, 2, "access", "organisation", "add") // wrong usage
	d.exits(t, 2, "access", "organisation", "add", "Alameda", "--agreement", "26-1", "--signed", inDays(-10), "--expires", inDays(1000))
	d.ok(t, "access", "organisation", "add", "Alameda", "--agreement", "26-1", "--signed", inDays(-10))
	d.exits(t, 3, append(request, papers[:2]...)...)
	d.exits(t, 3, append(request, papers[2:]...)...)
	d.exits(t, 3, "access", "grant", "ana@alameda.example", "--county", "06001", "--expires", "90d")
	r := parse[struct {
		ID                  int64
		State, Organisation string
	}](t, d.ok(t, append(request, papers...)...))
	if r.ID != 1 || r.State != "waiting" || r.Organisation != "Alameda" {
		t.Fatalf("%+v", r)
	}
	d.exits(t, 2, "access", "approve", "1")
	d.exits(t, 2, "access", "approve", "x", "--reason", "r")
	d.exits(t, 4, "access", "approve", "9", "--reason", "r")
	if list := d.ok(t, "access", "requests"); !strings.Contains(list, "outbreak work") {
		t.Error(list)
	}
	g := parse[struct {
		Agreement, Purpose string
		Expires            time.Time
	}](t, d.ok(t, "access", "approve", "1", "--reason", "agreed", "--expires", "60d", "--json"))
	d.exits(t, 5, "access", "deny", "1", "--reason", "late")
	if g.Agreement != "26-1" || g.Purpose != "outbreak work" || g.Expires.After(time.Now().AddDate(0, 0, 61)) {
		t.Errorf("%+v", g)
	}
	if list := d.ok(t, "access", "list", "--due", "90"); !strings.Contains(list, "ana@alameda.example") {
		t.Error(list)
	}
	d.ok(t, "access", "attest", "1", "--expires", "120d", "--reason", "still needed")
	d.exits(t, 2, "access", "attest", "1", "--expires", "100d", "--reason", "less")
	if list := d.ok(t, "access", "list", "--due", "90"); strings.Contains(list, "ana@alameda.example") {
		t.Error("due after it was attested:", list)
	}
	token := parse[struct {
		Token string
		ID    int64
	}](t, d.ok(t, "access", "token", "create", "ana@alameda.example", "--county", "berkeley", "--kind", "place files", "--json"))
	d.exits(t, 2, "access", "token", "create", "ana@alameda.example", "--kind", "everything")
	d.ok(t, "access", "token", "rotate", "1", "--overlap", "1h")
	d.exits(t, 3, "access", "token", "rotate", "1")
	d.ok(t, "access", "organisation", "end", "26-1", "--reason", "withdrawn")
	d.exits(t, 3, "access", "attest", "1", "--expires", "130d", "--reason", "still needed")
	if list := d.ok(t, "access", "list"); !strings.Contains(list, "revoked") {
		t.Error(list)
	}
	notices := d.ok(t, "access", "notices")
	if !strings.Contains(notices, "request 1 waits") || !strings.Contains(notices, "grant 1 of ana@alameda.example expires") {
		t.Error(notices)
	}
	if log := d.ok(t, "audit", "export"); strings.Contains(log+notices, token.Token) || strings.Count(log, "\n") != 7 || !strings.Contains(log, `"action":"approve"`) {
		t.Error(log)
	}
	if e := d.ok(t, "audit", "show", "3"); !strings.Contains(e, `"action": "approve"`) {
		t.Error(e)
	}
	d.exits(t, 4, "audit", "show", "99")
	d.ok(t, "access", "clock", "accept")
	d.ok(t, "audit", "verify")
}

// A steward's token makes commands the steward's: decided by the one
// decision, entered under the steward's name, never for themself.
func TestStewardsCommands(t *testing.T) {
	t.Parallel()
	d := newData(t)
	d.ok(t, "access", "grant", "sam@state.example", "--county", "all", "--role", "steward", "--expires", "30d")
	d.ok(t, "access", "grant", "ana@sf.example", "--county", "06075", "--expires", "30d")
	as := func(user string, code int, args ...string) {
		t.Helper()
		token := parse[struct{ Token string }](t, d.ok(t, "access", "token", "create", user, "--expires", "1h", "--json")).Token
		c := command(t.Context(), append([]string{"--data", string(d)}, args...)...)
		c.Env = append(c.Env, stewardToken+"="+token)
		if out, _ := c.CombinedOutput(); c.ProcessState.ExitCode() != code || strings.Contains(string(out), token) {
			t.Errorf("%s, %v: exit %d, want %d\n%s", user, args, c.ProcessState.ExitCode(), code, out)
		}
	}
	as("ana@sf.example", 3, "access", "grant", "ben@sf.example", "--county", "06075", "--expires", "9d")
	as("ana@sf.example", 3, "access", "revoke", "1")
	as("sam@state.example", 0, "access", "grant", "ben@sf.example", "--county", "06075", "--expires", "9d")
	as("sam@state.example", 3, "access", "grant", "sam@state.example", "--county", "06075", "--expires", "9d")
	as("sam@state.example", 0, "access", "revoke", "3")
	var entries []access.Entry
	if err := json.Unmarshal([]byte(d.ok(t, "audit", "list", "--json")), &entries); err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, e := range entries {
		if e.Action != "create token" && !strings.HasPrefix(e.User, "local:") {
			did = append(did, e.User+" "+e.Action+" "+e.Outcome)
		}
	}
	if got := strings.Join(did, ", "); got != "ana@sf.example manage denied, ana@sf.example manage denied, sam@state.example grant done, sam@state.example revoke grant done" {
		t.Error(got)
	}
}

// Tokens that nobody knows, were revoked or have ended: who reads the audit by
// the command sees them, in bounded number and without the token.
func TestRefusedTokensAreListed(t *testing.T) {
	t.Parallel()
	d := newData(t)
	d.ok(t, "access", "grant", "ana@la.example", "--county", "06037", "--expires", "9d")
	token := parse[struct{ Token string }](t, d.ok(t, "access", "token", "create", "ana@la.example", "--expires", "1h", "--json")).Token
	s := d.serve(t)
	if a := s.get(t, "/api/v1/session", token); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	d.ok(t, "access", "revoke", "ana@la.example")
	const foreign = "dbk_PERSONxTYPEDxTHIS"
	for _, bad := range []string{foreign, foreign, foreign, token} {
		if a := s.get(t, "/api/v1/session", bad); a.status != 401 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	for user, want := range map[string][]string{
		"(unknown)":      {"the token is not known; refused 1 times today", "the token is not known; refused 2 times today"},
		"ana@la.example": {"refused 1 times today"},
	} {
		var found []string
		for _, e := range parse[[]access.Entry](t, d.ok(t, "audit", "list", "--user", user, "--json")) {
			if e.Action == "authenticate" {
				found = append(found, e.Detail)
				if e.Outcome != "denied" || e.Remote == "" || e.User != user {
					t.Errorf("%+v", e)
				}
			}
		}
		if len(found) != len(want) || !strings.HasSuffix(found[len(found)-1], want[len(want)-1]) {
			t.Errorf("%s: %q, want %q", user, found, want)
		}
		if text := d.ok(t, "audit", "list", "--user", user); strings.Count(text, "authenticate") != len(want) || !strings.Contains(text, want[0]) || strings.Contains(text, "PERSON") || strings.Contains(text, token) {
			t.Errorf("%s:\n%s", user, text)
		}
	}
	d.ok(t, "audit", "verify")
}

// A token of its own scope at the doors; the audit's head in the signed record
// of the release; and an audit that was cut and mended inside the database is
// found by it.
func TestScopeAndHeadOfARelease(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	d.ok(t, "access", "grant", "ana@la.example", "--county", "06037", "--expires", "9d")
	token := parse[struct{ Token string }](t, d.ok(t, "access", "token", "create", "ana@la.example", "--county", "pasadena", "--json")).Token
	m := d.latest(t)
	s := d.serve(t)
	for place, status := range map[string]int{"pasadena": 200, "06037": 403, "long-beach": 403, "06001": 403} {
		a := s.get(t, "/api/v1/releases/"+m.ID+"/counties/"+place+"/dose.csv", token)
		if a.status != status {
			t.Errorf("%s: %d, want %d", place, a.status, status)
		}
		if place == "06037" && !strings.Contains(string(a.body), "token is narrower") {
			t.Error(string(a.body))
		}
	}
	if saw := d.ok(t, "audit", "list", "--county", "06037"); strings.Count(saw, "ana@la.example") != 1 {
		t.Error(saw)
	}
	if saw := d.ok(t, "audit", "list", "--county", "06001"); strings.Contains(saw, "ana@la.example") {
		t.Error(saw)
	}
	d.ok(t, "release", "hold", m.ID, "--reason", "a look")
	g := parse[struct{ Gate release.Gate }](t, d.ok(t, "release", "show", m.ID, "--json")).Gate
	marks := g.Marks()
	if len(marks) == 0 || marks[len(marks)-1].Entry < 7 {
		t.Fatalf("%+v", marks)
	}
	d.ok(t, "audit", "verify")
	d.sound(t)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(string(d), "control.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("drop trigger audit_no_delete; delete from audit where seq > 4; update sqlite_sequence set seq = 4 where name = 'audit'"); err != nil {
		t.Fatal(err)
	}
	if r := d.exits(t, 1, "audit", "verify"); !strings.Contains(r.err, "release "+m.ID) {
		t.Error(r.err)
	}
	d.exits(t, 1, "verify")
}

// Revoked by another process: every door refuses within one second.
func TestRevocationWithinASecond(t *testing.T) {
	t.Parallel()
	w, _ := shared(t)
	d := copyOf(t, w)
	m := d.latest(t)
	s := d.serve(t)
	page := "/releases/" + m.ID + "/counties/06075"
	doors := []string{"/api/v1/releases", "/api/v1/releases/latest", "/api/v1/releases/" + m.ID, "/api/v1/releases/" + m.ID + "/manifest.json",
		"/overview", "/releases", "/releases/" + m.ID, "/counties/06075", page, page + "/doses.csv", page + "/rows?table=dose"}
	for _, table := range gridTables {
		for _, format := range gridFormats {
			doors = append(doors, "/api/v1/releases/"+m.ID+"/counties/06075/"+table+"."+format)
		}
	}
	for how, revoke := range map[string]func(user string){
		"grant": func(user string) {
			id := parse[struct{ Grants []struct{ ID json.Number } }](t, d.ok(t, "access", "list", user, "--json")).Grants[0].ID
			d.ok(t, "access", "revoke", id.String())
		},
		"user": func(user string) { d.ok(t, "access", "revoke", user) },
		"token": func(user string) {
			id := parse[struct{ Tokens []struct{ ID json.Number } }](t, d.ok(t, "access", "list", user, "--json")).Tokens[0].ID
			d.ok(t, "access", "token", "revoke", id.String())
		},
	} {
		user := how + "@sf.example"
		token := d.token(t, user, "06075", "epi")
		for _, door := range doors {
			if a := s.get(t, door, token); a.status != http.StatusOK && a.status != http.StatusSeeOther {
				t.Errorf("%s, before: %d", door, a.status)
			}
		}
		revoke(user)
		since := time.Now()
		for _, door := range doors {
			if a := s.get(t, door, token); a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
				t.Errorf("%s, %v after %s was revoked: %d", door, time.Since(since), how, a.status)
			}
		}
		if took := time.Since(since); took > time.Second {
			t.Errorf("all doors asked after %v", took)
		}
	}
}

// deaf is a channel that fails until it hears.
type deaf struct {
	hears bool
	got   []pipelines.Notice
}

func (d *deaf) Name() string { return "deaf" }

func (d *deaf) Send(_ context.Context, n pipelines.Notice) error {
	if !d.hears {
		return dose.ErrUpstream
	}
	d.got = append(d.got, n)
	return nil
}

// Notices of access reach each channel once, also after it failed.
func TestNoticesOfAccessAreSent(t *testing.T) {
	db, err := control.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := access.Open(db, nil)
	soon := access.Grant{User: "ana", Role: access.Epi, Places: []dose.Place{"06001"}, Expires: time.Now().Add(48 * time.Hour)}
	if _, err := s.Grant(t.Context(), "root", soon); err != nil {
		t.Fatal(err)
	}
	c := &deaf{}
	if err := tell(t.Context(), s, []pipelines.Channel{c}); !errors.Is(err, dose.ErrUpstream) {
		t.Errorf("a channel that fails: %v", err)
	}
	c.hears = true
	for range 2 {
		if err := tell(t.Context(), s, []pipelines.Channel{c}); err != nil {
			t.Error(err)
		}
	}
	if len(c.got) != 1 || c.got[0].Kind != "expiring" || c.got[0].Feed != "" || !strings.Contains(c.got[0].Says, "grant 1 of ana expires") {
		t.Errorf("%+v", c.got)
	}
}
