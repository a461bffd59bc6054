package release

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// part is one set of rows of a file in the making: the columns of the row
// group that comes next.
type part struct {
	file  *partFile
	cols  []sink
	rows  int
	doses bool // rows that are doses: dose.parquet is made of their row groups
}

// partFile is one Parquet file of a place.
type partFile struct {
	path   string
	schema *arrow.Schema
	cols   []dose.Column
	table  *load.Table
	groups int
	doses  []int // row groups that hold doses
}

// place is the folder of one county or jurisdiction in the making.
type place struct {
	code  dose.Place
	dir   string
	parts [3]*part // events that are doses, other events, recipients
}

// The parts of a place.
const (
	doseRows = iota
	otherRows
	recipientRows
)

// asWritten are the columns as they go into a release's files: text of very
// many values plain.
func asWritten(cols []dose.Column) []dose.Column {
	out := append([]dose.Column(nil), cols...)
	for i := range out {
		if manyValued[out[i].Name] {
			out[i].Type = dose.LongTxt
		}
	}
	return out
}

func newPlace(root string, code dose.Place) (*place, error) {
	p := &place{code: code, dir: filepath.Join(root, "counties", string(code))}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	event := &partFile{path: filepath.Join(p.dir, "dose_event.parquet"), cols: asWritten(dose.ReleaseColumns())}
	recip := &partFile{path: filepath.Join(p.dir, "recipient.parquet"), cols: asWritten(dose.Recipient())}
	for i, f := range []*partFile{event, event, recip} {
		if f.table == nil {
			t, err := placeTable(f.path, f.cols)
			if err != nil {
				return nil, err
			}
			f.table, f.schema = t, dose.Schema(f.cols)
		}
		pt := &part{file: f, doses: i == doseRows}
		for _, c := range f.cols {
			pt.cols = append(pt.cols, newSink(c))
		}
		p.parts[i] = pt
	}
	return p, nil
}

// placeTable starts a file of a place. Whoever makes such a file again
// (Apply) starts it here too: its bytes must be the same.
func placeTable(path string, cols []dose.Column) (*load.Table, error) {
	t, err := load.NewTable(path, cols, "county")
	if err != nil {
		return nil, err
	}
	for _, n := range notes(cols, dose.Identified) {
		if err := t.Note(n[0], n[1]); err != nil {
			t.Abort()
			return nil, err
		}
	}
	return t, nil
}

// flush writes the part's rows as one row group.
func (p *part) flush() error {
	if p.rows == 0 {
		return nil
	}
	arrays := make([]arrow.Array, len(p.cols))
	for i := range p.cols {
		arrays[i] = p.cols[i].array()
	}
	b := array.NewRecordBatch(p.file.schema, arrays, int64(p.rows))
	err := p.file.table.Append(b)
	b.Release()
	if p.doses {
		p.file.doses = append(p.file.doses, p.file.groups)
	}
	p.file.groups++
	p.rows = 0
	for i := range p.cols {
		p.cols[i].reset()
	}
	return err
}

// finish ends the place's files and returns them, dose.parquet cut from
// dose_event.parquet.
func (p *place) finish() (files []File, err error) {
	for _, pt := range p.parts {
		if err := pt.flush(); err != nil {
			return nil, err
		}
	}
	event, recip := p.parts[doseRows].file, p.parts[recipientRows].file
	for _, f := range []*partFile{event, recip} {
		done, err := f.table.Finish()
		if err != nil {
			return nil, err
		}
		files = append(files, p.file(done))
	}
	cut, err := cutDoses(event.path, filepath.Join(p.dir, "dose.parquet"), event.doses)
	if err != nil {
		return nil, err
	}
	return []File{p.file(cut), files[0], files[1]}, nil
}

func (p *place) file(f load.File) File {
	return File{Path: "counties/" + string(p.code) + "/" + f.Path, Bytes: f.Bytes, SHA256: f.SHA256, Rows: f.Rows}
}

func (p *place) abort() {
	for _, pt := range p.parts {
		if pt != nil && pt.file.table != nil {
			pt.file.table.Abort()
		}
	}
}

// cutDoses writes the row groups of doses to a file of their own.
func cutDoses(src, dst string, groups []int) (_ load.File, err error) {
	f, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return load.File{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	out := &offsetWriter{w: io.MultiWriter(f, sum)}
	rows, err := stitch(src, groups, out)
	return load.File{Path: filepath.Base(dst), Bytes: out.n, SHA256: hex.EncodeToString(sum.Sum(nil)), Rows: rows}, err
}
