package duckdb

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/loadtest"
	sqltext "github.com/dosebook/dosebook/sql"
)

// answers are the queries whose rows make a release, as text without places;
// the first column begins with the set's registry.
var answers = []string{
	`select e.registry, e.vax_event_id, e.source_time, e.born, e.tombstone, e.recip, e.content, e.admin_date, e.countable from event e`,
	`select e.registry, 'before', e.vax_event_id, s.source_time from superseded s join event e on e.event_key = s.event_key`,
	`select e.registry, 'person', p.recip, p.born, p.component, p.person_id from person p join event e on e.recip = p.recip`,
	`select e.registry, 'derived', e.vax_event_id, d.* exclude (place) from derived d join event e on e.place = d.place`,
	`select e.registry, 'pair', p.* from dose_pair p join event e on e.event_key = p.a`,
	`select e.registry, 'fact', e.vax_event_id, f.* exclude (place) from (models/50_release_facts.sql) f join event e on e.place = f.place`,
	`select e.registry, 'recipient', e.vax_event_id, f.* exclude (place) from (models/51_release_recipients.sql) f join event e on e.place = f.place`,
	`select e.registry, 'renamed', e.vax_event_id, f.* exclude (place) from (models/55_release_renamed.sql) f join event e on e.place = f.place`,
	`select '', f.* from (models/41_county_day.sql) f`,
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
			q = q[:from] + strings.ReplaceAll(strings.TrimRight(text, "; \n"), "{counties}", counties) + "\n" + q[to+4:]
		}
		got, err := s.lines(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q, err)
		}
		out = append(out, got...)
	}
	return out, nil
}

// lines are a query's rows, their cells with blanks between.
func (s store) lines(ctx context.Context, query string) ([]string, error) {
	rows, err := s.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	cells := make([]any, len(names))
	to := make([]any, len(names))
	for i := range cells {
		to[i] = &cells[i]
	}
	var out []string
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		line := fmt.Sprintln(cells...)
		out = append(out, strings.TrimRight(line, "\n"))
	}
	return out, rows.Err()
}

// Reset empties the tables: a store for a thousand logs costs less than a
// thousand stores.
func (s store) Reset(ctx context.Context, r loadtest.Rules) error {
	for _, table := range []string{"event", "superseded", "person", "derived", "dose_pair", "alias", "decision", "position", "applied", "event_issue"} {
		if _, err := s.conn.ExecContext(ctx, "delete from "+table); err != nil {
			return err
		}
	}
	s.rules = Rules{r.ComponentLimit, r.ApartDays, r.SameDayOtherLot}
	return nil
}

func TestOrders(t *testing.T) {
	loadtest.TestOrders(t, func(t *testing.T, lake load.Lake) loadtest.Answers {
		d, err := Open(t.Context(), filepath.Join(t.TempDir(), "warehouse.duckdb"), lake, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return store{d}
	})
}
