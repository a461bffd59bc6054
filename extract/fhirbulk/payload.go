package fhirbulk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// open returns the lines of a file as received, which may be packed. The bytes
// decide: some servers send .gz files with no word in the header.
func open(src io.Reader) (io.Reader, error) {
	r := bufio.NewReaderSize(src, 1<<16)
	if magic, _ := r.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return r, nil
	}
	return gzip.NewReader(r)
}

// readFile hands the lines of a file in the folder to read.
func readFile(path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := open(f)
	if err != nil {
		return err
	}
	return read(r)
}

// inspect reads a file that has come: are its bytes whole, does it hold as
// many lines as the manifest says, does each look like a resource.
func inspect(path string, f file) (arrived, error) {
	src, err := os.Open(path)
	if err != nil {
		return arrived{}, err
	}
	defer src.Close()
	sum := &summed{r: src, h: sha256.New()}
	r, err := open(sum)
	var c counter
	if err == nil {
		_, err = io.Copy(&c, r)
	}
	var disk *os.PathError
	if errors.As(err, &disk) {
		return arrived{}, err
	}
	if err == nil {
		_, err = io.Copy(io.Discard, sum) // behind the last gzip member
	}
	c.end()
	switch {
	case err != nil:
		return arrived{}, fmt.Errorf("%s is cut or damaged: %w: %w", redacted(f.URL), dose.ErrUpstream, err)
	case c.bad > 0:
		return arrived{}, fmt.Errorf("%s: line %d is no whole JSON object: %w", redacted(f.URL), c.bad, dose.ErrUpstream)
	case f.Count != nil && *f.Count != c.records && f.Kind != kindError:
		return arrived{}, fmt.Errorf("%s holds %d lines, the manifest says %d: %w", redacted(f.URL), c.records, *f.Count, dose.ErrUpstream)
	}
	return arrived{sum.n, hex.EncodeToString(sum.h.Sum(nil)), c.records}, nil
}

// summed counts and hashes what is read through it.
type summed struct {
	r io.Reader
	h hash.Hash
	n int64
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.h.Write(p[:n])
	return n, err
}

// counter counts the lines that are not blank, and finds the first that does
// not begin with { and end with }: a cut file without a count shows itself so.
type counter struct {
	lines, records int64
	bad            int64 // line number, from 1
	text           bool  // the line so far holds more than blanks
	first, last    byte  // of that text
}

func (c *counter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		part := p
		if i >= 0 {
			part = p[:i]
		}
		if part = bytes.Trim(part, " \t\r"); len(part) > 0 {
			if !c.text {
				c.text, c.first = true, part[0]
			}
			c.last = part[len(part)-1]
		}
		if i < 0 {
			break
		}
		c.end()
		p = p[i+1:]
	}
	return n, nil
}

// end closes a line.
func (c *counter) end() {
	c.lines++
	if c.text {
		c.records++
		if (c.first != '{' || c.last != '}') && c.bad == 0 {
			c.bad = c.lines
		}
	}
	c.text = false
}

// part is one file of the payload to be.
type part struct {
	file
	path  string
	lines int64
}

func (r *run) parts(e *export, w wish) []part {
	var out []part
	for i, f := range e.files() {
		if w.wants(f) {
			out = append(out, part{f, r.folder.file(e, i), e.got[i].Lines})
		}
	}
	return out
}

// countLines counts the lines of all parts, or of those alone that make
// records: Immunizations, deletions and files of no stated type.
func countLines(parts []part, records bool) (n int64) {
	for _, p := range parts {
		if !records || p.Kind == kindDeleted || p.Type == immunization || p.Type == "" {
			n += p.lines
		}
	}
	return n
}

// finish makes the payload and keeps the result.
func (r *run) finish(ctx context.Context, parts []part) error {
	first := r.state.Exports[0]
	at, err := instant(first.pages[0].Time)
	if err != nil {
		return spoiled{err}
	}
	next := mark{Time: first.pages[0].Time, Full: r.last.Full}
	if r.last.Time == "" || r.state.Full {
		next.Full = at
	}
	b, err := json.Marshal(next)
	if err != nil {
		return err
	}
	res := &result{Time: at, Mark: string(b), Lines: countLines(parts, false)}
	if countLines(parts, true) > 0 {
		res.Payload = payloadName + at.UTC().Format("20060102T150405.000Z") + ".ndjson.gz"
		slices.SortStableFunc(parts, func(a, b part) int { return byRank(a.file, b.file) })
		if err := r.pack(ctx, res, parts); err != nil {
			return err
		}
	}
	res.Note = r.describe(res, len(parts))
	r.state.Result = res
	if err := r.folder.save(r.state); err != nil {
		return err
	}
	for _, p := range parts {
		_ = os.Remove(p.path) // the payload holds it; Done clears what stays
	}
	return nil
}

func (r *run) describe(res *result, files int) string {
	var b strings.Builder
	if res.Payload == "" {
		b.WriteString("nothing new")
		if r.last.Time != "" {
			b.WriteString(" since " + r.last.Time)
		}
	} else {
		fmt.Fprintf(&b, "%d lines from %d files, as of %s", res.Lines, files, res.Time.UTC().Format(time.RFC3339))
		if r.state.Full {
			b.WriteString(", everything asked for again")
		}
	}
	if r.notes.other > 0 {
		fmt.Fprintf(&b, "; the server has %d warnings", r.notes.other)
	}
	return b.String()
}

// pack writes the payload: each file one gzip member without a time, its last
// line ended. The same files give the same bytes.
func (r *run) pack(ctx context.Context, res *result, parts []part) error {
	out, err := durable.Create(r.folder.path(res.Payload))
	if err != nil {
		return err
	}
	defer out.Abort()
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(out, sum), 1<<18)
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	buf := make([]byte, 1<<17)
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.lines == 0 {
			continue
		}
		z.Reset(w)
		if err := readFile(p.path, func(src io.Reader) error { return member(z, src, buf) }); err != nil {
			return fmt.Errorf("pack %s: %w", filepath.Base(p.path), err)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	info, err := out.Stat()
	if err != nil {
		return err
	}
	res.Size, res.SHA256 = info.Size(), hex.EncodeToString(sum.Sum(nil))
	return out.Commit()
}

// member copies src in blocks of one size, so that the bytes do not depend on
// how they are read, and ends the last line.
func member(z *gzip.Writer, src io.Reader, buf []byte) error {
	last := byte('\n')
	for {
		n, err := fill(src, buf)
		if n > 0 {
			last = buf[n-1]
			if _, err := z.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if last != '\n' {
		if _, err := z.Write([]byte{'\n'}); err != nil {
			return err
		}
	}
	return z.Close()
}

// fill reads until buf is full or src ends. Unlike io.ReadFull it leaves the
// error of a cut file as it is.
func fill(src io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = src.Read(buf[n:])
		n += m
	}
	return n, err
}
