package pipelines

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/load"
)

// A FHIR record can't be read without its patient, so a replay in FHIR is
// NDJSON with the patients and places that its records refer to in front. A
// record is an Immunization, or an entry of a Bundle in a Bundle of its own. It
// carries what it mends as its first member, replays (of the entry, in a
// Bundle): FHIR has no such element, and decoders pass over it. Rejects are
// named by their lines, so those that begin on one line, as in a Bundle without
// line ends, go together.
const formatFHIR = "fhir"

// sheetAlone is sheet for a format whose records don't stand alone. A record
// is told by its bytes from those on the same line that were taken.
func (r *Runner) sheetAlone(ctx context.Context, k *Known, lines []int64) (_ *sheet, unfit int, err error) {
	d, err := r.Decoder(k.Format)
	if err != nil {
		return nil, 0, err
	}
	from, ok := d.(extract.Aloner)
	if !ok {
		return nil, 0, fmt.Errorf("records in %s can't be read alone: %w", k.Format, dose.ErrInvalid)
	}
	wanted := make(map[int64]bool, len(lines))
	for _, line := range lines {
		wanted[line] = true
	}
	refused := map[int64][]string{}
	err = r.Lake.Rejects(ctx, k.Registry, k.Segment, true, func(x load.Refused) error {
		if wanted[x.Line] {
			refused[x.Line] = append(refused[x.Line], x.Record)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	all, err := from.Alone(func() (io.ReadCloser, error) { return r.unpacked(k) }, k.Name, wanted)
	if err != nil {
		return nil, 0, err
	}
	texts := map[int64][]byte{}
	for _, p := range all.Parts {
		i := slices.Index(refused[p.Line], load.StoredRecord(p.Record))
		if i < 0 {
			continue
		}
		refused[p.Line] = slices.Delete(refused[p.Line], i, i+1)
		if texts[p.Line] != nil {
			texts[p.Line] = append(texts[p.Line], '\n')
		}
		_, text, _ := unmarkFHIR(p.Text)
		texts[p.Line] = append(texts[p.Line], text...)
	}
	s := &sheet{format: k.Format, header: bytes.Join(all.Shared, []byte{'\n'})}
	done := map[int64]bool{}
	for _, line := range lines {
		switch {
		case done[line]: // several rejects of one line
		case texts[line] == nil || len(refused[line]) > 0:
			unfit++
		default:
			s.records = append(s.records, mend{Ref{k.Segment, line}, texts[line]})
		}
		done[line] = true
	}
	return s, unfit, nil
}

// unpacked opens a kept payload.
func (r *Runner) unpacked(k *Known) (io.ReadCloser, error) {
	f, err := os.Open(r.Raw.Path(k.SHA256))
	if err != nil {
		return nil, err
	}
	in, err := extract.Unpack(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &both{in, f}, nil
}

// both closes what unpacks and the file below it.
type both struct {
	io.ReadCloser
	file *os.File
}

func (b *both) Close() error {
	err := b.ReadCloser.Close()
	if closed := b.file.Close(); err == nil {
		err = closed
	}
	return err
}

var entryStart = []byte(`"entry":[{`)

// markFHIR writes the lines of a record with what they mend, and returns how
// many there are.
func markFHIR(b *bytes.Buffer, m mend) (lines int64) {
	mark := `"` + replaysColumn + `":"` + m.ref.String() + `",`
	for text := range bytes.SplitSeq(m.text, []byte{'\n'}) {
		at := 1 // behind the first brace
		if i := bytes.Index(text, entryStart); bytes.HasPrefix(text, []byte(`{"resourceType":"Bundle",`)) && i > 0 {
			at = i + len(entryStart)
		}
		b.Write(text[:at])
		b.WriteString(mark)
		b.Write(text[at:])
		b.WriteByte('\n')
		lines++
	}
	return lines
}

// fhirLine is what of a line says whether it is a record, and which one.
type fhirLine struct {
	Type    string `json:"resourceType"`
	Replays string `json:"replays"`
	Entry   []struct {
		Replays  string `json:"replays"`
		Resource struct {
			Type string `json:"resourceType"`
		} `json:"resource"`
		Request *struct{} `json:"request"`
	} `json:"entry"`
}

// unmarkFHIR takes the mark out of a line: as we wrote it, else wherever an
// editor has put it. record says that there should be one.
func unmarkFHIR(text []byte) (mark string, rest []byte, record bool) {
	var x fhirLine
	if json.Unmarshal(text, &x) != nil {
		return "", text, true
	}
	mark, record = x.Replays, x.Type != "Patient" && x.Type != "Location" && x.Type != "Organization"
	if x.Type == "Bundle" && len(x.Entry) == 1 {
		e := x.Entry[0]
		mark, record = e.Replays, e.Request != nil || e.Resource.Type == "Immunization"
	}
	if mark == "" {
		return "", text, record
	}
	quoted, _ := json.Marshal(mark) // a text never fails
	ours := slices.Concat([]byte(`{"`+replaysColumn+`":`), quoted, []byte{','})
	if bytes.Count(text, ours) == 1 {
		return mark, bytes.Replace(text, ours, []byte{'{'}, 1), record
	}
	rest, err := withoutMark(text, x.Type == "Bundle")
	if err != nil {
		return "", text, true
	}
	return mark, rest, record
}

// withoutMark takes the member out and writes the others anew.
func withoutMark(text []byte, inEntry bool) ([]byte, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	if !inEntry {
		delete(object, replaysColumn)
		return json.Marshal(object)
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(object["entry"], &entries); err != nil {
		return nil, err
	}
	for i := range entries {
		bare, err := withoutMark(entries[i], false)
		if err != nil {
			return nil, err
		}
		entries[i] = bare
	}
	list, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	object["entry"] = list
	return json.Marshal(object)
}

// readFHIR reads a corrected file: what is no record is shared by all.
func (s *sheet) readFHIR(text []byte, bad func(int64, string) error) error {
	line := int64(0)
	var shared [][]byte
	at := map[Ref]int{}
	for raw := range bytes.Lines(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))) {
		line++
		raw = bytes.TrimSpace(raw)
		if len(raw) == 0 {
			continue
		}
		if !json.Valid(raw) {
			return bad(line, "this is no JSON; a record is one line")
		}
		mark, rest, record := unmarkFHIR(raw)
		if !record {
			shared = append(shared, rest)
			continue
		}
		ref, err := ParseRef(mark)
		if err != nil {
			return bad(line, "this record does not say which reject it mends (SEGMENT:LINE); load new records with 'dosebook ingest'")
		}
		i, known := at[ref]
		if !known {
			at[ref] = len(s.records)
			s.records = append(s.records, mend{ref, bytes.Clone(rest)})
			continue
		}
		s.records[i].text = append(append(s.records[i].text, '\n'), rest...)
	}
	s.header = bytes.Join(shared, []byte{'\n'})
	return nil
}

// compareFHIR is compare: a record has changed too where what it may refer to
// has.
func (r *Runner) compareFHIR(ctx context.Context, b *replayBatch) error {
	was, _, err := r.sheetAlone(ctx, b.known, b.lines)
	if err != nil {
		return err
	}
	now := map[string]bool{}
	for line := range bytes.SplitSeq(b.sheet.header, []byte{'\n'}) {
		now[string(line)] = true
	}
	same := true
	for line := range bytes.SplitSeq(was.header, []byte{'\n'}) {
		same = same && (len(line) == 0 || now[string(line)])
	}
	texts := map[int64][]byte{}
	for _, m := range was.records {
		texts[m.ref.Line] = m.text
	}
	for _, m := range b.sheet.records {
		b.changed = append(b.changed, !same || !bytes.Equal(texts[m.ref.Line], m.text))
	}
	return nil
}
