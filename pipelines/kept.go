package pipelines

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// keptWhole is how much of a record decoders keep at most; longer ones lost
// their end.
const keptWhole = 64 << 10

// sheet reads the records of rejects from the kept payload. It also says how
// many can't be written anew.
func (r *Runner) sheet(ctx context.Context, k *Known, lines []int64) (*sheet, int, error) {
	if k.Format == formatFHIR {
		return r.sheetAlone(ctx, k, lines)
	}
	header, records, err := r.records(ctx, k, lines)
	if err != nil {
		return nil, 0, err
	}
	s, unfit := &sheet{format: k.Format}, 0
	if k.Format == "cvrs" {
		s.header = bare(k.Format, header, header)
	}
	for _, line := range lines {
		text, ok := records[line]
		if ok {
			text = bare(k.Format, header, text)
		}
		if !ok || len(text) >= keptWhole || fits(k.Format, text) != "" {
			unfit++
			continue
		}
		s.records = append(s.records, mend{Ref{k.Segment, line}, text})
	}
	return s, unfit, nil
}

// records reads the records on the given lines from a kept payload, byte by
// byte as they came, and the header where the format has one.
func (r *Runner) records(ctx context.Context, k *Known, lines []int64) (header []byte, out map[int64][]byte, err error) {
	f, err := os.Open(r.Raw.Path(k.SHA256))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if header, err = firstLine(f); err != nil {
		return nil, nil, err
	}
	in, err := extract.Unpack(f)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	d, err := r.Decoder(k.Format)
	if err != nil {
		return nil, nil, err
	}
	reader, err := d.Open(in, k.Name)
	if err != nil {
		return nil, nil, err
	}
	out = make(map[int64][]byte, len(lines))
	for _, line := range lines {
		out[line] = nil
	}
	for {
		b, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, nil, err
		}
		if err := pick(b, out); err != nil {
			return nil, nil, err
		}
	}
	for line, text := range out {
		if text == nil {
			delete(out, line)
		}
	}
	return header, out, nil
}

// pick takes the wanted records out of a block.
func pick(b extract.Block, out map[int64][]byte) error {
	raw, err := b.Decode()
	if err != nil {
		return err
	}
	defer raw.Done()
	defer raw.Rows.Release()
	for _, x := range raw.Rejects {
		if _, ok := out[x.Line]; ok {
			out[x.Line] = x.Record
		}
	}
	at, ok := raw.Rows.Column(int(raw.Rows.NumCols()) - 1).(*array.Int64) // line is the last raw column
	if !ok {
		return fmt.Errorf("the raw batch has no lines: %w", dose.ErrInvalid)
	}
	for i := range at.Len() {
		if _, ok := out[at.Value(i)]; ok {
			out[at.Value(i)] = bytes.Clone(raw.Record(i))
		}
	}
	return nil
}

// firstLine returns the first line of a payload that is not blank, and goes
// back to the payload's start.
func firstLine(f *os.File) ([]byte, error) {
	in, err := extract.Unpack(f)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	lines := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimRight(line, "\r\n"); len(bytes.TrimSpace(line)) > 0 || errors.Is(err, io.EOF) {
			_, err = f.Seek(0, io.SeekStart)
			return line, err
		}
		if err != nil {
			return nil, err
		}
	}
}
