package snowconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/dosebook/dosebook/dose"
)

// Field is a column of a result, as the server describes it.
type Field struct {
	Name  string
	Kind  string // in lower case: fixed, real, text, date, boolean, timestamp_ntz …
	Scale int64
}

// ours is an error that did not come from the driver: its text may be told.
type ours struct{ error }

func (o ours) Unwrap() error { return o.error }

// download is an error of the driver on the way of a result that is there.
type download struct{ error }

func (d download) Unwrap() error { return d.error }

// Told says what an error of the driver means, and nothing of its text, which
// may quote values, statements and secrets. meaning sorts error numbers; it
// may leave those that mean the same everywhere to Meaning.
func Told(ctx context.Context, doing string, err error, meaning func(n int) (why string, kind error)) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	if o := (ours{}); errors.As(err, &o) {
		return fmt.Errorf("%s: %w", doing, o.error)
	}
	if d := (download{}); errors.As(err, &d) {
		doing = "download the result"
	}
	n, state, query, ok := Answer(err)
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

// failedToAuth is the driver's own number for a sign-in that was refused.
const failedToAuth = 260008

// Meaning sorts Snowflake's and the driver's error numbers, as far as they
// mean the same whatever was asked.
func Meaning(n int) (string, error) {
	switch {
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
	}
	return "another try may help", dose.ErrUpstream
}
