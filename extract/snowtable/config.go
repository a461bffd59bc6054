package snowtable

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/snowconn"
)

// Config says which table, and who asks for it.
type Config struct {
	Account   string `yaml:"account"` // ORG-ACCOUNT
	User      string `yaml:"user"`
	Role      string `yaml:"role"` // one that may do nothing but SELECT
	Warehouse string `yaml:"warehouse"`
	Database  string `yaml:"database"`
	Schema    string `yaml:"schema"`

	// One of these. The first three name environment variables.
	KeyEnv      string `yaml:"key_env"`      // private key, PKCS#8: PEM, or base64 of DER
	TokenEnv    string `yaml:"token_env"`    // programmatic access token
	PasswordEnv string `yaml:"password_env"` // where an account still takes one
	OAuth       OAuth  `yaml:"oauth"`

	// One of these two.
	Table string `yaml:"table"` // name of a table or view
	Query string `yaml:"query"` // one SELECT

	// Columns maps theirs to ours (raw schema), or to "-" to leave one out.
	// Columns that are not named go to the raw column of the same name.
	Columns map[string]string `yaml:"columns"`

	// One of these two.
	Watermark Watermark `yaml:"watermark"`
	Snapshot  bool      `yaml:"snapshot"` // the whole table each time; the feed's mode should be snapshot too

	BatchMB int           `yaml:"batch_mb"` // of the result, uncompressed, at a time; empty: 48
	Timeout time.Duration `yaml:"timeout"`  // of the statement; empty: 30m
	Name    string        `yaml:"name"`     // of the payload; empty: made of the table

	// For an emulator or a private link.
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"`
	Protocol string `yaml:"protocol"` // http on this machine only
}

// OAuth is the client credentials grant.
type OAuth = snowconn.OAuth

// Watermark is a column that rises with every change of a row: a time, a date,
// a number, or text that sorts.
type Watermark struct {
	Column  string        `yaml:"column"`
	Overlap time.Duration `yaml:"overlap"` // asked for again before the mark, for rows that are committed late
}

const (
	defaultTimeout = 30 * time.Minute
	defaultSignIn  = 30 * time.Second
	defaultBatchMB = 48
)

var (
	tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*){0,2}$`)
	fileName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]*$`)
	selects   = regexp.MustCompile(`(?is)^\s*(select|with)\b`)
)

// Check tells every mistake. The error is of kind dose.ErrInvalid.
func (c Config) Check() error {
	var all []error
	no := func(bad bool, text string, args ...any) {
		if bad {
			all = append(all, fmt.Errorf("snowtable: "+text+": %w", append(args, dose.ErrInvalid)...))
		}
	}
	c.login().Check("key_env, token_env, password_env and oauth", no)
	no(count(c.Table != "", c.Query != "") != 1, "give one of table and query")
	no(c.Table != "" && !tableName.MatchString(c.Table), "table is a name, perhaps with schema and database before it")
	no(c.Query != "" && (!selects.MatchString(c.Query) || strings.Contains(c.Query, ";")), "query is one SELECT, without a semicolon")
	no(count(c.Watermark.Column != "", c.Snapshot) != 1, "give one of watermark and snapshot: true")
	no(c.Watermark.Overlap < 0, "watermark: overlap is not negative")
	for theirs, ours := range c.Columns {
		no(ours != "-" && !slices.Contains(rawNames(), ours), "columns: %s goes to %q, which is no raw column; - leaves it out", theirs, ours)
	}
	no(c.BatchMB != 0 && (c.BatchMB < 16 || c.BatchMB > 160), "batch_mb is from 16 to 160")
	no(c.Name != "" && !fileName.MatchString(c.Name), "name is a file name of letters, digits, dot, dash and underscore")
	return errors.Join(all...)
}

func count(set ...bool) (n int) {
	for _, b := range set {
		if b {
			n++
		}
	}
	return n
}

// rawNames are the raw columns that a table may fill.
func rawNames() []string {
	var out []string
	for _, c := range dose.Raw() {
		if c.Name != "line" {
			out = append(out, c.Name)
		}
	}
	return out
}

// source is what stands behind FROM.
func (c Config) source() string {
	if c.Table != "" {
		return c.Table
	}
	return "(" + strings.TrimSpace(c.Query) + "\n)" // a comment at its end ends with its line
}

// name is the payload's.
func (c Config) name() string {
	switch {
	case path.Ext(c.Name) != "":
		return c.Name
	case c.Name != "":
		return c.Name + ".txt"
	case c.Table != "":
		return c.Table + ".txt"
	}
	return "query.txt"
}

// query is a hash of what decides which rows come, and how.
func (c Config) query() string {
	text, err := json.Marshal([]any{c.Account, c.Database, c.Schema, c.Role, c.Table, c.Query, c.Columns, c.Watermark, c.Snapshot})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// login is the configuration, complete: with the forms in which the server
// writes times, which the texts of values rest on.
func (c Config) login() snowconn.Login {
	return snowconn.Login{Account: c.Account, User: c.User, Role: c.Role, Warehouse: c.Warehouse, Database: c.Database, Schema: c.Schema,
		KeyEnv: c.KeyEnv, TokenEnv: c.TokenEnv, PasswordEnv: c.PasswordEnv, OAuth: c.OAuth, Timeout: cmp.Or(c.Timeout, defaultTimeout), SignIn: defaultSignIn,
		Host: c.Host, Port: c.Port, Protocol: c.Protocol, Params: map[string]string{
			"CLIENT_RESULT_CHUNK_SIZE":    strconv.Itoa(cmp.Or(c.BatchMB, defaultBatchMB)),
			"DATE_OUTPUT_FORMAT":          "YYYY-MM-DD",
			"TIME_OUTPUT_FORMAT":          "HH24:MI:SS.FF9",
			"TIMESTAMP_NTZ_OUTPUT_FORMAT": `YYYY-MM-DD"T"HH24:MI:SS.FF9`,
			"TIMESTAMP_LTZ_OUTPUT_FORMAT": `YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM`,
			"TIMESTAMP_TZ_OUTPUT_FORMAT":  `YYYY-MM-DD"T"HH24:MI:SS.FF9TZH:TZM`,
		}}
}

func (c Config) secret(getenv func(string) string) (snowconn.Secret, error) {
	s, err := c.login().Secret(getenv)
	if err != nil {
		err = fmt.Errorf("snowtable: %w", err)
	}
	return s, err
}
