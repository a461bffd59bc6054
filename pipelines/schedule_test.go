package pipelines_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
)

func pacific(t *testing.T) *time.Location {
	t.Helper()
	zone, err := pipelines.Pacific()
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestSchedule: each due time comes once, on the days on which clocks change
// too (2022: forward on March 13, back on November 6, both at 02:00).
func TestSchedule(t *testing.T) {
	for _, c := range []struct{ text, from, want string }{
		{"30 2 * * *", "2022-03-12T12:00:00-08:00", "03-13 03:00 PDT, 03-14 02:30 PDT"}, // 02:30 does not exist
		{"0,30 2 * * *", "2022-03-12T12:00:00-08:00", "03-13 03:00 PDT, 03-14 02:00 PDT"},
		{"0 2,3 * * *", "2022-03-12T12:00:00-08:00", "03-13 03:00 PDT, 03-14 02:00 PDT"},
		{"30 2 * * *", "2022-11-05T12:00:00-07:00", "11-06 02:30 PST, 11-07 02:30 PST"},
		{"30 1 * * *", "2022-11-05T12:00:00-07:00", "11-06 01:30 PDT, 11-07 01:30 PST"}, // 01:30 comes twice
		{"30 1 * * *", "2022-11-06T01:10:00-08:00", "11-07 01:30 PST, 11-08 01:30 PST"},
		{"30 1 * * *", "2022-11-06T01:30:00-07:00", "11-07 01:30 PST, 11-08 01:30 PST"},
		{"30 * * * *", "2022-11-06T00:40:00-07:00", "11-06 01:30 PDT, 11-06 01:30 PST, 11-06 02:30 PST"},
		{"30 * * * *", "2022-03-13T00:40:00-08:00", "03-13 01:30 PST, 03-13 03:30 PDT"},
		{"*/30 * * * *", "2022-03-13T01:10:00-08:00", "03-13 01:30 PST, 03-13 03:00 PDT"},
		{"0 6 * * MON-FRI", "2022-11-04T07:00:00-07:00", "11-07 06:00 PST, 11-08 06:00 PST"},
		{"@daily", "2022-11-05T12:00:00-07:00", "11-06 00:00 PDT, 11-07 00:00 PST"},
		{"@every 6h", "2022-11-05T22:00:00-07:00", "11-06 03:00 PST, 11-06 09:00 PST"},
	} {
		s, err := pipelines.ParseSchedule(c.text)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range strings.Count(c.want, ",") + 1 {
			at = s.Next(at)
			got = append(got, at.In(pacific(t)).Format("01-02 15:04 MST"))
		}
		if g := strings.Join(got, ", "); g != c.want {
			t.Errorf("%s after %s: %s, want %s", c.text, c.from, g, c.want)
		}
	}
}

// TestScheduleYears: in any year a daily time comes once each calendar day,
// whatever the instants from which it is asked.
func TestScheduleYears(t *testing.T) {
	zone := pacific(t)
	for _, text := range []string{"30 2 * * *", "30 1 * * *", "59 0 * * *", "0 3 * * *", "0 0 * * *"} {
		s, err := pipelines.ParseSchedule(text)
		if err != nil {
			t.Fatal(err)
		}
		days := map[string]int{}
		var due time.Time
		for at := time.Date(2020, 12, 31, 12, 0, 0, 0, zone); at.Year() < 2024; at = at.Add(37 * time.Minute) {
			if next := s.Next(at); !next.Equal(due) {
				due = next
				days[due.In(zone).Format(time.DateOnly)]++
			}
		}
		for day := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2024; day = day.AddDate(0, 0, 1) {
			if n := days[day.Format(time.DateOnly)]; n != 1 {
				t.Errorf("%s is due %d times on %s", text, n, day.Format(time.DateOnly))
			}
		}
	}
}

func TestScheduleLast(t *testing.T) {
	zone := pacific(t)
	day := func(month time.Month, d, h int) time.Time { return time.Date(2022, month, d, h, 0, 0, 0, zone) }
	for _, c := range []struct {
		text             string
		since, now, want time.Time
	}{
		{"0 6 * * *", day(3, 1, 6), day(3, 2, 5), time.Time{}},
		{"0 6 * * *", day(3, 1, 6), day(3, 2, 6), day(3, 2, 6)},
		{"0 6 * * *", day(3, 1, 6), day(3, 5, 7), day(3, 5, 6)}, // four were missed
		{"0 6 1 * *", day(1, 1, 6), day(3, 20, 0), day(3, 1, 6)},
		{"0 6 1 1 *", day(1, 1, 6), day(12, 20, 0), time.Time{}},
		{"* * * * *", day(1, 1, 6), day(12, 20, 0), day(12, 20, 0)},
		{"0 6 * * *", day(3, 5, 6), day(3, 5, 5), time.Time{}}, // the clock went back
	} {
		s, err := pipelines.ParseSchedule(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Last(c.since, c.now); !got.Equal(c.want) {
			t.Errorf("%s from %s to %s: %s, want %s", c.text, c.since, c.now, got, c.want)
		}
	}
}

func TestScheduleRefused(t *testing.T) {
	for text, says := range map[string]string{"": "cron", "every day": "cron", "0 25 * * *": "cron", "0 0 31 2 *": "never",
		"CRON_TZ=UTC 0 6 * * *": "time zone", "TZ=UTC 0 6 * * *": "time zone", "@every 1s": "minute", "0 0 6 * * *": "cron"} {
		if _, err := pipelines.ParseSchedule(text); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
