//go:build !nosnowflake

package main

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/loadtest"
)

// cellsOf is a row as one text, in words of both engines.
func cellsOf(cols []dose.Column, micros string) string {
	var out []string
	for _, c := range cols {
		switch {
		case c.Name == "visible_because": // the reader's, whom the emulator does not know
		case c.Type == dose.Time:
			out = append(out, "coalesce(cast("+strings.ReplaceAll(micros, "T", c.Name)+" as varchar), '~')")
		default:
			out = append(out, "coalesce(cast("+c.Name+" as varchar), '~')")
		}
	}
	return "select " + strings.Join(out, " || '|' || ") + " as cells from "
}

// TestPublishedViews: the published views hold what the release holds, row for
// row and cell for cell, but for what depends on the reader.
func TestPublishedViews(t *testing.T) {
	f := loadtest.Snowflake(t)
	config := snowflakeConfig(t, f.Host, f.Port)
	d := newData(t)
	d.ok(t, "demo", "--rows", "400", "--no-serve", "--config", config)
	d.ok(t, "warehouse", "apply", "--emulator", "--config", config)
	e := &env{data: string(d), configFile: config, out: io.Discard, err: io.Discard, now: time.Now}
	if err := e.readConfig(nil); err != nil {
		t.Fatal(err)
	}
	b, err := e.openExisting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	snow, err := e.snowflake(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer snow.Close()
	schema := e.config.Warehouse.Snowflake.Database + ".PUBLISH."
	for view, cols := range map[string][]dose.Column{"dose_event": dose.ReleaseColumns(), "dose": dose.ReleaseColumns(), "recipient": dose.Recipient()} {
		path := filepath.Join(t.TempDir(), view)
		if err := snow.Export(t.Context(), cellsOf(cols, "date_part(epoch_microsecond, T)")+schema+view, path); err != nil {
			t.Fatal(err)
		}
		got := lines(t, path)
		var want []string
		for _, r := range rowsOf(t, d.ok(t, "sql", "--format", "csv", cellsOf(cols, "epoch_us(T)")+view))[1:] {
			want = append(want, r[0])
		}
		slices.Sort(want)
		if len(want) < 100 || !slices.Equal(got, want) {
			at := 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			t.Errorf("%s: %d rows in Snowflake, %d in the release; the first that differ:\n%v\n%v", view, len(got), len(want), got[at:min(at+1, len(got))], want[at:min(at+1, len(want))])
		}
	}
}
