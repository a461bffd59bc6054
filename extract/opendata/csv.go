package opendata

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"strings"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// csvFile is a CSV file in the making (RFC 4180, LF line ends).
type csvFile struct {
	f   *durable.File
	sha hash.Hash
	w   *bufio.Writer
}

func createCSV(path string) (*csvFile, error) {
	f, err := durable.Create(path)
	if err != nil {
		return nil, err
	}
	c := &csvFile{f: f, sha: sha256.New()}
	c.w = bufio.NewWriterSize(io.MultiWriter(f.File, c.sha), 1<<18)
	return c, nil
}

// reset begins anew.
func (c *csvFile) reset() error {
	c.sha.Reset()
	c.w.Reset(io.MultiWriter(c.f.File, c.sha))
	_, err := c.f.Seek(0, io.SeekStart)
	return errors.Join(err, c.f.Truncate(0))
}

// row writes one row. Cells are quoted only where they must be.
func (c *csvFile) row(cells []string) error {
	for i, s := range cells {
		if i > 0 {
			_ = c.w.WriteByte(',') // a bufio.Writer keeps its first error
		}
		if strings.ContainsAny(s, ",\"\r\n") || len(cells) == 1 && s == "" || strings.HasPrefix(s, " ") || strings.HasSuffix(s, " ") {
			s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
		_, _ = c.w.WriteString(s)
	}
	return c.w.WriteByte('\n')
}

// copy keeps the bytes of a CSV file and returns its rows without the header.
func (c *csvFile) copy(from io.Reader) (int64, error) {
	b := bufio.NewReaderSize(from, 1<<16)
	start, err := b.Peek(512)
	if err != nil && err != io.EOF {
		return 0, broken(err)
	}
	if isPage(start) {
		return 0, final{errPage}
	}
	var text io.Reader = io.TeeReader(b, c.w)
	if bytes.HasPrefix(start, []byte("\ufeff")) { // kept, and not the CSV reader's
		if _, err := io.CopyN(io.Discard, text, 3); err != nil {
			return 0, broken(err)
		}
	}
	r := csv.NewReader(text)
	r.ReuseRecord = true
	for rows := int64(-1); ; rows++ {
		switch _, err := r.Read(); {
		case err == io.EOF && rows < 0:
			return 0, fmt.Errorf("the file is empty: %w", dose.ErrUpstream)
		case err == io.EOF:
			return rows, c.w.Flush()
		case err != nil:
			return 0, broken(err)
		}
	}
}

func broken(err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return fmt.Errorf("the file broke off: %w: %w", bare(err), dose.ErrUpstream)
	}
	says := "its quotes do not match"
	if errors.Is(p.Err, csv.ErrFieldCount) {
		says = "it has not as many cells as the header"
	}
	return fmt.Errorf("line %d of the file is no row of the table: %s: %w", p.Line, says, dose.ErrUpstream)
}

// sum is the SHA-256 of all bytes written.
func (c *csvFile) sum() string { return hex.EncodeToString(c.sha.Sum(nil)) }

// record is a row as JSON.
type record map[string]json.RawMessage

// cell turns a value into text: strings as they are, numbers and booleans as
// written, null as nothing, points and objects as JSON without blanks.
func cell(v json.RawMessage) string {
	var s string
	switch {
	case len(v) == 0 || string(v) == "null":
		return ""
	case v[0] == '"' && json.Unmarshal(v, &s) == nil:
		return s
	}
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return string(v)
	}
	return b.String()
}

// pages writes the header, then page after page until count rows have come. A
// page may be shorter than asked for; one without rows ends the reading, and
// the caller holds what came against the count. id names the column in which
// the portal numbers its rows: one that comes twice means that the order was
// not stable.
func pages(count int64, to *csvFile, names []string, page func(offset int64) ([]record, error), id string) (int64, error) {
	if err := to.row(names); err != nil {
		return 0, err
	}
	var rows int64
	seen := make(map[uint64]struct{}, min(count, 1<<20))
	cells := make([]string, len(names))
	for rows < count {
		records, err := page(rows)
		if err != nil {
			return rows, err
		}
		if len(records) == 0 {
			break
		}
		for _, r := range records {
			key := fnv.New64a()
			_, _ = key.Write(r[id])
			if _, twice := seen[key.Sum64()]; twice || len(r[id]) == 0 {
				return rows, &changed{fmt.Sprintf("after %d of %d rows the portal gave one that it had given before, or one without %s", rows, count, id)}
			}
			seen[key.Sum64()] = struct{}{}
			for i, n := range names {
				cells[i] = cell(r[n])
			}
			if err := to.row(cells); err != nil {
				return rows, err
			}
			rows++
		}
	}
	return rows, to.w.Flush()
}
