package transform

import (
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// checkLots looks at lots by themselves (AIRA/MQE detections). A lot that
// stands for none is no lot with other faults.
func (m *Mapper) checkLots() {
	limit := m.levels.Limit(dose.LotShort)
	found := table(&m.cols[rawLot], func(s string) dose.Check { return lotFault(plain(s), limit) })
	for _, check := range [...]dose.Check{dose.LotPlaceholder, dose.LotWords, dose.LotTwo, dose.LotOdd, dose.LotShort} {
		m.flag(rawLot, check, func(e int) bool { return e > 0 && found[e] == check })
	}
}

// lotFault is the worst fault of a lot, or 0.
func lotFault(s string, short int) dose.Check {
	s = strings.ToUpper(s)
	folded := fold(s)
	switch {
	case folded == "" || noLot(folded):
		return dose.LotPlaceholder
	case wordy(s, folded):
		return dose.LotWords
	case twoLots(s):
		return dose.LotTwo
	case strings.ContainsFunc(s, func(r rune) bool { return !(r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-') }):
		return dose.LotOdd
	case len(folded) <= short:
		return dose.LotShort
	}
	return 0
}

// wordy tells whether a lot carries what registers add to lots to tell public
// from private stock.
func wordy(s, folded string) bool {
	if strings.HasPrefix(folded, "LOT") || strings.HasSuffix(folded, "VFC") || strings.Contains(s, "(P)") || strings.HasSuffix(s, "-P") {
		return true
	}
	for word := range words(s) {
		switch word {
		case "LOT", "VFC", "STATE", "CHIP", "PED", "PEDS", "ADULT", "PRIVATE", "PUBLIC":
			return true
		}
	}
	return false
}

func words(s string) func(func(string) bool) {
	return strings.FieldsFuncSeq(s, func(r rune) bool {
		return r < 0x80 && !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
	})
}

// twoLots: parts of four characters or more with a figure in each.
func twoLots(s string) bool {
	n := 0
	for part := range strings.FieldsFuncSeq(strings.ReplaceAll(s, " AND ", "/"), func(r rune) bool { return strings.ContainsRune("/,;&+|", r) }) {
		if part = strings.TrimSpace(part); len(part) >= 4 && strings.ContainsAny(part, "0123456789") {
			n++
		}
	}
	return n > 1
}

// checkNames looks at first and last names by themselves, then for those that
// are known from forms and films.
func (m *Mapper) checkNames() {
	for _, field := range [...]int{rawFirst, rawLast} {
		found := table(&m.cols[field], nameFault)
		for _, check := range [...]dose.Check{dose.NameTest, dose.NameJunk, dose.NameInitial, dose.NameFigures} {
			m.flag(field, check, func(e int) bool { return e > 0 && found[e] == check })
		}
	}
	m.doing = dose.NameTest
	first, last := table(&m.cols[rawFirst], famousFirst), table(&m.cols[rawLast], famousLast)
	for _, f := range last {
		if f == 0 {
			continue
		}
		firsts := m.cols[rawFirst].codes
		for i, code := range m.cols[rawLast].codes {
			if last[code]&first[firsts[i]] != 0 {
				m.add(i, dose.NameTest, rawLast)
			}
		}
		return
	}
}

// nameFault is the worst fault of a name, or 0.
func nameFault(s string) dose.Check {
	folded := fold(s)
	switch {
	case folded == "REDACTED":
		return 0
	case testName(s):
		return dose.NameTest
	case placeholder(folded):
		return dose.NameJunk
	case strings.ContainsAny(folded, "0123456789"):
		return dose.NameFigures
	case len(folded) == 1 && len(strings.TrimRight(plain(s), ". ")) == 1: // other scripts have names of one letter
		return dose.NameInitial
	}
	return 0
}

func testName(s string) bool {
	for word := range words(s) {
		if len(word) < 4 {
			continue
		}
		switch strings.ToUpper(word) {
		case "TEST", "TESTING", "ZTEST", "ZZTEST", "ZZZTEST", "TESTPATIENT", "TESTRECORD", "ZZZZ", "DONOTUSE", "DUMMY":
			return true
		}
	}
	return false
}

const (
	doe = 1 << iota
	mouse
	duck
)

func famousFirst(s string) uint8 {
	switch fold(s) {
	case "JOHN", "JANE":
		return doe
	case "MICKEY", "MINNIE":
		return mouse
	case "DONALD", "DAISY":
		return duck
	}
	return 0
}

func famousLast(s string) uint8 {
	switch fold(s) {
	case "DOE":
		return doe
	case "MOUSE":
		return mouse
	case "DUCK":
		return duck
	}
	return 0
}
