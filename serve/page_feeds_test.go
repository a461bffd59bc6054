package serve

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

// How the feeds are is a steward's of the whole state, and of now: a release's
// own address has none of it. That it can't be read hides no figure.
func TestOverviewShowsFeedsToStewards(t *testing.T) {
	w := newWorld(t)
	w.plantPages()
	var fails error
	w.cfg.Feeds = func(context.Context) ([]FeedState, error) {
		at := time.Date(2026, 11, 20, 2, 30, 0, 0, time.UTC)
		return []FeedState{{Name: "cair2", Registry: "CAIR2", Source: "drop", State: "held", Arrived: at, LastRun: at, Records: 4711,
			Why: []FeedWhy{{"held", "a.txt: <b>a web page</b>", "ask the sender"}}}, {Name: "sdir", Registry: "SDIR", State: "ok"}}, fails
	}
	w.h = New(w.cfg)
	steward, county := w.user("steward", access.Steward, dose.Identified), w.user("own", access.Steward, dose.Identified, "06019")
	reporter := w.user("reporter", access.Reporter, dose.Identified)
	page := w.get("/overview", steward).Body.String()
	for _, want := range []string{"Feeds: 1 held, 1 ok.", "cair2 is held: a.txt: &lt;b&gt;a web page&lt;/b&gt;", "ask the sender", "2026-11-20 02:30 UTC", "4,711", `<td class="tight">–</td>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	for who, got := range map[string]string{"a county's steward": w.get("/overview", county).Body.String(), "a reporter": w.get("/overview", reporter).Body.String(),
		"a release's address": w.get("/releases/"+id+"/overview", steward).Body.String()} {
		if !strings.Contains(got, `id="counties"`) || strings.Contains(got, "cair2") || strings.Contains(got, `id="operating"`) {
			t.Errorf("%s sees the feeds, or no counties", who)
		}
	}
	fails = errors.New("the disk is gone")
	if page := w.get("/overview", steward).Body.String(); !strings.Contains(page, "could not be read") || !strings.Contains(page, `id="counties"`) || strings.Contains(page, "disk") {
		t.Error("what can't be read of feeds hides the page, or is told")
	}
	if !strings.Contains(w.log.String(), "the disk is gone") {
		t.Error("the log does not say why")
	}
}
