package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/release"
)

// ExtractFunc writes the answer to a checked question from src, a Parquet file
// of a release, to dst and returns the number of rows. The same src and
// question must give the same bytes.
type ExtractFunc func(ctx context.Context, src, dst string, q release.Question, progress func(done, total int64)) (rows int64, err error)

// extractor answers questions, each once:
//
//	extracts/<key>.json                      the question, and what its file is once it was made
//	<release>/extracts/<key>.<format>        the file
//
// The second goes with its release, the first stays, so that the permalink
// answers 410 then.
type extractor struct {
	dir      string
	releases release.Store
	extract  ExtractFunc
	slots    chan struct{} // bounds builds at once
	all, one int           // most jobs that wait or run: for all, for one user

	mu   sync.Mutex
	jobs map[string]*job // those that wait or run, and the newest that failed
}

// answered is what is kept of a question, as JSON. Source is the SHA-256 of
// the Parquet file that it was made from.
type answered struct {
	Question release.Question `json:"question"`
	File     release.File     `json:"file"`
	Source   string           `json:"source,omitempty"`
}

// job is one answer in the making; done is closed when it has ended.
type job struct {
	user        string
	q           release.Question
	source      release.File
	running     atomic.Bool
	rows, total atomic.Int64 // looked at, of
	done        chan struct{}
	made        answered
	err         error
}

// extractState is what is told of an extract.
type extractState struct {
	ID        string           `json:"id"`
	Status    string           `json:"status"` // waiting, running, ready, failed; absent: ask for the file, and it is made again
	RowsDone  int64            `json:"rows_done"`
	RowsTotal int64            `json:"rows_total"`
	URL       string           `json:"url"`
	Detail    string           `json:"detail,omitempty"`
	File      *release.File    `json:"file,omitempty"`
	Question  release.Question `json:"question"`
}

func (j *job) state() extractState {
	s := extractState{ID: j.q.Key(), Status: "waiting", RowsDone: j.rows.Load(), RowsTotal: max(j.total.Load(), j.source.Rows), URL: permalink(j.q), Question: j.q}
	if j.running.Load() {
		s.Status = "running"
	}
	select {
	case <-j.done:
		if s.Status = "ready"; j.err != nil {
			s.Status, s.Detail = "failed", newProblem(j.err).Detail
			return s
		}
		file := j.made.File
		file.Path = path.Base(permalink(j.q))
		s.File, s.RowsDone = &file, s.RowsTotal
	default:
	}
	return s
}

// start returns the job of a question: one that is there, one that has ended
// because the file is there, or a new one.
func (x *extractor) start(user string, q release.Question, src release.File) (*job, error) {
	key := q.Key()
	x.mu.Lock()
	defer x.mu.Unlock()
	if j := x.jobs[key]; j != nil && !j.failed() {
		return j, nil
	}
	j := &job{user: user, q: q, source: src, done: make(chan struct{})}
	was, whole, err := x.read(q, src)
	if err != nil {
		return nil, err
	}
	if j.made = was; whole {
		close(j.done)
		return j, nil
	}
	if err := x.room(user); err != nil {
		return nil, err
	}
	if was.File == (release.File{}) { // the permalink is good from here on
		if err := x.write(answered{Question: q}); err != nil {
			return nil, err
		}
	}
	x.jobs[key] = j
	go x.run(j)
	return j, nil
}

func (j *job) failed() bool {
	select {
	case <-j.done:
		return j.err != nil
	default:
		return false
	}
}

// room refuses a job too many, and forgets failures when there are many.
func (x *extractor) room(user string) error {
	all, one := 0, 0
	for key, j := range x.jobs {
		if j.failed() {
			if len(x.jobs) > 2*x.all {
				delete(x.jobs, key)
			}
			continue
		}
		if all++; j.user == user {
			one++
		}
	}
	if one >= x.one {
		return fmt.Errorf("you have %d extracts in the making; wait for one to end: %w", one, dose.ErrTooMuch)
	}
	if all >= x.all {
		return fmt.Errorf("%d extracts wait already; try again later: %w", all, dose.ErrTooMuch)
	}
	return nil
}

// run makes the file. It outlives the request that began it; what it leaves
// when the process ends is swept at the next start.
func (x *extractor) run(j *job) {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	err := errors.New("the extract ended without a word")
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic of type %T", v) // the value could name a person
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if j.err = err; err == nil {
			delete(x.jobs, j.q.Key())
		}
		close(j.done)
	}()
	select {
	case x.slots <- struct{}{}:
		defer func() { <-x.slots }()
	case <-ctx.Done():
		err = ctx.Err()
		return
	}
	j.running.Store(true)
	err = x.make(ctx, j)
}

// make writes beside the place while it proves the source, checks, and moves
// the file into its place; what is kept of it comes last and makes it valid.
func (x *extractor) make(ctx context.Context, j *job) (err error) {
	q := j.q
	defer dose.Wrap(&err, "extract %s", q.Key())
	src, err := x.releases.Path(q.Release, filepath.FromSlash(q.Source()))
	if err != nil {
		return err
	}
	rel := path.Join(q.Release, "extracts", q.Key()+"."+q.Format)
	to := filepath.Join(x.dir, filepath.FromSlash(rel))
	part, err := durable.MkdirPart(to)
	if err != nil {
		return err
	}
	defer part.Abort()
	tmp := filepath.Join(part.Dir, "file")
	is := answered{Question: q, Source: j.source.SHA256, File: release.File{Path: rel}}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return proven(src, j.source) })
	is.File.Rows, err = x.extract(gctx, src, tmp, q, func(done, total int64) {
		j.rows.Store(done)
		j.total.Store(total)
	})
	if bad := g.Wait(); bad != nil {
		return fault{errors.Join(bad, err)} // what was read of it says nothing
	}
	if err != nil {
		return ofSource(err)
	}
	if is.File.Bytes, is.File.SHA256, err = durable.Hash(tmp); err != nil {
		return err
	}
	if j.made.File != (release.File{}) && j.made.File != is.File {
		return errors.New("not the same bytes as before")
	}
	if err := errors.Join(durable.SyncDir(tmp), os.Rename(tmp, to), durable.SyncDir(filepath.Dir(to))); err != nil {
		return err
	}
	j.made = is
	return x.write(is)
}

// proven says that src is the released file: what is made of it stays.
func proven(src string, is release.File) error {
	n, sum, err := durable.Hash(src)
	if err == nil && (n != is.Bytes || sum != is.SHA256) {
		err = errors.New("the Parquet file is not the one of the manifest; run 'dosebook verify'")
	}
	return err
}

func (x *extractor) record(key string) string { return filepath.Join(x.dir, "extracts", key+".json") }

func (x *extractor) write(a answered) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	file := x.record(a.Question.Key())
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(file, text)
}

var keyForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// load returns what is kept under a key.
func (x *extractor) load(key string) (a answered, err error) {
	if !keyForm.MatchString(key) {
		return a, fmt.Errorf("there is no such extract: %w", dose.ErrNotFound)
	}
	text, err := os.ReadFile(x.record(key))
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("there is no such extract; ask for it with POST %s: %w", extracts, dose.ErrNotFound)
	}
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err == nil && a.Question.Key() != key {
		err = errors.New("it is another question's")
	}
	if err != nil {
		return a, fmt.Errorf("what is kept of extract %s is damaged: %v", key, err)
	}
	return a, nil
}

// question returns the question of a key.
func (x *extractor) question(key string) (release.Question, error) {
	a, err := x.load(key)
	return a.Question, err
}

// read returns what the file of q is or must be, and whether it is there.
func (x *extractor) read(q release.Question, src release.File) (was answered, whole bool, err error) {
	was, err = x.load(q.Key())
	if errors.Is(err, dose.ErrNotFound) {
		return answered{}, false, nil
	}
	if err != nil || was.File == (release.File{}) {
		return was, false, err
	}
	if was.Source != src.SHA256 {
		return was, false, fmt.Errorf("extract %s was made from another file than the release has now", q.Key())
	}
	st, err := os.Stat(filepath.Join(x.dir, filepath.FromSlash(was.File.Path)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return was, false, err
	}
	return was, err == nil && st.Mode().IsRegular() && st.Size() == was.File.Bytes, nil
}

// look tells how far a question's answer is, and begins nothing.
func (x *extractor) look(q release.Question, src release.File) (extractState, error) {
	x.mu.Lock()
	j := x.jobs[q.Key()]
	x.mu.Unlock()
	if j != nil {
		return j.state(), nil
	}
	was, whole, err := x.read(q, src)
	if err != nil {
		return extractState{}, err
	}
	j = &job{q: q, source: src, made: was, done: make(chan struct{})}
	if !whole {
		s := j.state()
		s.Status = "absent"
		return s, nil
	}
	close(j.done)
	return j.state(), nil
}
