//go:build !nosnowflake

package snowflake

import (
	"context"
	"testing"

	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/loadtest"
	sqltext "github.com/dosebook/dosebook/sql"
)

// store lets the suite see what the tables hold.
type store struct{ *DB }

const current = `
select e.registry, e.vax_event_id, e.source_time, e.place, e.born, e.tombstone, e.recip,
       coalesce(datediff('day', date '1970-01-01', e.admin_date), 0) as d, coalesce(e.cvx, 0) as c, e.county, e.city, coalesce(e.admin_county, 0) as a,
       e.countable, e.content, d.place is not null as has, coalesce(d.is_primary, false) as p, coalesce(d.person_id, 0) as pid,
       coalesce(d.dose_id, case when d.place is not null then e.event_key end, 0) as did,
       coalesce(d.dose_ordinal, 0) as o, coalesce(datediff('day', date '1970-01-01', d.full_date), 0) as f
from event e left join derived d on d.place = e.place`

func (s store) Current(ctx context.Context) ([]loadtest.Version, error) {
	own, err := s.own(ctx, "test")
	if err != nil {
		return nil, err
	}
	var out []loadtest.Version
	err = own.query(ctx, "read all", current, func(scan func(...any) error) error {
		var v loadtest.Version
		err := scan(&v.Registry, &v.ID, &v.SourceTime, &v.Place, &v.Born, &v.Tombstone, &v.Recip, &v.Day, &v.CVX, &v.County,
			&v.City, &v.AdminCounty, &v.Countable, &v.Content, &v.Derived, &v.Primary, &v.Person, &v.Dose, &v.Ordinal, &v.Full)
		out = append(out, v)
		return err
	})
	return out, err
}

func TestWarehouse(t *testing.T) {
	f := shared(t)
	loadtest.TestWarehouse(t, func(t *testing.T, lake load.Lake) loadtest.Store {
		return store{openAt(t, config(f), lake, Options{})}
	})
}

// TestModels: every model has a translation without DuckDB's words.
func TestModels(t *testing.T) {
	for _, m := range models() {
		if _, err := steps(m); err != nil {
			t.Error(err)
		}
	}
	if _, err := sqltext.Migrations("snowflake"); err != nil {
		t.Error(err)
	}
}
