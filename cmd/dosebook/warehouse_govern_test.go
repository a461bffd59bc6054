//go:build !nosnowflake

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/load/loadtest"
	"github.com/dosebook/dosebook/load/snowflake"
)

// TestGovern: plan, load, apply, grant, revoke, drift, cost, by the commands.
func TestGovern(t *testing.T) {
	f := loadtest.Snowflake(t)
	config := snowflakeConfig(t, f.Host, f.Port)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	kept := strings.Replace(string(text), "sign_in: 5s}", "sign_in: 5s, govern: {keep_map: true}}", 1)
	if err := os.WriteFile(config, []byte(kept), 0o600); err != nil {
		t.Fatal(err)
	}
	d := newData(t)
	d.exits(t, 4, "warehouse", "plan")
	if plan := d.ok(t, "warehouse", "plan", "--config", config); !strings.Contains(plan, "use role SECURITYADMIN;") || !strings.Contains(plan, "create share if not exists") {
		t.Errorf("plan: %.300s", plan)
	}
	if out := d.ok(t, "warehouse", "plan", "--unload", "06081", "--into", "/out", "--config", config); !strings.Contains(out, "copy into @") || !strings.Contains(out, "'06081'") {
		t.Errorf("unload: %s", out)
	}
	d.exits(t, 2, "warehouse", "plan", "--unload", "06081", "--config", config)
	d.exits(t, 4, "warehouse", "plan", "--unload", "06002", "--into", "/out", "--config", config)

	r := d.exits(t, 0, "ingest", "--registry", "CAIR2", "--config", config, write(t, "20210401_01_CAA.txt", cvrsText(row("g-1", fields{}), row("g-2", fields{}))))
	if !strings.Contains(r.err, "warehouse policy sync") {
		t.Errorf("a mapping table that is not there is not said: %s", r.err)
	}
	if r := d.exits(t, 6, "warehouse", "apply", "--config", config); !strings.Contains(r.err, "statement 2 of") {
		t.Errorf("what the emulator can't run must stop it: %s", r.err)
	}
	if out := d.ok(t, "warehouse", "apply", "--emulator", "--role", "ACCOUNTADMIN", "--config", config); !strings.Contains(out, "left out: it has no roles") {
		t.Errorf("apply: %s", out)
	}
	drift := func(code int) snowflake.Drift {
		t.Helper()
		return parse[snowflake.Drift](t, d.exits(t, code, "warehouse", "policy", "diff", "--json", "--config", config).out)
	}
	d.ok(t, "access", "grant", "ana@x.example", "--county", "06001", "--role", "epi", "--level", "limited", "--expires", "90d", "--config", config)
	if was := drift(0); was.Same != 2 { // the county, and the city in it
		t.Errorf("after a grant: %+v", was)
	}
	d.ok(t, "access", "grant", "ben", "--county", "06075", "--expires", "90d") // without the configuration: Snowflake does not hear of it
	if was := drift(1); len(was.Missing) != 1 || was.Missing[0].Principal != "BEN" || was.Missing[0].Level != 2 {
		t.Errorf("drift: %+v", was)
	}
	d.ok(t, "warehouse", "policy", "sync", "--config", config)
	before := drift(0)
	d.ok(t, "access", "revoke", "ben", "--config", config)
	if was := drift(0); was.Same != before.Same {
		t.Errorf("after a revocation: %+v, before %+v", was, before)
	}
	if audit := d.ok(t, "audit", "list"); strings.Count(audit, "sync warehouse map") != 3 {
		t.Errorf("the audit has not each change of the table:\n%s", audit)
	}
	costs := parse[[]snowflake.Cost](t, d.ok(t, "warehouse", "cost", "--json", "--config", config))
	if len(costs) != 1 || costs[0].Rows != 2 || costs[0].Statements < 50 || int(costs[0].Statements) != len(costs[0].Queries) || costs[0].Elapsed <= 0 || costs[0].Bytes != nil {
		t.Errorf("cost: %+v", costs)
	}
	d.exits(t, 2, "warehouse", "apply", "--emulator", "--config", snowflakeConfigOf(t, "account: ORG-ACCOUNT, user: L, role: L, warehouse: W, database: D, token_env: SNOWFLAKE_TOKEN"))
}

func snowflakeConfigOf(t *testing.T, fields string) string {
	t.Helper()
	return write(t, "account.yaml", "warehouse: {snowflake: {"+fields+"}}\n")
}
