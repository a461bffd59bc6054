package pipelines

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// A replay is written in the format of origin, and each record carries which
// reject it mends: in CVRS as the first cell, under a column of this name (CVRS
// v2, data conventions 4: other columns are allowed), in HL7 v2 as a segment of
// our own behind MSH (HL7 2.5.1, 2.11: Z segments), in FHIR as the first member
// (mend_fhir.go).
const (
	replaysColumn  = "replays"
	replaysSegment = "ZRP"
)

// Ref names a reject of a registry: segment and line, written SEGMENT:LINE.
type Ref struct {
	Segment string
	Line    int64
}

func (r Ref) String() string { return r.Segment + ":" + strconv.FormatInt(r.Line, 10) }

// ParseRef reads SEGMENT:LINE.
func ParseRef(s string) (Ref, error) {
	segment, line, _ := strings.Cut(s, ":")
	n, err := strconv.ParseInt(line, 10, 64)
	if err != nil || segment == "" || n < 1 {
		return Ref{}, fmt.Errorf("this is no SEGMENT:LINE as 'dosebook rejects list' shows them: %w", dose.ErrInvalid)
	}
	return Ref{segment, n}, nil
}

// mend is one record as it is to be replayed, without what it mends. In FHIR it
// is all refused records that begin on one line, each on a line of its own.
type mend struct {
	ref  Ref
	text []byte
}

// sheet is records of one format, with what they share: the header (CVRS), or
// lines with the patients and places that they refer to (FHIR).
type sheet struct {
	format  string
	header  []byte
	records []mend
}

// write puts the sheet into one payload and says on which lines each record
// lies: from at[i] up to at[i+1].
func (s *sheet) write() (payload []byte, at []int64) {
	var b bytes.Buffer
	line := int64(1)
	switch {
	case s.format == "cvrs":
		b.WriteString(replaysColumn + "\t")
		b.Write(s.header)
		b.WriteByte('\n')
		line++
	case len(s.header) > 0:
		b.Write(s.header)
		b.WriteByte('\n')
		line += 1 + int64(bytes.Count(s.header, []byte{'\n'}))
	}
	for _, r := range s.records {
		at = append(at, line)
		start := b.Len()
		if s.format == formatFHIR {
			line += markFHIR(&b, r)
			continue
		}
		if s.format == "cvrs" {
			b.WriteString(r.ref.String() + "\t")
			b.Write(r.text)
			b.WriteByte('\n')
			line++
			continue
		}
		head, rest := cutSegment(r.text)
		b.Write(head)
		b.WriteString("\r" + replaysSegment + string(head[3:4]) + r.ref.String() + "\r")
		if rest = bytes.TrimLeft(rest, "\r\n"); len(rest) > 0 {
			b.Write(rest)
			b.WriteByte('\r')
		}
		line += lines(b.Bytes()[start:])
	}
	return b.Bytes(), append(at, line)
}

// cutSegment cuts text behind its first line, without the line end.
func cutSegment(text []byte) (first, rest []byte) {
	i := bytes.IndexAny(text, "\r\n")
	if i < 0 {
		return text, nil
	}
	return text[:i], text[i:]
}

// lines counts line ends as HL7 has them: LF, CR, or both together.
func lines(text []byte) (n int64) {
	for i, c := range text {
		if c == '\n' && (i == 0 || text[i-1] != '\r') || c == '\r' {
			n++
		}
	}
	return n
}

// fits says why a record can't be replayed as it is kept, or nothing.
func fits(format string, record []byte) string {
	switch {
	case format == "cvrs" && bytes.ContainsAny(record, "\n"):
		return "its record is no single line"
	case format == "hl7v2" && (len(record) < 8 || string(record[:3]) != "MSH"):
		return "its record is no whole message: correct it at the source and send it again"
	case format != "cvrs" && format != "hl7v2":
		return "records in this format can't be replayed; correct them at the source and send them again"
	}
	return ""
}

// bare takes a record, and the header of its payload, back to what they were
// before a replay wrote its mark into them.
func bare(format string, header, record []byte) []byte {
	if format == "hl7v2" {
		_, out, _ := unmark(record)
		return out
	}
	if k := markCell(header); k >= 0 {
		_, record, _ = cutCell(record, k)
	}
	return record
}

// markCell is the place of the column replays in a CVRS header, -1 for none.
func markCell(header []byte) int {
	for i, cell := range bytes.Split(header, []byte("\t")) {
		if extract.FoldName(string(cell)) == replaysColumn {
			return i
		}
	}
	return -1
}

// cutCell takes cell k out of a line.
func cutCell(line []byte, k int) (cell, rest []byte, ok bool) {
	cells := bytes.Split(line, []byte("\t"))
	if k >= len(cells) {
		return nil, line, false
	}
	cell = cells[k]
	return cell, bytes.Join(append(cells[:k:k], cells[k+1:]...), []byte("\t")), true
}

// unmark takes our segment out of a message.
func unmark(message []byte) (mark string, rest []byte, ok bool) {
	head, tail := cutSegment(message)
	tail = bytes.TrimLeft(tail, "\r\n")
	seg, after := cutSegment(tail)
	if len(seg) < 4 || string(seg[:3]) != replaysSegment {
		return "", message, false
	}
	out := append(append([]byte(nil), head...), '\r')
	return string(bytes.TrimSpace(seg[4:])), append(out, bytes.TrimLeft(after, "\r\n")...), true
}

// readMended reads a corrected file, whole or not at all: what 'rejects
// export' wrote, after somebody has edited it. Errors name lines, never text.
func readMended(text []byte, name string) (*sheet, error) {
	bad := func(line int64, says string) error {
		return fmt.Errorf("%s: line %d: %s; nothing was replayed: %w", name, line, says, dose.ErrInvalid)
	}
	s := &sheet{format: extract.Sniff(text[:min(len(text), 64<<10)])}
	seen := map[Ref]bool{}
	add := func(line int64, mark string, record []byte) error {
		ref, err := ParseRef(strings.Trim(strings.TrimSpace(mark), `"`))
		switch {
		case err != nil:
			return bad(line, "this record does not say which reject it mends (SEGMENT:LINE); load new records with 'dosebook ingest'")
		case seen[ref]:
			return bad(line, "this reject is mended twice")
		}
		seen[ref] = true
		s.records = append(s.records, mend{ref, record})
		return nil
	}
	switch s.format {
	case "cvrs":
		return s, s.readCVRS(text, add, bad)
	case "hl7v2":
		return s, s.readHL7(text, add)
	case formatFHIR:
		return s, s.readFHIR(text, bad)
	}
	return nil, bad(1, "this is no file that 'dosebook rejects export' wrote")
}

func (s *sheet) readCVRS(text []byte, add func(int64, string, []byte) error, bad func(int64, string) error) error {
	k, line := -1, int64(0)
	for raw := range bytes.Lines(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))) {
		line++
		raw = bytes.TrimRight(raw, "\r\n")
		switch {
		case len(raw) == 0:
		case s.header == nil:
			if k = markCell(raw); k < 0 {
				return bad(line, "the column "+replaysColumn+" is missing")
			}
			_, s.header, _ = cutCell(raw, k)
		default:
			mark, record, _ := cutCell(raw, k)
			if err := add(line, string(mark), record); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sheet) readHL7(text []byte, add func(int64, string, []byte) error) error {
	start, at, line := -1, int64(0), int64(1)
	flush := func(end int) error {
		if start < 0 {
			return nil
		}
		mark, record, _ := unmark(text[start:end])
		return add(at, mark, bytes.TrimRight(record, "\r\n"))
	}
	for i := 0; i < len(text); {
		seg, rest := cutSegment(text[i:])
		if len(seg) > 3 && string(seg[:3]) == "MSH" {
			if err := flush(i); err != nil {
				return err
			}
			start, at = i, line
		}
		end := len(text) - len(rest)
		next := min(end+1, len(text))
		if next < len(text) && text[end] == '\r' && text[next] == '\n' {
			next++
		}
		i, line = next, line+1
	}
	return flush(len(text))
}
