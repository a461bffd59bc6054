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
	Read   Action = "read"   // get a file
	Manage Action = "manage" // change grants, approve releases
)

// Kind is the sort of thing an action is about.
type Kind string

const (
	Releases   Kind = "releases"    // the list of releases, without any file
	PlaceFiles Kind = "place files" // the files of Resource.Place
	StateFiles Kind = "state files" // root manifest, unsuppressed county_day, segment, reject, what the gate holds
	AuditLog   Kind = "audit"
	Grants     Kind = "grants"
)

// Resource is what the action is about. Level is the level the file was
// built at; a reader's grant must reach it.
type Resource struct {
	Kind  Kind
	Place dose.Place
	Level dose.Level
}

// Scope is what a decision allows: by which grant, at which level.
type Scope struct {
	Grant int64
	Role  Role
	Level dose.Level
}

// Principal is a user as of now, with all grants there are: Decide looks at
// those that count.
type Principal struct {
	User   string
	Token  int64 // id of the token it came with; 0 without
	Grants []Grant
}

// Decide is the one decision for every door. It is pure: it looks only at
// its arguments. A refusal is of kind dose.ErrDenied, names the nearest
// reason and what to do.
func Decide(p Principal, action Action, r Resource, now time.Time) (Scope, error) {
	best := nobody
	for _, g := range p.Grants {
		if p.User == "" || g.User != p.User {
			continue // a grant of somebody else can only be a mistake of ours
		}
		why := judge(g, action, r, now)
		if why == allowed {
			return Scope{Grant: g.ID, Role: g.Role, Level: g.level()}, nil
		}
		best = max(best, why)
	}
	return Scope{}, refusal(best, action, r)
}

// reason is why a grant does not allow an action; the greater, the nearer it
// came.
type reason uint8

const (
	nobody     reason = iota // no grant at all
	unknown                  // no such action, kind or place
	ended                    // revoked or expired
	wrongRole                // the role does not do that
	wrongPlace               // the grant is for other places
	stateLevel               // only the state sees this
	lowLevel                 // the grant's level is below the file's
	allowed
)

func judge(g Grant, action Action, r Resource, now time.Time) reason {
	if _, err := ParseRole(string(g.Role)); err != nil {
		return unknown
	}
	if _, err := dose.ParseLevel(g.Level.String()); err != nil {
		return unknown
	}
	if !g.Counts(now) {
		return ended
	}
	switch {
	case action == List && r.Kind == Releases:
		return allowed
	case action == Read && r.Kind == PlaceFiles:
		return judgePlace(g, r)
	case action == Read && r.Kind == StateFiles:
		if !g.state() {
			return stateLevel
		}
		return judgeLevel(g, r)
	case action == Read && r.Kind == AuditLog:
		return yes(g.All && (g.Role == Auditor || g.Role == Steward))
	case action == Read && r.Kind == Grants:
		return yes(g.All && (g.Role == Auditor || g.Role == Steward))
	case action == Manage && (r.Kind == Grants || r.Kind == Releases):
		return yes(g.All && g.Role == Steward)
	}
	return unknown
}

func judgePlace(g Grant, r Resource) reason {
	switch {
	case r.Place.Label() == "":
		return unknown
	case g.Role == Plan || g.Role == Auditor:
		return wrongRole
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

func yes(ok bool) reason {
	if ok {
		return allowed
	}
	return wrongRole
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
			code, ok := dose.CityLHJ(string(county), string(city))
			return ok && code == string(city)
		})
	})
	if len(homes) != 1 {
		return "", false
	}
	return homes[0], true
}
