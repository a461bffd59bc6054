//go:build !nosnowflake

package main

import (
	"net"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/load/loadtest"
)

// warehouses reads what status says, by name.
func warehouses(t *testing.T, d data, config string) map[string]standing {
	t.Helper()
	out := map[string]standing{}
	for _, s := range parse[struct{ Warehouses []standing }](t, d.ok(t, "warehouse", "status", "--json", "--config", config)).Warehouses {
		out[s.Name] = s
	}
	return out
}

// TestSnowflakeAway: an account that can't be reached delays its own follower
// only. Loads and releases go on, status says what lacks, and the next run
// catches up.
func TestSnowflakeAway(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := hole.Addr().(*net.TCPAddr).Port
	if err := hole.Close(); err != nil {
		t.Fatal(err)
	}
	away := snowflakeConfig(t, "127.0.0.1", port)
	d := newData(t)
	r := d.exits(t, 0, "demo", "--rows", "300", "--no-serve", "--config", away)
	if n := strings.Count(r.err, "the next load tries again"); n != 1 {
		t.Errorf("the demo loads several times and says %d times that Snowflake is away:\n%s", n, r.err)
	}
	w := warehouses(t, d, away)
	if duck := w["duckdb"]; duck.Behind != 0 || duck.Position == 0 {
		t.Errorf("duckdb: %+v", duck)
	}
	snow := w["snowflake"]
	if snow.Position != 0 || snow.Behind != w["duckdb"].Position || snow.Rows == 0 || snow.Since == nil || snow.Error == "" {
		t.Errorf("snowflake: %+v", snow)
	}
	d.ok(t, "sql", "select count(*) from dose", "--config", away)
	d.exits(t, 6, "warehouse", "follow", "--config", away)
	d.exits(t, 4, "warehouse", "follow")
	d.exits(t, 2, "warehouse", "rebuild", "oracle")

	f := loadtest.Snowflake(t)
	back := snowflakeConfig(t, f.Host, f.Port)
	d.ok(t, "warehouse", "follow", "--config", back)
	if snow := warehouses(t, d, back)["snowflake"]; snow.Behind != 0 || snow.Rows != 0 || snow.Error != "" || snow.Position != w["duckdb"].Position {
		t.Errorf("snowflake after it came back: %+v", snow)
	}
}
