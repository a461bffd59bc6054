package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// Limits narrow what a token may do below what its user may. They only ever
// take away.
type Limits struct {
	Places []dose.Place `json:"places,omitempty"` // empty: all of the user's
	Kinds  []Kind       `json:"kinds,omitempty"`  // empty: all of the user's; the list of releases always
	Level  dose.Level   `json:"level"`            // at most
}

// narrow returns what is left of a grant: a token for some places makes a
// grant for all one for these, with what its role opens there.
func (l *Limits) narrow(g Grant) (Grant, []Kind) {
	if l == nil {
		return g, g.kinds()
	}
	g.Level = min(g.Level, l.Level)
	if len(l.Places) > 0 {
		token := Grant{Places: l.Places}
		places := slices.DeleteFunc(slices.Clone(l.Places), func(p dose.Place) bool { return !g.Covers(p) || stateOnly(p) })
		for _, p := range g.Places {
			if token.Covers(p) && !slices.Contains(places, p) {
				places = append(places, p)
			}
		}
		g.All, g.Places = false, places
	}
	kinds := g.kinds()
	if len(l.Kinds) > 0 {
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool { return k != Releases && !slices.Contains(l.Kinds, k) })
	}
	return g, kinds
}

// columns are the texts that are kept; all empty without limits.
func (l *Limits) columns() (places, level, kinds string) {
	if l == nil {
		return "", "", ""
	}
	names := make([]string, len(l.Kinds))
	for i, k := range l.Kinds {
		names[i] = string(k)
	}
	return Grant{Places: l.Places}.places(), l.Level.String(), strings.Join(names, ",")
}

// readLimits reads the columns; anything it does not know is an error.
func readLimits(places, level, kinds string) (*Limits, error) {
	if places == "" && level == "" && kinds == "" {
		return nil, nil
	}
	var l Limits
	var err error
	if l.Level, err = dose.ParseLevel(level); err != nil {
		return nil, err
	}
	for _, s := range strings.Fields(places) {
		p, err := dose.ParsePlace(s)
		if err != nil {
			return nil, err
		}
		l.Places = append(l.Places, p)
	}
	for k := range strings.SplitSeq(kinds, ",") {
		switch {
		case kinds == "":
		case slices.Contains(asks[Read], Kind(k)), slices.Contains(asks[Match], Kind(k)):
			l.Kinds = append(l.Kinds, Kind(k))
		default:
			return nil, fmt.Errorf("no such kind")
		}
	}
	return &l, nil
}

// summary ends a line of the audit.
func (l *Limits) summary() string {
	if l == nil {
		return ""
	}
	places, level, kinds := l.columns()
	return fmt.Sprintf("; at most %s, places %q, kinds %q", level, places, kinds)
}
