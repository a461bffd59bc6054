package pipelines

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load"
)

// Given says who gave a reject up, when and why.
type Given struct {
	By     string `json:"by"`
	At     string `json:"at"`
	Reason string `json:"reason"`
}

var closingColumns = []dose.Column{{Name: "registry"}, {Name: "segment"}, {Name: "line", Type: dose.Big}, {Name: "verdict"},
	{Name: "reason", Type: dose.LongTxt}, {Name: "by"}, {Name: "at"}}

// CloseRequest says which rejects a steward gives up, or takes up again.
type CloseRequest struct {
	Filter       // with a registry; only the state that fits is taken
	Refs   []Ref // empty: all that the filter holds
	Reopen bool  // take up what was given up
	Reason string
	By     string
	Note   func(rejects int) error // called before anything is written, with how many there are; may be nil
}

// Close writes a steward's word on rejects into the log, as a payload of its
// own: so it is kept, is in force again after a rebuild, and a release of an
// earlier position does not know it (ADR 0008). Only what waits can be given
// up, and only what was given up can be opened again; any other Ref refuses the
// whole request. It returns how many rejects it closed.
func (r *Runner) Close(ctx context.Context, q CloseRequest) (n int, err error) {
	if strings.TrimSpace(q.Reason) == "" || q.By == "" {
		return 0, fmt.Errorf("say why and by whom: %w", dose.ErrInvalid)
	}
	if err := load.CheckRegistry(q.Registry); err != nil {
		return 0, err
	}
	if err := r.Recover(); err != nil {
		return 0, err
	}
	refs, err := r.closable(ctx, q)
	if err != nil || len(refs) == 0 {
		return 0, err
	}
	if q.Note != nil {
		if err := q.Note(len(refs)); err != nil {
			return 0, err
		}
	}
	if err := r.loadClosing(ctx, q, refs); err != nil {
		return 0, err
	}
	return len(refs), nil
}

// loadClosing writes the word on the rejects as a payload and loads it.
func (r *Runner) loadClosing(ctx context.Context, q CloseRequest, refs []Ref) error {
	verdict := dose.RejectGivenUp
	if q.Reopen {
		verdict = dose.RejectOpen
	}
	at := r.Now().UTC()
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	rows := [][]string{inputHeader[load.Closing]}
	for _, ref := range refs {
		rows = append(rows, []string{q.Registry, ref.Segment, strconv.FormatInt(ref.Line, 10), verdict, q.Reason, q.By, at.Format(time.RFC3339Nano)})
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	if err := os.MkdirAll(r.Raw.Dir, 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(r.Raw.Dir, durable.Prefix+"closing-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "closing-"+at.Format("20060102T150405.000000000")+".csv")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return err
	}
	_, err = r.load(ctx, Request{Registry: q.Registry, Format: load.Closing, Action: "A", Limit: 1, Paths: []string{path}})
	return err
}

// closable are the rejects of the request, each once.
func (r *Runner) closable(ctx context.Context, q CloseRequest) (refs []Ref, err error) {
	asked := map[Ref]bool{}
	for _, ref := range q.Refs {
		asked[ref] = true
	}
	q.Records, q.State = false, Waiting
	if q.Reopen {
		q.State = dose.RejectGivenUp
	}
	seen := map[Ref]bool{}
	err = r.Ledger.Rejects(ctx, r.Lake, q.Filter, func(x *Reject) error {
		if ref := x.Ref(); !seen[ref] && (len(q.Refs) == 0 || asked[ref]) {
			seen[ref] = true
			refs = append(refs, ref)
		}
		return nil
	})
	for _, ref := range q.Refs {
		if err == nil && !seen[ref] {
			what := "waits"
			if q.Reopen {
				what = "was given up"
			}
			err = fmt.Errorf("%s is no reject of %s that %s; nothing was changed: %w", ref, q.Registry, what, dose.ErrInvalid)
		}
	}
	return refs, err
}

func checkClosing(rec []string) string {
	_, err := strconv.ParseInt(rec[2], 10, 64)
	switch {
	case load.CheckRegistry(rec[0]) != nil:
		return "a registry's name is not 1 to 32 of A-Z, 0-9, - and _"
	case err != nil:
		return "the line is no number"
	case rec[3] != dose.RejectGivenUp && rec[3] != dose.RejectOpen:
		return "the verdict is not one of " + dose.RejectGivenUp + " " + dose.RejectOpen
	}
	return ""
}

// appendClosing adds a row that checkClosing has passed.
func appendClosing(b *array.RecordBuilder, row []string) {
	for i, s := range row {
		switch f := b.Field(i).(type) {
		case *array.Int64Builder:
			n, _ := strconv.ParseInt(s, 10, 64)
			f.Append(n)
		case *array.StringBuilder:
			f.Append(s)
		case *array.BinaryDictionaryBuilder:
			_ = f.AppendString(s) // fails only on types that a text never is
		}
	}
}

// closings reads what stewards said; the latest word on a reject counts.
func (l *Ledger) closings(ctx context.Context, lake load.Lake, registry string, t *trails) (err error) {
	defer dose.Wrap(&err, "ledger: closings")
	var all [][2]string
	err = l.each(ctx, "reject_closings", func(rows *sql.Rows) error {
		var x [2]string
		err := rows.Scan(&x[0], &x[1])
		all = append(all, x)
		return err
	})
	for _, x := range all {
		if err != nil || registry != "" && registry != x[0] {
			continue
		}
		err = lake.Closings(ctx, x[0], x[1], func(c load.Closed) error {
			p := place{c.Registry, Ref{c.Segment, c.Line}}
			t.touched[c.Registry+"/"+c.Segment] = true
			delete(t.given, p)
			if c.Verdict == dose.RejectGivenUp {
				t.given[p] = Given{By: c.By, At: c.At, Reason: c.Reason}
			}
			return nil
		})
	}
	return err
}
