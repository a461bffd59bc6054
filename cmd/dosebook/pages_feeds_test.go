package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/pipelines"
)

// The overview says of the feeds what 'dosebook feeds' does: one that holds a
// file, one that is well, one that never ran.
func TestOverviewEqualsFeeds(t *testing.T) {
	t.Parallel()
	b := newBox(t, "  - {name: sdir, registry: SDIR, schedule: '@daily', source: {drop: {folder: '"+t.TempDir()+"'}}}\n"+
		"  - {name: ridee, registry: RIDE, schedule: '@daily', source: {drop: {folder: '"+t.TempDir()+"'}}}\n")
	b.put(t, "20210305_01_CAA.txt", cvrsText(row("a", nil), row("b", nil)))
	b.put(t, "20210306_01_CAA.txt", "<html><body>Please sign in</body></html>")
	b.run(t, 2, "cair2")
	b.run(t, 0, "sdir")
	b.ok(t, "release", "build")
	steward := b.token(t, "steward@example.org", "all", "steward")
	s := b.serve(t, "--config", b.config, "--schedule=false")
	page := s.get(t, "/overview", steward)
	all := parse[struct{ Feeds []pipelines.FeedStatus }](t, b.ok(t, "--config", b.config, "--json", "feeds")).Feeds
	rows := section(t, string(page.body), "operating")
	if page.status != 200 || len(rows) != len(all) || len(all) != 3 {
		t.Fatalf("%d: %d feeds, %d rows", page.status, len(all), len(rows))
	}
	for i, f := range all {
		got := slices.Delete(slices.Clone(rows[i]), 3, 4) // how long ago it was: by the second
		want := []string{f.Name + " " + f.Registry + ", " + f.Source, f.State, pacific(f.Arrived), pacific(f.LastOK), pacific(f.LastRun), pacific(f.Next), strconv.FormatInt(f.Records, 10)}
		if !slices.Equal(got, want) {
			t.Errorf("the page has %q, feeds says %q", got, want)
		}
		for _, y := range f.Why {
			text := cellText(string(page.body))
			if !strings.Contains(text, f.Name+" is "+y.State+": "+y.Says) || !strings.Contains(text, y.Do) {
				t.Errorf("the page does not say: %s: %s", y.Says, y.Do)
			}
		}
	}
	if all[0].State != "held" || all[2].State != "new" || !strings.Contains(string(page.body), summary(all)) {
		t.Errorf("%+v; the page does not say %s", all, summary(all))
	}
}
