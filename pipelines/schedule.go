package pipelines

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // Los Angeles is known on machines without zone files

	"github.com/robfig/cron/v3"

	"github.com/dosebook/dosebook/dose"
)

// Zone is the time zone of all schedules and calendars.
const Zone = "America/Los_Angeles"

// Pacific returns the time zone of all schedules and calendars.
func Pacific() (*time.Location, error) { return time.LoadLocation(Zone) }

// Schedule says when a feed is due, in Pacific time. On the days on which
// clocks change, a time that does not exist counts as the moment of the change,
// and a time that comes twice as its first; a schedule without fixed hours
// goes on by elapsed time. So each due time comes exactly once.
type Schedule struct {
	text string
	spec cron.Schedule
	zone *time.Location
	wall bool // has fixed hours: counted by the clock on the wall
}

// ParseSchedule reads five cron fields, or @hourly, @daily, @weekly, @monthly,
// @every 30m.
func ParseSchedule(text string) (Schedule, error) {
	zone, err := Pacific()
	if err != nil {
		return Schedule{}, err
	}
	bad := func(says string) (Schedule, error) {
		return Schedule{}, fmt.Errorf("schedule %q %s: %w", text, says, dose.ErrInvalid)
	}
	if strings.Contains(text, "TZ=") {
		return bad("names a time zone; schedules are in " + Zone)
	}
	spec, err := cron.ParseStandard(text)
	if err != nil {
		return bad("is no cron schedule, such as '15 6 * * *': " + err.Error())
	}
	s := Schedule{text: text, spec: spec, zone: zone}
	switch spec := spec.(type) {
	case *cron.SpecSchedule:
		const everyHour = 1<<24 - 1
		if s.wall = spec.Hour&everyHour != everyHour; s.wall {
			spec.Location = time.UTC // what is asked for and answered is the wall's clock
		} else {
			spec.Location = zone
		}
	case cron.ConstantDelaySchedule:
		if spec.Delay < time.Minute {
			return bad("is more often than once a minute")
		}
	}
	if s.Next(time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return bad("never comes")
	}
	return s, nil
}

func (s Schedule) String() string { return s.text }

// Next returns the first due time after t, or zero when there is none.
func (s Schedule) Next(t time.Time) time.Time {
	if s.spec == nil {
		return time.Time{}
	}
	if !s.wall {
		return s.spec.Next(t.In(s.zone))
	}
	for w := wallOf(t.In(s.zone)); ; {
		if w = s.spec.Next(w); w.IsZero() {
			return w
		}
		if at := atWall(w, s.zone); at.After(t) {
			return at
		}
	}
}

// Last returns the last due time that is after since and not after now, or
// zero when there is none: runs that were missed are one.
func (s Schedule) Last(since, now time.Time) time.Time {
	const near = 8 * 24 * time.Hour
	if from := now.Add(-near); from.After(since) {
		if at := s.walk(from, now); !at.IsZero() {
			return at
		}
	}
	return s.walk(since, now)
}

func (s Schedule) walk(from, now time.Time) (last time.Time) {
	for at := s.Next(from); !at.IsZero() && !at.After(now); at = s.Next(at) {
		last = at
	}
	return last
}

// wallOf returns what a clock on the wall shows at t, as if it were UTC.
func wallOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// atWall returns the first instant at which a clock on the wall in zone shows
// w; where it never does, the instant at which clocks pass over it.
func atWall(w time.Time, zone *time.Location) time.Time {
	t := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), w.Nanosecond(), zone)
	start, end := t.ZoneBounds()
	switch shown := wallOf(t); {
	case shown.After(w):
		return start
	case shown.Before(w):
		return end
	}
	if start.IsZero() {
		return t
	}
	_, before := start.Add(-time.Second).Zone()
	_, offset := t.Zone()
	if first := t.Add(time.Duration(offset-before) * time.Second); first.Before(start) && wallOf(first.In(zone)).Equal(w) {
		return first
	}
	return t
}
