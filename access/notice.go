package access

import (
	"context"
	"database/sql"
	"time"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Notice is what a steward has to know of access: a request that waits, a
// grant that expires, unusual volume, many refusals. It names users and
// counts, never a record.
type Notice struct {
	ID     int64     `json:"id"`
	Kind   string    `json:"kind"` // request, expiring, volume, denied
	Day    string    `json:"day"`
	About  string    `json:"about"`
	Says   string    `json:"text"`
	Raised time.Time `json:"raised_at"`
}

// raise records a notice once for each kind, day and subject.
func raise(ctx context.Context, tx *sql.Tx, now time.Time, n Notice) error {
	if n.Day == "" {
		n.Day = now.UTC().Format(time.DateOnly)
	}
	const q = "insert into access_notice (kind, day, about, says, raised_at) values (?, ?, ?, ?, ?) on conflict do nothing"
	_, err := tx.ExecContext(ctx, q, n.Kind, n.Day, n.About, n.Says, micros(now))
	return err
}

// Notices returns the newest notices, newest first.
func (s *Store) Notices(ctx context.Context, limit int) (_ []Notice, err error) {
	defer dose.Wrap(&err, "access notices")
	return s.notices(ctx, "access_notice_list", limit)
}

// Unsent returns the notices of the last week that a channel has not had,
// oldest first.
func (s *Store) Unsent(ctx context.Context, channel string) (_ []Notice, err error) {
	defer dose.Wrap(&err, "access notices")
	return s.notices(ctx, "access_notice_unsent", channel, micros(s.now().AddDate(0, 0, -7)))
}

// Sent records that a channel has had a notice.
func (s *Store) Sent(ctx context.Context, notice int64, channel string) (err error) {
	defer dose.Wrap(&err, "access notices")
	_, err = s.db.ExecContext(ctx, "insert into access_notice_sent values (?, ?, ?) on conflict do nothing", notice, channel, micros(s.now()))
	return err
}

func (s *Store) notices(ctx context.Context, query string, args ...any) ([]Notice, error) {
	text, err := sqltext.Text("queries/" + query + ".sql")
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Notice
	for rows.Next() {
		var n Notice
		var raised int64
		if err := rows.Scan(&n.ID, &n.Kind, &n.Day, &n.About, &n.Says, &raised); err != nil {
			return nil, err
		}
		n.Raised = fromMicros(raised)
		out = append(out, n)
	}
	return out, rows.Err()
}
