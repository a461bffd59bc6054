package release_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

// TestRetention: of releases over three months the newest of each kept day,
// week and month stays, latest and what is newer too; what ends says so, and
// can be built again.
func TestRetention(t *testing.T) {
	b := newBook(t)
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i, at := range []string{"2021-01-10T20:00:00Z", "2021-02-20T20:00:00Z", "2021-03-01T20:00:00Z", "2021-03-02T10:00:00Z", "2021-03-03T07:00:00Z", "2021-03-03T20:00:00Z"} {
		b.doses(t, "A", 1+100*i, 40, "06001")
		when, _ := time.Parse(time.RFC3339, at)
		m, _ := b.build(t, release.Options{Judge: release.Judge{Now: when}})
		ids = append(ids, m.ID)
	}
	b.doses(t, "A", 5000, 900, "UNK")
	held, _ := b.build(t, release.Options{Judge: release.Judge{Limits: strict(), Now: time.Date(2021, 3, 4, 20, 0, 0, 0, time.UTC)}})
	now := time.Date(2021, 3, 5, 0, 0, 0, 0, time.UTC)
	plan, err := b.store.Plan(release.Retention{Daily: 2, Weekly: 1, Monthly: 2, Zone: zone}, now)
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{}
	for _, k := range plan {
		why[k.ID] = strings.Join(k.Why, ", ")
	}
	// 10:00 and 07:00 the next day are both 2 March in California.
	for i, want := range []string{"", "monthly 2021-02", "", "", "daily 2021-03-02", "latest, daily 2021-03-03, weekly 2021-W09, monthly 2021-03"} {
		if why[ids[i]] != want {
			t.Errorf("release %d stays for %q, want %q", i, why[ids[i]], want)
		}
	}
	if why[held.ID] != "newer than latest" {
		t.Errorf("the held one stays for %q", why[held.ID])
	}
	if _, err := b.store.Plan(release.DefaultRetention(), now.AddDate(0, 0, -3)); !errors.Is(err, dose.ErrHeld) {
		t.Errorf("with the clock set back: %v", err)
	}
	made := filepath.Join(t.TempDir(), "made")
	if err := os.MkdirAll(filepath.Join(made, ids[3], "06001"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Prune(ids[3], now, nil, made); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(made); len(left) > 0 {
		t.Error("what was made of it is still there")
	}
	if _, err := b.store.Manifest(ids[3]); !errors.Is(err, dose.ErrGone) || !strings.Contains(err.Error(), "2021-03-05") {
		t.Errorf("what was removed says %v", err)
	}
	if list, _ := b.store.List(); slices.Contains(list, ids[3]) || len(list) != 6 {
		t.Errorf("listed are %v", list)
	}
	if err := b.store.Prune(ids[5], now, nil); !errors.Is(err, dose.ErrHeld) {
		t.Errorf("latest: %v", err)
	}
}

// TestPruneCutShort: a removal that stopped after the record is no release any
// more, and is ended by the next.
func TestPruneCutShort(t *testing.T) {
	b := newBook(t)
	b.doses(t, "A", 1, 40, "06001")
	old, root := b.build(t, release.Options{})
	b.doses(t, "A", 100, 4, "06001")
	b.build(t, release.Options{})
	kept := root + ".kept"
	if err := os.CopyFS(kept, os.DirFS(root)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.store.Prune(old.ID, time.Now(), nil), os.Rename(kept, root)); err != nil {
		t.Fatal(err)
	}
	if list, _ := b.store.List(); slices.Contains(list, old.ID) {
		t.Error("half removed, and still listed")
	}
	if ids, err := b.store.Unfinished(); err != nil || !slices.Equal(ids, []string{old.ID}) {
		t.Errorf("unfinished: %v, %v", ids, err)
	}
	if err := b.store.Prune(old.ID, time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder: %v", err)
	}
}
