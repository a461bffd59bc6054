package synth

import (
	"bufio"
	"context"
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

// file writes the header and a row for each record.
func (c *cvrs) file(ctx context.Context, j *writing, o *output) error {
	return whole(j.at(o), func(out *bufio.Writer) error {
		line := c.head(nil, o.registry)
		if _, err := out.Write(line); err != nil {
			return err
		}
		return j.each(ctx, o, func(r *record) error {
			line = c.row(line[:0], r)
			_, err := out.Write(line)
			return err
		})
	})
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

// number appends an id and a tab.
func number(b []byte, letter string, n uint64) []byte { return append(appendID(b, letter, n), '\t') }

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
	b = cell(b, r.sex())
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
	b = r.appendStreet(b, windowsHalf)
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
	return append(h.appendZIP(b), '\t')
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
		b = append(appendLot(b, r), '\t')
		b = append(append(b, c.cal.iso(r.expires())...), '\t')
		b = cell(b, bodySite(g))
		b = cell(b, "C28161")
	}
	b = cell(b, doseNumber(g))
	return cell(b, seriesDone(g))
}

func (c *cvrs) date(b []byte, r *record) []byte {
	switch r.fault {
	case noDate:
		return append(b, '\t')
	case badDate:
		return cell(b, r.badDate())
	}
	return append(append(b, c.cal.iso(r.day)...), '\t')
}

func (c *cvrs) place(b []byte, r *record) []byte {
	s := r.site
	if s == nil {
		b = append(append(b, r.org()...), "\tHistorical dose\t\tUNK\t\t\t\t\t\t\t"...)
		return c.status(b, r)
	}
	b = cell(b, r.org())
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

// beyond appends the extra columns.
func (c *cvrs) beyond(b []byte, r *record) []byte {
	source := "\t00\t"
	if r.hearsay {
		source = "\t01\t"
	}
	b = append(b, source...)
	b = append(r.appendPhone(b), '\t')
	b = append(r.appendEmail(b), '\t')
	if r.sender != nil {
		b = appendSender(b, c.names[r.registry], r.sender)
	}
	return b
}

// status ends the row: no tab after the last column.
func (c *cvrs) status(b []byte, r *record) []byte {
	refused := "NO\t"
	if r.given.refused {
		refused = "YES\t"
	}
	b = append(b, refused...)
	b = cell(b, comorbid(r.given))
	return append(b, "UNK"...)
}
