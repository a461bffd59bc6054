package synth

import (
	"fmt"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Days are counted since 1970-01-01, as in the event schema.
const (
	firstBirth = -21915 // 1910-01-01
	calendarTo = 25567  // 2040-01-01
)

// calendar knows each day's date, as text and in parts. It is made once per
// run: splitting a day number into a date for every cell would cost more
// than the row.
type calendar struct {
	text  []byte // ten bytes a day
	parts []date
}

type date struct {
	year       int16
	month, day int8
}

func newCalendar() calendar {
	var c calendar
	for d := firstBirth; d < calendarTo; d++ {
		t := time.Unix(int64(d)*86400, 0).UTC()
		c.text = t.AppendFormat(c.text, time.DateOnly)
		c.parts = append(c.parts, date{int16(t.Year()), int8(t.Month()), int8(t.Day())})
	}
	return c
}

func (c calendar) iso(day int) []byte {
	at := (day - firstBirth) * 10
	return c.text[at : at+10]
}

func (c calendar) of(day int) date { return c.parts[day-firstBirth] }

// months is the age in full months.
func (c calendar) months(born, day int) int {
	b, d := c.of(born), c.of(day)
	m := (int(d.year)-int(b.year))*12 + int(d.month) - int(b.month)
	if d.day < b.day {
		m--
	}
	return m
}

// birthday is the first day on which somebody is so many months old.
func (c calendar) birthday(born, months int) int {
	day := born + months*30436/1000 - 4 // never past it: a month is 30.436 days
	for c.months(born, day) < months {
		day++
	}
	return day
}

func (c calendar) sunday(day int) bool { return (day+4)%7 == 0 }

func parseDay(s string) (int, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is no date: %w", s, dose.ErrInvalid)
	}
	return int(t.Unix() / 86400), nil
}

func ymd(y, m, d int) int {
	return int(time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}
