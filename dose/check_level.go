package dose

import (
	"fmt"
	"slices"
	"strings"
)

// Setting changes a check for one registry, as the configuration says it.
type Setting struct {
	Level  string `yaml:"level,omitempty" json:"level,omitempty"`   // off, info, warning, error; empty: the rule's
	Reject bool   `yaml:"reject,omitempty" json:"reject,omitempty"` // keep rows out that the check finds
	Limit  *int   `yaml:"limit,omitempty" json:"limit,omitempty"`   // the threshold, of checks that have one
}

// Levels are a registry's settings of all checks. The zero value changes
// nothing.
type Levels struct{ at []level }

type level struct {
	severity Severity
	reject   bool
	limit    int
}

// NewLevels reads settings by a check's name or by its code, which then stands
// for all checks with that code that are found on rows. A name wins over a
// code. What can't be used of a row can't be let in: checks that reject keep
// their level, only checks that one row decides can be made to reject, and
// what the warehouse or a validation finds has the rule's level.
func NewLevels(settings map[string]Setting) (Levels, error) {
	if len(settings) == 0 {
		return Levels{}, nil
	}
	l := Levels{at: make([]level, numChecks)}
	for c, r := range catalogue {
		l.at[c] = level{severity: r.Severity, limit: r.Limit}
	}
	keys := make([]string, 0, len(settings))
	for k := range settings {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { // codes first, so that names win
		if x, y := a == strings.ToUpper(a), b == strings.ToUpper(b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, k := range keys {
		if err := l.apply(k, settings[k]); err != nil {
			return Levels{}, err
		}
	}
	return l, nil
}

func (l *Levels) apply(key string, s Setting) error {
	fits := func(c Check) bool {
		r := &catalogue[c]
		return r.step <= ByDecoder && !r.Rejects && (r.Name == key || r.Code == key && (!s.Reject || r.step == ByRow)) && (s.Limit == nil || r.Limit > 0)
	}
	severity, ok := severities[s.Level]
	if !ok && s.Level != "" {
		return fmt.Errorf("checks: %s: level is off, info, warning or error: %w", key, ErrInvalid)
	}
	if s.Limit != nil && *s.Limit < 1 {
		return fmt.Errorf("checks: %s: limit is a number above 0: %w", key, ErrInvalid)
	}
	found := false
	for _, c := range Checks() {
		if !fits(c) {
			continue
		}
		if s.Reject && c.Step() != ByRow {
			return fmt.Errorf("checks: %s: only checks that one row decides can reject: %w", key, ErrInvalid)
		}
		found = true
		at := &l.at[c]
		at.reject = s.Reject
		if ok {
			at.severity = severity
		}
		if s.Reject && at.severity == Off {
			at.severity = Error // what rejects is looked for
		}
		if s.Limit != nil {
			at.limit = *s.Limit
		}
	}
	if !found {
		return fmt.Errorf("checks: %s is no code or name of a check that this can be set for (docs/CHECKS.md): %w", key, ErrInvalid)
	}
	return nil
}

var severities = map[string]Severity{"off": Off, "info": Info, "warning": Warning, "error": Error}

// Of returns the level of a check; Off is one that is not made.
func (l Levels) Of(c Check) Severity {
	if l.at == nil {
		return catalogue[c].Severity
	}
	return l.at[c].severity
}

// Limit returns the threshold of a check.
func (l Levels) Limit(c Check) int {
	if l.at == nil {
		return catalogue[c].Limit
	}
	return l.at[c].limit
}

// Rejects tells whether a finding of the check keeps its row out, other than
// by the rule itself.
func (l Levels) Rejects(c Check) bool { return l.at != nil && l.at[c].reject }

// Apply leaves out the findings that are off and marks those whose level was
// set. It works in place.
func (l Levels) Apply(issues []Issue) []Issue {
	if l.at == nil {
		return slices.DeleteFunc(issues, func(i Issue) bool { return catalogue[i.Check].Severity == Off })
	}
	out := issues[:0]
	for _, i := range issues {
		switch at := l.at[i.Check]; {
		case at.severity == Off:
			continue
		case at.severity != catalogue[i.Check].Severity:
			i.level = 1 + uint8(at.severity)
		}
		out = append(out, i)
	}
	return out
}
