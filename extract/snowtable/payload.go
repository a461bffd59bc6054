package snowtable

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// payload is the file in the making.
type payload struct {
	f         *durable.File
	w         *bufio.Writer
	sha, edge hash.Hash // of all, and of the header with the rows of the last watermark
	p         plan
	header    []byte
	line      []byte
	n         int64
	watermark string
	blanked   int64 // cells in which a tab or line end became a space
	without   int64 // rows without a watermark
}

func create(path string, p plan) (*payload, error) {
	f, err := durable.Create(path)
	if err != nil {
		return nil, err
	}
	t := &payload{f: f, p: p, sha: sha256.New(), edge: sha256.New(), header: []byte(strings.Join(p.header, "\t") + "\n")}
	t.w = bufio.NewWriterSize(io.MultiWriter(f.File, t.sha), 1<<18)
	_, _ = t.edge.Write(t.header) // a hash has no errors
	if _, err := t.w.Write(t.header); err != nil {
		f.Abort()
		return nil, err
	}
	return t, nil
}

// rows writes one batch of the result, whose columns are all text.
func (t *payload) rows(batch arrow.RecordBatch) error {
	cols := make([]*array.String, batch.NumCols())
	for i := range cols {
		var ok bool
		if cols[i], ok = batch.Column(i).(*array.String); !ok {
			return fmt.Errorf("column %d of the result is %s, not text: %w", i+1, batch.Column(i).DataType(), dose.ErrUpstream)
		}
	}
	for _, at := range append([]int{t.p.watermark}, t.p.at...) {
		if at >= len(cols) {
			return fmt.Errorf("the result has %d columns: %w", len(cols), dose.ErrUpstream)
		}
	}
	for r := range int(batch.NumRows()) {
		t.mark(cols, r)
		t.line = t.line[:0]
		for i, at := range t.p.at {
			if i > 0 {
				t.line = append(t.line, '\t')
			}
			if at >= 0 && cols[at].IsValid(r) {
				t.cell(cols[at].Value(r))
			}
		}
		t.line = append(t.line, '\n')
		_, _ = t.edge.Write(t.line)
		if _, err := t.w.Write(t.line); err != nil {
			return err
		}
		t.n++
	}
	return nil
}

// mark follows the watermark, which rises from row to row.
func (t *payload) mark(cols []*array.String, r int) {
	switch {
	case t.p.watermark < 0:
	case cols[t.p.watermark].IsNull(r):
		t.without++
	case cols[t.p.watermark].Value(r) != t.watermark:
		t.watermark = strings.Clone(cols[t.p.watermark].Value(r))
		t.edge.Reset()
		_, _ = t.edge.Write(t.header)
	}
}

// cell adds a value. CVRS has no way to write a tab or a line end: they become
// spaces (CVRS v2, file conventions).
func (t *payload) cell(s string) {
	if !strings.ContainsAny(s, "\t\n\r") {
		t.line = append(t.line, s...)
		return
	}
	t.blanked++
	for i := range len(s) {
		c := s[i]
		if c == '\t' || c == '\n' || c == '\r' {
			c = ' '
		}
		t.line = append(t.line, c)
	}
}

func (t *payload) sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

func (t *payload) note() string {
	var out string
	if t.blanked > 0 {
		out += fmt.Sprintf("; tabs and line ends became spaces in %d cells", t.blanked)
	}
	if t.without > 0 {
		out += fmt.Sprintf("; %d rows without a watermark, which come every time", t.without)
	}
	return out
}
