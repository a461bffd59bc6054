package suppress

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// Table is a table of counts as text: what came, and where.
type Table struct {
	Name    string // for errors: the file
	Columns []string
	Rows    [][]string
	Lines   []int // of Rows in the file
}

// ReadCSV reads a table. Errors name the line and are of kind dose.ErrInvalid.
func ReadCSV(r io.Reader, name string) (*Table, error) {
	in := csv.NewReader(r)
	t := &Table{Name: name}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w: give a CSV file with one header line (RFC 4180): %w", name, err, dose.ErrInvalid)
		}
		if t.Columns == nil {
			row[0] = strings.TrimPrefix(row[0], "\ufeff")
			t.Columns = row
			continue
		}
		line, _ := in.FieldPos(0)
		t.Rows, t.Lines = append(t.Rows, row), append(t.Lines, line)
	}
	if len(t.Rows) == 0 {
		return nil, fmt.Errorf("%s: no rows: give a CSV file with one header line and counts below: %w", name, dose.ErrInvalid)
	}
	return t, nil
}

// WriteCSV writes the table.
func (t *Table) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(t.Columns); err != nil {
		return err
	}
	return out.WriteAll(t.Rows)
}

// column returns the place of a column that a rule names.
func (t *Table) column(name, rule string) (int, error) {
	for i, c := range t.Columns {
		if c == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s:1: rule %s: the table has no column %q, only %s; mend the rules or the header: %w",
		t.Name, rule, name, strings.Join(t.Columns, ", "), dose.ErrInvalid)
}

func (t *Table) bad(row int, column, rule, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s: rule %s: %s: %w", t.Name, t.Lines[row], column, rule, fmt.Sprintf(format, args...), dose.ErrInvalid)
}
