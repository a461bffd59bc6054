package release

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// compared are the figures of a release beside those of the one before.
type compared struct {
	limits  Limits
	against string // "" where there is no release before
	late    []string

	all, unknown     figures
	places           []figures
	deleted, live    int64
	records, rejects int64 // of what came since
}

func (c *compared) read(rows []figures, segments []Segment, since int64) {
	for _, r := range rows {
		switch r.Place {
		case "ALL":
			c.all = r
		case "TOMBSTONES":
			c.deleted, c.live = r.Doses, r.Events
		case "CA":
		default:
			if r.Place == dose.UnknownCounty {
				c.unknown = r
			}
			c.places = append(c.places, r)
		}
	}
	for _, s := range segments {
		if s.Seq > since {
			c.records += s.Records
			c.rejects += s.Rejects
		}
	}
}

// checks are the questions with limits.
func (c *compared) checks() []Check {
	l := c.limits
	out := []Check{
		c.moved("doses", c.all.DosesBefore, c.all.Doses), c.moved("people", c.all.PeopleBefore, c.all.People), c.place(),
		c.share("tombstones", c.deleted, c.live+c.deleted, l.Tombstones, "events were deleted since, of %d"),
		c.share("unknown county", c.unknown.Doses, c.all.Doses, l.Unknown, "doses have no county, of %d"),
		c.share("rejects", c.rejects, c.records, l.Rejects, "records that came since were refused, of %d"),
	}
	if c.against == "" {
		out[3] = c.first("tombstones")
	}
	late := Check{Name: "late feeds", Passed: len(c.late) <= l.LateFeeds, Value: float64(len(c.late)), Limit: float64(l.LateFeeds), Says: "none"}
	if len(c.late) > 0 {
		late.Says = strings.Join(c.late, ", ")
	}
	return append(out, late)
}

func (c *compared) first(name string) Check {
	return Check{Name: name, Passed: true, Says: "no release before"}
}

// moved holds a total against the release before.
func (c *compared) moved(name string, before, now int64) Check {
	if c.against == "" {
		return c.first(name)
	}
	says := fmt.Sprintf("%d, %d in release %s", now, before, c.against)
	if before < c.limits.Least {
		return Check{Name: name, Passed: true, Says: says + ": too few to judge"}
	}
	change, limit := float64(now-before)/float64(before), c.limits.Rise
	if change < 0 {
		change, limit = -change, c.limits.Fall
	}
	return Check{Name: name, Passed: change <= limit, Value: change, Limit: limit, Says: says}
}

// place finds the place that lost the largest share of its doses.
func (c *compared) place() Check {
	if c.against == "" {
		return c.first("doses by place")
	}
	out := Check{Name: "doses by place", Passed: true, Limit: c.limits.PlaceFall, Says: "no place lost more"}
	for _, p := range c.places {
		if p.DosesBefore < c.limits.Least {
			continue
		}
		if lost := float64(p.DosesBefore-p.Doses) / float64(p.DosesBefore); lost > out.Value {
			out.Value = lost
			if out.Passed = lost <= out.Limit; !out.Passed {
				out.Says = fmt.Sprintf("%s has %d, %d in release %s", p.Place, p.Doses, p.DosesBefore, c.against)
			}
		}
	}
	return out
}

// share holds n of total against a limit.
func (c *compared) share(name string, n, total int64, limit float64, says string) Check {
	out := Check{Name: name, Passed: true, Limit: limit, Says: fmt.Sprintf("%d "+says, n, total)}
	if total < c.limits.Least {
		out.Says += ": too few to judge"
		return out
	}
	out.Value = float64(n) / float64(total)
	out.Passed = out.Value <= limit
	return out
}

// dropNotFound takes away an error that says only that something is not there.
func dropNotFound(err error) error {
	if errors.Is(err, dose.ErrNotFound) {
		return nil
	}
	return err
}
