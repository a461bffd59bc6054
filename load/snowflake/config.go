package snowflake

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/snowconn"
)

// Config says which account, and who signs in. It holds names of environment
// variables, never a secret.
type Config struct {
	Account   string `yaml:"account"` // ORG-ACCOUNT
	User      string `yaml:"user"`
	Role      string `yaml:"role"`      // the loader's: it must see all rows (docs/SNOWFLAKE.md)
	Warehouse string `yaml:"warehouse"` // that pays for loads
	Database  string `yaml:"database"`
	Schema    string `yaml:"schema"` // of the tables; empty: CORE

	// One of these.
	KeyEnv   string `yaml:"key_env"`   // private key, PKCS#8: PEM, or base64 of DER
	TokenEnv string `yaml:"token_env"` // programmatic access token
	OAuth    OAuth  `yaml:"oauth"`

	Timeout time.Duration `yaml:"timeout"` // of a statement; empty: 15m
	SignIn  time.Duration `yaml:"sign_in"` // until the account counts as away; empty: 30s

	Govern Govern `yaml:"govern,omitempty"` // docs/SNOWFLAKE.md, the account

	// For an emulator or a private link.
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"`
	Protocol string `yaml:"protocol"` // http on this machine only

	params map[string]string // a test's: more settings of the session
}

// OAuth is the client credentials grant.
type OAuth = snowconn.OAuth

const (
	defaultTimeout = 15 * time.Minute
	defaultSignIn  = 30 * time.Second
)

// Set says whether the configuration names an account at all.
func (c Config) Set() bool { return c.Account != "" }

// Check tells every mistake. The error is of kind dose.ErrInvalid.
func (c Config) Check() error {
	var all []error
	no := func(bad bool, text string, args ...any) {
		if bad {
			all = append(all, fmt.Errorf("snowflake: "+text+": %w", append(args, dose.ErrInvalid)...))
		}
	}
	c.login().Check("key_env, token_env and oauth", no)
	return errors.Join(append(all, c.Govern.check())...)
}

// login is the configuration, complete.
func (c Config) login() snowconn.Login {
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	l := snowconn.Login{Account: c.Account, User: c.User, Role: c.Role, Warehouse: c.Warehouse, Database: c.Database, Schema: cmp.Or(c.Schema, "CORE"),
		KeyEnv: c.KeyEnv, TokenEnv: c.TokenEnv, OAuth: c.OAuth, Timeout: timeout, SignIn: cmp.Or(c.SignIn, defaultSignIn), Host: c.Host, Port: c.Port, Protocol: c.Protocol,
		Params: map[string]string{"LOCK_TIMEOUT": strconv.Itoa(int(timeout.Seconds())), "ERROR_ON_NONDETERMINISTIC_MERGE": "true"}}
	maps.Copy(l.Params, c.params)
	return l
}

// pool makes connections. A secret never enters a data source name, which
// drivers quote in errors.
func pool(c Config, s snowconn.Secret) (*sql.DB, error) { return snowconn.Open(c.login(), s) }

var identifier = snowconn.Identifier

func (c Config) credentials(getenv func(string) string) (snowconn.Secret, error) {
	s, err := c.login().Secret(getenv)
	if err != nil {
		err = fmt.Errorf("snowflake: %w", err)
	}
	return s, err
}
