//go:build !nosnowflake

package snowtable

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	sf "github.com/snowflakedb/gosnowflake/v2"

	"github.com/dosebook/dosebook/dose"
)

// session is one connection: settings belong to it.
type session struct {
	db   *sql.DB
	conn *sql.Conn
}

// open logs in with the role and the settings that the texts of values rest
// on. A secret never enters a data source name, which drivers quote in errors.
func (s *Source) open(ctx context.Context) (*session, error) {
	db := sql.OpenDB(sf.NewConnector(sf.SnowflakeDriver{}, s.driverConfig()))
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

func (s *Source) driverConfig() sf.Config {
	c := s.c
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	cfg := sf.Config{
		Account: c.Account, User: c.User, Role: c.Role, Warehouse: c.Warehouse, Database: c.Database, Schema: c.Schema,
		Host: c.Host, Port: c.Port, Protocol: c.Protocol, Application: "dosebook",
		// Tracing off: else the driver writes error texts, values included, to standard error.
		//lint:ignore SA1019 the driver says that these may move, and has no others yet
		LoginTimeout: 30 * time.Second, RequestTimeout: timeout, ClientTimeout: timeout + time.Minute, Tracing: "off",
	}
	if c.Protocol == "http" {
		cfg.MaxRetryCount = -1 // an emulator answers 500 to what it can't do: no use to ask again
	}
	switch {
	case c.KeyEnv != "":
		cfg.Authenticator, cfg.PrivateKey = sf.AuthTypeJwt, s.key.key
	case c.TokenEnv != "":
		cfg.Authenticator, cfg.Token = sf.AuthTypePat, s.key.secret
	case c.PasswordEnv != "":
		cfg.Password = s.key.secret
	default:
		cfg.Authenticator = sf.AuthTypeOAuthClientCredentials
		cfg.OauthClientID, cfg.OauthClientSecret = c.OAuth.ClientID, s.key.secret
		cfg.OauthTokenRequestURL, cfg.OauthScope = c.OAuth.TokenURL, c.OAuth.Scope
	}
	cfg.Params = map[string]*string{}
	for name, value := range map[string]string{
		"QUERY_TAG":                    "dosebook",
		"TIMEZONE":                     "UTC",
		"STATEMENT_TIMEOUT_IN_SECONDS": strconv.Itoa(int(timeout.Seconds())),
		"ABORT_DETACHED_QUERY":         "true",
		"CLIENT_RESULT_CHUNK_SIZE":     strconv.Itoa(cmp.Or(c.BatchMB, defaultBatchMB)),
		"CLIENT_TELEMETRY_ENABLED":     "false",
		"DATE_OUTPUT_FORMAT":           "YYYY-MM-DD",
		"TIME_OUTPUT_FORMAT":           "HH24:MI:SS.FF9",
		"TIMESTAMP_NTZ_OUTPUT_FORMAT":  `YYYY-MM-DD"T"HH24:MI:SS.FF9`,
		"TIMESTAMP_LTZ_OUTPUT_FORMAT":  `YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM`,
		"TIMESTAMP_TZ_OUTPUT_FORMAT":   `YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM`,
	} {
		cfg.Params[name] = &value
	}
	return cfg
}

// streamer is what the driver's connection can do beyond database/sql.
type streamer interface {
	QueryArrowStream(ctx context.Context, query string, bindings ...driver.NamedValue) (sf.ArrowStreamLoader, error)
}

// stream runs one statement.
func (s *session) stream(ctx context.Context, statement string, args []string, use func(sf.ArrowStreamLoader) error) error {
	bind := make([]driver.NamedValue, len(args))
	for i, a := range args {
		bind[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return s.conn.Raw(func(c any) error {
		q, ok := c.(streamer)
		if !ok {
			return errors.New("the driver has no Arrow streams")
		}
		result, err := q.QueryArrowStream(ctx, statement, bind...)
		if err != nil {
			return told(ctx, "query", err)
		}
		return use(result)
	})
}

// describe returns the columns of what stands behind FROM, and reads no row.
func (s *session) describe(ctx context.Context, from string) ([]column, error) {
	var cols []column
	err := s.stream(sf.WithDescribeOnly(ctx), "SELECT * FROM "+from+" AS T", nil, func(r sf.ArrowStreamLoader) error {
		for _, t := range r.RowTypes() {
			cols = append(cols, column{t.Name, t.Type, t.Scale})
		}
		return nil
	})
	return cols, err
}

// read hands the result to use, batch after batch, each released after it. It
// counts, and wants what the server says that the result has.
func (s *session) read(ctx context.Context, statement string, args []string, use func(arrow.RecordBatch) error) error {
	return s.stream(ctx, statement, args, func(r sf.ArrowStreamLoader) error {
		if f, ok := r.(sf.QueryResultFormatProvider); ok && f.QueryResultFormat() != "arrow" {
			return fmt.Errorf("the server gives the result as %s, not as Arrow: %w", f.QueryResultFormat(), dose.ErrUpstream)
		}
		batches, err := r.GetBatches()
		if err != nil {
			return told(ctx, "read the result", err)
		}
		var n int64
		for i := range batches {
			got, err := drain(ctx, &batches[i], use)
			if err != nil {
				return err
			}
			if n += got; got != batches[i].NumRows() {
				return fmt.Errorf("part %d of the result should have %d rows and has %d: %w", i+1, batches[i].NumRows(), got, dose.ErrUpstream)
			}
		}
		if n != r.TotalRows() {
			return fmt.Errorf("the result should have %d rows and has %d: %w", r.TotalRows(), n, dose.ErrUpstream)
		}
		return nil
	})
}

// drain reads one part of the result to its end.
func drain(ctx context.Context, b *sf.ArrowStreamBatch, use func(arrow.RecordBatch) error) (n int64, err error) {
	from, err := b.GetStream(ctx)
	if err != nil {
		return 0, told(ctx, "download the result", err)
	}
	defer func() { err = errors.Join(err, told(ctx, "download the result", from.Close())) }()
	r, err := ipc.NewReader(from)
	if err != nil {
		return 0, told(ctx, "download the result", err)
	}
	defer r.Release()
	for r.Next() {
		rec := r.RecordBatch()
		n += rec.NumRows()
		if err := use(rec); err != nil {
			return n, err
		}
	}
	return n, told(ctx, "download the result", r.Err())
}

// told says what an error of the driver means, and nothing of its text, which
// may quote values, statements and secrets.
func told(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	var e *sf.SnowflakeError
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: no answer, or a broken one: check host, network and account: %w", doing, dose.ErrUpstream)
	}
	what := fmt.Sprintf("%s: Snowflake error %06d", doing, e.Number)
	if e.SQLState != "" && e.SQLState != "-1" {
		what += " (" + e.SQLState + ")"
	}
	if e.QueryID != "" && e.QueryID != "-1" {
		what += ", query " + e.QueryID
	}
	why, kind := meaning(e.Number)
	return fmt.Errorf("%s: %s: %w", what, why, kind)
}

// meaning sorts Snowflake's and the driver's error numbers.
func meaning(n int) (string, error) {
	switch {
	case n == 2003 || n == 2043:
		return "the table, or something in the query, does not exist, or the role may not see it", dose.ErrDenied
	case n == 3001:
		return "the role may not do this", dose.ErrDenied
	case n == 904:
		return "the query names a column that does not exist", dose.ErrInvalid
	case n >= 1000 && n < 2000:
		return "the query is not one that Snowflake understands", dose.ErrInvalid
	case n == 606 || n == 607 || n == 2141:
		return "the warehouse is missing, or the role may not use it", dose.ErrDenied
	case n == 604 || n == 630:
		return "the statement was ended or took longer than timeout", dose.ErrUpstream
	case n == sf.ErrFailedToAuth || n >= 390100 && n < 390200 || n >= 390300 && n < 390500 || n >= 394300 && n < 394600:
		return "the server refuses the sign-in: check user, role, key or token, and network policy", dose.ErrDenied
	case n >= 260000 && n < 261000:
		return "the configuration does not make a connection", dose.ErrInvalid
	case n >= 100000 && n < 101000:
		return "a value can't be read as its column's type: cast it in query", dose.ErrInvalid
	}
	return "another try may help", dose.ErrUpstream
}
