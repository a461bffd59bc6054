package access

import (
	"context"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// StatePlace stands in a mapping row for what is the state's alone
// (StateFiles).
const StatePlace = "STATE"

// MapRow is a line of the mapping table by which a warehouse's own policies
// decide: who sees which place, up to which level, from when until when, by
// which grant. A revoked grant's line ends when it was revoked.
type MapRow struct {
	Principal   string // the user's name in capitals, as Snowflake keeps names
	Place       string // a dose.Place, or StatePlace
	Level       dose.Level
	From, Until time.Time
	Grant       int64
}

// Map says all grants there are, ended ones included, as lines of a mapping
// table. Each is what Decide answers for that grant alone, so the table can't
// say more than Decide does. Users whose names differ only by case would be one
// there: they have no line, and are returned.
func (s *Store) Map(ctx context.Context) (rows []MapRow, left []string, err error) {
	defer dose.Wrap(&err, "map grants")
	all, err := grants(ctx, s.db, "")
	if err != nil {
		return nil, nil, err
	}
	rows, left = mapRows(all)
	return rows, left, nil
}

func mapRows(all []Grant) (rows []MapRow, left []string) {
	names := map[string]string{} // as written, by the name in capitals
	twice := map[string]bool{}
	for _, g := range all {
		name := strings.ToUpper(g.User)
		if had, ok := names[name]; ok && had != g.User && !twice[name] {
			twice[name], left = true, append(left, g.User)
		}
		names[name] = g.User
	}
	for _, g := range all {
		if !twice[strings.ToUpper(g.User)] {
			rows = append(rows, g.mapRows()...)
		}
	}
	return rows, left
}

// mapRows asks Decide at the moment the grant was made, as if it had not been
// revoked since; when it ends is said by Until.
func (g Grant) mapRows() []MapRow {
	until := g.Expires
	if !g.Revoked.IsZero() && g.Revoked.Before(until) {
		until = g.Revoked
	}
	if !g.Created.Before(until) {
		return nil
	}
	whole := g
	whole.Revoked = time.Time{}
	p := Principal{User: g.User, Grants: []Grant{whole}}
	var out []MapRow
	add := func(place string, r Resource) {
		for level := dose.Identified; ; level-- {
			r.Level = level
			if _, err := Decide(p, Read, r, g.Created); err == nil {
				out = append(out, MapRow{strings.ToUpper(g.User), place, level, g.Created, until, g.ID})
				return
			}
			if level == dose.Deidentified {
				return
			}
		}
	}
	for _, place := range dose.Places() {
		add(string(place), Resource{Kind: PlaceFiles, Place: place})
	}
	add(StatePlace, Resource{Kind: StateFiles})
	return out
}
