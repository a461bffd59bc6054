package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// jsonReport writes DESIGN §5.5's object as it goes: what is counted stands
// behind the issues of its file.
type jsonReport struct {
	w     *bufio.Writer
	files int
	some  bool // the file in hand has issues
}

func (r *jsonReport) begin(path, format string) error {
	if r.files == 0 {
		_, _ = r.w.WriteString(`{"files":[`)
	} else {
		_, _ = r.w.WriteString(",\n")
	}
	r.files++
	r.some = false
	_, err := fmt.Fprintf(r.w, `{"path":%s,"format":%s,"issues":[`, quoted(path), quoted(format))
	return err
}

func (r *jsonReport) finding(f *finding) error {
	if r.some {
		_ = r.w.WriteByte(',')
	}
	r.some = true
	_ = r.w.WriteByte('\n')
	text, err := plainJSON(f)
	if err != nil {
		return err
	}
	_, err = r.w.Write(text)
	return err
}

func (r *jsonReport) end(f *checkedFile) error {
	_, err := fmt.Fprintf(r.w, `],"records":%d,"failed_records":%d}`, f.records, f.failed)
	return err
}

func (r *jsonReport) close() error {
	if r.files == 0 {
		_, _ = r.w.WriteString(`{"files":[`)
	}
	_, err := r.w.WriteString("]}\n")
	return err
}

func quoted(s string) string {
	text, _ := plainJSON(s) // a string always has one
	return string(text)
}

// plainJSON is json.Marshal without the escapes that HTML needs.
func plainJSON(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}

// groups counts a file's findings by code and field: there are no more of them
// than rules times columns, however long the file is.
type groups struct{ of map[groupKey]*group }

type groupKey struct{ level, code, field, message string }

type group struct {
	groupKey
	count  int64
	first  []int64 // lines
	record int64   // of the first
	remedy string
}

// firstLines is how many lines a group names.
const firstLines = 5

func (g *groups) reset() { g.of = map[groupKey]*group{} }

func (g *groups) add(f *finding) {
	k := groupKey{f.Level, f.Code, f.Field, f.Message}
	x := g.of[k]
	if x == nil {
		x = &group{groupKey: k, record: f.record, remedy: f.remedy}
		g.of[k] = x
	}
	x.count++
	if len(x.first) < firstLines && f.Line > 0 {
		x.first = append(x.first, f.Line)
	}
}

// sorted returns the groups, errors first, then by code and field.
func (g *groups) sorted() []*group {
	rank := map[string]int{"ERROR": 0, "WARN": 1, "INFO": 2}
	var out []*group
	for _, x := range g.of {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b *group) int {
		return cmp.Or(cmp.Compare(rank[a.level], rank[b.level]), cmp.Compare(a.code, b.code), cmp.Compare(a.message, b.message), cmp.Compare(a.field, b.field))
	})
	return out
}

// tableReport is for people: the findings of a file by code and field, with
// how many, where first, and what to do.
type tableReport struct {
	w *bufio.Writer
	groups
}

func (r *tableReport) begin(string, string) error {
	r.reset()
	return nil
}

func (r *tableReport) finding(f *finding) error {
	r.add(f)
	return nil
}

func (r *tableReport) end(f *checkedFile) error {
	format := f.format
	if f.version > 0 {
		format += " version " + strconv.Itoa(f.version)
	}
	verdict := "no errors"
	if f.errors > 0 {
		verdict = fmt.Sprintf("%d errors in %d records", f.errors, f.failed)
	}
	fmt.Fprintf(r.w, "%s: %s, %d records, %s\n", f.path, cmp.Or(format, "not read"), f.records, verdict)
	last := ""
	for _, x := range r.sorted() {
		if head := x.level + x.code + x.message; head != last {
			last = head
			fmt.Fprintf(r.w, "\n  %-5s  %s  %s\n         → %s\n", x.level, x.code, x.message, x.remedy)
		}
		fmt.Fprintf(r.w, "  %12d  %-24s %s\n", x.count, x.field, linesOf(x))
	}
	_, err := r.w.WriteString("\n")
	return err
}

func (r *tableReport) close() error { return nil }

func linesOf(x *group) string {
	if len(x.first) == 0 {
		return "the file"
	}
	out := make([]string, len(x.first))
	for i, n := range x.first {
		out[i] = strconv.FormatInt(n, 10)
	}
	s := "line " + strings.Join(out, ", ")
	if x.count > int64(len(x.first)) {
		s += " …"
	}
	return s
}

// rptReport is in the shape of CDC's report: each finding on a line, then the
// totals, then the findings by code and field with the first of each. As there,
// records are numbered from 1 whatever lines they stand on, and the file is -1.
// It holds CDC's findings and our errors, not our remarks.
type rptReport struct {
	w     *bufio.Writer
	path  string
	lines int64
	groups
}

func (r *rptReport) begin(path, _ string) error {
	r.reset()
	r.path, r.lines = path, 0
	_, err := fmt.Fprintf(r.w, "Validating %s\n", path)
	return err
}

func (r *rptReport) finding(f *finding) error {
	if !f.cdc && f.Level != "ERROR" {
		return nil
	}
	if r.lines == 0 {
		fmt.Fprintf(r.w, "%-32s %-16s %-6s %-6s %-24s %-6s %s\n", "File", "Vax_Event_Id", "Line", "Level", "Field", "Error", "Description")
	}
	r.lines++
	if f.record == 0 {
		f.record = -1
	}
	r.add(f)
	_, err := fmt.Fprintf(r.w, "%-32s %-16s %-6d %-6s %-24s %-6s %s\n", middleCut(r.path, 32), middleCut(cmp.Or(f.ID, "null"), 16),
		f.record, f.Level, f.Field, f.Code, f.Message)
	return err
}

func (r *rptReport) end(f *checkedFile) error {
	_, err := fmt.Fprintf(r.w, "%s has %d errors in %d of %d records.\n", f.path, r.lines, f.failed, f.records)
	if r.lines == 0 {
		return err
	}
	fmt.Fprintf(r.w, "%-8s%-24s%-8s%-52s%s\n", "Code", "Field", "Count", "Description", "Example")
	for _, x := range r.sorted() {
		_, err = fmt.Fprintf(r.w, "%-8s%-24s%5d   %-52s %5d %s\n", x.code, x.field, x.count, x.message, x.record, x.remedy)
	}
	return err
}

func (r *rptReport) close() error { return nil }

// middleCut shortens s to n characters by taking out of its middle.
func middleCut(s string, n int) string {
	c := []rune(s)
	if len(c) <= n {
		return s
	}
	n -= 3
	return string(c[:n/2+n%2]) + "***" + string(c[len(c)-n/2:])
}
