package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Request is a wish for a grant, until a steward approves or denies it.
type Request struct {
	ID           int64        `json:"id"`
	User         string       `json:"user"`
	Role         Role         `json:"role"`
	All          bool         `json:"all"`
	Places       []dose.Place `json:"places,omitempty"`
	Level        dose.Level   `json:"level"`
	Agreement    string       `json:"agreement"`
	Organisation string       `json:"organisation"`
	Training     string       `json:"training"` // YYYY-MM-DD
	Purpose      string       `json:"purpose"`
	Expires      time.Time    `json:"expires"`
	Asked        time.Time    `json:"asked"`
	AskedBy      string       `json:"asked_by"`
	State        string       `json:"state"` // waiting, approved, denied
	Decided      time.Time    `json:"decided,omitzero"`
	DecidedBy    string       `json:"decided_by,omitempty"`
	Reason       string       `json:"reason,omitempty"`
	Grant        int64        `json:"grant,omitempty"`
}

func (r *Request) grant() Grant {
	return Grant{User: r.User, Role: r.Role, All: r.All, Places: r.Places, Level: r.Level, Expires: r.Expires,
		Agreement: r.Agreement, Training: r.Training, Purpose: r.Purpose}
}

// Ask files a request. What no steward could approve is refused at once: no
// signed agreement in force, no training date, no purpose. Without an end it
// asks for as long as the agreement lasts.
func (s *Store) Ask(ctx context.Context, by string, r Request) (_ Request, err error) {
	defer dose.Wrap(&err, "request")
	now := s.now()
	if !lineForm.MatchString(r.Purpose) {
		return Request{}, fmt.Errorf("a request says what the records are for, on one line: %w", dose.ErrInvalid)
	}
	if r.Agreement == "" || r.Training == "" {
		return Request{}, fmt.Errorf("a request needs the number of a signed agreement and the date of the privacy training: %w", dose.ErrDenied)
	}
	g, ends := r.grant(), !r.Expires.IsZero()
	if err := g.check(now); err != nil {
		return Request{}, err
	}
	err = s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		if err := s.cover(ctx, tx, &g, ends); err != nil {
			return Entry{}, err
		}
		a, err := agreement(ctx, tx, g.Agreement)
		if err != nil {
			return Entry{}, err
		}
		r.Organisation, r.Level, r.Expires, r.Asked, r.AskedBy, r.State = a.Organisation, g.Level, g.Expires, now, by, "waiting"
		text, err := sqltext.Text("queries/access_request_add.sql")
		if err != nil {
			return Entry{}, err
		}
		res, err := tx.ExecContext(ctx, text, r.User, string(r.Role), g.places(), r.Level.String(), r.Agreement, r.Training, r.Purpose, micros(r.Expires), micros(now), by)
		if err != nil {
			return Entry{}, err
		}
		if r.ID, err = res.LastInsertId(); err != nil {
			return Entry{}, err
		}
		says := fmt.Sprintf("request %d waits: %s of %s asks for %s as %s, %s; 'dosebook access approve %[1]d' or deny", r.ID, r.User, r.Organisation, g.places(), r.Role, r.Level)
		err = raise(ctx, tx, now, Notice{Kind: "request", About: fmt.Sprint("request ", r.ID), Says: says})
		return Entry{User: by, Action: "request", Purpose: r.Purpose, Detail: fmt.Sprintf("request %d: %s", r.ID, g.summary())}, err
	})
	if err != nil {
		return Request{}, err
	}
	return r, nil
}

// Approval is a steward's yes. What is set replaces what was asked for, and
// may only be less.
type Approval struct {
	By, Reason string
	Level      *dose.Level
	Expires    time.Time
}

// Approve turns a request into a grant, both or neither. Nobody approves for
// themself.
func (s *Store) Approve(ctx context.Context, id int64, a Approval) (g Grant, err error) {
	defer dose.Wrap(&err, "approve request %d", id)
	err = s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		r, err := s.waiting(ctx, tx, id, a.By, a.Reason)
		if err != nil {
			return Entry{}, err
		}
		g = r.grant()
		if a.Level != nil {
			if *a.Level > g.Level {
				return Entry{}, fmt.Errorf("the request is for %s; approve that or less: %w", g.Level, dose.ErrInvalid)
			}
			g.Level = *a.Level
		}
		if !a.Expires.IsZero() {
			if a.Expires.After(g.Expires) {
				return Entry{}, fmt.Errorf("the request is until %s; approve that or less: %w", stamp(g.Expires), dose.ErrInvalid)
			}
			g.Expires = a.Expires
		}
		if err := s.add(ctx, tx, a.By, &g, true); err != nil {
			return Entry{}, err
		}
		err = s.decided(ctx, tx, id, "approved", a.By, a.Reason, g.ID)
		return Entry{User: a.By, Action: "approve", Grant: g.ID, Purpose: g.Purpose, Detail: fmt.Sprintf("request %d: %s; %s", id, g.summary(), a.Reason)}, err
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// Deny ends a request with a reason.
func (s *Store) Deny(ctx context.Context, id int64, by, reason string) (err error) {
	defer dose.Wrap(&err, "deny request %d", id)
	return s.change(ctx, func(tx *sql.Tx) (Entry, error) {
		if _, err := s.waiting(ctx, tx, id, by, reason); err != nil {
			return Entry{}, err
		}
		return Entry{User: by, Action: "deny", Detail: fmt.Sprintf("request %d: %s", id, reason)}, s.decided(ctx, tx, id, "denied", by, reason, 0)
	})
}

// waiting returns a request that by may decide on now.
func (s *Store) waiting(ctx context.Context, tx *sql.Tx, id int64, by, reason string) (r Request, err error) {
	if !lineForm.MatchString(reason) {
		return r, fmt.Errorf("a decision needs a reason, on one line: %w", dose.ErrInvalid)
	}
	found, err := requests(ctx, tx, id, false)
	if err != nil {
		return r, err
	}
	if len(found) != 1 || id == 0 {
		return r, fmt.Errorf("there is no such request; see 'dosebook access requests': %w", dose.ErrNotFound)
	}
	r = found[0]
	if r.State != "waiting" {
		return r, fmt.Errorf("it was %s by %s on %s: %w", r.State, r.DecidedBy, r.Decided.Format(time.DateOnly), dose.ErrHeld)
	}
	if same(by, r.User) {
		return r, fmt.Errorf("nobody decides on a request for themself; ask another steward: %w", dose.ErrDenied)
	}
	return r, nil
}

func (s *Store) decided(ctx context.Context, tx *sql.Tx, id int64, state, by, reason string, grant int64) error {
	text, err := sqltext.Text("queries/access_request_decide.sql")
	if err != nil {
		return err
	}
	return one(tx.ExecContext(ctx, text, state, micros(s.now()), by, reason, grant, id))
}

// Requests returns the requests that wait, or all of them, oldest first.
func (s *Store) Requests(ctx context.Context, all bool) (_ []Request, err error) {
	defer dose.Wrap(&err, "list requests")
	return requests(ctx, s.db, 0, !all)
}

func requests(ctx context.Context, db querier, id int64, waiting bool) ([]Request, error) {
	text, err := sqltext.Text("queries/access_request_list.sql")
	if err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, text, id, waiting)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Request
	for rows.Next() {
		r, err := scanRequest(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

func scanRequest(rows *sql.Rows) (r Request, err error) {
	var role, places, level string
	var expires, asked int64
	var decided sql.NullInt64
	err = rows.Scan(&r.ID, &r.User, &role, &places, &level, &r.Agreement, &r.Organisation, &r.Training, &r.Purpose, &expires,
		&asked, &r.AskedBy, &r.State, &decided, &r.DecidedBy, &r.Reason, &r.Grant)
	if err != nil {
		return r, err
	}
	r.Expires, r.Asked, r.Decided = fromMicros(expires), fromMicros(asked), fromNull(decided)
	var errRole, errLevel error
	r.Role, errRole = ParseRole(role)
	r.Level, errLevel = dose.ParseLevel(level)
	g := Grant{}
	if err := errors.Join(errRole, errLevel, g.setPlaces(places)); err != nil {
		return r, fmt.Errorf("request %d is damaged (%v); deny it and ask anew: %w", r.ID, err, dose.ErrDenied)
	}
	r.All, r.Places = g.All, g.Places
	return r, nil
}

// same says whether who does something and for whom are one person: a name on
// this machine (local:ana) is taken for the user ana, or ana@anywhere.
func same(by, user string) bool {
	by, local := strings.CutPrefix(by, "local:")
	if local {
		user, _, _ = strings.Cut(user, "@")
	}
	return strings.EqualFold(by, user)
}
