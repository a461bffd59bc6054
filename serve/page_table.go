package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/dosebook/dosebook/dose"
)

// A page reads few columns of few rows: first the one column that says which
// rows, by its dictionary, then of the others those rows alone.

// table is a released Parquet file.
type table struct {
	file   *os.File
	groups []parquet.RowGroup
	fields []parquet.Field
}

// fault says that a table which a page reads is missing, no Parquet, or lacks
// a column: damage, or a release of another version. Its text is for the log;
// the reader is told what to do (problem.go).
type fault struct{ err error }

func (f fault) Error() string { return f.err.Error() }
func (f fault) Unwrap() error { return dose.ErrHeld }

// faulty turns an error of reading a table into a fault, but for a caller who
// has gone.
func faulty(err *error) {
	if *err != nil && !gone(*err) && !errors.As(*err, new(fault)) {
		*err = fault{*err}
	}
}

// openTable opens the file at rel below dir, in the root.
func openTable(dir, rel string) (_ *table, err error) {
	defer faulty(&err)
	f, err := os.OpenInRoot(dir, filepath.FromSlash(rel))
	if err != nil {
		return nil, fmt.Errorf("open %s: %v", rel, err) // not "not found": the manifest has it
	}
	st, err := f.Stat()
	var p *parquet.File
	if err == nil {
		p, err = parquet.OpenFile(f, st.Size(), parquet.SkipBloomFilters(true))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %v", rel, err), f.Close())
	}
	return &table{file: f, groups: p.RowGroups(), fields: p.Schema().Fields()}, nil
}

func (t *table) close() error { return t.file.Close() }

func (t *table) column(name string) (int, error) {
	i := slices.IndexFunc(t.fields, func(f parquet.Field) bool { return f.Name() == name })
	if i < 0 {
		return 0, fmt.Errorf("the release has no column %s", name)
	}
	return i, nil
}

// part is some columns of some rows.
type part struct {
	rows  int
	cells map[string][]parquet.Value
}

func (p part) null(col string, row int) bool   { return p.cells[col][row].IsNull() }
func (p part) int(col string, row int) int64   { return p.cells[col][row].Int64() }
func (p part) text(col string, row int) string { return string(p.cells[col][row].ByteArray()) }

// per is a share of 10,000, -1 where there is none.
func (p part) per(col string, row int) int64 {
	if p.null(col, row) {
		return -1
	}
	return int64(p.cells[col][row].Int32())
}

func (p part) day(col string, row int) string {
	if p.null(col, row) {
		return ""
	}
	return time.Unix(int64(p.cells[col][row].Int32())*86400, 0).UTC().Format(time.DateOnly)
}

// part reads columns of the rows whose text column where is one of is; of all
// rows with no where.
func (t *table) part(ctx context.Context, where string, is []string, columns ...string) (out part, err error) {
	defer faulty(&err)
	out = part{cells: map[string][]parquet.Value{}}
	for _, g := range t.groups {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		runs := [][2]int64{{0, g.NumRows()}}
		if where != "" {
			at, dict, err := t.codes(g, where)
			if err != nil {
				return out, err
			}
			runs = runsOf(at, dict, is)
		}
		for _, run := range runs {
			out.rows += int(run[1] - run[0])
			for _, name := range columns {
				i, err := t.column(name)
				if err == nil {
					out.cells[name], err = appendCells(out.cells[name], g.ColumnChunks()[i], run[0], run[1])
				}
				if err != nil {
					return out, err
				}
			}
		}
	}
	return out, nil
}

// runsOf finds the runs of rows whose value is one of is.
func runsOf(at []int32, dict, is []string) (runs [][2]int64) {
	wanted := make([]bool, len(dict))
	for i, v := range dict {
		wanted[i] = slices.Contains(is, v)
	}
	for i, code := range at {
		if code < 0 || !wanted[code] {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1][1] == int64(i) {
			runs[n-1][1]++
		} else {
			runs = append(runs, [2]int64{int64(i), int64(i) + 1})
		}
	}
	return runs
}

func appendCells(to []parquet.Value, chunk parquet.ColumnChunk, from, end int64) (_ []parquet.Value, err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	if err := pages.SeekToRow(from); err != nil {
		return to, err
	}
	for from < end {
		page, err := pages.ReadPage()
		if err != nil {
			return to, fmt.Errorf("read page: %w", err)
		}
		cells := make([]parquet.Value, min(end-from, page.NumRows()))
		n, err := page.Values().ReadValues(cells)
		if err != nil && !errors.Is(err, io.EOF) || n != len(cells) {
			return to, fmt.Errorf("read values: %d of %d: %v", n, len(cells), err)
		}
		to, from = append(to, cells...), from+int64(n)
	}
	return to, nil
}

// codes reads a whole column of a row group as numbers of its distinct values;
// -1 is null.
func (t *table) codes(g parquet.RowGroup, name string) (at []int32, dict []string, err error) {
	defer faulty(&err)
	i, err := t.column(name)
	if err != nil {
		return nil, nil, err
	}
	pages := g.ColumnChunks()[i].Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	known := map[string]int32{}
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return at, dict, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read page: %w", err)
		}
		if d := page.Dictionary(); d != nil {
			if dict == nil {
				for k := range d.Len() {
					dict = append(dict, d.Index(int32(k)).String())
					known[dict[k]] = int32(k)
				}
			}
			data := page.Data()
			at = appendCodes(at, data.Int32(), page.DefinitionLevels(), int(page.NumRows()))
			continue
		}
		if page.Type().Kind() == parquet.Int32 {
			data := page.Data()
			ids, last, code := make([]int32, 0, page.NumRows()), int32(0), int32(-1)
			for _, n := range data.Int32() {
				if code < 0 || n != last {
					last, code = n, number(known, &dict, parquet.Int32Value(n))
				}
				ids = append(ids, code)
			}
			at = appendCodes(at, ids, page.DefinitionLevels(), int(page.NumRows()))
			continue
		}
		cells := make([]parquet.Value, page.NumRows())
		if n, err := page.Values().ReadValues(cells); err != nil && !errors.Is(err, io.EOF) || n != len(cells) {
			return nil, nil, fmt.Errorf("read values: %d of %d: %v", n, len(cells), err)
		}
		for _, v := range cells {
			code := int32(-1)
			if !v.IsNull() {
				code = number(known, &dict, v)
			}
			at = append(at, code)
		}
	}
}

// number gives a value its number; texts that are known cost no copy.
func number(known map[string]int32, dict *[]string, v parquet.Value) int32 {
	var text string
	switch v.Kind() {
	case parquet.ByteArray:
		if code, ok := known[string(v.ByteArray())]; ok {
			return code
		}
		text = string(v.ByteArray())
	case parquet.Int32:
		var digits [12]byte
		b := strconv.AppendInt(digits[:0], int64(v.Int32()), 10)
		if code, ok := known[string(b)]; ok {
			return code
		}
		text = string(b)
	default:
		text = v.String()
		if code, ok := known[text]; ok {
			return code
		}
	}
	code := int32(len(*dict))
	*dict, known[text] = append(*dict, text), code
	return code
}

func appendCodes(at, ids []int32, levels []byte, rows int) []int32 {
	j := 0
	for i := range rows {
		if len(levels) > 0 && levels[i] == 0 {
			at = append(at, -1)
			continue
		}
		at = append(at, ids[j])
		j++
	}
	return at
}

// said calls each with the rows of a row group whose cell says something: not
// null, and no text of unsaid. It keeps no value, as a street has many.
func (t *table) said(g parquet.RowGroup, name string, unsaid map[string]bool, each func(row int)) (err error) {
	defer faulty(&err)
	i, err := t.column(name)
	if err != nil {
		return err
	}
	pages := g.ColumnChunks()[i].Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	row := 0
	var entries []bool // which entries of the dictionary say something
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read page: %w", err)
		}
		text := page.Type().Kind() == parquet.ByteArray
		says := func(int) bool { return true }
		data := page.Data()
		if d := page.Dictionary(); d != nil && text {
			for k := len(entries); k < d.Len(); k++ {
				entries = append(entries, !unsaid[string(d.Index(int32(k)).ByteArray())])
			}
			ids := data.Int32()
			says = func(j int) bool { return entries[ids[j]] }
		} else if text {
			cells, offsets := data.ByteArray()
			says = func(j int) bool { return !unsaid[string(cells[offsets[j]:offsets[j+1]])] }
		}
		row = eachSaid(page, row, says, each)
	}
}

// eachSaid goes through a page's rows, which begin at row; says is asked of
// the cells that are not null, by number.
func eachSaid(page parquet.Page, row int, says func(cell int) bool, each func(row int)) int {
	levels, j := page.DefinitionLevels(), 0
	for i := range int(page.NumRows()) {
		if len(levels) > 0 && levels[i] == 0 {
			continue
		}
		if says(j) {
			each(row + i)
		}
		j++
	}
	return row + int(page.NumRows())
}

// cross counts the rows of a table by the values of some columns, nulls as "".
func (t *table) cross(ctx context.Context, columns ...string) (map[string]int64, error) {
	out := map[string]int64{}
	for _, g := range t.groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at, dicts := make([][]int32, len(columns)), make([][]string, len(columns))
		size := 1
		for i, name := range columns {
			var err error
			if at[i], dicts[i], err = t.codes(g, name); err != nil {
				return nil, err
			}
			size *= len(dicts[i]) + 1
		}
		add, each := counter(size)
		for row := range int(g.NumRows()) {
			key := 0
			for i := range columns {
				key = key*(len(dicts[i])+1) + int(at[i][row]) + 1
			}
			add(key)
		}
		for key, n := range each {
			name := ""
			for i := len(columns) - 1; i >= 0; i-- {
				base := len(dicts[i]) + 1
				if code := key % base; code > 0 {
					name = dicts[i][code-1] + "\t" + name
				} else {
					name = "\t" + name
				}
				key /= base
			}
			out[name[:len(name)-1]] += n
		}
	}
	return out, nil
}

// fewKeys is how many keys are counted in a list rather than a map: a map
// takes twenty times as long a row.
const fewKeys = 1 << 20

// counter counts keys below size: add counts one, each yields the counts.
func counter(size int) (add func(int), each iter.Seq2[int, int64]) {
	if size > fewKeys {
		counts := map[int]int64{}
		return func(key int) { counts[key]++ }, maps.All(counts)
	}
	counts := make([]int64, size)
	return func(key int) { counts[key]++ }, func(yield func(int, int64) bool) {
		for key, n := range counts {
			if n > 0 && !yield(key, n) {
				return
			}
		}
	}
}
