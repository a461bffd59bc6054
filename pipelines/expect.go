package pipelines

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Expect is a calendar: on which days a feed reports, and by when each day's
// data is to be here. A file whose CVRS name says a day is that day's; whatever
// else arrives brings all days up to its own, less Lag.
type Expect struct {
	By      time.Duration // after midnight, Pacific time, by the clock on the wall
	Lag     int           // days after the reported one
	Grace   time.Duration // after By, before anyone is told
	Days    [7]bool       // by time.Weekday: the days that are reported
	Except  []string      // days without a report, YYYY-MM-DD
	Records int64         // fewer than these are not the day's data
}

var weekdays = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseDays reads daily, weekdays, or names of days such as mon,thu.
func ParseDays(text string) (days [7]bool, err error) {
	switch text {
	case "", "daily":
		return [7]bool{true, true, true, true, true, true, true}, nil
	case "weekdays":
		return [7]bool{1: true, 2: true, 3: true, 4: true, 5: true}, nil
	}
	for _, name := range strings.Split(text, ",") {
		i := slices.Index(weekdays[:], strings.ToLower(strings.TrimSpace(name)))
		if i < 0 {
			return days, fmt.Errorf("days %q is not daily, weekdays, or names such as mon,thu: %w", text, dose.ErrInvalid)
		}
		days[i] = true
	}
	return days, nil
}

// Check says what is wrong with the calendar.
func (x *Expect) Check() error {
	var errs []error
	if x.By < 0 || x.By >= 24*time.Hour || x.Grace < 0 || x.Lag < 0 || x.Lag > 60 || x.Records < 0 {
		errs = append(errs, fmt.Errorf("expect: by is a time of day, grace, lag (to 60 days) and records are not negative: %w", dose.ErrInvalid))
	}
	if x.Days == [7]bool{} {
		errs = append(errs, fmt.Errorf("expect: no day is reported: %w", dose.ErrInvalid))
	}
	for _, d := range x.Except {
		if _, err := time.Parse(time.DateOnly, d); err != nil {
			errs = append(errs, fmt.Errorf("expect: except %q is no date: %w", d, dose.ErrInvalid))
		}
	}
	return errors.Join(errs...)
}

// Deadline is when the data of day (midnight UTC of its date) is late.
func (x *Expect) Deadline(day time.Time, zone *time.Location) time.Time {
	return atWall(day.AddDate(0, 0, x.Lag).Add(x.By), zone).Add(x.Grace)
}

func (x *Expect) reports(day time.Time) bool {
	return x.Days[day.Weekday()] && !slices.Contains(x.Except, day.Format(time.DateOnly))
}

// arrivals is what came: records by the day that names say, and the latest
// day that came without one.
type arrivals struct {
	named   map[string]int64
	unnamed string
}

func (a *arrivals) here(x *Expect, day string) bool {
	n, ok := a.named[day]
	return ok && n >= x.Records || day <= a.unnamed
}

// lookBack is how many days are looked for.
const lookBack = 60

// missing lists the days, oldest first, whose data should be here and is not,
// and those that are here.
func (f *Feeds) missing(ctx context.Context, feed *Feed) (late, here []string, err error) {
	x := feed.Expect
	if x == nil {
		return nil, nil, nil
	}
	defer dose.Wrap(&err, "feed %s: expected days", feed.Name)
	zone, err := Pacific()
	if err != nil {
		return nil, nil, err
	}
	since, err := f.Book.since(ctx, feed.Name)
	if err != nil || since.IsZero() {
		return nil, nil, err
	}
	now := f.Now()
	a, err := f.arrived(ctx, feed, zone, now.AddDate(0, 0, -lookBack-x.Lag-1))
	if err != nil {
		return nil, nil, err
	}
	today := wallOf(now.In(zone)).Truncate(24 * time.Hour)
	for day := today.AddDate(0, 0, -lookBack); !day.After(today); day = day.AddDate(0, 0, 1) {
		text := day.Format(time.DateOnly)
		switch due := x.Deadline(day, zone); {
		case !x.reports(day) || !due.After(since):
		case a.here(x, text):
			here = append(here, text)
		case !due.After(now):
			late = append(late, text)
		}
	}
	return late, here, nil
}

func (f *Feeds) arrived(ctx context.Context, feed *Feed, zone *time.Location, since time.Time) (arrivals, error) {
	a := arrivals{named: map[string]int64{}}
	err := f.Book.each(ctx, "feed_arrivals", []any{feed.Name, since.UnixMicro()}, func(scan func(...any) error) error {
		var day string
		var at, records int64
		if err := scan(&day, &at, &records); err != nil {
			return err
		}
		if day != "" {
			a.named[day] += records
		} else if records >= feed.Expect.Records {
			a.unnamed = max(a.unnamed, fromMicro(at).In(zone).AddDate(0, 0, -feed.Expect.Lag).Format(time.DateOnly))
		}
		return nil
	})
	return a, err
}
