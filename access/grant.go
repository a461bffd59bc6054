package access

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Role is what a user does with the records (domain: state steward, county
// epidemiologist, state reporting job, analyst, health plan, auditor).
type Role string

const (
	Steward  Role = "steward"
	Epi      Role = "epi"
	Reporter Role = "reporter"
	Analyst  Role = "analyst"
	Plan     Role = "plan"
	Auditor  Role = "auditor"
)

// ParseRole returns the role of that name, or an error of kind
// dose.ErrInvalid.
func ParseRole(s string) (Role, error) {
	switch r := Role(s); r {
	case Steward, Epi, Reporter, Analyst, Plan, Auditor:
		return r, nil
	}
	return "", fmt.Errorf("role %q is not one of steward, epi, reporter, analyst, plan, auditor: %w", s, dose.ErrInvalid)
}

// Grant lets a user see places, up to a level, until it expires or is
// revoked. It never changes otherwise.
type Grant struct {
	ID        int64        `json:"id"`
	User      string       `json:"user"`
	Role      Role         `json:"role"`
	All       bool         `json:"all"`
	Places    []dose.Place `json:"places,omitempty"`
	Level     dose.Level   `json:"level"`
	Expires   time.Time    `json:"expires"`
	Agreement string       `json:"agreement,omitempty"`
	Training  string       `json:"training,omitempty"` // YYYY-MM-DD
	Purpose   string       `json:"purpose,omitempty"`
	Created   time.Time    `json:"created"`
	CreatedBy string       `json:"created_by"`
	Revoked   time.Time    `json:"revoked,omitzero"`
	RevokedBy string       `json:"revoked_by,omitempty"`
}

// Counts says whether the grant is in force at now. A grant without an end
// never counts.
func (g Grant) Counts(now time.Time) bool {
	return g.Revoked.IsZero() && !g.Expires.IsZero() && now.Before(g.Expires) && !now.IsZero()
}

// Covers says whether the grant names the place. A county covers the city
// jurisdictions that lie in it, since their rows are the county's too; a city
// covers itself only. Rows without a Californian county are the state's: no
// list of places covers them, only all.
func (g Grant) Covers(p dose.Place) bool {
	if p.Label() == "" {
		return false
	}
	if g.All {
		return true
	}
	if stateOnly(p) {
		return false
	}
	return slices.ContainsFunc(g.Places, func(has dose.Place) bool {
		city, ok := dose.CityLHJ(string(has), string(p))
		return has == p || ok && city == string(p)
	})
}

func stateOnly(p dose.Place) bool { return p == dose.OutOfState || p == dose.UnknownCounty }

// level is what the grant may see at most: an analyst works on
// de-identified records only, whatever the grant says.
func (g Grant) level() dose.Level {
	if g.Role == Analyst {
		return dose.Deidentified
	}
	return g.Level
}

// places is the column's text.
func (g Grant) places() string {
	if g.All {
		return "all"
	}
	var b strings.Builder
	for i, p := range g.Places {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(p))
	}
	return b.String()
}

// summary is the grant in a line of the audit.
func (g Grant) summary() string {
	return fmt.Sprintf("%s %s %s %s until %s", g.User, g.Role, g.places(), g.Level, stamp(g.Expires))
}

// setPlaces reads the column's text; anything it does not know is an error.
func (g *Grant) setPlaces(text string) error {
	if text == "all" {
		g.All = true
		return nil
	}
	for _, s := range strings.Fields(text) {
		p, err := dose.ParsePlace(s)
		if err != nil {
			return err
		}
		g.Places = append(g.Places, p)
	}
	if len(g.Places) == 0 {
		return fmt.Errorf("a grant needs places, or all: %w", dose.ErrInvalid)
	}
	return nil
}

// defaultTerm is how long a grant lasts when nobody says: county agreements
// run two years (domain §10.1).
const defaultTerm = 2 * 365 * 24 * time.Hour

var userForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$`)

// check refuses what no steward can have meant, and fills in the defaults.
func (g *Grant) check(now time.Time) error {
	if !userForm.MatchString(g.User) {
		return fmt.Errorf("a user's name has letters, digits and . _ @ + - only, up to 128: %w", dose.ErrInvalid)
	}
	if _, err := ParseRole(string(g.Role)); err != nil {
		return err
	}
	if _, err := dose.ParseLevel(g.Level.String()); err != nil {
		return err
	}
	if g.All == (len(g.Places) > 0) {
		return fmt.Errorf("a grant is for a list of places or for all: %w", dose.ErrInvalid)
	}
	for _, p := range g.Places {
		if _, err := dose.ParsePlace(string(p)); err != nil {
			return err
		}
		if stateOnly(p) {
			return fmt.Errorf("%s is the state's: grant all places to a steward or reporter: %w", p, dose.ErrInvalid)
		}
	}
	if g.Purpose != "" && !lineForm.MatchString(g.Purpose) {
		return fmt.Errorf("a purpose is one line of up to 500 characters: %w", dose.ErrInvalid)
	}
	if g.Training != "" {
		if _, err := time.Parse(time.DateOnly, g.Training); err != nil {
			return fmt.Errorf("the training date must be YYYY-MM-DD: %w", dose.ErrInvalid)
		}
	}
	if g.Expires.IsZero() {
		g.Expires = now.Add(defaultTerm)
	}
	if !g.Expires.After(now) {
		return fmt.Errorf("the grant would have expired already; give a later date: %w", dose.ErrInvalid)
	}
	g.Level = g.level()
	return nil
}
