package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Store is access in the control database. It may be used from many
// goroutines and, beside other processes, on the same file.
type Store struct {
	// Unusual and Heads may be set before the store is used: when a steward
	// is told of a user's day, and the heads that are kept elsewhere.
	Unusual   Unusual
	Heads     func() ([]Head, error)
	db        *sql.DB
	now       func() time.Time
	audit     queue
	strangers strangers
	refusals  struct {
		mu  sync.Mutex
		day string
		of  map[string]int64 // by user
	}
}

// Open returns the store on the control database, which the caller opened
// and closes. now may be nil: the clock.
func Open(db *sql.DB, now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{db: db, now: now, audit: queue{turn: make(chan struct{}, 1)}}
}

// Ping says whether the control database answers.
func (s *Store) Ping(ctx context.Context) (err error) {
	defer dose.Wrap(&err, "access")
	var n int
	return s.db.QueryRowContext(ctx, "select count(*) from access_user").Scan(&n)
}

// Grant records g and returns it as it stands. The first grant makes the
// user. Without an end it lasts two years, or as long as its agreement; an
// analyst's is always de-identified. by is the user who does it, for the
// audit: nobody grants to themself, but for the first steward of all.
func (s *Store) Grant(ctx context.Context, by string, g Grant) (_ Grant, err error) {
	defer dose.Wrap(&err, "grant")
	ends := !g.Expires.IsZero()
	if err := g.check(s.now()); err != nil {
		return Grant{}, err
	}
	err = s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		if err := s.notOwn(ctx, tx, by, g.User); err != nil {
			return Entry{}, err
		}
		err := s.add(ctx, tx, by, &g, ends)
		return Entry{User: by, Action: "grant", Grant: g.ID, Purpose: g.Purpose, Detail: g.summary()}, err
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// add writes a grant that was checked; ends says that its end was asked for.
func (s *Store) add(ctx context.Context, tx *sql.Tx, by string, g *Grant, ends bool) error {
	now := s.now()
	if err := errors.Join(g.check(now), s.cover(ctx, tx, g, ends)); err != nil {
		return err
	}
	g.Created, g.CreatedBy, g.Revoked, g.RevokedBy = now, by, time.Time{}, ""
	if _, err := tx.ExecContext(ctx, "insert into access_user values (?, ?, ?) on conflict do nothing", g.User, micros(now), by); err != nil {
		return err
	}
	text, err := sqltext.Text("queries/access_grant_add.sql")
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, text, g.User, string(g.Role), g.places(), g.Level.String(), micros(g.Expires),
		g.Agreement, g.Training, g.Purpose, micros(now), by)
	if err != nil {
		return err
	}
	g.ID, err = res.LastInsertId()
	return err
}

// notOwn refuses who would grant to themself while there is another steward
// to ask.
func (s *Store) notOwn(ctx context.Context, tx *sql.Tx, by, user string) error {
	if !same(by, user) {
		return nil
	}
	has, err := s.hasSteward(ctx, tx)
	if err == nil && has {
		err = fmt.Errorf("nobody grants to themself; ask another steward: %w", dose.ErrDenied)
	}
	return err
}

// Revoke ends a grant at once. An unknown one is dose.ErrNotFound; one that
// was revoked before stays as it was.
func (s *Store) Revoke(ctx context.Context, by string, id int64) (err error) {
	defer dose.Wrap(&err, "revoke grant %d", id)
	return s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		const q = "update access_grant set revoked_at = coalesce(revoked_at, ?), revoked_by = coalesce(revoked_by, ?) where id = ?"
		return Entry{User: by, Action: "revoke grant", Grant: id}, one(tx.ExecContext(ctx, q, micros(s.now()), by, id))
	})
}

// RevokeUser ends all grants, tokens and sessions of a user at once.
func (s *Store) RevokeUser(ctx context.Context, by, user string) (err error) {
	defer dose.Wrap(&err, "revoke user")
	return s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		if err := s.known(ctx, tx, user); err != nil {
			return Entry{}, err
		}
		for _, table := range []string{"access_grant", "access_token"} {
			q := "update " + table + " set revoked_at = ?, revoked_by = ? where user = ? and revoked_at is null"
			if _, err := tx.ExecContext(ctx, q, micros(s.now()), by, user); err != nil {
				return Entry{}, err
			}
		}
		return Entry{User: by, Action: "revoke user", Detail: user}, endSessions(ctx, tx, s.now(), user)
	})
}

// List returns the grants of a user, or of all users when user is empty,
// ended ones included, oldest first.
func (s *Store) List(ctx context.Context, user string) (_ []Grant, err error) {
	defer dose.Wrap(&err, "list grants")
	return grants(ctx, s.db, user)
}

// Principal loads a user's grants as they are now. Call it for each request,
// so that a revocation is in force at once. An unknown user is
// dose.ErrUnknownUser.
func (s *Store) Principal(ctx context.Context, user string) (_ Principal, err error) {
	defer dose.Wrap(&err, "principal")
	if user == "" {
		return Principal{}, dose.ErrUnknownUser
	}
	gs, err := grants(ctx, s.db, user)
	if err != nil {
		return Principal{}, err
	}
	if len(gs) == 0 {
		return Principal{}, dose.ErrUnknownUser // the first grant makes the user
	}
	seen, err := s.seen(ctx)
	if err != nil {
		return Principal{}, err
	}
	return Principal{User: user, Grants: gs, Seen: seen}, nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// grants refuses as a whole when one of them cannot be understood.
func grants(ctx context.Context, db querier, user string) ([]Grant, error) {
	text, err := sqltext.Text("queries/access_grant_list.sql")
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, text, user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Grant
	for rows.Next() {
		g, err := scanGrant(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, rows.Err()
}

func scanGrant(rows *sql.Rows) (g Grant, err error) {
	var role, places, level, endedBy string
	var expires, created int64
	var until, agreed, revoked, ended sql.NullInt64
	err = rows.Scan(&g.ID, &g.User, &role, &places, &level, &expires, &until, &agreed, &g.Agreement, &g.Training, &g.Purpose,
		&created, &g.CreatedBy, &revoked, &g.RevokedBy, &ended, &endedBy)
	if err != nil {
		return g, err
	}
	if until.Valid {
		expires = max(expires, until.Int64)
	}
	if agreed.Valid {
		expires = min(expires, agreed.Int64)
	}
	if ended.Valid && (!revoked.Valid || ended.Int64 < revoked.Int64) {
		revoked, g.RevokedBy = ended, endedBy
	}
	g.Expires, g.Created, g.Revoked = fromMicros(expires), fromMicros(created), fromNull(revoked)
	var errRole, errLevel error
	g.Role, errRole = ParseRole(role)
	g.Level, errLevel = dose.ParseLevel(level)
	if err := errors.Join(errRole, errLevel, g.setPlaces(places)); err != nil {
		// Not %w: a damaged row is a refusal, not somebody's wrong input.
		return g, fmt.Errorf("grant %d is damaged (%v); revoke it and grant anew: %w", g.ID, err, dose.ErrDenied)
	}
	return g, nil
}

// change runs f and writes the audit entry it returns, both or neither.
func (s *Store) change(ctx context.Context, f func(tx *sql.Tx) (Entry, error)) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	e, err := f(tx)
	if err != nil {
		return err
	}
	e.Outcome = "done"
	if err := appendAudit(ctx, tx, s.now(), []Entry{e}); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *Store) known(ctx context.Context, tx *sql.Tx, user string) error {
	var n int
	err := tx.QueryRowContext(ctx, "select count(*) from access_user where name = ?", user).Scan(&n)
	if err == nil && n == 0 {
		err = fmt.Errorf("there is no such user; run 'dosebook access grant' first: %w", dose.ErrNotFound)
	}
	return err
}

// one turns an update that met no row into dose.ErrNotFound.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, dose.ErrNotFound)
	}
	return nil
}

func micros(t time.Time) int64     { return t.UnixMicro() }
func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
func fromNull(n sql.NullInt64) (t time.Time) {
	if n.Valid {
		t = fromMicros(n.Int64)
	}
	return t
}
