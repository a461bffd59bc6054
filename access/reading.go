package access

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Unusual says when a steward is told of a user's day.
type Unusual struct {
	Rows   int64 // fewer never raise a notice; default 1 million
	Times  int64 // as many as on the busiest of the 30 days before; default 3
	Denied int64 // refusals; default 20
}

func (u Unusual) filled() Unusual {
	return Unusual{Rows: cmp.Or(u.Rows, 1_000_000), Times: cmp.Or(u.Times, 3), Denied: cmp.Or(u.Denied, 20)}
}

// Reading is a file that a user read on a day.
type Reading struct {
	Day     string `json:"day"`
	User    string `json:"user"`
	Release string `json:"release"`
	Place   string `json:"place"` // empty: a table of the whole state
	File    string `json:"file"`
	Rows    int64  `json:"rows"`
	Seq     int64  `json:"audit_entry"`
}

// markRead keeps what was read by whom, in the entries' own transaction, and
// raises notices.
func (s *Store) markRead(ctx context.Context, tx *sql.Tx, now time.Time, entries []Entry) error {
	add, err := sqltext.Text("queries/access_reading_add.sql")
	if err != nil {
		return err
	}
	day := now.UTC().Format(time.DateOnly)
	readers, refused := map[string]bool{}, map[string]int64{}
	for _, e := range entries {
		switch {
		case e.Outcome == "denied":
			refused[e.User]++
		case e.Action == "read" && e.Outcome == "allowed" && e.Rows > 0:
			if _, err := tx.ExecContext(ctx, add, day, e.User, e.Release, e.Place, e.File, e.Rows, e.Seq); err != nil {
				return err
			}
			readers[e.User] = true
		}
	}
	for user := range readers {
		if err := s.weigh(ctx, tx, now, user); err != nil {
			return err
		}
	}
	for user, n := range refused {
		if err := s.countRefusals(ctx, tx, now, user, n); err != nil {
			return err
		}
	}
	return nil
}

// weigh raises a notice when a user's day is out of the usual.
func (s *Store) weigh(ctx context.Context, tx *sql.Tx, now time.Time, user string) error {
	text, err := sqltext.Text("queries/access_reading_volume.sql")
	if err != nil {
		return err
	}
	u, day := s.Unusual.filled(), now.UTC()
	var today, most int64
	err = tx.QueryRowContext(ctx, text, user, day.Format(time.DateOnly), day.AddDate(0, 0, -30).Format(time.DateOnly)).Scan(&today, &most)
	if err != nil || today < u.Rows || today < most*u.Times {
		return err
	}
	says := fmt.Sprintf("%s read %d rows today, %d on the busiest of the 30 days before; 'dosebook audit list --user %[1]s' shows what", user, today, most)
	return raise(ctx, tx, now, Notice{Kind: "volume", About: user, Says: says})
}

// countRefusals counts a user's refusals of the day in memory: after a
// restart the count begins anew.
func (s *Store) countRefusals(ctx context.Context, tx *sql.Tx, now time.Time, user string, n int64) error {
	day := now.UTC().Format(time.DateOnly)
	s.refusals.mu.Lock()
	if s.refusals.day != day {
		s.refusals.day, s.refusals.of = day, map[string]int64{}
	}
	s.refusals.of[user] += n
	n = s.refusals.of[user]
	s.refusals.mu.Unlock()
	if n < s.Unusual.filled().Denied {
		return nil
	}
	says := fmt.Sprintf("%s was refused %d times today; 'dosebook audit list --user %[1]s' shows what", user, n)
	return raise(ctx, tx, now, Notice{Kind: "denied", About: user, Says: says})
}

// WhoSaw returns who read files that hold people of a place, since a day
// (YYYY-MM-DD): its own, those of the cities in it or of the county around
// it, and the state's tables. Ask Decide for Read of AuditLog first.
func (s *Store) WhoSaw(ctx context.Context, place dose.Place, since string, limit int) (_ []Reading, err error) {
	defer dose.Wrap(&err, "who saw")
	if place.Label() == "" {
		return nil, fmt.Errorf("there is no such place: %w", dose.ErrInvalid)
	}
	own := Grant{Places: []dose.Place{place}}
	names := []string{""}
	for _, p := range dose.Places() {
		if p == place || own.Covers(p) || (Grant{Places: []dose.Place{p}}).Covers(place) {
			names = append(names, string(p))
		}
	}
	list, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	text, err := sqltext.Text("queries/access_reading_place.sql")
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, text, string(list), since, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Reading{}
	for rows.Next() {
		var r Reading
		if err := rows.Scan(&r.Day, &r.User, &r.Release, &r.Place, &r.File, &r.Rows, &r.Seq); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return slices.Clip(out), rows.Err()
}
