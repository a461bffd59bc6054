//go:build !nosnowflake

package snowtable

import (
	"errors"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

func good() Config {
	return Config{Account: "ORG-ACCOUNT", User: "READER", Role: "LHJ_READ", Warehouse: "W", Database: "CA_VACCINE", Schema: "PUBLIC",
		PasswordEnv: "PASSWORD", Table: "VW_ALL_IIS_LHJ", Snapshot: true}
}

func TestCheck(t *testing.T) {
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for words, spoil := range map[string]func(*Config){
		"account is":             func(c *Config) { c.Account = "org/account" },
		"user is missing":        func(c *Config) { c.User = "" },
		"role is missing":        func(c *Config) { c.Role = "" },
		"warehouse is missing":   func(c *Config) { c.Warehouse = "W; DROP" },
		"one of key_env":         func(c *Config) { c.TokenEnv = "T" },
		"oauth has":              func(c *Config) { c.PasswordEnv, c.OAuth = "", OAuth{ClientID: "x"} },
		"one of table and query": func(c *Config) { c.Query = "SELECT 1" },
		"table is a name":        func(c *Config) { c.Table = "A B" },
		"query is one SELECT":    func(c *Config) { c.Table, c.Query = "", "SELECT 1; DROP TABLE X" },
		"without a semicolon":    func(c *Config) { c.Table, c.Query = "", "DELETE FROM X" },
		"one of watermark":       func(c *Config) { c.Watermark.Column = "U" },
		"give one of watermark":  func(c *Config) { c.Snapshot = false },
		"not negative":           func(c *Config) { c.Watermark.Overlap = -1 },
		`goes to "line"`:         func(c *Config) { c.Columns = map[string]string{"X": "line"} },
		"batch_mb":               func(c *Config) { c.BatchMB = 1000 },
		"timeout":                func(c *Config) { c.Timeout = -1 },
		"name is a":              func(c *Config) { c.Name = "../x" },
		"protocol is https":      func(c *Config) { c.Protocol, c.Host = "http", "snow.example.org" },
	} {
		c := good()
		spoil(&c)
		if err := c.Check(); !errors.Is(err, dose.ErrInvalid) || !strings.Contains(err.Error(), words) {
			t.Errorf("%v does not say %q", err, words)
		}
	}
}

func TestMeaning(t *testing.T) {
	for n, want := range map[int]error{2003: dose.ErrDenied, 3001: dose.ErrDenied, 390189: dose.ErrDenied, 904: dose.ErrInvalid, 1003: dose.ErrInvalid,
		260000: dose.ErrInvalid, 261000: dose.ErrUpstream, 630: dose.ErrUpstream, 0: dose.ErrUpstream} {
		if why, kind := meaning(n); kind != want || why == "" {
			t.Errorf("%d: %v", n, kind)
		}
	}
}
