package access

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

func live(role Role, level dose.Level, places ...dose.Place) Grant {
	return Grant{ID: 7, User: "ana", Role: role, Level: level, All: len(places) == 0, Places: places, Expires: day.Add(time.Hour)}
}

// may lists the places out of dose.Places a lone grant may read.
func may(g Grant, level dose.Level) string {
	var out []string
	for _, p := range dose.Places() {
		if _, err := Decide(Principal{User: "ana", Grants: []Grant{g}}, Read, Resource{PlaceFiles, p, level}, day); err == nil {
			out = append(out, string(p))
		}
	}
	return strings.Join(out, " ")
}

func TestPlaceTruthTable(t *testing.T) {
	var everyone []string
	for _, p := range dose.Places() {
		everyone = append(everyone, string(p))
	}
	if len(everyone) != 63 {
		t.Fatal(len(everyone), "places")
	}
	all, local := strings.Join(everyone, " "), strings.Join(everyone[:61], " ")
	ended, revoked, endless := live(Epi, dose.Identified, "06001"), live(Epi, dose.Identified, "06001"), live(Epi, dose.Identified, "06001")
	ended.Expires, revoked.Revoked, endless.Expires = day, day.Add(-time.Hour), time.Time{}
	for _, c := range []struct {
		name  string
		grant Grant
		level dose.Level
		want  string
	}{
		{"a county", live(Epi, dose.Identified, "06003"), dose.Identified, "06003"},
		{"a county with a city", live(Epi, dose.Identified, "06001"), dose.Identified, "06001 berkeley"},
		{"a county with two cities", live(Epi, dose.Identified, "06037"), dose.Identified, "06037 long-beach pasadena"},
		{"a city", live(Epi, dose.Identified, "berkeley"), dose.Identified, "berkeley"},
		{"another city", live(Epi, dose.Identified, "pasadena"), dose.Identified, "pasadena"},
		{"two", live(Epi, dose.Identified, "06115", "06003"), dose.Identified, "06003 06115"},
		{"epi, all", live(Epi, dose.Identified), dose.Identified, local},
		{"steward", live(Steward, dose.Identified), dose.Identified, all},
		{"reporter, all", live(Reporter, dose.Identified), dose.Identified, all},
		{"reporter, one", live(Reporter, dose.Identified, "06003"), dose.Identified, "06003"},
		{"steward of one", live(Steward, dose.Identified, "06003"), dose.Identified, "06003"},
		{"planted OOS", live(Epi, dose.Identified, "OOS", "UNK"), dose.Identified, ""},
		{"planted OOS, steward", live(Steward, dose.Identified, "OOS", "UNK"), dose.Identified, ""},
		{"limited", live(Epi, dose.Limited, "06003"), dose.Identified, ""},
		{"limited on limited", live(Epi, dose.Limited, "06003"), dose.Limited, "06003"},
		{"limited on less", live(Epi, dose.Limited, "06003"), dose.Deidentified, "06003"},
		{"de-identified", live(Epi, dose.Deidentified, "06003"), dose.Limited, ""},
		{"analyst", live(Analyst, dose.Deidentified), dose.Identified, ""},
		{"analyst granted too much", live(Analyst, dose.Identified), dose.Identified, ""},
		{"analyst on limited", live(Analyst, dose.Identified), dose.Limited, ""},
		{"analyst's own", live(Analyst, dose.Identified, "06003"), dose.Deidentified, "06003"},
		{"plan", live(Plan, dose.Identified), dose.Deidentified, ""},
		{"auditor", live(Auditor, dose.Identified), dose.Deidentified, ""},
		{"expired this instant", ended, dose.Identified, ""},
		{"revoked", revoked, dose.Identified, ""},
		{"without an end", endless, dose.Identified, ""},
		{"unknown role", live("root", dose.Identified), dose.Identified, ""},
		{"no role", live("", dose.Identified), dose.Identified, ""},
		{"level out of range", live(Steward, 200), dose.Identified, ""},
		{"file's level out of range", live(Steward, dose.Identified), 9, ""},
	} {
		if got := may(c.grant, c.level); got != c.want {
			t.Errorf("%s: may read %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOtherResources(t *testing.T) {
	type door struct {
		action Action
		kind   Kind
	}
	list, state := door{List, Releases}, door{Read, StateFiles}
	audit, see, manage, approve := door{Read, AuditLog}, door{Read, Grants}, door{Manage, Grants}, door{Manage, Releases}
	doors := []door{list, state, audit, see, manage, approve, {Read, Releases}, {List, PlaceFiles}, {List, StateFiles}, {Manage, StateFiles},
		{Manage, AuditLog}, {"", ""}, {"delete", Releases}, {Read, "everything"}, {Manage, PlaceFiles}, {Read, Matching}, {Match, PlaceFiles}}
	for _, c := range []struct {
		name  string
		grant Grant
		open  []door
	}{
		{"steward", live(Steward, dose.Identified), []door{list, state, audit, see, manage, approve}},
		{"steward of one", live(Steward, dose.Identified, "06003"), []door{list}},
		{"reporter", live(Reporter, dose.Identified), []door{list, state}},
		{"reporter, limited", live(Reporter, dose.Limited), []door{list}},
		{"reporter of one", live(Reporter, dose.Identified, "06003"), []door{list}},
		{"epi, all", live(Epi, dose.Identified), []door{list}},
		{"analyst", live(Analyst, dose.Deidentified), []door{list}},
		{"plan", live(Plan, dose.Identified), []door{list}},
		{"auditor", live(Auditor, dose.Deidentified), []door{list, audit, see}},
	} {
		for _, d := range doors {
			want := false
			for _, o := range c.open {
				want = want || o == d
			}
			_, err := Decide(Principal{User: "ana", Grants: []Grant{c.grant}}, d.action, Resource{Kind: d.kind, Level: dose.Identified}, day)
			if (err == nil) != want || err != nil && !errors.Is(err, dose.ErrDenied) {
				t.Errorf("%s, %s %s: %v", c.name, d.action, d.kind, err)
			}
		}
	}
}

func TestDecideFailsClosed(t *testing.T) {
	file := Resource{PlaceFiles, "06003", dose.Identified}
	good := live(Epi, dose.Identified, "06003")
	foreign := good
	foreign.User = "ben"
	for name, c := range map[string]struct {
		p   Principal
		r   Resource
		now time.Time
		say string
	}{
		"nobody":         {Principal{}, file, day, "no grant"},
		"no grant":       {Principal{User: "ana"}, file, day, "no grant"},
		"foreign grant":  {Principal{User: "ana", Grants: []Grant{foreign}}, file, day, "no grant"},
		"nameless":       {Principal{Grants: []Grant{{Role: Steward, All: true, Expires: day.Add(1)}}}, file, day, "no grant"},
		"no clock":       {Principal{User: "ana", Grants: []Grant{good}}, file, time.Time{}, "expired"},
		"no place":       {Principal{User: "ana", Grants: []Grant{live(Steward, dose.Identified)}}, Resource{Kind: PlaceFiles}, day, "no rule"},
		"unknown county": {Principal{User: "ana", Grants: []Grant{live(Steward, dose.Identified)}}, Resource{PlaceFiles, "06002", 0}, day, "no rule"},
		"a path":         {Principal{User: "ana", Grants: []Grant{live(Epi, dose.Identified, "../06001")}}, Resource{PlaceFiles, "../06001", 0}, day, "no rule"},
		"other place":    {Principal{User: "ana", Grants: []Grant{good}}, Resource{PlaceFiles, "06001", 0}, day, "other places"},
		"level":          {Principal{User: "ana", Grants: []Grant{live(Epi, dose.Limited, "06003")}}, file, day, "no file of your grant's level"},
		"state":          {Principal{User: "ana", Grants: []Grant{good}}, Resource{PlaceFiles, "OOS", 0}, day, "state's"},
	} {
		s, err := Decide(c.p, Read, c.r, c.now)
		if !errors.Is(err, dose.ErrDenied) || s.Grant != 0 || s.Kinds != nil {
			t.Errorf("%s: %+v, %v", name, s, err)
			continue
		}
		if !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := Principal{User: "ana", Grants: []Grant{foreign, good}}
	if s, err := Decide(p, Read, file, day); err != nil || s.Grant != 7 || s.Level != dose.Identified {
		t.Errorf("%+v %v", s, err)
	}
}

func TestCoversNoStateRows(t *testing.T) {
	if g := live(Epi, dose.Identified, "06003", "OOS"); g.Covers("OOS") || g.Covers("UNK") || g.Covers("") || !g.Covers("06003") {
		t.Error("a list of places covers rows without a county")
	}
}

func TestHome(t *testing.T) {
	for _, c := range []struct {
		places []dose.Place
		want   dose.Place
	}{
		{[]dose.Place{"06037"}, "06037"}, {[]dose.Place{"berkeley"}, "berkeley"}, {[]dose.Place{"06001", "berkeley"}, "06001"},
		{[]dose.Place{"06001", "pasadena"}, ""}, {[]dose.Place{"06003", "06005"}, ""}, {nil, ""},
	} {
		got, ok := Home(Principal{User: "ana", Grants: []Grant{live(Epi, dose.Identified, c.places...)}}, dose.Identified, day)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%v: %q %v", c.places, got, ok)
		}
	}
}
