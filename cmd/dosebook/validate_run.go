package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/cvrs"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/transform"
)

// errReport is the kind of an error in writing the report.
var errReport = errors.New("write the report")

// fileRun checks the records of one file.
type fileRun struct {
	*validator
	file *checkedFile
	seen *idSet
}

// checkedBlock is what was found in one block, and what the ids that come
// twice are found by: that takes the blocks in their order.
type checkedBlock struct {
	issues  []dose.Issue // by line
	rows    int
	rejects []int64     // lines of the decoder's, rising
	ids     arrow.Array // vax_event_id of the rows
	lines   []int64
	hashes  []uint64 // of the ids; 0 for none
	keep    arrow.RecordBatch
}

// records runs the decoder, CDC's rules and the loader's over all blocks.
func (r *fileRun) records(ctx context.Context, reader extract.Reader) error {
	opt := transform.CDCOptions{Version: r.file.version, Filled: r.file.format != "cvrs", Today: int32(r.now().Unix() / 86400), Codes: r.codes}
	return pipelines.Ordered(ctx, reader, r.config.Workers, func() func(extract.Block) (*checkedBlock, error) {
		rules, mapper := transform.NewCDC(opt), transform.New(transform.Options{Today: opt.Today, Precision: r.config.Precision, Codes: r.codes})
		return func(b extract.Block) (*checkedBlock, error) { return r.check(b, rules, mapper) }
	}, r.take)
}

// check judges one block, on any goroutine.
func (r *fileRun) check(b extract.Block, rules *transform.CDC, mapper *transform.Mapper) (*checkedBlock, error) {
	raw, err := b.Decode()
	if err != nil {
		return nil, err
	}
	defer raw.Done()
	out := &checkedBlock{rows: int(raw.Rows.NumRows()), keep: raw.Rows}
	if out.issues, err = rules.Check(raw.Rows); err != nil {
		return nil, err
	}
	res, err := mapper.Apply(raw.Rows)
	if err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	res.Events.Release()
	said := wrongFields(out.issues)
	for _, x := range res.Rejects { // what CDC's rules say of the field is said
		if is := issueOf(x); !said[rowField{is.Row, is.Field}] {
			out.issues = append(out.issues, is)
		}
	}
	for _, x := range raw.Rejects {
		out.issues = append(out.issues, issueOf(x))
		out.rejects = append(out.rejects, x.Line)
	}
	slices.Sort(out.rejects)
	for _, x := range res.Issues {
		if !ofCDC(x.Check) {
			if res.RawRow != nil {
				x.Row = res.RawRow[x.Row]
			}
			out.issues = append(out.issues, x)
		}
	}
	for _, x := range raw.Issues {
		if x.Check == dose.UnknownColumn {
			x.Check = dose.CDCHeader
		}
		out.issues = append(out.issues, x)
	}
	slices.SortStableFunc(out.issues, byLine)
	out.ids, out.lines = raw.Rows.Column(0), raw.Rows.Column(int(raw.Rows.NumCols())-1).(*array.Int64).Int64Values()
	out.hashes = r.seen.hash(out.ids)
	return out, nil
}

func byLine(a, b dose.Issue) int { return cmp.Compare(a.Line, b.Line) }

type rowField struct {
	row   int32
	field uint16
}

// wrongFields are the fields of which an error is known.
func wrongFields(issues []dose.Issue) map[rowField]bool {
	at := map[rowField]bool{}
	for _, x := range issues {
		if x.Check.Rule().Severity == dose.Error {
			at[rowField{x.Row, x.Field}] = true
		}
	}
	return at
}

var (
	rawNames   = names(dose.Raw())
	rawColumns = dose.Index(dose.Raw())
)

func names(cols []dose.Column) (out []string) {
	for _, c := range cols {
		out = append(out, c.Name)
	}
	return out
}

func issueOf(x dose.Reject) dose.Issue {
	is := dose.Issue{Row: x.Row, Line: x.Line, Check: x.Check, Field: dose.NoField}
	if i, ok := rawColumns[x.Field]; ok {
		is.Field = uint16(i)
	}
	return is
}

// ofCDC says whether the loader's check is one that CDC's rules make too, and
// by which they then are the ones that count.
func ofCDC(c dose.Check) bool { return cdcCode(c.Rule().Code) }

func cdcCode(code string) bool {
	for _, family := range []string{"REQD0", "DNTS0", "DATA0", "BUSR0", "FMT_0"} {
		if strings.HasPrefix(code, family) {
			return true
		}
	}
	return false
}

// take reports one block.
func (r *fileRun) take(b *checkedBlock) error {
	defer b.keep.Release()
	before := len(b.issues)
	for row, h := range b.hashes {
		if h != 0 && !r.seen.add(h) {
			b.issues = append(b.issues, dose.Issue{Row: int32(row), Line: b.lines[row], Check: dose.CDCEventTwice})
		}
	}
	if len(b.issues) > before {
		slices.SortStableFunc(b.issues, byLine)
	}
	failed := int64(-1) // line of the record that failed last
	for i, x := range b.issues {
		if saidBefore(b.issues[:i], x) {
			continue
		}
		f := findingOf(x)
		f.record = r.file.records + b.number(x)
		if x.Line == 0 {
			f.record = 0
		}
		if x.Row >= 0 {
			f.ID = textAt(b.ids, int(x.Row))
		}
		if f.Level == dose.Error.String() && x.Line > 0 && x.Line != failed {
			failed = x.Line
			r.file.failed++
		}
		if err := r.say(&f); err != nil {
			return err
		}
	}
	r.file.records += int64(b.rows + len(b.rejects))
	r.progress("%s: %d records", filepath.Base(r.file.path), r.file.records)
	return nil
}

// saidBefore looks whether the record has the finding already: one finding a
// record, field and code.
func saidBefore(before []dose.Issue, x dose.Issue) bool {
	for i := len(before) - 1; i >= 0 && before[i].Line == x.Line && x.Line > 0; i-- {
		if y := before[i]; y.Row == x.Row && y.Field == x.Field && y.Check.Rule().Code == x.Check.Rule().Code {
			return true
		}
	}
	return false
}

// number is a record's number in its block, from 1.
func (b *checkedBlock) number(x dose.Issue) int64 {
	rejects, _ := slices.BinarySearch(b.rejects, x.Line)
	rows := int(x.Row)
	if x.Row < 0 {
		rows, _ = slices.BinarySearch(b.lines, x.Line)
	}
	return int64(rejects + rows + 1)
}

// formSays says what DATA005 means for a field.
var formSays = map[string]string{
	"vax_event_id": "the id holds blanks", "recip_id": "the id holds blanks", "ext_type": "ext_type is not D, P or I",
	"recip_address_zip": "the ZIP is not 5 digits or 5-4", "admin_address_zip": "the ZIP is not 5 digits or 5-4",
	"responsible_org": "the name begins with a blank, or holds a line break", "admin_name": "the name begins with a blank, or holds a line break",
	"vtrcks_prov_pin": "the PIN is not up to six letters and digits",
}

func findingOf(x dose.Issue) finding {
	rule := x.Check.Rule()
	f := finding{Line: x.Line, Code: rule.Code, Level: rule.Severity.String(), Message: rule.Says, remedy: rule.Remedy, cdc: cdcCode(rule.Code)}
	switch {
	case x.Field != dose.NoField:
		f.Field = rawNames[x.Field]
	case x.Line == 0 && f.cdc:
		f.Field = "Header"
	}
	if says, ok := formSays[f.Field]; ok && x.Check == dose.CDCFormat {
		f.Message = says
	}
	if x.Check == dose.MissedAppointment { // nothing is wrong with it; it is no dose
		f.Level = dose.Info.String()
	}
	return f
}

func (r *fileRun) say(f *finding) error {
	if f.Level == dose.Error.String() {
		r.file.errors++
	}
	if err := r.report.finding(f); err != nil {
		return fmt.Errorf("%w: %w", errReport, err)
	}
	return nil
}

func (r *fileRun) ofFile(c dose.Check) error {
	f := findingOf(dose.Issue{Row: -1, Check: c, Field: dose.NoField})
	return r.say(&f)
}

// head reports what is wrong with the file's name and its header.
func (r *fileRun) head(in *payload, reader extract.Reader) error {
	if r.file.format != "cvrs" {
		return nil
	}
	if _, _, ok := extract.ParseName(filepath.Base(r.file.path)); !ok {
		if err := r.ofFile(dose.NameOdd); err != nil {
			return err
		}
	}
	if byteOrderMark(in.start) {
		if err := r.ofFile(dose.CDCByteOrderMark); err != nil {
			return err
		}
	}
	if h, ok := reader.(cvrs.Headed); ok && h.HeaderFault() != nil {
		return r.fault(h.HeaderFault())
	}
	return nil
}

// fault reports why the file as a whole can't be loaded.
func (r *fileRun) fault(err error) error {
	r.file.fault = true
	fault := (*extract.Fault)(nil)
	if !errors.As(err, &fault) {
		f := findingOf(dose.Issue{Row: -1, Check: dose.Unreadable, Field: dose.NoField})
		f.Message += ": " + strings.Join(messages(err), "; ")
		return r.say(&f)
	}
	for _, x := range fault.Findings {
		f := finding{Code: x.Code, Field: "Header", Level: dose.Error.String(), Message: x.Says, remedy: fault.Remedy, cdc: cdcCode(x.Code)}
		if err := r.say(&f); err != nil {
			return err
		}
	}
	return nil
}

// textAt reads a cell of a raw column.
func textAt(a arrow.Array, row int) string {
	if a.IsNull(row) {
		return ""
	}
	switch a := a.(type) {
	case *array.String:
		return a.Value(row)
	case *array.Dictionary:
		return a.Dictionary().(*array.String).Value(a.GetValueIndex(row))
	}
	return ""
}
