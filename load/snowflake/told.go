package snowflake

import (
	"context"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/snowconn"
)

// told says what an error of the driver means, and nothing of its text.
func told(ctx context.Context, doing string, err error) error {
	return snowconn.Told(ctx, doing, err, meaning)
}

// meaning sorts the error numbers of a store of our own.
func meaning(n int) (string, error) {
	switch {
	case n == 2003 || n == 2043:
		return "a table, stage, database or schema does not exist, or the role may not see it", dose.ErrDenied
	case n >= 100000 && n < 101000:
		return "a value does not fit its column there: has the table been changed?", dose.ErrUpstream
	case n == 904 || n >= 1000 && n < 2000:
		return "the server does not understand the statement: have the tables been changed?", dose.ErrUpstream
	}
	return snowconn.Meaning(n)
}

// answer is what the server said of a statement that failed.
func answer(err error) (n int, state, query string, ok bool) { return snowconn.Answer(err) }
