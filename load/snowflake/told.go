package snowflake

import (
	"context"
	"errors"
	"fmt"

	"github.com/dosebook/dosebook/dose"
)

// failedToAuth is the driver's own number for a sign-in that was refused.
const failedToAuth = 260008

// own is an error of ours that comes through the driver: its text quotes no
// value and may be told.
type own struct{ error }

func (o own) Unwrap() error { return o.error }

// told says what an error of the driver means, and nothing of its text, which
// may quote values, statements and secrets.
func told(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	if o := (own{}); errors.As(err, &o) {
		return fmt.Errorf("%s: %w", doing, o.error)
	}
	n, state, query, ok := answer(err)
	if !ok {
		return fmt.Errorf("%s: no answer, or a broken one: check host, network and account: %w", doing, dose.ErrUpstream)
	}
	what := fmt.Sprintf("%s: Snowflake error %06d", doing, n)
	if state != "" && state != "-1" {
		what += " (" + state + ")"
	}
	if query != "" && query != "-1" {
		what += ", query " + query
	}
	why, kind := meaning(n)
	return fmt.Errorf("%s: %s: %w", what, why, kind)
}

// meaning sorts Snowflake's and the driver's error numbers.
func meaning(n int) (string, error) {
	switch {
	case n == 2003 || n == 2043:
		return "a table, stage, database or schema does not exist, or the role may not see it", dose.ErrDenied
	case n == 3001:
		return "the role may not do this", dose.ErrDenied
	case n == 606 || n == 607 || n == 2141:
		return "the warehouse is missing or suspended, or the role may not use it", dose.ErrDenied
	case n == 625 || n == 604 || n == 630:
		return "the statement was ended, waited too long for a lock, or took longer than timeout", dose.ErrUpstream
	case n == failedToAuth || n >= 390100 && n < 390200 || n >= 390300 && n < 390500 || n >= 394300 && n < 394600:
		return "the server refuses the sign-in: check user, role, key or token, the machine's clock, and network policy", dose.ErrDenied
	case n >= 260000 && n < 261000:
		return "the configuration does not make a connection", dose.ErrInvalid
	case n >= 100000 && n < 101000:
		return "a value does not fit its column there: has the table been changed?", dose.ErrUpstream
	case n == 904 || n >= 1000 && n < 2000:
		return "the server does not understand the statement: have the tables been changed?", dose.ErrUpstream
	}
	return "another try may help", dose.ErrUpstream
}
