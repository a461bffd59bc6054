package snowflake

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Cost is what a run consumed. It stands beside the run in LOAD_COST.
type Cost struct {
	Run        string    `json:"run"`
	First      int64     `json:"first_seq"`
	Last       int64     `json:"last_seq"`
	Files      int64     `json:"files"`
	Rows       int64     `json:"rows"`
	At         time.Time `json:"committed_at"`
	Statements int64     `json:"statements"`
	Elapsed    float64   `json:"elapsed_seconds"` // from the lease to the commit, waiting included
	Bytes      *int64    `json:"bytes_scanned"`   // by the session's history; null where the server did not say
	Queries    []string  `json:"query_ids"`       // in order
}

// meter counts what a session asks while a run is under way.
type meter struct {
	ids   []string
	began time.Time
}

// metered is a context under which the id of a statement can be read; done
// notes it.
func (s *session) metered(ctx context.Context) (_ context.Context, done func()) {
	if s.meter == nil {
		return ctx, func() {}
	}
	m := s.meter
	ctx, id := withQueryID(ctx)
	return ctx, func() { m.ids = append(m.ids, id()) }
}

const unknownBytes = -1

// cost writes what the run consumed, after its commit. The load counts whether
// this succeeds or not, so a failure is none of the load's: the row is missing,
// and 'warehouse cost' shows the run without it.
func (w *work) cost(ctx context.Context) {
	m := w.s.meter
	w.s.meter = nil
	if m == nil || len(m.ids) == 0 {
		return
	}
	elapsed := w.d.now().Sub(m.began)
	all, err := sqltext.Statements("dialect/snowflake/load_cost.sql")
	if err != nil || len(all) != 3 {
		return
	}
	if _, err := w.s.exec(ctx, "make the table of costs", all[0]); err != nil {
		return
	}
	bytes := int64(unknownBytes)
	// An emulator has no history.
	if n, err := w.s.number(ctx, "read the session's history", strings.ReplaceAll(all[1], "{first}", quote(m.ids[0]))); err == nil {
		bytes = n
	}
	_, _ = w.s.exec(ctx, "note the cost", all[2], w.run, len(m.ids), elapsed.Milliseconds(), bytes, strings.Join(m.ids, " "))
}

// Costs returns the last n runs, newest first.
func (g *Governor) Costs(ctx context.Context, n int) (out []Cost, err error) {
	defer dose.Wrap(&err, "read the cost of loads")
	all, err := sqltext.Statements("dialect/snowflake/load_costs.sql")
	if err != nil {
		return nil, err
	}
	if len(all) != 2 {
		return nil, fmt.Errorf("load_costs.sql has %d statements, 2 are known", len(all))
	}
	schema := g.c.Database + "." + g.c.login().Schema
	in := strings.NewReplacer("{schema}", schema, "{n}", strconv.Itoa(n))
	if _, err := g.own.exec(ctx, "make the table of costs", in.Replace(all[0])); err != nil {
		return nil, err
	}
	err = g.own.query(ctx, "read the runs", in.Replace(all[1]), func(scan func(...any) error) error {
		var c Cost
		var at, ms, bytes int64
		var ids string
		err := scan(&c.Run, &c.First, &c.Last, &c.Files, &c.Rows, &at, &c.Statements, &ms, &bytes, &ids)
		c.At, c.Elapsed, c.Queries = time.UnixMicro(at).UTC(), float64(ms)/1000, strings.Fields(ids)
		if bytes != unknownBytes {
			c.Bytes = &bytes
		}
		out = append(out, c)
		return err
	})
	return out, err
}
