package duckdb

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/loadtest"
)

// store lets the suite see what the tables hold.
type store struct{ *DB }

func (s store) Current(ctx context.Context) ([]loadtest.Version, error) {
	rows, err := s.conn.QueryContext(ctx, `
select e.registry, e.vax_event_id, e.source_time, e.place, e.born, e.tombstone, e.recip,
       coalesce(datediff('day', date '1970-01-01', e.admin_date), 0), coalesce(e.cvx, 0), e.county, e.city, coalesce(e.admin_county, 0),
       e.countable, e.content, d.place is not null, coalesce(d.is_primary, false), coalesce(d.person_id, 0), coalesce(d.dose_id, case when d.place is not null then e.event_key end, 0),
       coalesce(d.dose_ordinal, 0), coalesce(datediff('day', date '1970-01-01', d.full_date), 0)
from event e left join derived d on d.place = e.place`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []loadtest.Version
	for rows.Next() {
		var v loadtest.Version
		if err := rows.Scan(&v.Registry, &v.ID, &v.SourceTime, &v.Place, &v.Born, &v.Tombstone, &v.Recip, &v.Day, &v.CVX, &v.County,
			&v.City, &v.AdminCounty, &v.Countable, &v.Content, &v.Derived, &v.Primary, &v.Person, &v.Dose, &v.Ordinal, &v.Full); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func open(t *testing.T, lake load.Lake) *DB {
	t.Helper()
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "warehouse.duckdb"), lake, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWarehouse(t *testing.T) {
	loadtest.TestWarehouse(t, func(t *testing.T, lake load.Lake) loadtest.Store { return store{open(t, lake)} })
}
