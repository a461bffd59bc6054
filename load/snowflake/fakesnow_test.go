//go:build !nosnowflake

package snowflake

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/loadtest"
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

var databases atomic.Int64

// config names a database of f that no other test has.
func config(f *loadtest.Fakesnow) Config {
	return Config{Account: "fakesnow", User: "test", Role: "LOADER", Warehouse: "W", Database: fmt.Sprintf("T%d_%d", os.Getpid(), databases.Add(1)),
		TokenEnv: "TOKEN", Host: f.Host, Port: f.Port, Protocol: "http", Timeout: time.Minute, SignIn: 10 * time.Second}
}

func env(string) string { return "secret" }

func openAt(t testing.TB, c Config, lake load.Lake, o Options) *DB {
	t.Helper()
	o.Getenv, o.Spool = env, t.TempDir()
	d, err := Open(t.Context(), c, lake, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
