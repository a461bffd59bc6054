//go:build !nosnowflake

package snowflake

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	sf "github.com/snowflakedb/gosnowflake/v2"
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
