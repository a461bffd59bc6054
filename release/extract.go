package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// Question asks for some rows and columns of one table of one place in one
// release. Normalised by Check, equal questions are equal values and have one
// Key.
type Question struct {
	Release   string     `json:"release"`
	Place     dose.Place `json:"county"`
	Table     string     `json:"table"` // dose_event, dose, recipient
	Format    string     `json:"format"`
	From      string     `json:"from,omitempty"` // first and last admin_date, YYYY-MM-DD
	To        string     `json:"to,omitempty"`
	Columns   []string   `json:"columns"`
	CVX       []int      `json:"cvx,omitempty"`
	AgeGroups []string   `json:"age_groups,omitempty"`
	RaceEth   []string   `json:"race_eth,omitempty"`      // labels of recip_race_eth
	HPI       []int      `json:"hpi_quartiles,omitempty"` // 1 to 4
	Residents bool       `json:"residents,omitempty"`     // those who live in the place, as county_day counts
}

// ExtractFormats are the formats that an extract can have.
func ExtractFormats() []string { return []string{CSV, CSVGz, NDJSON, Parquet, XLSX} }

// Parquet is what a release is made of.
const Parquet = "parquet"

// Tables are the tables that a place has.
func Tables() []string { return []string{"dose_event", "dose", "recipient"} }

func tableColumns(table string) []dose.Column {
	if table == "recipient" {
		return dose.Recipient()
	}
	return dose.ReleaseColumns()
}

// FieldError is a fault in one field of a question. It never holds the value.
type FieldError struct{ Field, Says string }

func (e FieldError) Error() string { return e.Field + ": " + e.Says }

// Unwrap makes it of kind dose.ErrInvalid.
func (e FieldError) Unwrap() error { return dose.ErrInvalid }

// Check normalises the question: columns in the file's order, codes and
// groups sorted, nothing twice. Columns left out are all that level sees. The
// release's id is not looked at. A fault is a FieldError, a county that California
// has not of kind dose.ErrNotFound.
func (q Question) Check(level dose.Level) (Question, error) {
	if q.Table == "" {
		q.Table = "dose_event"
	}
	if q.Format == "" {
		q.Format = CSV
	}
	place, err := dose.ParsePlace(string(q.Place))
	if errors.Is(err, dose.ErrNotFound) {
		return q, fmt.Errorf("county: %w", err)
	}
	if err != nil {
		return q, FieldError{"county", "give five digits, such as 06001, or berkeley, long-beach, pasadena"}
	}
	q.Place = place
	if !slices.Contains(Tables(), q.Table) {
		return q, FieldError{"table", "is not one of " + strings.Join(Tables(), ", ")}
	}
	if !slices.Contains(ExtractFormats(), q.Format) {
		return q, FieldError{"format", "is not one of " + strings.Join(ExtractFormats(), ", ")}
	}
	for _, step := range []func(*Question) error{(*Question).checkDates, (*Question).checkCodes} {
		if err := step(&q); err != nil {
			return q, err
		}
	}
	return q, q.checkColumns(level)
}

func (q *Question) checkDates() error {
	for _, d := range []struct{ field, text string }{{"from", q.From}, {"to", q.To}} {
		if d.text == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, d.text); err != nil {
			return FieldError{d.field, "is no date; write 2021-03-31"}
		}
		if q.Table == "recipient" {
			return FieldError{d.field, "recipient has no admin_date; ask dose or dose_event"}
		}
	}
	if q.From != "" && q.To != "" && q.To < q.From {
		return FieldError{"to", "is before from"}
	}
	return nil
}

func (q *Question) checkCodes() error {
	if len(q.CVX) > 0 && q.Table == "recipient" {
		return FieldError{"cvx", "recipient has no cvx; ask dose or dose_event"}
	}
	q.CVX, q.AgeGroups = slices.Clone(q.CVX), slices.Clone(q.AgeGroups)
	slices.Sort(q.CVX)
	q.CVX = slices.Compact(q.CVX)
	for i, cvx := range q.CVX {
		if cvx < 0 || cvx > 9999 {
			return FieldError{fmt.Sprintf("cvx[%d]", i), "is no CVX code"}
		}
	}
	for i, g := range q.AgeGroups {
		if !slices.Contains(dose.AgeGroups(), g) {
			return FieldError{fmt.Sprintf("age_groups[%d]", i), "is not one of " + strings.Join(dose.AgeGroups(), ", ")}
		}
	}
	slices.Sort(q.AgeGroups)
	q.AgeGroups = slices.Compact(q.AgeGroups)
	return q.checkGroups()
}

func (q *Question) checkGroups() error {
	q.RaceEth, q.HPI = slices.Clone(q.RaceEth), slices.Clone(q.HPI)
	for i, r := range q.RaceEth {
		if !slices.Contains(dose.RaceEths(), r) {
			return FieldError{fmt.Sprintf("race_eth[%d]", i), "is not one of " + strings.Join(dose.RaceEths(), ", ")}
		}
	}
	for i, n := range q.HPI {
		if n < 1 || n > 4 {
			return FieldError{fmt.Sprintf("hpi_quartiles[%d]", i), "is not 1, 2, 3 or 4"}
		}
	}
	slices.Sort(q.RaceEth)
	slices.Sort(q.HPI)
	q.RaceEth, q.HPI = slices.Compact(q.RaceEth), slices.Compact(q.HPI)
	return nil
}

func (q *Question) checkColumns(level dose.Level) error {
	asked := map[string]bool{}
	cols := tableColumns(q.Table)
	at := dose.Index(cols)
	for i, name := range q.Columns {
		if _, ok := at[name]; !ok {
			return FieldError{fmt.Sprintf("columns[%d]", i), "there is no such column in " + q.Table + "; see /api/v1/dictionary"}
		}
		asked[name] = true
	}
	q.Columns = []string{}
	for _, c := range cols {
		if asked[c.Name] || len(asked) == 0 && c.Level <= level {
			q.Columns = append(q.Columns, c.Name)
		}
	}
	return nil
}

// Level is the least level of access that may have the answer: that of the
// columns that it shows or is filtered by. A county's rows are limited data at
// least: a place smaller than a state is no de-identified data (45 CFR
// 164.514(b)(2)(i)(B)).
func (q Question) Level() dose.Level {
	level := dose.Limited
	for _, c := range tableColumns(q.Table) {
		if slices.Contains(q.Columns, c.Name) || slices.Contains(q.filters(), c.Name) {
			level = max(level, c.Level)
		}
	}
	return level
}

// filters names the columns that rows are chosen by.
func (q Question) filters() (names []string) {
	if q.From != "" || q.To != "" {
		names = append(names, "admin_date")
	}
	if len(q.CVX) > 0 {
		names = append(names, "cvx")
	}
	if len(q.AgeGroups) > 0 {
		names = append(names, "recip_age_group")
	}
	if len(q.RaceEth) > 0 {
		names = append(names, "recip_race_eth")
	}
	if len(q.HPI) > 0 {
		names = append(names, "hpi_quartile")
	}
	if q.Residents {
		names = append(names, "visible_because")
	}
	return names
}

// extractVersion changes when the same question gets other bytes.
const extractVersion = 1

// Key is the content address of a checked question.
func (q Question) Key() string {
	text, _ := json.Marshal(struct { // strings and integers only: it can't fail
		Version int
		Question
	}{extractVersion, q})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Source is the path of the released file that answers q, within the release.
func (q Question) Source() string {
	return "counties/" + string(q.Place) + "/" + q.Table + ".parquet"
}

// Extract writes the answer to a checked question from src, the released
// Parquet file, to dst, and returns its rows. Cells are written as Convert
// writes them; the same question gives the same bytes. Row groups whose
// statistics rule them out are not read; of the others, the columns that rows
// are chosen by come first, the rest only where rows are left. Memory is
// bounded by a row group. progress, if not nil, is told how many of the rows
// have been looked at.
func Extract(ctx context.Context, src, dst string, q Question, progress func(done, total int64)) (rows int64, err error) {
	defer dose.Wrap(&err, "extract %s as %s", q.Table, q.Format)
	f, p, err := openParquet(src)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	if q.Format == Parquet || q.Format == XLSX {
		return extractTable(ctx, p, dst, q, progress)
	}
	out, err := durable.Create(dst)
	if err != nil {
		return 0, err
	}
	if rows, err = extractTo(ctx, p, out, q, progress); err != nil {
		out.Abort()
		return 0, err
	}
	return rows, out.Commit()
}

// extractTo is Extract as text into w. After an error w holds part of a file.
func extractTo(ctx context.Context, p *parquet.File, w io.Writer, q Question, progress func(done, total int64)) (rows int64, err error) {
	if q.Format == CSVGz {
		z, err := gzip.NewWriterLevel(w, gzipLevel)
		if err != nil {
			return 0, err
		}
		q.Format = CSV
		if rows, err = extractTo(ctx, p, z, q, progress); err != nil {
			return rows, err
		}
		return rows, z.Close()
	}
	c, err := newChoice(p, q)
	if err != nil {
		return 0, err
	}
	x, err := newTextRows(p, w, q, c.at)
	if err != nil {
		return 0, err
	}
	if rows, err = c.show(ctx, p, x, progress); err != nil {
		return rows, err
	}
	return rows, x.flush()
}

// show hands the chosen rows of the file to x, in order, and counts them.
func (c *choice) show(ctx context.Context, p *parquet.File, x shown, progress func(done, total int64)) (n int64, err error) {
	done := int64(0)
	for _, g := range p.RowGroups() {
		rows, err := c.rows(ctx, g)
		if err == nil && len(rows) > 0 {
			err = x.put(ctx, g, rows)
		}
		if err != nil {
			return n, err
		}
		n += int64(len(rows))
		if done += g.NumRows(); progress != nil {
			progress(done, p.NumRows())
		}
	}
	return n, nil
}
