package counts

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/extract"
)

// Reader hands out the rows of one table, in order.
type Reader struct {
	name    string
	csv     *csv.Reader
	place   int
	day     int
	flag    int // -1 when there is none
	at      [NumColumns]int
	unknown []string
}

// headBytes is how much of a file is looked at before it is read.
const headBytes = 4096

// maxHeader bounds the names that are kept of a header.
const maxHeader = 200

// Open reads the header of a table, already unpacked. name is for errors. An
// error of kind dose.ErrInvalid says why this is no table of doses by county
// and day, and what to do.
func Open(r io.Reader, name string) (*Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	head, err := b.Peek(headBytes)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if err := extract.Refuse(head, name); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(head, []byte("\ufeff")) { // before a quote, the CSV reader would not understand it
		_, _ = b.Discard(len("\ufeff")) // it is there
	}
	t := &Reader{name: name, csv: csv.NewReader(b)}
	t.csv.ReuseRecord = true
	header, err := t.csv.Read()
	if err != nil {
		return nil, t.fault(err)
	}
	if len(header) > maxHeader {
		return nil, extract.NewFault(name, 1, "FMT_001", "the header has more than 200 columns", "give the table of doses by county and day")
	}
	return t, t.header(header)
}

// wrongTables are the tables that the state publishes beside this one, by a
// column that only they have.
var wrongTables = []struct{ column, what string }{
	{"demographic_category", "the table by demographic group"},
	{"zip_code_tabulation_area", "the table by ZIP"},
	{"completeness_pct", "CDC's table by county, which counts people by week"},
	{"vax_event_id", "a file of dose records"},
}

const giveTable = "give the state's covid19vaccinesbycounty table as CSV, with its header"

// header finds the columns.
func (t *Reader) header(cells []string) error {
	at := map[string]int{}
	t.unknown = nil
	for i, cell := range cells {
		name := extract.FoldName(cell)
		if _, twice := at[name]; twice && name != "" {
			return extract.NewFault(t.name, 1, "FMT_001", "the header names a column twice", "keep one of the two")
		}
		at[name] = i
		if _, ok := ParseColumn(name); !ok && !slices.Contains([]string{"county", "administered_date", "california_flag"}, name) {
			t.unknown = append(t.unknown, name)
		}
	}
	for _, w := range wrongTables {
		if _, ok := at[w.column]; ok {
			return extract.NewFault(t.name, 1, "FMT_001", "this is "+w.what, giveTable)
		}
	}
	for _, need := range []struct {
		name string
		to   *int
	}{{"county", &t.place}, {"administered_date", &t.day}} {
		i, ok := at[need.name]
		if !ok {
			return extract.NewFault(t.name, 1, "FMT_001", "the header has no column "+need.name+", separated by commas", giveTable)
		}
		*need.to = i
	}
	t.flag = -1
	if i, ok := at["california_flag"]; ok {
		t.flag = i
	}
	found := 0
	for c := range NumColumns {
		t.at[c] = -1
		if i, ok := at[c.String()]; ok {
			t.at[c] = i
			found++
		}
	}
	if found == 0 {
		return extract.NewFault(t.name, 1, "FMT_001", "the header has none of the columns of doses, such as total_doses", giveTable)
	}
	return nil
}

// Has reports whether the table has the column.
func (t *Reader) Has(c Column) bool { return t.at[c] >= 0 }

// Missing returns the published columns that the table does not have.
func (t *Reader) Missing() []string {
	var out []string
	for c := range NumColumns {
		if !t.Has(c) {
			out = append(out, c.String())
		}
	}
	return out
}

// Unknown returns the names of the columns that are not read.
func (t *Reader) Unknown() []string { return slices.Clone(t.unknown) }

// Next returns the next row, or io.EOF. After any other error nothing of the
// table may be used.
func (t *Reader) Next() (Row, error) {
	cells, err := t.csv.Read()
	if err == io.EOF {
		return Row{}, err
	}
	if err != nil {
		return Row{}, t.fault(err)
	}
	line, _ := t.csv.FieldPos(0)
	r := Row{Line: int64(line)}
	var ok bool
	if r.Place, ok = parsePlace(cells[t.place]); !ok {
		return Row{}, t.cell(r.Line, "county", "is none of California's 58 counties and no roll-up row", "correct the name; the roll-ups are "+rollUps())
	}
	if r.Day, ok = parseDay(cells[t.day]); !ok {
		return Row{}, t.cell(r.Line, "administered_date", "is no date in M/D/YYYY, M/D/YY or YYYY-MM-DD", "correct the date, or download the table again")
	}
	if t.flag >= 0 {
		r.Flag = strings.Clone(strings.TrimSpace(cells[t.flag]))
	}
	for c, i := range t.at {
		if i < 0 {
			continue
		}
		n, filled, ok := parseCount(cells[i])
		if !ok {
			return Row{}, t.cell(r.Line, Column(c).String(), "is no whole number", "write figures in digits, and leave unknown ones empty")
		}
		if filled {
			r.set(Column(c), n)
		}
	}
	return r, nil
}

func rollUps() string {
	return strings.Join([]string{Label(AllCalifornia), Label(Everywhere), Label(OutsideState), Label(Unknown)}, ", ")
}

func (t *Reader) cell(line int64, column, says, remedy string) error {
	return extract.NewFault(t.name, line, "DATA007", column+" "+says, remedy)
}

// fault turns what the CSV reader found into ours.
func (t *Reader) fault(err error) error {
	var p *csv.ParseError
	switch {
	case errors.As(err, &p) && errors.Is(err, csv.ErrFieldCount):
		return extract.NewFault(t.name, int64(p.Line), "FEW_FIELDS", "the row has not as many fields as the header; the file may be cut short", "download the table again, whole")
	case errors.As(err, &p):
		return extract.NewFault(t.name, int64(p.Line), "FMT_001", "the quotes of the row do not match", "save the table as CSV again")
	case err == io.EOF:
		return extract.NewFault(t.name, 0, "FMT_003", "the file is empty", giveTable)
	}
	return fmt.Errorf("read %s: %w", t.name, err)
}
