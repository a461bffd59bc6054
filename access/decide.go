package access

import (
	"fmt"
	"slices"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Action is what somebody wants to do.
type Action string

const (
	List   Action = "list"   // see which releases there are
	Read   Action = "read"   // get a file, an extract, changes, a page
	Match  Action = "match"  // have a roster matched
	Manage Action = "manage" // change grants, approve releases
)

// Kind is the sort of thing an action is about. Every door names one.
type Kind string

const (
	Releases   Kind = "releases"     // the list of releases, without any file
	PlaceFiles Kind = "place files"  // the files, extracts, changes and pages of Resource.Place
	StateFiles Kind = "state files"  // root manifest, unsuppressed county_day, segment, reject, what the gate holds
	Records    Kind = "records"      // sql and explain over HTTP: any row, any version
	Matching   Kind = "roster match" // which people of a roster are known; rows of Resource.Place, or of all
	AuditLog   Kind = "audit"        // who saw Resource.Place, or all of it
	Grants     Kind = "grants"       // and the mapping table that a warehouse's row policy reads
)

// asks says which kinds an action can be about.
var asks = map[Action][]Kind{
	List:   {Releases},
	Read:   {PlaceFiles, StateFiles, Records, AuditLog, Grants},
	Match:  {Matching},
	Manage: {Grants, Releases},
}

// duty is what a role opens: everywhere with a grant for all places, and with
// a grant for some. Roles are those of domain §10.1.
type duty struct{ all, some []Kind }

var duties = map[Role]duty{
	Steward:  {all: []Kind{Releases, PlaceFiles, StateFiles, Records, AuditLog, Grants}, some: []Kind{Releases, PlaceFiles, AuditLog}},
	Epi:      {all: []Kind{Releases, PlaceFiles}, some: []Kind{Releases, PlaceFiles}},
	Reporter: {all: []Kind{Releases, PlaceFiles, StateFiles}, some: []Kind{Releases, PlaceFiles}},
	Analyst:  {all: []Kind{Releases, PlaceFiles}, some: []Kind{Releases, PlaceFiles}},
	Plan:     {all: []Kind{Releases, Matching}, some: []Kind{Releases, Matching}},
	Auditor:  {all: []Kind{Releases, AuditLog, Grants}, some: []Kind{Releases, AuditLog}},
}

// Resource is what the action is about. Level is the level the file was
// built at; a reader's grant must reach it.
type Resource struct {
	Kind  Kind
	Place dose.Place
	Level dose.Level
}

// Scope is what a decision allows: by which grant and for what purpose, in
// which places, at which level, which kinds.
type Scope struct {
	Grant   int64
	Role    Role
	Level   dose.Level
	All     bool
	Places  []dose.Place // empty with All
	Kinds   []Kind
	Locked  bool // rows that are locked (protection) may be in it: H&S 120440
	Purpose string
}

// Principal is a user as of now, with all grants there are: Decide looks at
// those that count.
type Principal struct {
	User    string
	Token   int64 // id of the token it came with; 0 without
	Session int64 // id of the session it came with; 0 without
	Grants  []Grant
	Within  *Limits   // the token's; nil narrows nothing
	Roles   []Role    // that a signed-in person's groups open; nil narrows nothing
	Seen    time.Time // the latest time the control database knows of
}

// Purpose returns what the grant's records are for, for the audit.
func (p Principal) Purpose(grant int64) string {
	for _, g := range p.Grants {
		if g.ID == grant {
			return g.Purpose
		}
	}
	return ""
}

// slack is how far clocks of one machine may be apart.
const slack = 2 * time.Minute

// Decide is the one decision for every door. It is pure: it looks only at
// its arguments. Of several grants that allow it, the one of the highest
// level counts, then the oldest. A refusal is of kind dose.ErrDenied, names
// the nearest reason and what to do.
func Decide(p Principal, action Action, r Resource, now time.Time) (Scope, error) {
	best, found := nobody, Scope{}
	for _, g := range p.Grants {
		if p.User == "" || g.User != p.User {
			continue // a grant of somebody else can only be a mistake of ours
		}
		scope, why := p.judge(g, action, r, now)
		if why == allowed && (best != allowed || scope.Level > found.Level) {
			found = scope
		}
		best = max(best, why)
	}
	if best != allowed {
		return Scope{}, refusal(best, action, r)
	}
	return found, nil
}

// reason is why a grant does not allow an action; the greater, the nearer it
// came.
type reason uint8

const (
	nobody      reason = iota // no grant at all
	unknown                   // no such action, kind or place
	ended                     // revoked or expired
	clockBack                 // the clock is behind what was seen: expiry can't be judged
	wrongRole                 // the role does not do that
	wrongPlace                // the grant is for other places
	stateLevel                // only the state sees this
	lowLevel                  // the grant's level is below the file's
	narrowToken               // the user may, with another token
	narrowGroup               // the user may, but for the groups at the issuer
	allowed
)

// judge asks a grant as the groups and the token narrow it; a refusal that only
// they cause says so.
func (p Principal) judge(g Grant, action Action, r Resource, now time.Time) (Scope, reason) {
	if now.Before(p.Seen.Add(-slack)) {
		return Scope{}, clockBack
	}
	why := judge(g, g.kinds(), action, r, now)
	if why != allowed {
		return Scope{}, why
	}
	if p.Roles != nil && !slices.Contains(p.Roles, g.Role) {
		return Scope{}, narrowGroup
	}
	narrow, kinds := p.Within.narrow(g)
	if judge(narrow, kinds, action, r, now) != allowed {
		return Scope{}, narrowToken
	}
	return Scope{Grant: g.ID, Role: g.Role, Level: narrow.level(), All: narrow.All, Places: narrow.Places,
		Kinds: kinds, Locked: g.Role != Plan && g.Role != Auditor, Purpose: g.Purpose}, allowed
}

func judge(g Grant, kinds []Kind, action Action, r Resource, now time.Time) reason {
	if _, err := dose.ParseLevel(g.Level.String()); err != nil || len(kinds) == 0 {
		return unknown
	}
	if !slices.Contains(asks[action], r.Kind) {
		return unknown
	}
	if !g.Counts(now) {
		return ended
	}
	if !slices.Contains(kinds, r.Kind) || action == Manage && !(g.All && g.Role == Steward) {
		if r.Kind == StateFiles || r.Kind == Records {
			return stateLevel
		}
		return wrongRole
	}
	switch r.Kind {
	case Releases, Grants:
		return allowed
	case Matching, AuditLog:
		return judgeScope(g, r)
	case StateFiles, Records:
		return judgeLevel(g, r)
	}
	return judgePlace(g, r)
}

// judgeScope judges what is about one place, or with none about all.
func judgeScope(g Grant, r Resource) reason {
	if g.Covers(r.Place) || g.All && r.Place == "" {
		return allowed
	}
	return wrongPlace
}

func judgePlace(g Grant, r Resource) reason {
	switch {
	case r.Place.Label() == "":
		return unknown
	case stateOnly(r.Place) && !g.state():
		return stateLevel
	case !g.Covers(r.Place):
		return wrongPlace
	}
	return judgeLevel(g, r)
}

func judgeLevel(g Grant, r Resource) reason {
	if g.level() < r.Level {
		return lowLevel
	}
	return allowed
}

// kinds is what the grant opens; nothing for an unknown role.
func (g Grant) kinds() []Kind {
	if g.All {
		return duties[g.Role].all
	}
	return duties[g.Role].some
}

// state says whether the grant is the state's own: steward or reporter, for
// all places.
func (g Grant) state() bool { return g.All && (g.Role == Steward || g.Role == Reporter) }

func refusal(why reason, action Action, r Resource) error {
	what := string(r.Kind)
	if r.Kind == PlaceFiles && r.Place.Label() != "" {
		what = "files of " + string(r.Place)
	}
	var text string
	switch why {
	case nobody:
		text = "you have no grant; ask the data steward for one"
	case ended:
		text = "your grant has expired or was revoked; ask the data steward to renew it"
	case clockBack:
		text = "the server's clock is behind the time of earlier entries, so nobody can tell what has expired; tell the data steward, who sets the clock or runs 'dosebook access clock accept'"
	case narrowToken:
		text = "your token is narrower than your grant; use another token, or have one made with 'dosebook access token create'"
	case narrowGroup:
		text = "your groups at the issuer do not open the role of your grant; ask who keeps the groups, then sign in again"
	case wrongRole:
		text = "your role does not cover this; ask the data steward if you need it"
	case wrongPlace:
		text = "your grant is for other places; ask the data steward for a grant that covers this one"
	case stateLevel:
		text = "they are the state's; read your county's files under /api/v1/releases/{id}/counties/{fips}/"
	case lowLevel:
		text = fmt.Sprintf("they are built at level %s, and this release has no file of your grant's level; ask the data steward", r.Level)
	default:
		text = "there is no rule that allows it"
	}
	return fmt.Errorf("you may not %s %s: %s: %w", action, what, text, dose.ErrDenied)
}

// Visible returns the places whose files p may read at level, in the order
// of dose.Places, each judged by Decide.
func Visible(p Principal, level dose.Level, now time.Time) []dose.Place {
	return slices.DeleteFunc(dose.Places(), func(place dose.Place) bool {
		_, err := Decide(p, Read, Resource{Kind: PlaceFiles, Place: place, Level: level}, now)
		return err != nil
	})
}

// Home returns the one place p is at home in: the only place it may read,
// leaving out cities that lie in a county it may read. A reader of several
// places has none.
func Home(p Principal, level dose.Level, now time.Time) (dose.Place, bool) {
	seen := Visible(p, level, now)
	homes := slices.DeleteFunc(slices.Clone(seen), func(city dose.Place) bool {
		return slices.ContainsFunc(seen, func(county dose.Place) bool {
			code, _ := dose.CityLHJ(string(county), string(city))
			return code == string(city)
		})
	})
	if len(homes) != 1 {
		return "", false
	}
	return homes[0], true
}
