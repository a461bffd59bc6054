package synth

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/dosebook/dosebook/dose"
)

// Write makes the registries' files under dir, as REGISTRY/ACTION/NAME, and
// truth.json beside them, last; with an overlap also truth_events.tsv, and
// crosswalk/OLD_to_NEW/crosswalk.csv. A file is there whole or not at all. A dir
// that holds an earlier run's registries is refused with dose.ErrInvalid; on
// any other error the registries' folders are removed again.
// progress may be nil; it is never called twice at once.
func Write(ctx context.Context, dir string, cfg Config, progress func(done, total int64)) (_ *Truth, err error) {
	defer dose.Wrap(&err, "synthetic registries")
	through, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if err := makeFolders(dir, cfg); err != nil {
		return nil, err
	}
	t, err := run(ctx, dir, cfg, through, progress)
	if err != nil {
		for _, r := range cfg.Registries { // none was there before
			os.RemoveAll(filepath.Join(dir, r))
		}
		if cfg.Overlap != (Overlap{}) {
			os.RemoveAll(filepath.Join(dir, crosswalkFolder))
			os.Remove(filepath.Join(dir, EventsFile))
		}
		return nil, err
	}
	return t, nil
}

// run makes and writes all files, then the truth.
func run(ctx context.Context, dir string, cfg Config, through int, progress func(done, total int64)) (*Truth, error) {
	w, err := newWorld(cfg, through)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(ctx, w, cfg.Rows)
	if err != nil {
		return nil, err
	}
	counts, err := p.fill(ctx)
	if err != nil {
		return nil, err
	}
	files := p.files(cfg.RowsPerFile)
	files = append(files, repeats(w.seed, files, cfg.Defects.RepeatFiles)...)
	if err := writeAll(ctx, dir, p, files, progress); err != nil {
		return nil, err
	}
	t := counts.truth(w)
	t.Seed, t.Events, t.Through = cfg.Seed, cfg.Rows, cfg.Through
	t.list(files, deliver(w.seed, files, cfg.Defects.LateFiles))
	if counts.agreed != nil {
		counts.agreed.truth(w, t)
		if err := p.tellAll(ctx, dir, t.Overlap); err != nil {
			return nil, err
		}
	}
	return t, writeTruth(filepath.Join(dir, "truth.json"), t)
}

func makeFolders(dir string, cfg Config) error {
	folders := slices.Clone(cfg.Registries)
	if cfg.Overlap != (Overlap{}) {
		folders = append(folders, crosswalkFolder)
	}
	for _, r := range folders {
		if _, err := os.Stat(filepath.Join(dir, r)); err == nil {
			return fmt.Errorf("the folder holds an earlier run's %s; choose another or remove it: %w", r, dose.ErrInvalid)
		}
	}
	for _, r := range cfg.Registries {
		for _, a := range actionNames {
			if err := os.MkdirAll(filepath.Join(dir, r, a), 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// output is a file to write.
type output struct {
	File
	registry int
	action   action
	date     int
	entries  []uint64
}

// files cuts the slots into files and names them: yyyymmdd_NN_AAA.txt.
func (p *plan) files(most int) (out []*output) {
	for i := range p.slots {
		s := &p.slots[i]
		slices.Sort(s.entries)
		for nn, part := range slices.Collect(slices.Chunk(s.entries, most)) {
			o := &output{registry: s.registry, action: s.action, date: s.date, entries: part}
			for _, e := range part {
				if _, _, _, _, step := unpack(e); step == unusable {
					o.Rejects++
				}
			}
			o.Registry, o.Action, o.SourceDate, o.Records = p.world.names[s.registry], actionNames[s.action], dateText(s.date), len(part)
			o.name(nn + 1)
			out = append(out, o)
		}
	}
	return out
}

func (o *output) name(nn int) {
	o.Sequence = nn
	day := strings.ReplaceAll(o.SourceDate, "-", "")
	o.Path = path.Join(o.Registry, o.Action, fmt.Sprintf("%s_%02d_%s.txt", day, nn, submitter(o.Registry)))
}

// repeats chooses files that come again with the same bytes as a later NN.
func repeats(seed uint64, files []*output, part float64) (out []*output) {
	taken := make(map[string]bool)
	for _, f := range files {
		taken[f.Path] = true
	}
	for _, i := range sample(seed, 1, len(files), part) {
		o := *files[i]
		o.RepeatOf = o.Path
		for nn := o.Sequence + 1; taken[o.Path]; nn++ {
			o.name(nn)
		}
		taken[o.Path] = true
		out = append(out, &o)
	}
	return out
}

// sample chooses a part of n things, at least one when there are four.
func sample(seed, what uint64, n int, part float64) []int {
	want := int(part * float64(n))
	if part > 0 && n >= 4 {
		want = max(want, 1)
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	slices.SortFunc(all, func(a, b int) int {
		return cmp.Compare(hash(seed, saltFiles+what<<8, uint64(a)), hash(seed, saltFiles+what<<8, uint64(b)))
	})
	return all[:min(want, n)]
}

// deliver orders the paths as they arrive: by date, but late files up to a
// quarter of the list later, and a repeated file after its first.
func deliver(seed uint64, files []*output, late float64) []string {
	order := slices.Clone(files)
	slices.SortFunc(order, func(a, b *output) int {
		return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(a.action, b.action), cmp.Compare(a.registry, b.registry), cmp.Compare(a.Sequence, b.Sequence))
	})
	place := make(map[string]int)
	for i, o := range order {
		place[o.Path] = 2 * i
	}
	for _, i := range sample(seed, 2, len(order), late) {
		place[order[i].Path] += 3 + 2*int(hash(seed, saltFiles, uint64(i))%uint64(1+len(order)/4))
	}
	slices.SortStableFunc(order, func(a, b *output) int { return cmp.Compare(place[a.Path], place[b.Path]) })
	return afterFirst(order)
}

// afterFirst lists the paths; a repeat that stands before its first moves to
// right behind it.
func afterFirst(order []*output) (paths []string) {
	early := make(map[string][]string)
	seen := make(map[string]bool)
	for _, o := range order {
		if o.RepeatOf != "" && !seen[o.RepeatOf] {
			early[o.RepeatOf] = append(early[o.RepeatOf], o.Path)
			continue
		}
		seen[o.Path] = true
		paths = append(append(paths, o.Path), early[o.Path]...)
	}
	return paths
}

// writeAll writes the files side by side.
func writeAll(ctx context.Context, dir string, p *plan, files []*output, progress func(done, total int64)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	job := &writing{plan: p, dir: dir, format: newCVRS(p.world), progress: progress}
	for _, f := range files {
		job.total += int64(f.Records)
	}
	work := make(chan *output)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for f := range work {
				if errs[i] = job.file(ctx, f); errs[i] != nil {
					cancel()
					return
				}
			}
		})
	}
	feed(ctx, work, files)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return ctx.Err()
}

func feed(ctx context.Context, work chan<- *output, files []*output) {
	defer close(work)
	for _, f := range files {
		select {
		case work <- f:
		case <-ctx.Done():
			return
		}
	}
}

// writing is what the goroutines share that write files.
type writing struct {
	plan     *plan
	dir      string
	format   *cvrs
	progress func(done, total int64)
	total    int64

	mu   sync.Mutex
	done int64
}

func (j *writing) note(rows int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done += int64(rows)
	if j.progress != nil {
		j.progress(j.done, j.total)
	}
}

// stride is how many rows are written between two looks at the context.
const stride = 20_000

// file makes one file: every row anew from its entry.
func (j *writing) file(ctx context.Context, o *output) error {
	return whole(filepath.Join(j.dir, filepath.FromSlash(o.Path)), func(out *bufio.Writer) error {
		buf := rowMaker{plan: j.plan, format: j.format}
		if _, err := out.Write(j.format.head(nil, o.registry)); err != nil {
			return err
		}
		for part := range slices.Chunk(o.entries, stride) {
			if err := ctx.Err(); err != nil {
				return err
			}
			for _, e := range part {
				if _, err := out.Write(buf.row(e)); err != nil {
					return err
				}
			}
			j.note(len(part))
		}
		return nil
	})
}

// rowMaker keeps the memory of one goroutine's rows.
type rowMaker struct {
	plan   *plan
	format *cvrs
	line   []byte
	events []given
}

// row is the entry's line; valid until the next call.
func (m *rowMaker) row(entry uint64) []byte {
	number, member, event, c, s := unpack(entry)
	w := m.plan.world
	h := w.household(uint64(number))
	p := w.person(&h, member)
	m.events = w.history(&h, &p, m.events)
	g := &m.events[event]
	r := w.record(&h, &p, g, c, s, m.plan.knows(&h, &p, g, c, s))
	m.line = m.format.row(m.line[:0], &r)
	return m.line
}

// whole writes a file under another name, and renames it when it is done.
func whole(name string, fill func(*bufio.Writer) error) (err error) {
	f, err := os.Create(name + ".part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	out := bufio.NewWriterSize(f, 1<<20)
	if err = fill(out); err != nil {
		return err
	}
	if err = out.Flush(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// list puts the files into the truth.
func (t *Truth) list(files []*output, delivery []string) {
	for _, f := range files {
		t.Files = append(t.Files, f.File)
		if f.RepeatOf != "" {
			t.Totals.RepeatedFiles++
			t.Totals.RepeatedRecords += f.Records
			continue
		}
		t.Totals.Records += f.Records
	}
	slices.SortFunc(t.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	t.Delivery = delivery
}

func writeTruth(name string, t *Truth) error {
	return whole(name, func(out *bufio.Writer) error { return json.NewEncoder(out).Encode(t) })
}
