package snowtable

import (
	"context"
	"database/sql"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/snowconn"
)

// session is one connection: settings belong to it.
type session struct {
	db   *sql.DB
	conn *sql.Conn
}

// open logs in.
func (s *Source) open(ctx context.Context) (*session, error) {
	db, err := snowconn.Open(s.c.login(), s.key)
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(told(ctx, "sign in", err), told(ctx, "sign in", db.Close()))
	}
	return &session{db, conn}, nil
}

func (s *session) close() {
	_ = s.conn.Close()
	_ = s.db.Close()
}

// describe returns the columns of what stands behind FROM, and reads no row.
func (s *session) describe(ctx context.Context, from string) ([]column, error) {
	fields, err := snowconn.Describe(ctx, s.conn, "SELECT * FROM "+from+" AS T")
	if err != nil {
		return nil, told(ctx, "query", err)
	}
	var cols []column
	for _, f := range fields {
		cols = append(cols, column{f.Name, f.Kind, f.Scale})
	}
	return cols, nil
}

// read hands the result to use, batch after batch, each released after it.
func (s *session) read(ctx context.Context, statement string, args []string, use func(arrow.RecordBatch) error) error {
	return told(ctx, "query", snowconn.Stream(ctx, s.conn, statement, args, func([]snowconn.Field) error { return nil }, use))
}

// told says what an error of the driver means, and nothing of its text.
func told(ctx context.Context, doing string, err error) error {
	return snowconn.Told(ctx, doing, err, meaning)
}

// meaning sorts the error numbers of somebody else's table.
func meaning(n int) (string, error) {
	switch {
	case n == 2003 || n == 2043:
		return "the table, or something in the query, does not exist, or the role may not see it", dose.ErrDenied
	case n == 904:
		return "the query names a column that does not exist", dose.ErrInvalid
	case n >= 1000 && n < 2000:
		return "the query is not one that Snowflake understands", dose.ErrInvalid
	case n >= 100000 && n < 101000:
		return "a value can't be read as its column's type: cast it in query", dose.ErrInvalid
	}
	return snowconn.Meaning(n)
}
