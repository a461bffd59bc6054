package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Every role with all places and with one, against every action and kind, with
// no place, its own and a foreign one: what is not listed is refused.
func TestRoles(t *testing.T) {
	const own, foreign = dose.Place("06001"), dose.Place("06003")
	actions := []Action{List, Read, Match, Manage, "", "delete"}
	kinds := []Kind{Releases, PlaceFiles, StateFiles, Records, Matching, AuditLog, Grants, "", "everything"}
	for _, c := range []struct {
		role Role
		all  bool
		open string // action kind place; - no place, o own, f foreign
	}{
		{Steward, true, "list releases -of, read place files of, read state files -of, read records -of, read audit -of, read grants -of, manage releases -of, manage grants -of"},
		{Steward, false, "list releases -of, read place files o, read audit o"},
		{Epi, true, "list releases -of, read place files of"},
		{Epi, false, "list releases -of, read place files o"},
		{Reporter, true, "list releases -of, read place files of, read state files -of"},
		{Reporter, false, "list releases -of, read place files o"},
		{Analyst, true, "list releases -of, read place files of"},
		{Analyst, false, "list releases -of, read place files o"},
		{Plan, true, "list releases -of, match roster match -of"},
		{Plan, false, "list releases -of, match roster match o"},
		{Auditor, true, "list releases -of, read audit -of, read grants -of"},
		{Auditor, false, "list releases -of, read audit o"},
		{"king", true, ""},
		{"", false, ""},
	} {
		g := live(c.role, dose.Identified, own)
		if c.all {
			g = live(c.role, dose.Identified)
		}
		p := Principal{User: "ana", Grants: []Grant{g}}
		var open []string
		for _, a := range actions {
			for _, k := range kinds {
				where := ""
				for name, place := range map[string]dose.Place{"-": "", "o": own, "f": foreign} {
					s, err := Decide(p, a, Resource{Kind: k, Place: place}, day)
					if err != nil && !errors.Is(err, dose.ErrDenied) {
						t.Errorf("%s, %s %s: %v", c.role, a, k, err)
					}
					if err == nil {
						where += name
						if s.Role != c.role || s.All != c.all || !slices.Contains(s.Kinds, k) || s.Locked != (c.role != Plan && c.role != Auditor) {
							t.Errorf("%s, %s %s: %+v", c.role, a, k, s)
						}
					}
				}
				if where != "" {
					sorted := ""
					for _, x := range "-of" {
						if strings.ContainsRune(where, x) {
							sorted += string(x)
						}
					}
					open = append(open, fmt.Sprintf("%s %s %s", a, k, sorted))
				}
			}
		}
		if got := strings.Join(open, ", "); got != c.open {
			t.Errorf("%s, all %v:\n got %s\nwant %s", c.role, c.all, got, c.open)
		}
	}
}

func TestUnknownPlacesOfScopes(t *testing.T) {
	for _, place := range []dose.Place{"06002", "x", "OOS ", "all"} {
		for _, g := range []Grant{live(Steward, dose.Identified), live(Steward, dose.Identified, place), live(Plan, dose.Identified, place), live(Plan, dose.Identified)} {
			for _, k := range []Kind{AuditLog, Matching} {
				a := map[Kind]Action{AuditLog: Read, Matching: Match}[k]
				if _, err := Decide(Principal{User: "ana", Grants: []Grant{g}}, a, Resource{Kind: k, Place: place}, day); err == nil {
					t.Errorf("%s %q by %v", k, place, g.Role)
				}
			}
		}
	}
	for _, place := range []dose.Place{"OOS", "UNK"} {
		for g, want := range map[*Grant]bool{new(live(Steward, dose.Identified)): true, new(live(Steward, dose.Identified, place)): false} {
			if _, err := Decide(Principal{User: "ana", Grants: []Grant{*g}}, Read, Resource{Kind: AuditLog, Place: place}, day); (err == nil) != want {
				t.Errorf("audit of %s, all %v: %v", place, g.All, err)
			}
		}
	}
}

// Of several grants the highest level counts, then the oldest; the purpose is
// that grant's.
func TestTheBestGrantCounts(t *testing.T) {
	low, high, again, ended, foreign := live(Epi, dose.Deidentified, "06001"), live(Epi, dose.Limited, "06001"), live(Epi, dose.Limited, "06001"), live(Epi, dose.Identified, "06001"), live(Epi, dose.Identified, "06003")
	low.ID, high.ID, again.ID, ended.ID, foreign.ID = 1, 2, 3, 4, 5
	high.Purpose, ended.Expires = "outbreak", day
	read := Resource{PlaceFiles, "06001", dose.Deidentified}
	for _, gs := range [][]Grant{{low, high, again, ended, foreign}, {ended, foreign, high, low, again}, {foreign, high, again}} {
		p := Principal{User: "ana", Grants: gs}
		s, err := Decide(p, Read, read, day)
		if err != nil || s.Grant != 2 || s.Level != dose.Limited || s.Purpose != "outbreak" || !slices.Equal(s.Places, high.Places) || s.All {
			t.Errorf("%+v %v", s, err)
		}
		if p.Purpose(2) != "outbreak" || p.Purpose(3) != "" || p.Purpose(99) != "" {
			t.Error("purpose of another grant")
		}
	}
	if s, err := Decide(Principal{User: "ana", Grants: []Grant{live(Analyst, dose.Identified)}}, Read, read, day); err != nil || s.Level != dose.Deidentified {
		t.Errorf("an analyst at %v, %v", s.Level, err)
	}
}

// The nearest reason is the one that is told.
func TestReasons(t *testing.T) {
	epi := live(Epi, dose.Identified, "06001")
	ended, old := epi, epi
	ended.Expires, old.Revoked = day.Add(-1), day.Add(-1)
	file := Resource{PlaceFiles, "06001", dose.Identified}
	narrow := &Limits{Places: []dose.Place{"06003"}, Level: dose.Identified}
	for name, c := range map[string]struct {
		p   Principal
		a   Action
		r   Resource
		say string
	}{
		"ended, then other place": {Principal{Grants: []Grant{ended, live(Epi, dose.Identified, "06003")}}, Read, file, "other places"},
		"other place, then ended": {Principal{Grants: []Grant{live(Epi, dose.Identified, "06003"), ended}}, Read, file, "other places"},
		"revoked":                 {Principal{Grants: []Grant{old}}, Read, file, "expired or was revoked"},
		"role":                    {Principal{Grants: []Grant{live(Plan, dose.Identified, "06001")}}, Read, file, "your role"},
		"role for managing":       {Principal{Grants: []Grant{live(Auditor, dose.Identified)}}, Manage, Resource{Kind: Grants}, "your role"},
		"state's":                 {Principal{Grants: []Grant{epi}}, Read, Resource{Kind: StateFiles}, "the state's"},
		"records":                 {Principal{Grants: []Grant{epi}}, Read, Resource{Kind: Records}, "the state's"},
		"state's rows":            {Principal{Grants: []Grant{epi}}, Read, Resource{PlaceFiles, "UNK", 0}, "the state's"},
		"state's rows, a steward": {Principal{Grants: []Grant{live(Steward, dose.Identified, "06001")}}, Read, Resource{PlaceFiles, "UNK", 0}, "the state's"},
		"level":                   {Principal{Grants: []Grant{live(Reporter, dose.Limited)}}, Read, Resource{Kind: StateFiles, Level: dose.Identified}, "grant's level"},
		"token":                   {Principal{Grants: []Grant{epi}, Within: narrow}, Read, file, "token is narrower"},
		"token and place":         {Principal{Grants: []Grant{epi}, Within: narrow}, Read, Resource{PlaceFiles, "06005", 0}, "other places"},
		"token, level":            {Principal{Grants: []Grant{epi}, Within: &Limits{Level: dose.Limited}}, Read, file, "token is narrower"},
		"token, kind":             {Principal{Grants: []Grant{epi}, Within: &Limits{Level: dose.Identified, Kinds: []Kind{AuditLog}}}, Read, file, "token is narrower"},
		"steward's token, state":  {Principal{Grants: []Grant{live(Steward, dose.Identified)}, Within: narrow}, Read, Resource{Kind: StateFiles}, "token is narrower"},
		"steward's token, manage": {Principal{Grants: []Grant{live(Steward, dose.Identified)}, Within: narrow}, Manage, Resource{Kind: Grants}, "token is narrower"},
		"audit of another place":  {Principal{Grants: []Grant{live(Auditor, dose.Identified, "06003")}}, Read, Resource{Kind: AuditLog, Place: "06001"}, "other places"},
		"clock":                   {Principal{Grants: []Grant{epi}, Seen: day.Add(slack + 1)}, Read, file, "clock is behind"},
		"unknown role":            {Principal{Grants: []Grant{live("king", dose.Identified)}}, Read, file, "no rule"},
		"nobody manages matches":  {Principal{Grants: []Grant{live(Steward, dose.Identified)}}, Manage, Resource{Kind: Matching}, "no rule"},
		"no rule":                 {Principal{Grants: []Grant{epi}}, "delete", file, "no rule"},
	} {
		c.p.User = "ana"
		_, err := Decide(c.p, c.a, c.r, day)
		if !errors.Is(err, dose.ErrDenied) || !strings.Contains(err.Error(), c.say) || !strings.HasPrefix(err.Error(), "you may not "+string(c.a)+" ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := Principal{User: "ana", Grants: []Grant{epi}, Seen: day.Add(slack)}
	if _, err := Decide(p, Read, file, day); err != nil {
		t.Errorf("within the slack: %v", err)
	}
	if _, err := Decide(Principal{User: "ana", Grants: []Grant{epi}}, Read, Resource{Kind: PlaceFiles, Place: "06003"}, day); !strings.Contains(err.Error(), "files of 06003") {
		t.Errorf("the refusal does not name the place: %v", err)
	}
	if _, err := Decide(Principal{User: "ana", Grants: []Grant{epi}}, Read, Resource{Kind: PlaceFiles, Place: "x\ny"}, day); strings.Contains(err.Error(), "x") {
		t.Errorf("the refusal repeats what was asked: %v", err)
	}
}

// What a token's scope leaves, as the decision tells it.
func TestWhatATokenLeaves(t *testing.T) {
	counties := live(Epi, dose.Identified, "06001", "06037")
	for name, c := range map[string]struct {
		g      Grant
		l      *Limits
		place  dose.Place
		places string
		level  dose.Level
		kinds  int
	}{
		"nothing taken":   {counties, nil, "06001", "[06001 06037]", dose.Identified, 2},
		"a county":        {counties, &Limits{Places: []dose.Place{"06001"}, Level: dose.Identified}, "06001", "[06001]", dose.Identified, 2},
		"a city":          {counties, &Limits{Places: []dose.Place{"pasadena"}, Level: dose.Identified}, "pasadena", "[pasadena]", dose.Identified, 2},
		"wider":           {live(Epi, dose.Identified, "berkeley"), &Limits{Places: []dose.Place{"06001"}, Level: dose.Identified}, "berkeley", "[berkeley]", dose.Identified, 2},
		"foreign too":     {counties, &Limits{Places: []dose.Place{"06003", "06037"}, Level: dose.Identified}, "06037", "[06037]", dose.Identified, 2},
		"of all":          {live(Steward, dose.Identified), &Limits{Places: []dose.Place{"06003"}, Level: dose.Identified}, "06003", "[06003]", dose.Identified, 3},
		"level":           {counties, &Limits{Level: dose.Deidentified}, "06001", "[06001 06037]", dose.Deidentified, 2},
		"level no higher": {live(Epi, dose.Deidentified, "06001"), &Limits{Level: dose.Identified}, "06001", "[06001]", dose.Deidentified, 2},
		"kinds":           {live(Steward, dose.Identified), &Limits{Level: dose.Identified, Kinds: []Kind{PlaceFiles, Matching}}, "06001", "[]", dose.Identified, 2},
	} {
		s, err := Decide(Principal{User: "ana", Grants: []Grant{c.g}, Within: c.l}, Read, Resource{Kind: PlaceFiles, Place: c.place}, day)
		if err != nil || fmt.Sprint(s.Places) != c.places || s.Level != c.level || len(s.Kinds) != c.kinds || s.All != (c.places == "[]") {
			t.Errorf("%s: %+v %v", name, s, err)
		}
	}
	if len(duties[Steward].all) != 6 || len(duties[Steward].some) != 3 {
		t.Error("a decision changed the table of duties")
	}
}

func TestGrantCounts(t *testing.T) {
	g := live(Epi, dose.Identified, "06001")
	for name, c := range map[string]struct {
		change func(*Grant)
		now    time.Time
		want   bool
	}{
		"in force": {func(*Grant) {}, day, true}, "last instant": {func(*Grant) {}, g.Expires.Add(-1), true}, "its end": {func(*Grant) {}, g.Expires, false},
		"revoked": {func(g *Grant) { g.Revoked = day.Add(time.Hour) }, day, false}, "no end": {func(g *Grant) { g.Expires = time.Time{} }, day, false},
		"no clock": {func(*Grant) {}, time.Time{}, false},
	} {
		g := g
		c.change(&g)
		if g.Counts(c.now) != c.want {
			t.Error(name)
		}
	}
}

func TestVisibleIsByLevel(t *testing.T) {
	p := Principal{User: "ana", Grants: []Grant{live(Epi, dose.Limited, "06003")}}
	for level, want := range map[dose.Level]int{dose.Identified: 0, dose.Limited: 1, dose.Deidentified: 1} {
		if got := Visible(p, level, day); len(got) != want {
			t.Errorf("%v: %v", level, got)
		}
		if _, home := Home(p, level, day); home != (want == 1) {
			t.Errorf("at home at %v: %v", level, home)
		}
	}
}
