package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Agreement is a signed data access agreement of an organisation. It lasts
// two years at most (domain §10.1); a renewed one is a new number. When it
// ends, its grants end with it.
type Agreement struct {
	Number       string    `json:"number"`
	Organisation string    `json:"organisation"`
	Signed       string    `json:"signed"` // YYYY-MM-DD
	Expires      time.Time `json:"expires"`
	Created      time.Time `json:"created"`
	CreatedBy    string    `json:"created_by"`
	Ended        time.Time `json:"ended,omitzero"`
	EndedBy      string    `json:"ended_by,omitempty"`
}

// longest is how many years an agreement lasts at most.
const longest = 2

var (
	numberForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ./_-]{0,63}$`)
	lineForm   = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,500}$`)
)

func (a *Agreement) check(now time.Time) error {
	if !numberForm.MatchString(a.Number) {
		return fmt.Errorf("an agreement's number has letters, digits, spaces and . / _ - only, up to 64: %w", dose.ErrInvalid)
	}
	if !lineForm.MatchString(a.Organisation) {
		return fmt.Errorf("an agreement needs the organisation's name, on one line: %w", dose.ErrInvalid)
	}
	signed, err := past(a.Signed, now)
	if err != nil {
		return fmt.Errorf("the day of signing: %w", err)
	}
	end := signed.AddDate(longest, 0, 1) // the last day counts to its end
	if a.Expires.IsZero() {
		a.Expires = end
	}
	if a.Expires.After(end) {
		return fmt.Errorf("an agreement lasts two years at most, this one to %s: %w", end.AddDate(0, 0, -1).Format(time.DateOnly), dose.ErrInvalid)
	}
	if !a.Expires.After(now) {
		return fmt.Errorf("the agreement would have expired already: %w", dose.ErrInvalid)
	}
	return nil
}

// past reads a day that is not in the future, wherever on earth it is today.
func past(day string, now time.Time) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return t, fmt.Errorf("give it as YYYY-MM-DD: %w", dose.ErrInvalid)
	}
	if t.After(now.Add(14 * time.Hour)) {
		return t, fmt.Errorf("it is in the future: %w", dose.ErrInvalid)
	}
	return t, nil
}

// AddAgreement records a signed agreement. From the first one on, grants need
// one, and a training date.
func (s *Store) AddAgreement(ctx context.Context, by string, a Agreement) (_ Agreement, err error) {
	defer dose.Wrap(&err, "agreement")
	now := s.now()
	if err := a.check(now); err != nil {
		return Agreement{}, err
	}
	a.Created, a.CreatedBy, a.Ended, a.EndedBy = now, by, time.Time{}, ""
	err = s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		if _, err := agreement(ctx, tx, a.Number); !errors.Is(err, dose.ErrNotFound) {
			return Entry{}, errors.Join(err, fmt.Errorf("agreement %s is there already; a renewed one has a new number: %w", a.Number, dose.ErrInvalid))
		}
		const q = "insert into access_agreement (number, organisation, signed, expires_at, created_at, created_by) values (?, ?, ?, ?, ?, ?)"
		_, err := tx.ExecContext(ctx, q, a.Number, a.Organisation, a.Signed, micros(a.Expires), micros(now), by)
		return Entry{User: by, Action: "agreement", Detail: fmt.Sprintf("%s of %s until %s", a.Number, a.Organisation, stamp(a.Expires))}, err
	})
	return a, err
}

// EndAgreement ends an agreement, and with it all grants under it, at once.
func (s *Store) EndAgreement(ctx context.Context, by, number, reason string) (err error) {
	defer dose.Wrap(&err, "end agreement")
	if !lineForm.MatchString(reason) {
		return fmt.Errorf("a reason is needed, on one line: %w", dose.ErrInvalid)
	}
	return s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		const q = "update access_agreement set ended_at = coalesce(ended_at, ?), ended_by = coalesce(ended_by, ?) where number = ?"
		return Entry{User: by, Action: "end agreement", Detail: number + ": " + reason}, one(tx.ExecContext(ctx, q, micros(s.now()), by, number))
	})
}

// Agreements returns all agreements, ended ones too, by organisation.
func (s *Store) Agreements(ctx context.Context) (_ []Agreement, err error) {
	defer dose.Wrap(&err, "list agreements")
	return agreements(ctx, s.db, "")
}

func agreements(ctx context.Context, db querier, number string) ([]Agreement, error) {
	text, err := sqltext.Text("queries/access_agreement_list.sql")
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, text, number)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Agreement
	for rows.Next() {
		var a Agreement
		var expires, created int64
		var ended sql.NullInt64
		if err := rows.Scan(&a.Number, &a.Organisation, &a.Signed, &expires, &created, &a.CreatedBy, &ended, &a.EndedBy); err != nil {
			return nil, err
		}
		a.Expires, a.Created, a.Ended = fromMicros(expires), fromMicros(created), fromNull(ended)
		out = append(out, a)
	}
	return out, rows.Err()
}

func agreement(ctx context.Context, tx *sql.Tx, number string) (Agreement, error) {
	found, err := agreements(ctx, tx, number)
	if err == nil && (len(found) != 1 || number == "") {
		return Agreement{}, fmt.Errorf("there is no agreement of that number; see 'dosebook access organisation list': %w", dose.ErrNotFound)
	}
	if err != nil {
		return Agreement{}, err
	}
	return found[0], nil
}

// cover refuses a grant without a signed agreement in force and a training
// date, and bounds it by the agreement. Where the data directory knows no
// agreement at all, grants need none (DESIGN §5.7, Access).
func (s *Store) cover(ctx context.Context, tx *sql.Tx, g *Grant, ends bool) error {
	now := s.now()
	var known int
	if err := tx.QueryRowContext(ctx, "select count(*) from access_agreement").Scan(&known); err != nil || known == 0 {
		return err
	}
	if g.Agreement == "" || g.Training == "" {
		return fmt.Errorf("a grant needs the number of a signed agreement and the date of the privacy training: %w", dose.ErrDenied)
	}
	if _, err := past(g.Training, now); err != nil {
		return fmt.Errorf("the training date: %w", err)
	}
	a, err := agreement(ctx, tx, g.Agreement)
	if errors.Is(err, dose.ErrNotFound) {
		return fmt.Errorf("there is no signed agreement of that number; record it with 'dosebook access organisation add': %w", dose.ErrDenied)
	}
	if err != nil {
		return err
	}
	if !a.Ended.IsZero() || !now.Before(a.Expires) {
		return fmt.Errorf("agreement %s has ended; record the renewed one first: %w", a.Number, dose.ErrDenied)
	}
	if g.Expires.After(a.Expires) {
		if ends {
			return fmt.Errorf("the grant would outlast agreement %s, which runs to %s: %w", a.Number, a.Expires.AddDate(0, 0, -1).Format(time.DateOnly), dose.ErrInvalid)
		}
		g.Expires = a.Expires
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
