package synth

import (
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// cvrs writes records as CVRS version 3 does: 45 columns, tab separated, in
// the identified model (CDC CVRS v2 and v3, file rules).
type cvrs struct {
	cal     calendar
	letters []string // of event ids, by registry
	ends    []string // of lines, by registry: CVRS allows LF and CRLF
	header  string
	columns int
	names   []string // of registries
	extra   bool     // columns beyond the 45
}

func newCVRS(w *world) *cvrs {
	c := &cvrs{cal: w.cal, names: w.names, extra: w.overlap.on}
	var names []string
	for _, col := range dose.Raw()[:dose.CVRSColumns] {
		names = append(names, col.Name)
	}
	if c.extra {
		names = append(names, extraColumns[:]...)
	}
	c.columns = len(names)
	c.header = strings.Join(names, "\t")
	for i, n := range w.names {
		c.letters = append(c.letters, n[:1])
		c.ends = append(c.ends, [...]string{"\n", "\r\n"}[i%2])
	}
	return c
}

// submitter is the AAA of a file's name: CAA is CDC's code for California,
// the others are made the same way.
func submitter(registry string) string {
	if registry == "CAIR2" {
		return "CAA"
	}
	return (registry + "XX")[:2] + "A"
}

func (c *cvrs) head(b []byte, registry int) []byte {
	return append(append(b, c.header...), c.ends[registry]...)
}

func cell(b []byte, s string) []byte { return append(append(b, s...), '\t') }

// row appends one line.
func (c *cvrs) row(b []byte, r *record) []byte {
	start := len(b)
	b = c.identity(b, r)
	if r.step == deleted && r.odd&1 == 1 { // a delete needs its key only
		for range c.columns - 2 {
			b = append(b, '\t')
		}
		return append(b, c.ends[r.registry]...)
	}
	b = c.recipient(b, r)
	b = c.vaccination(b, r)
	b = c.place(b, r)
	if c.extra {
		b = c.beyond(b, r)
	}
	if r.fault == fewFields {
		b = b[:start+(len(b)-start)/3]
	}
	return append(b, c.ends[r.registry]...)
}

// number appends an id of 13 digits: a constant width makes order of text and
// of number the same.
func number(b []byte, letter string, n uint64) []byte {
	b = append(b, letter...)
	for limit := uint64(1_000_000_000_000); limit > 1 && n < limit; limit /= 10 {
		b = append(b, '0')
	}
	return append(strconv.AppendUint(b, n, 10), '\t')
}

func (c *cvrs) identity(b []byte, r *record) []byte {
	if r.fault == noEventID {
		return append(b, '\t')
	}
	return number(b, c.letters[r.letter], r.event)
}

func (c *cvrs) recipient(b []byte, r *record) []byte {
	p := r.person
	b = cell(b, "I\t") // ext_type; pprl_id
	b = number(b, "P", r.recip)
	b = cell(b, r.first)
	b = cell(b, p.mid)
	b = c.quotable(b, r, 0, plain(r.last))
	b = c.birth(b, r)
	sex := p.sex
	if r.flaw == badSex {
		sex = badSexes[r.odd>>8%uint64(len(badSexes))]
	}
	b = cell(b, sex)
	b = c.home(b, r)
	if r.flaw == noRace {
		b = append(b, '\t')
	} else {
		b = cell(b, p.races[0])
	}
	b = cell(b, p.races[1])
	b = append(b, "\t\t\t\t"...)
	return cell(b, p.ethnicity)
}

// quotable appends a value that a spreadsheet may have wrapped in quotes.
func (c *cvrs) quotable(b []byte, r *record, field uint64, s string) []byte {
	if r.flaw != quotes || r.odd>>16%4 != field {
		return cell(b, s)
	}
	return append(append(append(b, '"'), s...), '"', '\t')
}

func (c *cvrs) birth(b []byte, r *record) []byte {
	born := c.cal.iso(r.born)
	if r.flaw == partialBirth {
		born = born[:4+3*(r.odd>>16&1)]
	}
	return append(append(b, born...), '\t')
}

func (c *cvrs) home(b []byte, r *record) []byte {
	h := &r.home
	wrap := r.flaw == quotes && r.odd>>16%4 == 1
	if wrap {
		b = append(b, '"')
	}
	b = strconv.AppendInt(b, int64(h.house), 10)
	if r.flaw == latin1 {
		b = append(b, 0xbd) // one half
	}
	b = append(append(b, ' '), plain(h.street)...)
	b = append(append(b, ' '), h.ending...)
	if h.inline && h.unit != "" {
		b = h.appendUnit(append(b, ' '))
	}
	if wrap {
		b = append(b, '"')
	}
	b = append(b, '\t')
	if h.unit != "" && !h.inline {
		b = h.appendUnit(b)
	}
	b = cell(append(b, '\t'), h.city)
	b = c.quotable(b, r, 2, h.county)
	b = cell(b, h.state)
	b = append(b, h.zip...)
	if h.plus4 > 0 {
		b = strconv.AppendInt(append(b, '-'), int64(h.plus4), 10)
	}
	return append(b, '\t')
}

// plain is the name with its spaces; most have none, and cost nothing.
func plain(s string) string {
	if strings.IndexByte(s, '_') < 0 {
		return s
	}
	return spaced(s)
}

func (c *cvrs) vaccination(b []byte, r *record) []byte {
	b = c.date(b, r)
	g := r.given
	if r.fault == noVaccine {
		b = append(b, "\t\t"...)
	} else {
		b = append(strconv.AppendInt(b, int64(g.cvx), 10), '\t')
		if r.product != nil && !r.hearsay {
			b = append(b, r.product.ndc...)
		}
		b = append(b, '\t')
	}
	if g.refused {
		return append(b, "\t\t\t\t\t\t\t"...) // mvx … vax_series_complete: CVRS asks for none of them
	}
	if r.product != nil {
		b = append(b, r.product.mvx...)
	}
	b = append(b, '\t')
	if r.noLot || r.product == nil {
		b = append(b, "\t\t\t\t"...)
	} else {
		b = c.lot(b, r)
		b = append(append(b, c.cal.iso(min(r.given.day+60+int(r.lot>>32%120), calendarTo-1))...), '\t')
		b = cell(b, [...]string{"LD", "LD", "LD", "RD", "RD", "LA", "RA", "LT"}[g.draw>>8&7])
		b = cell(b, "C28161")
	}
	b = cell(b, doseNumber(g))
	done := "NO"
	if g.complete || g.nth > 2 {
		done = "YES"
	}
	if g.draw>>12%20 == 0 {
		done = "UNK"
	}
	return cell(b, done)
}

// doseNumber is the number as reported: one in twelve is unknown or wrong,
// which is why it is never trusted (CDPH data dictionary).
func doseNumber(g *given) string {
	if k := g.draw >> 16 % 36; k < 3 {
		return [...]string{"UNK", "1", "INV"}[k]
	}
	return [...]string{"1", "2", "3", "4", "5", "6", "UNK"}[min(g.nth, 7)-1]
}

func (c *cvrs) date(b []byte, r *record) []byte {
	switch r.fault {
	case noDate:
		return append(b, '\t')
	case badDate:
		return cell(b, badDates[r.odd>>8%uint64(len(badDates))])
	}
	return append(append(b, c.cal.iso(r.day)...), '\t')
}

// lot writes a lot number in the maker's pattern.
func (c *cvrs) lot(b []byte, r *record) []byte {
	letter := func(shift uint) byte { return "ABCDEFGHJKLMNPRTVWXY"[r.lot>>shift%20] }
	digits := func(shift uint, n uint64) {
		x := r.lot>>shift%(n*9) + n
		b = strconv.AppendUint(b, x, 10)
	}
	switch r.product.maker {
	case pfizer:
		b = append(b, letter(0), letter(8))
		digits(16, 1000)
	case moderna:
		digits(0, 100)
		b = append(b, letter(12))
		digits(20, 10)
		b = append(b, letter(30))
	case janssen:
		b = append(b, "18"...)
		digits(0, 10_000)
	default:
		digits(0, 1000)
		b = append(b, "MF"...)
		digits(16, 100)
	}
	return append(b, '\t')
}

func (c *cvrs) place(b []byte, r *record) []byte {
	s := r.site
	if s == nil {
		org := "Historical"
		if r.sender != nil {
			org = r.sender.org
		}
		b = append(append(b, org...), "\tHistorical dose\t\tUNK\t\t\t\t\t\t\t"...)
		return c.status(b, r)
	}
	b = cell(b, r.sender.org)
	b = c.quotable(b, r, 3, s.name)
	b = cell(b, s.pin)
	b = cell(b, s.kind)
	b = append(cell(b, s.street), '\t')
	b = cell(b, s.city)
	b = cell(b, r.siteText)
	b = cell(b, "CA")
	if r.flaw != nowhere {
		b = append(b, s.zip...)
	}
	return c.status(append(b, '\t'), r)
}

// extraColumns follow the 45 in a run with an overlap: columns of the raw
// schema that other formats carry too.
var extraColumns = [...]string{"information_source", "recip_phone", "recip_email", "sender_id"}

// junkPhone is the placeholder that some desks type in for everybody.
const junkPhone = "222-555-0100"

// beyond appends the extra columns.
func (c *cvrs) beyond(b []byte, r *record) []byte {
	source := "\t00\t"
	if r.hearsay {
		source = "\t01\t"
	}
	b = append(b, source...)
	if r.phone > 0 {
		b = appendPhone(b, r.phone, r.registry)
	} else if r.person.ties.junk {
		b = append(b, junkPhone...)
	}
	b = append(b, '\t')
	if r.email > 0 {
		b = append(strconv.AppendUint(append(b, 'u'), r.email, 10), "@example.org"...)
	}
	b = append(b, '\t')
	if r.sender != nil {
		b = c.sender(b, r.registry, r.sender)
	}
	return b
}

// sender is a site's id: each registry has its own.
func (c *cvrs) sender(b []byte, registry int, s *site) []byte {
	return append(append(append(b, c.names[registry]...), '-'), s.pin...)
}

// appendPhone writes a number in the registry's way. Its area code is one
// that no carrier has: it is nobody's.
func appendPhone(b []byte, n uint64, registry int) []byte {
	var buf [10]byte
	digits := strconv.AppendUint(buf[:0], (222+n%5*111)*10_000_000+n, 10)
	switch registry % 3 {
	case 0:
		b = append(append(b, digits[:3]...), '-')
		b = append(append(b, digits[3:6]...), '-')
		return append(b, digits[6:]...)
	case 1:
		b = append(append(append(b, '('), digits[:3]...), ") "...)
		b = append(append(b, digits[3:6]...), '-')
		return append(b, digits[6:]...)
	}
	return append(b, digits...)
}

// status ends the row: no tab after the last column.
func (c *cvrs) status(b []byte, r *record) []byte {
	refused := "NO\t"
	if r.given.refused {
		refused = "YES\t"
	}
	b = append(b, refused...)
	b = cell(b, [...]string{"UNK", "UNK", "UNK", "NO", "NO", "YES", "UNK", "NO"}[r.given.draw>>4&7])
	return append(b, "UNK"...)
}
