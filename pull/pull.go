// Package pull keeps a verified copy of one place's files on an analyst's own
// machine: the first time everything, then the changes only.
//
// It promises that nothing of the copy is replaced before the new release is
// proven: its manifest is signed by a key that is known here, every file has
// the hash, size and rows that the manifest says. What it is given short, cut
// or altered it refuses, and the copy stays as it was. Killed at any instant it
// goes on at the next run, from the byte that it had come to. It never sends
// the token to another host, nor over a network in the clear, and never names
// a person.
//
//	DIR/releases/<id>/      dose_event, dose, recipient (Parquet), manifest.json and its signature
//	DIR/changes/<id>.parquet  what that release changed by since the one before it here
//	DIR/dosebook.duckdb     views of the newest release, and as_of for each that is kept
//	DIR/keys.pem            the keys that manifests are held against
//	DIR/state.json          what is here
package pull

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/release"
)

// CatalogFunc makes the DuckDB file at path, which does not exist, of SQL
// statements.
type CatalogFunc func(ctx context.Context, path string, statements []string) error

// Options of a pull. URL, Token, Place, Level, Dir and Catalog must be set.
type Options struct {
	URL     *url.URL
	Token   string
	Place   dose.Place
	Level   dose.Level // Identified or Limited: a place has no other records
	Dir     string
	Catalog CatalogFunc
	Key     []byte // public keys from elsewhere; empty: those of the first pull
	Keep    int    // releases that stay; default 14, at least 2
	HTTP    *http.Client
	Now     func() time.Time
	// Progress is told how far a download is. Pause is the wait before a
	// second try, and doubles; default one second.
	Progress func(file string, done, total int64)
	Pause    time.Duration
}

// How a pull came by the release.
const (
	Nothing = "nothing" // it was here already
	Step    = "changes" // of the release before, by changes
	Whole   = "full"    // downloaded
)

// Result is what a pull did.
type Result struct {
	Release  string           `json:"release"`
	Previous string           `json:"previous,omitempty"` // the newest one here before
	Place    string           `json:"place"`
	Mode     string           `json:"mode"`
	Received int64            `json:"bytes_received"`
	Rows     map[string]int64 `json:"rows"` // by table
	Changes  int64            `json:"change_rows"`
	KeyIsNew bool             `json:"key_is_new"` // nobody vouched for the key yet: see docs/PULL.md
	Why      string           `json:"why_full,omitempty"`
}

// tables are a place's files, in the order in which they are fetched.
var tables = []string{"dose_event", "dose", "recipient"}

type puller struct {
	Options
	client
	state  state
	result Result
}

// Run brings the copy in o.Dir up to the newest approved release.
func Run(ctx context.Context, o Options) (_ *Result, err error) {
	if o.Keep <= 0 {
		o.Keep = 14
	}
	o.Keep = max(o.Keep, 2) // who has the file open reads the release before
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Level != dose.Identified && o.Level != dose.Limited {
		return nil, fmt.Errorf("records of level %s are of the whole state, and are downloaded; a copy is identified or limited: %w", o.Level, dose.ErrInvalid)
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	unlock, err := lock(o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := durable.Sweep(o.Dir); err != nil {
		return nil, err
	}
	p := &puller{Options: o, result: Result{Place: string(o.Place), Rows: map[string]int64{}}}
	if p.client, err = newClient(o); err != nil {
		return nil, err
	}
	if p.state, err = readState(o.Dir); err != nil {
		return nil, err
	}
	if err := p.state.fits(o); err != nil {
		return nil, err
	}
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	p.result.Received = p.client.received
	return &p.result, nil
}

func (p *puller) run(ctx context.Context) error {
	keys, err := p.keys(ctx)
	if err != nil {
		return err
	}
	n, err := p.newest(ctx, keys)
	if err != nil {
		return err
	}
	id := n.manifest.ID
	p.result.Release, p.result.Mode, p.result.Previous = id, Nothing, p.state.Current
	for _, t := range tables {
		p.result.Rows[t] = n.files[t].Rows
	}
	if !p.whole(id, keys) {
		if err := p.fetch(ctx, n, keys); err != nil {
			return err
		}
	}
	// Also where the last run was killed between the rename and this.
	if err := os.RemoveAll(filepath.Join(p.Dir, "partial")); err != nil {
		return err
	}
	gone := p.state.take(id, n.manifest.LedgerSeq, p.Now(), p.Keep)
	p.state.URL, p.state.Place, p.state.Level = p.URL.String(), string(p.Place), p.level()
	if err := p.catalog(ctx); err != nil {
		return err
	}
	if err := p.state.write(p.Dir); err != nil {
		return err
	}
	return p.forget(gone)
}

// whole says whether a release is here, as it was signed.
func (p *puller) whole(id string, keys release.PublicKeys) bool {
	proof, err := release.VerifyDir(p.folder(id), keys)
	return err == nil && len(proof.Bad) == 0 && proof.ID == id && proof.Place == string(p.Place) && proof.Level == p.level()
}

// partialChanges is where changes stand until what they make is proven.
func (p *puller) partialChanges(id string) string {
	return filepath.Join(p.Dir, "partial", "changes-"+p.state.Current+"-"+id+".parquet")
}

func (p *puller) folder(id string) string { return filepath.Join(p.Dir, "releases", id) }

// fetch gets the release into a folder of its own, proves it, and puts it in
// its place.
func (p *puller) fetch(ctx context.Context, n *news, keys release.PublicKeys) error {
	id := n.manifest.ID
	dir := filepath.Join(p.Dir, "partial", id)
	if err := p.only(id); err != nil {
		return err
	}
	for name, text := range n.proof {
		if err := durable.WriteFile(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	p.result.Mode = Whole
	stepped, err := p.step(ctx, n, dir)
	if err != nil {
		return err
	}
	if stepped {
		p.result.Mode = Step
	}
	for _, t := range tables {
		if err := p.table(ctx, n, t, dir); err != nil {
			return err
		}
	}
	if err := check(dir, n, keys); err != nil {
		return err
	}
	return p.settle(id, dir, stepped)
}

// table gets one file, from the release before where it is the same.
func (p *puller) table(ctx context.Context, n *news, t, dir string) error {
	want, name := n.files[t], t+".parquet"
	path := filepath.Join(dir, name)
	if is(path, want) {
		return nil
	}
	if p.state.Current != "" {
		if before := filepath.Join(p.folder(p.state.Current), name); is(before, want) {
			_ = os.Remove(path)
			if err := os.Link(before, path); err == nil {
				return nil
			} // another file system: download it
		}
	}
	return p.download(ctx, p.address(n.manifest.ID, name), want, path)
}

// is says whether the file at path is the one wanted.
func is(path string, want release.File) bool {
	size, sum, err := durable.Hash(path)
	return err == nil && size == want.Bytes && sum == want.SHA256
}

// check proves the folder as a whole: signature, hashes, nothing else in it,
// and the rows.
func check(dir string, n *news, keys release.PublicKeys) error {
	proof, err := release.VerifyDir(dir, keys)
	if err != nil {
		return err
	}
	if len(proof.Bad) > 0 {
		return fmt.Errorf("release %s was not taken: %s: %w", n.manifest.ID, proof.Bad[0], dose.ErrUpstream)
	}
	for _, t := range tables {
		rows, err := release.Rows(filepath.Join(dir, t+".parquet"))
		if err != nil || rows != n.files[t].Rows {
			return fmt.Errorf("release %s was not taken: %s has %d rows, the manifest says %d: %w", n.manifest.ID, t, rows, n.files[t].Rows, dose.ErrUpstream)
		}
	}
	return nil
}

// step makes dose_event and dose of the release before and the changes since.
// Whenever that is not possible, the files are downloaded, and result.Why says
// why.
func (p *puller) step(ctx context.Context, n *news, dir string) (bool, error) {
	was := p.state.Current
	base := filepath.Join(p.folder(was), "dose_event.parquet")
	event, doses := filepath.Join(dir, "dose_event.parquet"), filepath.Join(dir, "dose.parquet")
	if was == "" {
		return false, nil
	}
	if !exists(base) {
		p.result.Why = "the release before is not here any more"
		return false, nil
	}
	if is(base, n.files["dose_event"]) {
		return true, nil // nothing of it changed
	}
	if was == n.manifest.ID { // it was damaged
		p.result.Why = "the files here are not those that were signed"
		return false, nil
	}
	changes := p.partialChanges(n.manifest.ID)
	err := p.changes(ctx, n, was, changes)
	if errors.Is(err, dose.ErrNotFound) || errors.Is(err, dose.ErrGone) || errors.Is(err, dose.ErrHeld) {
		p.result.Why = "the server has no changes since " + was
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if is(event, n.files["dose_event"]) && is(doses, n.files["dose"]) {
		return true, nil // before it was killed
	}
	made, err := os.MkdirTemp(filepath.Join(p.Dir, "partial"), durable.Prefix+"*")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(made)
	e, d, err := release.Apply(ctx, base, changes, made)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if want := n.files; err != nil || e.SHA256 != want["dose_event"].SHA256 || d.SHA256 != want["dose"].SHA256 {
		p.result.Why = "the changes did not make the signed file"
		return false, os.Remove(changes)
	}
	p.result.Changes, err = release.Rows(changes)
	return true, errors.Join(err, os.Rename(filepath.Join(made, e.Path), event), os.Rename(filepath.Join(made, d.Path), doses))
}

// settle puts the finished folder in its place, and the changes beside it.
func (p *puller) settle(id, dir string, stepped bool) error {
	from, to := p.partialChanges(id), filepath.Join(p.Dir, "changes", id+".parquet")
	err := errors.Join(os.MkdirAll(filepath.Join(p.Dir, "changes"), 0o700), os.MkdirAll(filepath.Join(p.Dir, "releases"), 0o700))
	if _, stat := os.Stat(from); err == nil && stepped && stat == nil {
		err = errors.Join(durable.SyncDir(from), os.Rename(from, to), durable.SyncDir(filepath.Join(p.Dir, "changes")))
	}
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		err = errors.Join(err, durable.SyncDir(filepath.Join(dir, e.Name())))
	}
	to = p.folder(id)
	if err = errors.Join(err, durable.SyncDir(dir)); err == nil {
		err = p.away(id) // one that was damaged
	}
	if err == nil {
		err = os.Rename(dir, to)
	}
	return errors.Join(err, durable.SyncDir(filepath.Join(p.Dir, "releases")))
}

// away takes a release's folder away, by one rename first.
func (p *puller) away(id string) error {
	if _, err := os.Stat(p.folder(id)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	to := filepath.Join(p.Dir, durable.Prefix+"removed-"+id)
	return errors.Join(os.Rename(p.folder(id), to), os.RemoveAll(to))
}

// forget removes releases that are no longer kept, and what is left of others.
func (p *puller) forget(gone []string) error {
	var err error
	for _, id := range gone {
		err = errors.Join(err, p.away(id))
		if e := os.Remove(filepath.Join(p.Dir, "changes", id+".parquet")); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	left, e := os.ReadDir(filepath.Join(p.Dir, "releases"))
	if e != nil {
		return errors.Join(err, e)
	}
	for _, x := range left {
		if !slices.ContainsFunc(p.state.Releases, func(k kept) bool { return k.ID == x.Name() }) {
			err = errors.Join(err, p.away(x.Name()))
		}
	}
	return err
}
