package snowflake

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	sf "github.com/snowflakedb/gosnowflake/v2"

	"github.com/dosebook/dosebook/dose"
)

// pool makes connections with the role and the settings that the statements
// rest on. A secret never enters a data source name, which drivers quote in
// errors.
func pool(c Config, secret credentials) *sql.DB {
	return sql.OpenDB(sf.NewConnector(sf.SnowflakeDriver{}, driverConfig(c, secret)))
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
	return cfg
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
		return "a table, stage, database or schema does not exist, or the role may not see it", dose.ErrDenied
	case n == 3001:
		return "the role may not do this", dose.ErrDenied
	case n == 606 || n == 607 || n == 2141:
		return "the warehouse is missing or suspended, or the role may not use it", dose.ErrDenied
	case n == 625 || n == 604 || n == 630:
		return "the statement was ended, waited too long for a lock, or took longer than timeout", dose.ErrUpstream
	case n == sf.ErrFailedToAuth || n >= 390100 && n < 390200 || n >= 390300 && n < 390500 || n >= 394300 && n < 394600:
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
