//go:build !nosnowflake

package snowtable

import (
	"context"
	"database/sql"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dosebook/dosebook/load/loadtest"
	"github.com/dosebook/dosebook/snowconn"
)

var (
	serverOnce sync.Once
	server     *loadtest.Fakesnow
	serverErr  error
)

func TestMain(m *testing.M) {
	code := m.Run()
	if server != nil {
		server.Stop()
	}
	os.Exit(code)
}

// shared returns the server of this test run.
func shared(t testing.TB) *loadtest.Fakesnow {
	t.Helper()
	serverOnce.Do(func() { server, serverErr = loadtest.StartFakesnow() })
	loadtest.Needed(t, serverErr)
	t.Cleanup(func() { server.Tell(t) })
	return server
}

var notName = regexp.MustCompile(`[^A-Z0-9]+`)

// database opens one of the test's own, and returns a configuration for it.
func database(t testing.TB) (*sql.DB, Config) {
	t.Helper()
	f := shared(t)
	name := notName.ReplaceAllString(strings.ToUpper(t.Name()), "_")
	c := Config{Account: "fakesnow", User: "test", Role: "READER", Warehouse: "W", Database: name, Schema: "CORE",
		PasswordEnv: "PASSWORD", Host: f.Host, Port: f.Port, Protocol: "http", Table: "VW_ALL_IIS_LHJ", Timeout: time.Minute, Snapshot: true}
	s := source(t, c)
	db, err := snowconn.Open(s.c.login(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c.Snapshot = false
	return db, c
}

func run(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := db.ExecContext(ctx, s)
		cancel()
		if err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
}
