//go:build !nosnowflake

package snowflake

import (
	"cmp"
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
)

// pool makes connections with the role and the settings that the statements
// rest on. A secret never enters a data source name, which drivers quote in
// errors.
func pool(c Config, secret credentials) (*sql.DB, error) {
	return sql.OpenDB(sf.NewConnector(sf.SnowflakeDriver{}, driverConfig(c, secret))), nil
}

// tagged names the statements of ctx in the account's history.
func tagged(ctx context.Context, tag string) context.Context { return sf.WithQueryTag(ctx, tag) }

// answer is what the server said of a statement that failed.
func answer(err error) (n int, state, query string, ok bool) {
	var e *sf.SnowflakeError
	if !errors.As(err, &e) {
		return 0, "", "", false
	}
	return e.Number, e.SQLState, e.QueryID, true
}

// streamer is what the driver's connection can do beyond database/sql.
type streamer interface {
	QueryArrowStream(ctx context.Context, query string, bindings ...driver.NamedValue) (sf.ArrowStreamLoader, error)
}

// arrowRows runs a query and gives its columns to start, then its batches to
// use, each released after it. It counts, and wants the rows that the server
// says its result has.
func arrowRows(ctx context.Context, conn *sql.Conn, statement string, start func([]field) error, use func(arrow.RecordBatch) error) error {
	return conn.Raw(func(c any) error {
		q, ok := c.(streamer)
		if !ok {
			return errors.New("the driver has no Arrow streams")
		}
		r, err := q.QueryArrowStream(ctx, statement)
		if err != nil {
			return err
		}
		if f, ok := r.(sf.QueryResultFormatProvider); ok && f.QueryResultFormat() != "arrow" {
			return own{fmt.Errorf("the server gives the result as %s, not as Arrow: %w", f.QueryResultFormat(), dose.ErrUpstream)}
		}
		var fields []field
		for _, t := range r.RowTypes() {
			fields = append(fields, field{strings.ToLower(t.Name), strings.ToLower(t.Type), t.Scale})
		}
		if err := start(fields); err != nil {
			return own{err}
		}
		batches, err := r.GetBatches()
		if err != nil {
			return err
		}
		var n int64
		for i := range batches {
			got, err := drain(ctx, &batches[i], use)
			if n += got; err != nil {
				return err
			}
		}
		if n != r.TotalRows() {
			return own{fmt.Errorf("the result should have %d rows and has %d: %w", r.TotalRows(), n, dose.ErrUpstream)}
		}
		return nil
	})
}

// drain reads one part of the result to its end.
func drain(ctx context.Context, b *sf.ArrowStreamBatch, use func(arrow.RecordBatch) error) (n int64, err error) {
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
			return n, own{err}
		}
	}
	return n, r.Err()
}

func driverConfig(c Config, secret credentials) sf.Config {
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	cfg := sf.Config{
		Account: c.Account, User: c.User, Role: c.Role, Warehouse: c.Warehouse, Database: c.Database, Schema: cmp.Or(c.Schema, "CORE"),
		Host: c.Host, Port: c.Port, Protocol: c.Protocol, Application: "dosebook",
		// Tracing off: else the driver writes error texts, values included, to standard error.
		//lint:ignore SA1019 the driver says that these may move, and has no others yet
		LoginTimeout: cmp.Or(c.SignIn, defaultSignIn), RequestTimeout: timeout, ClientTimeout: timeout + time.Minute, Tracing: "off",
	}
	if c.Protocol == "http" {
		cfg.MaxRetryCount = -1 // an emulator answers 500 to what it can't do: no use to ask again
	}
	switch {
	case c.KeyEnv != "":
		cfg.Authenticator, cfg.PrivateKey = sf.AuthTypeJwt, secret.key
	case c.TokenEnv != "":
		cfg.Authenticator, cfg.Token = sf.AuthTypePat, secret.secret
	default:
		cfg.Authenticator = sf.AuthTypeOAuthClientCredentials
		cfg.OauthClientID, cfg.OauthClientSecret = c.OAuth.ClientID, secret.secret
		cfg.OauthTokenRequestURL, cfg.OauthScope = c.OAuth.TokenURL, c.OAuth.Scope
	}
	cfg.Params = map[string]*string{}
	for name, value := range map[string]string{
		"QUERY_TAG":                       "dosebook",
		"TIMEZONE":                        "UTC",
		"STATEMENT_TIMEOUT_IN_SECONDS":    strconv.Itoa(int(timeout.Seconds())),
		"LOCK_TIMEOUT":                    strconv.Itoa(int(timeout.Seconds())),
		"ABORT_DETACHED_QUERY":            "true", // a client that is gone leaves nothing running
		"ERROR_ON_NONDETERMINISTIC_MERGE": "true",
		"CLIENT_TELEMETRY_ENABLED":        "false",
	} {
		cfg.Params[name] = &value
	}
	for name, value := range c.params {
		cfg.Params[name] = &value
	}
	return cfg
}
