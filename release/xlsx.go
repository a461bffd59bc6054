package release

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/parquet-go/parquet-go"
)

// XLSX is a workbook of one sheet for each 1,048,575 rows, under a header
// each (ECMA-376; a sheet ends at row 1,048,576). It goes straight into the
// zip: memory is bounded by a row group, and nothing is put aside. No time and
// no order of a map is in it, so it is the same bytes every time (ADR 0018).
//
// Dates, times, integers and booleans are what they are; text is text, also
// where it looks like a formula or a number, and there is no formula. Ids of
// more digits than Excel keeps (15) are text, as are dates before 1900-03-01,
// which it can't count. Null is an absent cell.
const XLSX = "xlsx"

// The limits of a sheet (Microsoft, "Excel specifications and limits").
const (
	sheetRows  = 1<<20 - 1 // under the header
	cellUnits  = 32767     // UTF-16 units of a text
	numberMost = 999_999_999_999_999
)

// Excel counts days from 1899-12-30, right from 1900-03-01 on.
const (
	excelEpoch = 25569
	firstDay   = 61 - excelEpoch
	lastDay    = 2958465 - excelEpoch // 9999-12-31
	microsDay  = 86_400_000_000
)

// workbook is an XLSX file in the making.
type workbook struct {
	zip   *zip.Writer
	name  string // of the first sheet
	most  int    // rows of a sheet
	total int64
	made  int // sheets begun
	row   int // the sheet's last row; 1 is the header
	refs  []string
	head  []byte // the header's row
	views []byte // what stands before the rows
}

func writeXLSX(ctx context.Context, p *parquet.File, w io.Writer, name string, most int) (rows int64, err error) {
	b := &workbook{zip: zip.NewWriter(w), name: name, most: most, total: p.NumRows()}
	b.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, gzipLevel) })
	t := &textTable{file: p, book: b}
	for i, field := range p.Schema().Fields() {
		k, _ := kindOf(field) // openParquet has asked
		c := textColumn{name: field.Name(), kind: k, sheet: true}
		c.digits = k == bigKind && (strings.HasSuffix(c.name, "_id") || !fits(p, i))
		t.cols = append(t.cols, c)
		b.refs = append(b.refs, columnRef(i))
	}
	b.prepare(t.cols)
	if err := b.parts(); err != nil {
		return 0, err
	}
	if err := b.next(t); err != nil {
		return 0, err
	}
	if rows, err = t.write(ctx); err != nil {
		return rows, err
	}
	if err := b.end(t); err != nil {
		return rows, err
	}
	return rows, b.zip.Close()
}

// fits says that all of a column's numbers have digits that Excel keeps, as
// the file's statistics tell.
func fits(p *parquet.File, column int) bool {
	for _, g := range p.Metadata().RowGroups {
		m := &g.Columns[column].MetaData
		low, high := m.Statistics.MinValue, m.Statistics.MaxValue
		if m.Statistics.NullCount == m.NumValues {
			continue
		}
		if len(low) != 8 || len(high) != 8 || int64(binary.LittleEndian.Uint64(low)) < -numberMost || int64(binary.LittleEndian.Uint64(high)) > numberMost {
			return false
		}
	}
	return true
}

// columnRef is a column's letters: A … Z, AA ….
func columnRef(i int) string {
	s := ""
	for i++; i > 0; i = (i - 1) / 26 {
		s = string(rune('A'+(i-1)%26)) + s
	}
	return s
}

func (b *workbook) prepare(cols []textColumn) {
	v := &b.views
	*v = append(*v, xmlHead+`<worksheet xmlns="`+sheetSpace+`"><sheetViews><sheetView workbookViewId="0">`+
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`...)
	b.head = append(b.head, `<row r="1">`...)
	for i := range cols {
		width := 14
		if cols[i].kind == microsKind || cols[i].digits {
			width = 22
		}
		*v = fmt.Appendf(*v, `<col min="%d" max="%d" width="%d" customWidth="1"/>`, i+1, i+1, width)
		b.head = append(b.head, `<c r="`+b.refs[i]+`1"`...)
		b.head = append(appendSheetText(b.head, []byte(cols[i].name)), "</c>"...)
	}
	b.head = append(b.head, `</row>`...)
	*v = append(*v, `</cols><sheetData>`...)
}

func (b *workbook) sheets() int { return max(1, int((b.total+int64(b.most)-1)/int64(b.most))) }

// parts writes all but the sheets: their number follows from the rows.
func (b *workbook) parts() error {
	var types, sheets, rels strings.Builder
	for i := range b.sheets() {
		name := b.name
		if i > 0 {
			name += " " + strconv.Itoa(i+1)
		}
		n := i + 1
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="%s.worksheet+xml"/>`, n, sheetType)
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, name, n, n)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, n, relSpace, n)
	}
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + sheetType + `.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="` + sheetType + `.styles+xml"/>` + types.String() + `</Types>`},
		{"_rels/.rels", `<Relationships xmlns="` + packSpace + `"><Relationship Id="rId1" Type="` + relSpace + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="` + sheetSpace + `" xmlns:r="` + relSpace + `"><sheets>` + sheets.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packSpace + `">` + rels.String() + `<Relationship Id="rIdStyles" Type="` + relSpace + `/styles" Target="styles.xml"/></Relationships>`},
		{"xl/styles.xml", sheetStyles},
	} {
		w, err := b.create(part[0])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, xmlHead+part[1]); err != nil {
			return err
		}
	}
	return nil
}

// create begins a part of the zip. Every part has the same date, the first
// that a zip can say.
func (b *workbook) create(name string) (io.Writer, error) {
	return b.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
}

// next begins a sheet, and ends the one before.
func (b *workbook) next(t *textTable) error {
	if b.made > 0 {
		if err := b.end(t); err != nil {
			return err
		}
	}
	b.made++
	w, err := b.create("xl/worksheets/sheet" + strconv.Itoa(b.made) + ".xml")
	if err != nil {
		return err
	}
	t.w, b.row = w, 1
	t.buf = append(append(t.buf, b.views...), b.head...)
	return nil
}

func (b *workbook) end(t *textTable) error {
	t.buf = append(t.buf, "</sheetData></worksheet>"...)
	return t.flush()
}

// add writes the next row of all columns.
func (b *workbook) add(t *textTable) error {
	if b.row > b.most {
		if err := b.next(t); err != nil {
			return err
		}
	}
	b.row++
	var digits [8]byte
	row := strconv.AppendInt(digits[:0], int64(b.row), 10)
	t.buf = append(append(append(t.buf, `<row r="`...), row...), `">`...)
	for i := range t.cols {
		start := len(t.buf)
		t.buf = append(append(append(append(t.buf, `<c r="`...), b.refs[i]...), row...), '"')
		cell := len(t.buf)
		if t.buf = t.cols[i].next(t.buf); len(t.buf) == cell {
			t.buf = t.buf[:start]
			continue
		}
		t.buf = append(t.buf, "</c>"...)
		if t.cols[i].long {
			return FieldError{"format", fmt.Sprintf("column %s has a text longer than the %d characters of an XLSX cell; take csv or parquet", t.cols[i].name, cellUnits)}
		}
	}
	t.buf = append(t.buf, "</row>"...)
	return nil
}

// sheetName is the name of a file's first sheet: letters, digits and _ alone,
// in Excel's length.
func sheetName(src string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, strings.TrimSuffix(filepath.Base(src), ".parquet"))
	return name[:min(len(name), 24)]
}
