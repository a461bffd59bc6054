//go:build !nosnowflake

package snowconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	sf "github.com/snowflakedb/gosnowflake/v2"

	"github.com/dosebook/dosebook/dose"
	_ "github.com/dosebook/dosebook/snowconn/nofolder" // before the driver looks for one
)

// Open makes a pool of connections with the role and the settings that
// statements rest on. Nothing is asked of the server yet.
func Open(l Login, s Secret) (*sql.DB, error) {
	return sql.OpenDB(sf.NewConnector(sf.SnowflakeDriver{}, driverConfig(l, s))), nil
}

// Tagged names the statements of ctx in the account's history.
func Tagged(ctx context.Context, tag string) context.Context { return sf.WithQueryTag(ctx, tag) }

// Answer is what the server said of a statement that failed.
func Answer(err error) (n int, state, query string, ok bool) {
	var e *sf.SnowflakeError
	if !errors.As(err, &e) {
		return 0, "", "", false
	}
	return e.Number, e.SQLState, e.QueryID, true
}

func driverConfig(l Login, s Secret) sf.Config {
	cfg := sf.Config{
		Account: l.Account, User: l.User, Role: l.Role, Warehouse: l.Warehouse, Database: l.Database, Schema: l.Schema,
		Host: l.Host, Port: l.Port, Protocol: l.Protocol, Application: "dosebook",
		ClientStoreTemporaryCredential: sf.ConfigBoolFalse, ClientRequestMfaToken: sf.ConfigBoolFalse,
		// Tracing off: else the driver writes error texts, values included, to standard error.
		//lint:ignore SA1019 the driver says that these may move, and has no others yet
		LoginTimeout: l.SignIn, RequestTimeout: l.Timeout, ClientTimeout: l.Timeout + time.Minute, Tracing: "off",
	}
	if l.Protocol == "http" {
		cfg.MaxRetryCount = -1 // an emulator answers 500 to what it can't do: no use to ask again
	}
	switch {
	case l.KeyEnv != "":
		cfg.Authenticator, cfg.PrivateKey = sf.AuthTypeJwt, s.key
	case l.TokenEnv != "":
		cfg.Authenticator, cfg.Token = sf.AuthTypePat, s.text
	case l.PasswordEnv != "":
		cfg.Password = s.text
	default:
		cfg.Authenticator = sf.AuthTypeOAuthClientCredentials
		cfg.OauthClientID, cfg.OauthClientSecret = l.OAuth.ClientID, s.text
		cfg.OauthTokenRequestURL, cfg.OauthScope = l.OAuth.TokenURL, l.OAuth.Scope
	}
	cfg.Params = map[string]*string{}
	for name, value := range map[string]string{
		"QUERY_TAG":                    "dosebook",
		"TIMEZONE":                     "UTC",
		"STATEMENT_TIMEOUT_IN_SECONDS": strconv.Itoa(int(l.Timeout.Seconds())),
		"ABORT_DETACHED_QUERY":         "true", // a client that is gone leaves nothing running
		"CLIENT_TELEMETRY_ENABLED":     "false",
	} {
		cfg.Params[name] = &value
	}
	for name, value := range l.Params {
		cfg.Params[name] = &value
	}
	return cfg
}

// streamer is what the driver's connection can do beyond database/sql.
type streamer interface {
	QueryArrowStream(ctx context.Context, query string, bindings ...driver.NamedValue) (sf.ArrowStreamLoader, error)
}

func query(ctx context.Context, conn *sql.Conn, statement string, args []string, use func(sf.ArrowStreamLoader, []Field) error) error {
	bind := make([]driver.NamedValue, len(args))
	for i, a := range args {
		bind[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return conn.Raw(func(c any) error {
		q, ok := c.(streamer)
		if !ok {
			return errors.New("the driver has no Arrow streams")
		}
		r, err := q.QueryArrowStream(ctx, statement, bind...)
		if err != nil {
			return err
		}
		var fields []Field
		for _, t := range r.RowTypes() {
			fields = append(fields, Field{t.Name, strings.ToLower(t.Type), t.Scale})
		}
		return use(r, fields)
	})
}

// Describe returns the columns of a query's result, and reads no row.
func Describe(ctx context.Context, conn *sql.Conn, statement string) (fields []Field, err error) {
	err = query(sf.WithDescribeOnly(ctx), conn, statement, nil, func(_ sf.ArrowStreamLoader, f []Field) error {
		fields = f
		return nil
	})
	return fields, err
}

// Stream runs a query and gives its columns to start, then its batches to use,
// each released after it. It counts, and wants the rows that the server says
// its result has. Its errors are for Told.
func Stream(ctx context.Context, conn *sql.Conn, statement string, args []string, start func([]Field) error, use func(arrow.RecordBatch) error) error {
	return query(ctx, conn, statement, args, func(r sf.ArrowStreamLoader, fields []Field) error {
		if f, ok := r.(sf.QueryResultFormatProvider); ok && f.QueryResultFormat() != "arrow" {
			return ours{fmt.Errorf("the server gives the result as %s, not as Arrow: %w", f.QueryResultFormat(), dose.ErrUpstream)}
		}
		if err := start(fields); err != nil {
			return ours{err}
		}
		batches, err := r.GetBatches()
		if err != nil {
			return download{err}
		}
		var n int64
		for i := range batches {
			got, err := drain(ctx, &batches[i], use)
			if err != nil {
				return err
			}
			if n += got; got != batches[i].NumRows() {
				return ours{fmt.Errorf("part %d of the result should have %d rows and has %d: %w", i+1, batches[i].NumRows(), got, dose.ErrUpstream)}
			}
		}
		if n != r.TotalRows() {
			return ours{fmt.Errorf("the result should have %d rows and has %d: %w", r.TotalRows(), n, dose.ErrUpstream)}
		}
		return nil
	})
}

// drain reads one part of the result to its end.
func drain(ctx context.Context, b *sf.ArrowStreamBatch, use func(arrow.RecordBatch) error) (n int64, err error) {
	defer func() {
		if err != nil {
			err = download{err}
		}
	}()
	from, err := b.GetStream(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	r, err := ipc.NewReader(from)
	if err != nil {
		return 0, err
	}
	defer r.Release()
	for r.Next() {
		b := r.RecordBatch()
		n += b.NumRows()
		if err := use(b); err != nil {
			return n, ours{err}
		}
	}
	return n, r.Err()
}
