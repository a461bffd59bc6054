package synth

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/dosebook/dosebook/dose"
)

// Write makes the registries' files under dir, as REGISTRY/ACTION/NAME in CVRS
// and REGISTRY/NAME in other formats, full/REGISTRY for what a FHIR server holds
// in the end, and truth.json beside them, last; with an overlap also
// truth_events.tsv, and crosswalk/OLD_to_NEW/crosswalk.csv. A file, or the
// folder of an export, is there whole or not at all. A dir
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
		os.RemoveAll(filepath.Join(dir, fullFolder))
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
	full := p.fullExports()
	if err := writeAll(ctx, dir, p, full, nil); err != nil {
		return nil, err
	}
	t := counts.truth(w)
	t.Seed, t.Events, t.Through = cfg.Seed, cfg.Rows, cfg.Through
	t.list(files, deliver(w.seed, files, cfg.Defects.LateFiles))
	for _, o := range full {
		if t.Full == nil {
			t.Full = make(map[string]string)
		}
		t.Full[w.names[o.registry]] = o.Path
	}
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
	formats := formatsOf(cfg.Registries, cfg.Formats)
	if slices.Contains(formats, inFHIR) {
		folders = append(folders, fullFolder)
	}
	for _, r := range folders {
		if _, err := os.Stat(filepath.Join(dir, r)); err == nil {
			return fmt.Errorf("the folder holds an earlier run's %s; choose another or remove it: %w", r, dose.ErrInvalid)
		}
	}
	for i, r := range cfg.Registries {
		below := actionNames[:]
		switch formats[i] {
		case inHL7:
			below = []string{"."}
		case inFHIR:
			below = []string{".", "../" + fullFolder}
		}
		for _, b := range below {
			if err := os.MkdirAll(filepath.Join(dir, r, b), 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeAll writes the files side by side.
func writeAll(ctx context.Context, dir string, p *plan, files []*output, progress func(done, total int64)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	job := &writing{plan: p, dir: dir, progress: progress}
	job.forms = [numFormats]form{inCVRS: newCVRS(p.world), inHL7: newHL7(p.world), inFHIR: newFHIR(p.world)}
	for _, f := range files {
		job.total += int64(f.Records)
	}
	work := make(chan *output)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for f := range work {
				if errs[i] = job.forms[f.format].file(ctx, job, f); errs[i] != nil {
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
	forms    [numFormats]form
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

// form writes the files of one format. It keeps nothing from file to file:
// any goroutine may ask it for any file.
type form interface {
	file(ctx context.Context, j *writing, o *output) error
}

// at is the path of an output.
func (j *writing) at(o *output) string { return filepath.Join(j.dir, filepath.FromSlash(o.Path)) }

// each makes every record of a file anew from its entry. A record is valid
// until the next.
func (j *writing) each(ctx context.Context, o *output, take func(*record) error) error {
	m := recordMaker{plan: j.plan}
	for part := range slices.Chunk(o.entries, stride) {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, e := range part {
			if err := take(m.record(e)); err != nil {
				return err
			}
		}
		j.note(len(part))
	}
	return nil
}

// recordMaker keeps the memory of one goroutine's records.
type recordMaker struct {
	plan   *plan
	home   household
	who    person
	events []given
	made   record
}

func (m *recordMaker) record(entry uint64) *record {
	number, member, event, c, s := unpack(entry)
	w := m.plan.world
	m.home = w.household(uint64(number))
	m.who = w.person(&m.home, member)
	m.events = w.history(&m.home, &m.who, m.events)
	g := &m.events[event]
	m.made = w.record(&m.home, &m.who, g, c, s, m.plan.knows(&m.home, &m.who, g, c, s))
	return &m.made
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
