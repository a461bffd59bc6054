// Package snowtable fetches a table, a view or a query of somebody else's
// Snowflake: the state's repository serves each local health jurisdiction its
// doses as a view (CDPH data dictionary, VW_ALL_IIS_LHJ). Its payload is one
// tab separated text with the raw schema's names in the header, which
// extract/cvrs reads.
//
// It promises that a payload holds as many rows as the server says its result
// has; that cells are the server's own text of each value, so that nothing is
// rounded or shifted here; that memory is bounded by one batch of the result;
// and that no value, statement or secret stands in an error: an error has the
// server's number, and the query id under which the account's own history
// tells the rest. It only ever sends SELECT.
package snowtable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/snowconn"
)

// Options are what a Source takes from outside; Now may be left zero.
type Options struct {
	Now    func() time.Time
	Getenv func(string) string
}

// Source is one table of one account.
type Source struct {
	c   Config
	now func() time.Time
	key snowconn.Secret
}

var _ extract.Source = (*Source)(nil)

// New returns a source. The configuration is checked, and the credentials are
// read, but nothing is asked of the server.
func New(c Config, o Options) (*Source, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Source{c: c, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	var err error
	s.key, err = c.secret(o.Getenv)
	return s, err
}

// mark is what a feed keeps between two fetches.
//
// Rows are asked for from the watermark on, not beyond it: others of the same
// instant may have come later. So a quiet table gives the rows of that instant
// again, and Edge, the hash of a payload of them alone, tells that they are
// all there is. With an overlap a quiet table gives it once more as a payload,
// and then SHA256 tells. Known rows change nothing in the store.
type mark struct {
	Watermark string `json:"watermark,omitempty"` // the greatest seen, as the server writes it
	Type      string `json:"type,omitempty"`
	SHA256    string `json:"sha256"` // of the last payload
	Edge      string `json:"edge,omitempty"`
	Rows      int64  `json:"rows"`
	Query     string `json:"query"` // hash of the configuration: another question begins anew
}

// Fetch brings the rows from mark's watermark on, or the whole table.
func (s *Source) Fetch(ctx context.Context, dir, last string) (_ extract.Fetched, err error) {
	defer dose.Wrap(&err, "Snowflake account %s", s.c.Account)
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
	began := s.now()
	db, err := s.open(ctx)
	if err != nil {
		return extract.Fetched{}, err
	}
	defer db.close()
	cols, err := db.describe(ctx, s.c.source())
	if err != nil {
		return extract.Fetched{}, err
	}
	p, err := s.c.plan(cols, old)
	if err != nil {
		return extract.Fetched{}, err
	}
	to, err := create(filepath.Join(dir, s.c.name()), p)
	if err != nil {
		return extract.Fetched{}, err
	}
	defer to.f.Abort()
	if err := db.read(ctx, p.statement, p.args, to.rows); err != nil {
		return extract.Fetched{}, err
	}
	return s.finish(old, last, p, to, began)
}

// finish decides whether what came is news.
func (s *Source) finish(old mark, last string, p plan, to *payload, began time.Time) (extract.Fetched, error) {
	if err := to.w.Flush(); err != nil {
		return extract.Fetched{}, err
	}
	m := mark{Watermark: to.watermark, Type: p.watermarkType, SHA256: to.sum(to.sha), Edge: to.sum(to.edge), Rows: to.n, Query: s.c.query()}
	f := extract.Fetched{Mark: last, Note: "nothing new"}
	switch {
	case to.n == 0 && s.c.Snapshot && old.Rows > 0:
		return extract.Fetched{}, fmt.Errorf("the whole table had %d rows and now shows none: the role may have lost its grant or its rows: %w", old.Rows, dose.ErrDenied)
	case to.n == 0, m.SHA256 == old.SHA256, m.SHA256 == old.Edge:
		f.Note += p.note()
		return f, nil
	}
	if m.Watermark == "" { // rows without one only
		m.Watermark = old.Watermark
	}
	if err := to.f.Commit(); err != nil {
		return extract.Fetched{}, err
	}
	text, err := json.Marshal(m)
	f.Mark, f.Note = string(text), fmt.Sprintf("%d rows", to.n)+to.note()+p.note()
	f.Payloads = []extract.Payload{{Path: filepath.Join(filepath.Dir(to.f.Name()), s.c.name()), Name: s.c.name(), SourceTime: began.UTC()}}
	return f, err
}

// note says what of the table is not in the payload.
func (p plan) note() string {
	if len(p.left) == 0 {
		return ""
	}
	return "; columns left out: " + strings.Join(p.left, ", ")
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
