package counts

import (
	"strconv"
	"strings"
	"time"
)

// parseDay reads a date as any vintage writes it: M/D/YYYY, M/D/YY, ISO, or an
// ISO timestamp. A timestamp counts as the day that is written in it.
func parseDay(s string) (int32, bool) {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "/") {
		return slashed(s)
	}
	day, err := time.Parse(time.DateOnly, s[:min(len(s), 10)])
	if err != nil || !clock(s[10:]) {
		return 0, false
	}
	return days(day), true
}

func days(t time.Time) int32 { return int32(t.Unix() / 86400) }

// slashed reads month, day, year. The order is the state's; a date that only
// makes sense as day, month, year is none.
func slashed(s string) (int32, bool) {
	s, after, _ := strings.Cut(s, " ") // a spreadsheet may add 0:00 or 12:00:00 AM
	if after != "" && strings.Trim(after, "0123456789:. APM") != "" {
		return 0, false
	}
	parts := strings.Split(s, "/")
	if len(parts) != 3 || len(parts[2]) != 2 && len(parts[2]) != 4 {
		return 0, false
	}
	var n [3]int
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return 0, false
		}
		n[i] = int(v)
	}
	if n[2] < 100 && len(parts[2]) == 2 {
		n[2] += 2000
	}
	t := time.Date(n[2], time.Month(n[0]), n[1], 0, 0, 0, 0, time.UTC)
	if int(t.Month()) != n[0] || n[2] < 1900 {
		return 0, false
	}
	return days(t), true
}

// clock accepts what may follow an ISO date.
func clock(s string) bool {
	if s == "" {
		return true
	}
	for _, layout := range []string{"T15:04:05", " 15:04:05", "T15:04", " 15:04", "T15:04:05Z07:00", " 15:04:05Z07:00", " 15:04:05Z07", "T15:04:05Z07"} {
		if _, err := time.Parse(layout, s); err == nil { // fractions of a second are accepted after seconds
			return true
		}
	}
	return false
}

// maxDigits keeps sums of figures within 63 bits.
const maxDigits = 15

// parseCount reads a whole number, with commas at the thousands and perhaps a
// fraction of zeros, as spreadsheets leave it. A blank is no figure.
func parseCount(s string) (n int64, filled, ok bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, false, true
	}
	negative := strings.HasPrefix(s, "-")
	digits, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if strings.Trim(fraction, "0") != "" {
		return 0, false, false
	}
	groups := strings.Split(digits, ",")
	for i, g := range groups {
		if i > 0 && len(g) != 3 || i == 0 && len(groups) > 1 && (len(g) == 0 || len(g) > 3) {
			return 0, false, false
		}
	}
	digits = strings.Join(groups, "")
	u, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || len(digits) > maxDigits {
		return 0, false, false
	}
	if n = int64(u); negative {
		n = -n
	}
	return n, true, true
}
