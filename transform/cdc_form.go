package transform

import (
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

var (
	races     = []string{"1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2131-1"}
	dchTypes1 = []string{"CL", "HD", "PO", "PH", "CP", "TR", "POD", "UNK"}
	dchTypes2 = func() []string {
		out := []string{"UNK"}
		for n := 1; n <= 28; n++ {
			out = append(out, strconv.Itoa(n))
		}
		return out
	}()
)

// inSet wants one of the codes, in any case, with or without blanks around it.
func inSet(codes ...string) func(string) dose.Check {
	set := make(map[string]bool, len(codes))
	for _, c := range codes {
		set[c] = true
	}
	return func(s string) dose.Check {
		if set[s] || set[upper(s)] {
			return cdcFine
		}
		return dose.CDCValueSet
	}
}

// inForm is inSet for ext_type, whose codes CDC's has as a regular expression.
func inForm(codes ...string) func(string) dose.Check {
	return formed(func(s string) bool { return has(codes, strings.ToUpper(s)) })
}

func formed(good func(string) bool) func(string) dose.Check {
	return func(s string) dose.Check {
		if good(s) {
			return cdcFine
		}
		return dose.CDCFormat
	}
}

func noBlank(s string) bool { return !strings.ContainsAny(s, " \t\n\v\f\r") }

func beginsFull(s string) bool { return noBlank(s[:1]) && !strings.ContainsAny(s, "\n\r") }

func isZIP(s string) bool {
	return len(s) == 5 && digits(s) || len(s) == 10 && digits(s[:5]) && s[5] == '-' && digits(s[6:])
}

func isPIN(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; !(s[i] >= '0' && s[i] <= '9' || c >= 'a' && c <= 'z') {
			return false
		}
	}
	return len(s) <= 6
}

func cdcCounty(s string) dose.Check {
	if dose.IsCounty(s) || dose.IsCounty(strings.TrimSpace(s)) {
		return cdcFine
	}
	return dose.CDCValueSet
}

func cdcState(s string) dose.Check {
	if _, ok := dose.StateByCode(upper(s)); ok {
		return cdcFine
	}
	return dose.CDCValueSet
}

// cdcVaccine wants a CVX code. The placeholders are no longer one: see excused.
func cdcVaccine(codes *dose.CodeTables) func(string) dose.Check {
	return func(s string) dose.Check {
		if v, ok := codes.Vaccine(cvxNumber(upper(s))); ok && v.Class != "placeholder" {
			return cdcFine
		}
		return dose.CDCValueSet
	}
}

// cvxNumber reads a CVX code; -1 is none.
func cvxNumber(s string) int {
	if n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31); err == nil && len(s) <= 3 {
		return int(n)
	}
	return -1
}

// cdcProduct wants an NDC with its dashes: without them CDC's table has none.
func cdcProduct(codes *dose.CodeTables) func(string) dose.Check {
	return func(s string) dose.Check {
		if strings.Count(s, "-") == 2 {
			if _, ok := codes.Product(s); ok {
				return cdcFine
			}
		}
		return dose.CDCValueSet
	}
}

func cdcMaker(codes *dose.CodeTables) func(string) dose.Check {
	return func(s string) dose.Check {
		if code := upper(s); !cdcPlaceholders[code] {
			if _, ok := codes.MVX().Name(code); ok {
				return cdcFine
			}
		}
		return dose.CDCValueSet
	}
}

// dated wants YYYY-MM-DD, or one of the shorter forms by its length.
func dated(shorter ...int) func(string) dose.Check {
	return func(s string) dose.Check {
		ok := len(s) == 10
		for _, n := range shorter {
			ok = ok || len(s) == n
		}
		switch {
		case ok && realDate(s):
			return cdcFine
		case slashed(s):
			return dose.CDCDateForm
		}
		return dose.CDCDate
	}
}

// realDate reads YYYY[-MM[-DD]] of any year from 1; unlike parseDate it asks
// only whether the calendar has the day.
func realDate(s string) bool {
	month, day := 1, 1
	if !digits(s[:4]) || s[:4] == "0000" {
		return false
	}
	if len(s) > 4 {
		if month = two(s[5:]); s[4] != '-' {
			return false
		}
	}
	if len(s) > 7 {
		if day = two(s[8:]); s[7] != '-' {
			return false
		}
	}
	return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(number4(s), month)
}

func number4(s string) int { return two(s)*100 + two(s[2:]) }

// slashed sees MM/DD/YYYY, or a beginning of it, as CDC's reads it: numbers of
// any length, and whatever follows.
func slashed(s string) bool {
	month, rest, more := strings.Cut(s, "/")
	if !digits(month) || month == "" || !more && len(s) > 2 {
		return false
	}
	day, year, more := strings.Cut(rest, "/")
	return len(s) < 4 || day != "" && digits(day) && (len(s) < 6 || more && year != "" && digits(year[:1]))
}

// isoDay writes days since 1970-01-01 as YYYY-MM-DD.
func isoDay(day int32) string {
	return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly)
}
