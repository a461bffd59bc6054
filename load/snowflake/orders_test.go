//go:build !nosnowflake

package snowflake

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/loadtest"
	sqltext "github.com/dosebook/dosebook/sql"
)

// answers are the queries whose rows make a release, as text without places;
// the first column begins with the set's registry (load/duckdb has the same).
var answers = []string{
	`select e.registry, e.vax_event_id, e.source_time, e.born, e.tombstone, e.recip, e.content, e.admin_date, e.countable from event e`,
	`select e.registry, 'before' as what, e.vax_event_id, s.source_time from superseded s join event e on e.event_key = s.event_key`,
	`select e.registry, 'person' as what, p.recip, p.born, p.component, p.person_id from person p join event e on e.recip = p.recip`,
	`select e.registry, 'derived' as what, e.vax_event_id, d.* exclude (place) from derived d join event e on e.place = d.place`,
	`select e.registry, 'pair' as what, p.* from dose_pair p join event e on e.event_key = p.a`,
	`select e.registry, 'fact' as what, e.vax_event_id, f.* exclude (place) from (models/50_release_facts.sql) f join event e on e.place = f.place`,
	`select e.registry, 'recipient' as what, e.vax_event_id, f.* exclude (place) from (models/51_release_recipients.sql) f join event e on e.place = f.place`,
	`select e.registry, 'renamed' as what, e.vax_event_id, f.* exclude (place) from (models/55_release_renamed.sql) f join event e on e.place = f.place`,
	`select '' as what, f.* from (models/41_county_day.sql) f`,
}

const counties = `(6001, '06001', 'Alameda', 'California'), (6037, '06037', 'Los Angeles', 'California'), (1, 'OOS', 'Outside California', 'Not in California'), (0, 'UNK', 'Unknown', 'Not in California')`

func (s store) Answers(ctx context.Context) ([]string, error) {
	if err := s.Prepare(ctx); err != nil {
		return nil, err
	}
	var out []string
	for _, q := range answers {
		if from, to := strings.Index(q, "models/"), strings.Index(q, ".sql"); from >= 0 {
			text, err := sqltext.Text(q[from : to+4])
			if err != nil {
				return nil, err
			}
			q = q[:from] + strings.ReplaceAll(translate(text), "{counties}", counties) + "\n" + q[to+4:]
		}
		got, err := s.lines(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("%.60s: %w", q, err)
		}
		out = append(out, got...)
	}
	return out, nil
}

// lines are a query's rows, their cells with blanks between.
func (s store) lines(ctx context.Context, query string) (out []string, err error) {
	own, err := s.own(ctx, "test")
	if err != nil {
		return nil, err
	}
	rows, err := own.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	cells, to := make([]any, len(names)), make([]any, len(names))
	for i := range cells {
		to[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		out = append(out, strings.TrimRight(fmt.Sprintln(cells...), "\n"))
	}
	return out, rows.Err()
}

// Reset empties the tables.
func (s store) Reset(ctx context.Context, r loadtest.Rules) error {
	own, err := s.own(ctx, "test")
	if err != nil {
		return err
	}
	own.bad = true // its work tables hold the other log's words
	if own, err = s.own(ctx, "test"); err != nil {
		return err
	}
	s.rules = Rules(r)
	return (&work{d: s.DB, s: own}).forget(ctx)
}

// TestOrders: any order of arrival, cut anyhow, gives the model's answers. Each
// call is some 130 statements to an emulator, and a seed takes minutes.
func TestOrders(t *testing.T) {
	if !long() {
		t.Skip("a seed takes minutes: set DOSEBOOK_TEST_LONG=1, for an hour of them")
	}
	f := shared(t)
	loadtest.TestOrders(t, func(t *testing.T, lake load.Lake) loadtest.Answers {
		return store{openAt(t, config(f), lake, Options{})}
	})
}
