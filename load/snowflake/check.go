package snowflake

import "context"

// Check runs the store's invariants and returns those that do not hold, with
// their counts.
func (d *DB) Check(ctx context.Context) (map[string]int64, error) {
	s, err := d.own(ctx, "dosebook:check")
	if err != nil {
		return nil, err
	}
	all, err := steps("90_check")
	if err != nil {
		return nil, err
	}
	bad := map[string]int64{}
	err = s.query(ctx, "check the store", all[0].do, func(scan func(...any) error) error {
		var what string
		var n int64
		err := scan(&what, &n)
		if n != 0 {
			bad[what] = n
		}
		return err
	})
	return bad, err
}
