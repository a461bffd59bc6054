//go:build !nosnowflake

package main

import (
	"fmt"
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

// colsOf are columns whose text is the same in both, and those of times.
func colsOf(names string, times ...string) (out []dose.Column) {
	for _, n := range strings.Fields(names) {
		c := dose.Column{Name: n}
		if slices.Contains(times, n) {
			c.Type = dose.Time
		}
		out = append(out, c)
	}
	return out
}

// ofState are the columns of the views that are the state's, as a release has
// them.
func ofState() map[string][]dose.Column {
	return map[string][]dose.Column{
		"county_day": colsOf(`county county_fips administered_date total_doses cumulative_total_doses pfizer_doses cumulative_pfizer_doses moderna_doses cumulative_moderna_doses
			jj_doses cumulative_jj_doses partially_vaccinated total_partially_vaccinated fully_vaccinated cumulative_fully_vaccinated at_least_one_dose cumulative_at_least_one_dose
			california_flag booster_recip_count cumulative_booster_recip_count up_to_date_count cumulative_up_to_date_count`),
		"segment": colsOf("registry segment sha256 path format action reported_at records events adds updates deletes unchanged rejects", "reported_at"),
		"reject":  colsOf("registry segment path line record field code message remedy state"),
	}
}

// TestPublishedViews: the published views hold what the release holds, row for
// row and cell for cell, but for what depends on the reader.
func TestPublishedViews(t *testing.T) {
	f := loadtest.Snowflake(t)
	v := published{t, newData(t), snowflakeConfig(t, f.Host, f.Port)}
	v.data.ok(t, "demo", "--rows", "400", "--no-serve", "--config", v.config)
	v.data.ok(t, "warehouse", "apply", "--emulator", "--config", v.config)
	v.compare(100)
}

// TestPublishedRejects: so also of refused records that wait, were taken up
// again, or were given up; and in a store whose older version sent none.
func TestPublishedRejects(t *testing.T) {
	f := loadtest.Snowflake(t)
	v := published{t, accounted(t), snowflakeConfig(t, f.Host, f.Port)}
	fix := v.data.ok(t, "rejects", "export", "--registry", "CAIR2", "--code", "DATA001")
	v.data.replay(t, write(t, "fix.txt", strings.Replace(fix, "2021-02-30", "2021-03-02", 1)))
	v.data.ok(t, "release", "build")
	v.data.ok(t, "warehouse", "follow", "--config", v.config)
	v.data.ok(t, "warehouse", "apply", "--emulator", "--config", v.config)
	v.compare(1)
	f.Exec(t, databaseOf(t, v.config), "DELETE FROM SEGMENT_REJECT")
	v.data.ok(t, "rejects", "close", "--registry", "CAIR2", "--code", "REQD001", "--reason", "no id is to be had", "--config", v.config)
	v.data.ok(t, "release", "build", "--config", v.config)
	v.compare(1)
	if states := rowsOf(t, v.data.ok(t, "sql", "--format", "csv", "select distinct state from reject order by all"))[1:]; len(states) != 3 {
		t.Errorf("%v: not all states were compared", states)
	}
}

type published struct {
	t      *testing.T
	data   data
	config string
}

func (v published) compare(least int) {
	v.t.Helper()
	e := &env{data: string(v.data), configFile: v.config, out: io.Discard, err: io.Discard, now: time.Now}
	if err := e.readConfig(nil); err != nil {
		v.t.Fatal(err)
	}
	b, err := e.openExisting(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	defer b.close()
	snow, err := e.snowflake(v.t.Context(), b)
	if err != nil {
		v.t.Fatal(err)
	}
	defer snow.Close()
	schema := e.config.Warehouse.Snowflake.Database + ".PUBLISH."
	there := func(view, query string) []string {
		path := filepath.Join(v.t.TempDir(), view)
		if err := snow.Export(v.t.Context(), query+schema+view, path); err != nil {
			v.t.Fatal(err)
		}
		return lines(v.t, path)
	}
	views := ofState()
	views["dose_event"], views["dose"], views["recipient"] = dose.ReleaseColumns(), dose.ReleaseColumns(), dose.Recipient()
	for view, cols := range views {
		var want []string
		for _, r := range rowsOf(v.t, v.data.ok(v.t, "sql", "--format", "csv", cellsOf(cols, "epoch_us(T)")+view))[1:] {
			want = append(want, r[0])
		}
		few := least
		if view == "segment" || view == "reject" {
			few = 0 // their number is the test's
		}
		v.same(view, there(view, cellsOf(cols, "date_part(epoch_microsecond, T)")), want, few)
	}
	// What a release says of feeds stands in its manifest.
	latest, err := b.store.Latest()
	if err != nil {
		v.t.Fatal(err)
	}
	m, err := b.store.Manifest(latest)
	if err != nil {
		v.t.Fatal(err)
	}
	var feeds []string
	for _, x := range m.Feeds {
		newest, err := time.Parse(time.RFC3339, x.Newest)
		if err != nil {
			v.t.Fatal(err)
		}
		feeds = append(feeds, fmt.Sprintf("%s|%d|%d|%d|%d|%d", x.Registry, newest.Unix(), x.LastSeq, x.Payloads, x.Records, x.Rejects))
	}
	v.same("feed_status", there("feed_status", `select registry || '|' || cast(floor(date_part(epoch_microsecond, newest) / 1000000) as bigint) || '|' || last_seq || '|' || payloads || '|' || records || '|' || rejects as cells from `), feeds, 1)
}

func (v published) same(view string, got, want []string, least int) {
	v.t.Helper()
	slices.Sort(want)
	v.t.Logf("%s: %d rows", view, len(got))
	if len(want) >= least && slices.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	v.t.Errorf("%s: %d rows in Snowflake, %d in the release; the first that differ:\n%v\n%v", view, len(got), len(want), got[at:min(at+1, len(got))], want[at:min(at+1, len(want))])
}
