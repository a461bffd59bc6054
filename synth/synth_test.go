package synth

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

func write(t testing.TB, cfg Config) (string, *Truth) {
	t.Helper()
	dir := t.TempDir()
	truth, err := Write(context.Background(), dir, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, truth
}

// contents reads all files of a folder.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSameConfigSameBytes(t *testing.T) {
	cfg := Config{Seed: 3, Rows: 20_000, Defects: DefaultDefects()}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, _ := write(t, cfg)
	want := contents(t, one)
	for _, procs := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(procs)
		dir, _ := write(t, cfg)
		got := contents(t, dir)
		if len(got) != len(want) {
			t.Fatalf("%d files on %d processors, %d on one", len(got), procs, len(want))
		}
		for name := range want {
			if !bytes.Equal(got[name], want[name]) {
				t.Errorf("%s differs on %d processors", name, procs)
			}
		}
	}
	cfg.Seed = 4
	dir, _ := write(t, cfg)
	if bytes.Equal(contents(t, dir)["truth.json"], want["truth.json"]) {
		t.Error("another seed made the same world")
	}
}

// The bytes must not move with the machine or the Go version: the generator
// of all of them is pinned.
func TestNumbersArePinned(t *testing.T) {
	r := rng(hash(1, 2, 3))
	got := []uint64{hash(1, 2, 3), r.next(), uint64(r.n(1000)), id(5, 6)}
	if want := []uint64{0x694222ae06a067f6, 0x584b538c8b5e8b8b, 0x1fa, 0xd9e2d8486f}; !slices.Equal(got, want) {
		t.Errorf("got %#x, want %#x", got, want)
	}
}

func TestIDsAreUnique(t *testing.T) {
	seen := make(map[uint64]bool)
	for x := range uint64(200_000) {
		n := id(9, x<<4)
		if seen[n] || n >= 1<<40 {
			t.Fatalf("id of %d is not unique or too big", x)
		}
		seen[n] = true
	}
}

func TestFilesAndDelivery(t *testing.T) {
	cfg := Config{Seed: 5, Rows: 200_000, Defects: DefaultDefects()}
	dir, truth := write(t, cfg)
	if n := len(truth.Files); n < 30 || n > 60 {
		t.Errorf("200,000 rows came in %d files, not in 30 to 60", n)
	}
	all := contents(t, dir)
	delete(all, "truth.json")
	if len(all) != len(truth.Files) || len(truth.Delivery) != len(truth.Files) {
		t.Errorf("%d files written, %d in the truth, %d delivered", len(all), len(truth.Files), len(truth.Delivery))
	}
	name := regexp.MustCompile(`^(CAIR2/(add|update|delete)/\d{8}_\d\d_CAA|SDIR/(add|update|delete)/\d{8}_\d\d_SDA|RIDE/(add|update|delete)/\d{8}_\d\d_RIA)\.txt$`)
	repeats := 0
	for _, f := range truth.Files {
		if !name.MatchString(f.Path) || f.Records > 200_000 {
			t.Errorf("%s with %d records is no CVRS file", f.Path, f.Records)
		}
		if f.RepeatOf == "" {
			continue
		}
		repeats++
		if !bytes.Equal(all[f.Path], all[f.RepeatOf]) {
			t.Errorf("%s is not the same as %s", f.Path, f.RepeatOf)
		}
		if slices.Index(truth.Delivery, f.Path) < slices.Index(truth.Delivery, f.RepeatOf) {
			t.Errorf("%s is delivered before what it repeats", f.Path)
		}
	}
	late := 0
	for i, path := range truth.Delivery[1:] {
		if filepath.Base(path) < filepath.Base(truth.Delivery[i])[:8] {
			late++
		}
	}
	if repeats == 0 || late == 0 {
		t.Errorf("%d repeated files and %d late ones", repeats, late)
	}
}

func TestRowCapCutsFiles(t *testing.T) {
	_, truth := write(t, Config{Seed: 5, Rows: 5_000, RowsPerFile: 300})
	for _, f := range truth.Files {
		if f.Records > 300 {
			t.Errorf("%s has %d records", f.Path, f.Records)
		}
	}
}

func TestRefusedConfigs(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no rows":        {},
		"bad date":       {Rows: 1, Through: "2021-02-30"},
		"too early":      {Rows: 1, Through: "2020-12-20"},
		"bad share":      {Rows: 1, Defects: Defects{Updates: 1.5}},
		"too many fates": {Rows: 1, Defects: Defects{Updates: 0.7, Deletes: 0.7}},
		"path as name":   {Rows: 1, Registries: []string{"../X"}},
		"same name":      {Rows: 1, Registries: []string{"A", "A"}},
	} {
		if _, err := Write(context.Background(), t.TempDir(), cfg, nil); !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEarlierRunIsKept(t *testing.T) {
	dir, _ := write(t, Config{Rows: 500})
	before := contents(t, dir)
	if _, err := Write(context.Background(), dir, Config{Rows: 600}, nil); !errors.Is(err, dose.ErrInvalid) {
		t.Errorf("a second run into the same folder: %v", err)
	}
	if !reflect.DeepEqual(contents(t, dir), before) {
		t.Error("the refused run changed the folder")
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	_, err := Write(ctx, dir, Config{Rows: 50_000}, func(done, total int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run ended with %v", err)
	}
	if left := contents(t, dir); len(left) > 0 {
		t.Errorf("a cancelled run left %d files", len(left))
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	var last, total int64
	_, err := Write(context.Background(), t.TempDir(), Config{Rows: 3_000}, func(d, n int64) {
		if d < last {
			t.Errorf("progress went back from %d to %d", last, d)
		}
		last, total = d, n
	})
	if err != nil || last != 3_000 || total != 3_000 {
		t.Errorf("progress ended at %d of %d, %v", last, total, err)
	}
}

// A person's latest dose decides the county; between doses of one day the
// greatest event id.
func TestLatestDoseDecides(t *testing.T) {
	w, err := newWorld(Config{Registries: []string{"CAIR2"}}, lastThrough)
	if err != nil {
		t.Fatal(err)
	}
	tl := newTally(w)
	tl.doses = []held{{day: 18700, place: 1, maker: "pfizer", event: 9}, {day: 18721, place: 2, maker: "pfizer", event: 3}, {day: 18721, place: 3, maker: "pfizer", event: 4}, {day: 18721, place: 4, maker: "pfizer", event: 2}}
	tl.personDone()
	at := func(place, day int) [6]int { return tl.cells[place*tl.days+day-rollout] }
	if at(3, 18700)[4] != 1 || at(3, 18721)[5] != 1 || tl.people != 1 || tl.fully != 1 {
		t.Errorf("counted elsewhere: first %v, complete %v", at(3, 18700), at(3, 18721))
	}
}

func TestFullyVaccinated(t *testing.T) {
	for name, c := range map[string]struct {
		doses []held
		want  int
	}{
		"one Janssen":             {[]held{{day: 5, maker: "janssen"}}, 5},
		"one Pfizer":              {[]held{{day: 5, maker: "pfizer"}}, 0},
		"Pfizer after 16 days":    {[]held{{day: 5, maker: "pfizer"}, {day: 21, maker: "pfizer"}}, 0},
		"Pfizer after 17 days":    {[]held{{day: 5, maker: "pfizer"}, {day: 22, maker: "pfizer"}}, 22},
		"Moderna after 23 days":   {[]held{{day: 5, maker: "moderna"}, {day: 28, maker: "moderna"}}, 0},
		"Moderna after 24 days":   {[]held{{day: 29, maker: "moderna"}, {day: 5, maker: "moderna"}}, 29},
		"mix after 17 days":       {[]held{{day: 5, maker: "moderna"}, {day: 22, maker: "pfizer"}}, 22},
		"third completes":         {[]held{{day: 5, maker: "pfizer"}, {day: 10, maker: "pfizer"}, {day: 24, maker: "pfizer"}}, 24},
		"Novavax is not in rule":  {[]held{{day: 5}, {day: 40}}, 0},
		"first day on which true": {[]held{{day: 5, maker: "pfizer"}, {day: 60, maker: "pfizer"}, {day: 30, maker: "janssen"}}, 30},
	} {
		if got := fully(c.doses); got != c.want {
			t.Errorf("%s: day %d, want %d", name, got, c.want)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a million rows")
	}
	runtime.GC()
	var peak uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.Tick(20 * time.Millisecond); ; {
			select {
			case <-done:
				return
			case <-tick:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse)
			}
		}
	}()
	write(t, Config{Seed: 1, Rows: 1_000_000, Defects: DefaultDefects()})
	close(done)
	<-stopped
	if peak > 80<<20 {
		t.Errorf("a million rows took %d MB", peak>>20)
	}
	t.Logf("a million rows: %d MB", peak>>20)
}

func BenchmarkWrite(b *testing.B) {
	for b.Loop() {
		write(b, Config{Seed: 1, Rows: 200_000, Defects: DefaultDefects()})
	}
	b.ReportMetric(200_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkWriteOverlap(b *testing.B) {
	for b.Loop() {
		write(b, Config{Seed: 1, Rows: 200_000, Defects: DefaultDefects(), Overlap: DefaultOverlap()})
	}
	b.ReportMetric(200_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
