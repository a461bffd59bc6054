// Package opendata fetches one published table from an open data portal: SODA
// (data.cdc.gov) or CKAN (data.chhs.ca.gov, data.ca.gov). Its payload is one
// CSV file with a header, as extract/counts and spreadsheets read it.
//
// It promises that a payload holds every row that the portal counts: pages are
// asked for until its count is reached, the count and the time of the last
// change are asked again at the end, a row that comes twice is noticed, and
// what does not add up is an error with both figures, never a shorter file. It
// promises the same bytes for the same rows. It never interprets a cell.
package opendata

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
)

// Options are what a Source takes from outside; each may be left zero.
type Options struct {
	HTTP   *http.Client
	Now    func() time.Time
	Getenv func(string) string
	Sleep  func(context.Context, time.Duration) error
}

// Source is one table of one portal.
type Source struct {
	c      Config
	portal portal
}

var _ extract.Source = (*Source)(nil)

// portal is one kind of portal.
type portal interface {
	// head asks what the table is like now.
	head(ctx context.Context) (head, error)
	// body writes the header and all rows, and returns how many rows came.
	body(ctx context.Context, h head, to *csvFile) (int64, error)
}

// head is what a portal says of a table. Two heads are equal when nothing has
// changed between them.
type head struct {
	stamp   time.Time // last change of the rows; zero where the portal has none
	count   int64     // rows; -1 where the portal has no count
	columns string    // names, \n between them
	id      string    // ckan: of the resource
	url     string    // ckan: of the file, where a file is asked for
}

func (h head) names() []string { return strings.Split(h.columns, "\n") }

// New returns a source. The configuration is checked.
func New(c Config, o Options) (*Source, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	cl, err := newClient(c, o)
	if err != nil {
		return nil, err
	}
	s := &Source{c: c, portal: &soda{c, cl}}
	if c.Kind == "ckan" {
		s.portal = &ckan{c, cl}
	}
	return s, nil
}

// mark is what a feed keeps: which bytes it has, by which question.
type mark struct {
	Stamp  string `json:"stamp,omitempty"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
	Query  string `json:"query"` // hash of the configuration: another question is another table
}

// changed says that a table changed while it was read, or did not add up:
// worth one more try at once.
type changed struct{ says string }

func (e *changed) Error() string { return e.says }
func (e *changed) Unwrap() error { return dose.ErrUpstream }

// Fetch brings the table when it has changed since mark.
//
// SODA's rowsUpdatedAt moves with every change of a row: when it and the count
// are as before, nothing is downloaded. CKAN's last_modified stays where rows
// are written by the datastore API, so there the table is fetched and its hash
// decides.
func (s *Source) Fetch(ctx context.Context, dir, last string) (_ extract.Fetched, err error) {
	defer dose.Wrap(&err, "%s %s of %s", s.c.Kind, s.c.Dataset, s.c.host())
	var old mark
	if last != "" && json.Unmarshal([]byte(last), &old) != nil {
		return extract.Fetched{}, fmt.Errorf("the mark is not one of this source: %w", dose.ErrInvalid)
	}
	if old.Query != s.c.query() {
		old = mark{}
	}
	if err := durable.Sweep(dir); err != nil {
		return extract.Fetched{}, err
	}
	f, err := s.once(ctx, dir, old)
	if errors.As(err, new(*changed)) {
		f, err = s.once(ctx, dir, old)
	}
	if err != nil {
		return extract.Fetched{}, err
	}
	if len(f.Payloads) == 0 && last != "" {
		f.Mark = last
	}
	return f, nil
}

// once is one try: what is there, all of it, and is it still the same?
func (s *Source) once(ctx context.Context, dir string, old mark) (extract.Fetched, error) {
	before, err := s.portal.head(ctx)
	if err != nil {
		return extract.Fetched{}, err
	}
	m := mark{Rows: before.count, Query: s.c.query()}
	if !before.stamp.IsZero() {
		m.Stamp = before.stamp.UTC().Format(time.RFC3339Nano)
	}
	if s.c.Kind == "soda" && m.Stamp != "" && m.Stamp == old.Stamp && m.Rows == old.Rows {
		return extract.Fetched{Note: "nothing new since " + m.Stamp}, nil
	}
	path := filepath.Join(dir, s.c.name())
	to, err := createCSV(path)
	if err != nil {
		return extract.Fetched{}, err
	}
	defer to.f.Abort()
	rows, err := s.portal.body(ctx, before, to)
	if err != nil {
		return extract.Fetched{}, err
	}
	after, err := s.portal.head(ctx)
	if err != nil {
		return extract.Fetched{}, err
	}
	if err := whole(before, after, rows); err != nil {
		return extract.Fetched{}, err
	}
	m.Rows, m.SHA256 = rows, to.sum()
	if m.SHA256 == old.SHA256 {
		return extract.Fetched{Note: "nothing new: the same rows as before"}, nil
	}
	if err := to.f.Commit(); err != nil {
		return extract.Fetched{}, err
	}
	text, err := json.Marshal(m)
	return extract.Fetched{
		Payloads: []extract.Payload{{Path: path, Name: s.c.name(), SourceTime: before.stamp}},
		Mark:     string(text),
		Note:     fmt.Sprintf("%d rows", rows),
	}, err
}

// whole holds what came against what the portal says.
func whole(before, after head, rows int64) error {
	switch {
	case before.count != after.count:
		return &changed{fmt.Sprintf("the table changed while it was read: it had %d rows and has %d", before.count, after.count)}
	case !before.stamp.Equal(after.stamp):
		return &changed{fmt.Sprintf("the table changed while it was read: it was of %s and is of %s",
			before.stamp.UTC().Format(time.RFC3339), after.stamp.UTC().Format(time.RFC3339))}
	case before.columns != after.columns || before.id != after.id || before.url != after.url:
		return &changed{"the table changed while it was read: its columns or its address are others"}
	case before.count >= 0 && rows != before.count:
		return &changed{fmt.Sprintf("the portal counts %d rows and gave %d", before.count, rows)}
	}
	return nil
}

// Done removes the files: whoever loaded them has kept them.
func (s *Source) Done(_ context.Context, f extract.Fetched) error {
	for _, p := range f.Payloads {
		if err := os.Remove(p.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
