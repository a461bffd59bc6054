package transform

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// today is the day on which the examples of the catalogue are true.
var today = civil(2026, 1, 1)

// shows names what an example shows: a row without fault with its cells
// changed.
func shows(example string) row {
	var change []string
	for _, cell := range strings.Split(example, ";") {
		name, value, _ := strings.Cut(cell, "=")
		change = append(change, name, strings.ReplaceAll(value, "%300", strings.Repeat("x", 300)))
	}
	return good(change...)
}

// optionsFor are the options under which a check can find anything.
func optionsFor(c dose.Check) Options {
	opt := Options{Registry: "CAIR2", Today: today}
	switch c {
	case dose.AdminDateCoarse:
		opt.Precision = "day"
	case dose.SenderUnknown, dose.SenderInTest, dose.SenderOnHold:
		opt.Senders = listed
	case dose.DayCluster:
		opt.Levels, _ = dose.NewLevels(map[string]dose.Setting{"DAY_CLUSTER": {Level: "info"}})
	}
	return opt
}

// Every check of the catalogue passes its good case and finds its bad one.
func TestEveryCheck(t *testing.T) {
	for _, c := range dose.Checks() {
		r := c.Rule()
		t.Run(r.Name, func(t *testing.T) {
			switch {
			case strings.HasPrefix(r.Good, "@"):
				if !strings.HasSuffix(r.Good, "_test.go") && mentions(t, r.Good[1:], r.Code) {
					t.Errorf("%s is the good case and holds %s", r.Good, r.Code)
				}
				if c != dose.AbsentFromSnapshot && !mentions(t, r.Bad[1:], r.Code) {
					t.Errorf("%s is the bad case and doesn't hold %s", r.Bad, r.Code)
				}
			case c.Step() == dose.ByRow:
				if found(t, c, r.Good) {
					t.Errorf("found in the good case %s", r.Good)
				}
				if !found(t, c, r.Bad) {
					t.Errorf("not found in the bad case %s", r.Bad)
				}
			case c.Step() == dose.ByValidate:
				if slices.Contains(judged(t, c, r.Good), c) {
					t.Errorf("found in the good case %s", r.Good)
				}
				if !slices.Contains(judged(t, c, r.Bad), c) {
					t.Errorf("not found in the bad case %s", r.Bad)
				}
			default:
				t.Errorf("no case")
			}
		})
	}
}

// found runs an example and tells whether the check, or the rule that
// rejects, speaks. A good case must load.
func found(t *testing.T, c dose.Check, example string) bool {
	t.Helper()
	res, _ := result(t, optionsFor(c), shows(example))
	for _, r := range res.Rejects {
		if r.Check == c {
			return true
		}
	}
	if len(res.Rejects) > 0 {
		t.Errorf("%s is rejected for %s", example, res.Rejects[0].Check.Rule().Name)
	}
	return slices.ContainsFunc(res.Issues, func(is dose.Issue) bool {
		if r := c.Rule(); is.Check == c && !strings.Contains(r.Fields, dose.Raw()[is.Field].Name) && strings.Contains(r.Fields, "_") {
			t.Errorf("%s names %s", r.Name, dose.Raw()[is.Field].Name)
		}
		return is.Check == c
	})
}

// judged lists what CDC's rules say of an example.
func judged(t *testing.T, c dose.Check, example string) []dose.Check {
	t.Helper()
	version := 2
	if c == dose.CDCRequiredMissed || c == dose.CDCMustNotMissed || c == dose.CDCRefusedAndMissed {
		version = 1
	}
	raw := batch(memory.NewGoAllocator(), []row{shows(example)}, asDeclared, 2)
	issues, err := NewCDC(CDCOptions{Version: version, Today: today}).Check(raw)
	if err != nil {
		t.Fatal(err)
	}
	var out []dose.Check
	for _, is := range issues {
		out = append(out, is.Check)
	}
	return out
}

// mentions looks for a code in a file, or in what a case folder wants.
func mentions(t *testing.T, path, code string) bool {
	t.Helper()
	path = filepath.Join("..", filepath.FromSlash(path))
	hit := false
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		hit = hit || strings.Contains(string(b), code)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return hit
}

// A check that panics on a row (RULE_CRASHED) rejects that row with the
// check's name, and what becomes of the others is what would have become of
// them without it, however they are encoded.
func TestCrashingCheck(t *testing.T) {
	const poison = "POISON"
	crash := func(m *Mapper) {
		m.doing = dose.LotOdd
		for e := range m.cols[rawLot].entries() {
			if m.cols[rawLot].value(e+1) == poison {
				panic(m.cols[rawLot].value(e + 1))
			}
		}
	}
	rows := sample(120, true)
	want := outcomesOf(t, New(Options{Registry: "CAIR2"}), rows, asDeclared)
	for _, i := range []int{0, 57, 119} {
		rows[i] = good("vax_event_id", fmt.Sprint("bad", i), "lot_number", poison)
	}
	for w := asDeclared; w <= withNulls; w++ {
		m := New(Options{Registry: "CAIR2"})
		m.checks = append(m.checks, crash)
		got := outcomesOf(t, m, rows, w)
		for i := range rows {
			line := int64(i + 2)
			if i == 0 || i == 57 || i == 119 {
				r := got[line].reject
				if r.Check != dose.RuleCrashed || r.Note != "check lot-odd" || strings.Contains(r.Message(), poison) || !strings.Contains(r.Message(), "lot-odd") {
					t.Fatalf("line %d: %+v", line, r)
				}
				continue
			}
			if !same(got[line], want[line]) {
				t.Fatalf("way %d, line %d:\n got %v\nwant %v", w, line, got[line], want[line])
			}
		}
	}
}

// A crash that no row by itself explains is an error, and no row is lost
// silently.
func TestCrashOfTheBatch(t *testing.T) {
	m := New(Options{Registry: "CAIR2"})
	m.checks = append(m.checks, func(m *Mapper) {
		if m.n > 1 {
			panic("two")
		}
	})
	if _, err := m.Apply(batch(memory.NewGoAllocator(), []row{good(), good()}, asDeclared, 2)); err == nil {
		t.Error("no error")
	}
}

// What a registry's levels say of the checks holds, and stands on the findings.
func TestLevels(t *testing.T) {
	three := 3
	l, err := dose.NewLevels(map[string]dose.Setting{"CVX_AGE": {Reject: true}, "LOT_SHORT": {Limit: &three}, "NAME_JUNK": {Level: "off"}, "ROUTE": {Level: "error"}})
	if err != nil {
		t.Fatal(err)
	}
	res, cells := result(t, Options{Registry: "CAIR2", Levels: l},
		good("vax_event_id", "E1", "recip_dob", "2015-01-01"),
		good("vax_event_id", "E2", "recip_first_name", "X", "vax_route", "SC", "lot_number", "EN62"),
		good("vax_event_id", ""),
		good("vax_event_id", "E4", "recip_dob", "2015-01-01", "action", "D"),
		good("vax_event_id", "E5", "recip_dob", "2016-01-01", "recip_sex", ""),
		good("vax_event_id", "E6", "lot_number", "EN6"))
	var rejects []string
	for _, r := range res.Rejects {
		rejects = append(rejects, fmt.Sprint(r.Row, " ", r.Line, " ", r.Check.Rule().Code, " ", r.Field))
	}
	if got := strings.Join(rejects, ", "); got != "0 2 CVX_AGE cvx, 2 4 REQD001 vax_event_id, 4 6 CVX_AGE cvx" {
		t.Errorf("rejects %s", got)
	}
	if len(cells) != 3 || cells[0]["vax_event_id"] != "E2" || cells[1]["tombstone"] != "true" || cells[2]["vax_event_id"] != "E6" || !slices.Equal(res.RawRow, []int32{1, 3, 5}) {
		t.Errorf("events %v of rows %v", cells, res.RawRow)
	}
	if got := codesOf(res.Issues); got != "ROUTE vax_route, LOT_SHORT lot_number" || res.Issues[0].Severity() != dose.Error || res.Issues[1].Row != 2 {
		t.Errorf("issues %s", got)
	}
}

// Hidden characters and figures of other scripts are passed over where a value
// is read, and named; what was reported stays.
func TestUnicode(t *testing.T) {
	res, cells := result(t, Options{Registry: "CAIR2"}, good("admin_date", "２０２１-03-05", "cvx", "\u200b208", "recip_address_zip", "\u0669\u0664601",
		"recip_address_county", "", "lot_number", "EN６２０１", "recip_first_name", "A\u200bnn", "vax_event_id", "Ｅ1"))
	_, plain := result(t, Options{Registry: "CAIR2"}, good("recip_address_county", ""))
	for _, name := range []string{"admin_date", "cvx", "county", "lot_key", "name_key", "hpi_quartile"} {
		if cells[0][name] != plain[0][name] {
			t.Errorf("%s is %s, want %s", name, cells[0][name], plain[0][name])
		}
	}
	for name, want := range map[string]string{"lot_number": "EN６２０１", "recip_first_name": "A\u200bnn", "vax_event_id": "Ｅ1", "recip_address_zip": "\u0669\u0664601"} {
		if cells[0][name] != want {
			t.Errorf("%s became %q", name, cells[0][name])
		}
	}
	if got, want := codesOf(res.Issues), "COUNTY_FROM_ZIP recip_address_county, HIDDEN_CHARACTERS recip_first_name, WIDE_DIGITS recip_address_zip, WIDE_DIGITS admin_date, HIDDEN_CHARACTERS cvx, WIDE_DIGITS lot_number, WIDE_DIGITS vax_event_id"; got != want {
		t.Errorf("issues %s", got)
	}
}

func TestPrintable(t *testing.T) {
	for n := range 20 {
		b := []byte(strings.Repeat("a~ Z0", 4))[:n]
		if !printable(b) {
			t.Errorf("%d bytes of plain text", n)
		}
		for i := range b {
			for c := range 256 {
				old := b[i]
				b[i] = byte(c)
				if got, want := printable(b), c >= ' ' && c < 0x7F; got != want {
					t.Fatalf("byte %#x at %d of %d: %v", c, i, n, got)
				}
				b[i] = old
			}
		}
	}
}

func TestPlainRune(t *testing.T) {
	for r, want := range map[rune]rune{'0': '0', 'Ａ': 'A', '９': '9', '٣': '3', '७': '7', '𝟘': '0', '𝟿': '9', '𝟗': '9', '᠙': '9', 'é': 'é', '王': '王', '～': '~'} {
		if got := plainRune(r); got != want {
			t.Errorf("plainRune(%q) = %q, want %q", r, got, want)
		}
	}
}

func TestMonths(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     int32
	}{{"2010-03-05", "2021-03-05", 132}, {"2010-03-06", "2021-03-05", 131}, {"2021-01-31", "2021-02-28", 0}, {"2020-12-31", "2021-01-31", 1}, {"2021-03-06", "2021-03-05", -1}} {
		if got := months(parseDate(c.from).ymd, parseDate(c.to).ymd); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.from, c.to, got, c.want)
		}
	}
}
