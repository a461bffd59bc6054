package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// Apply makes the newer dose_event.parquet and dose.parquet of a place in the
// folder dir, of the older dose_event at base and the changes between them.
// The newer files have the very bytes of the release when base was the older
// release's, and this program writes Parquet as the one did that built it: the
// caller holds their hashes against the manifest, and must not use them
// otherwise.
func Apply(ctx context.Context, base, changes, dir string) (event, doses File, err error) {
	defer dose.Wrap(&err, "apply changes")
	head, err := readSteps(changes)
	if err != nil {
		return event, doses, err
	}
	made := dir
	if head.Level != "" {
		if made, err = os.MkdirTemp(dir, durable.Prefix+"*"); err != nil {
			return event, doses, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(made)) }()
	}
	if event, doses, err = head.apply(ctx, base, changes, made); err != nil || made == dir {
		return event, doses, err
	}
	for _, f := range []*File{&event, &doses} { // as Limit makes them
		to := filepath.Join(dir, f.Path)
		if _, err = Limit(ctx, filepath.Join(made, f.Path), to); err != nil {
			return event, doses, err
		}
		if f.Bytes, f.SHA256, err = durable.Hash(to); err != nil {
			return event, doses, err
		}
	}
	return event, doses, nil
}

// apply writes both files as a build does, with the columns that there are.
func (head steps) apply(ctx context.Context, base, changes, dir string) (event, doses File, err error) {
	p, err := newPatch(base, changes, filepath.Join(dir, "dose_event.parquet"), head.columns())
	if err != nil {
		return event, doses, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	var cut []int
	for i, n := range head.Groups {
		if n > 0 {
			cut = append(cut, i)
		}
		if err := p.group(ctx, n); err != nil {
			return event, doses, err
		}
	}
	if !p.spent() {
		return event, doses, errNotBase
	}
	f, err := p.out.table.Finish()
	if err != nil {
		return event, doses, err
	}
	p.done = true
	event = File{Path: f.Path, Bytes: f.Bytes, SHA256: f.SHA256, Rows: f.Rows}
	c, err := cutDoses(filepath.Join(dir, "dose_event.parquet"), filepath.Join(dir, "dose.parquet"), cut)
	return event, File{Path: c.Path, Bytes: c.Bytes, SHA256: c.SHA256, Rows: c.Rows}, err
}

// errNotBase is for changes that do not lead on from the file at hand.
var errNotBase = fmt.Errorf("the changes do not fit the file that is here: %w", dose.ErrInvalid)

// readSteps reads what a changes file says of itself.
func readSteps(path string) (head steps, err error) {
	f, p, err := openParquet(path)
	if err != nil {
		return head, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, ok := p.Lookup(stepsKey)
	if !ok || json.Unmarshal([]byte(text), &head) != nil {
		return head, fmt.Errorf("%s is no changes file: %w", filepath.Base(path), dose.ErrInvalid)
	}
	return head, nil
}

// patch merges what stays of the older file with what is new. Both files keep
// the order of the ledger, among doses and among other events.
type patch struct {
	gone  []bool // rows of the older file that do not stay
	keep  [2]*staying
	fresh *rowReader
	rows  []int64 // where the new rows stand in the newer file
	first int64   // the row of the changes file that rows[0] is
	used  int     // of rows
	at    int64   // next row of the newer file
	out   *columnWriter
	done  bool
}

// staying walks over the rows of the older file that are doses, or that are
// not.
type staying struct {
	*rowReader
	groups []int64
	doses  bool
	at     int64 // next row of the file; in the loaded group, or its end
}

func newPatch(base, changes, dst string, data []dose.Column) (p *patch, err error) {
	p = &patch{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	groups, err := groupsOf(base)
	if err != nil {
		return p, err
	}
	var total int64
	for _, n := range groups {
		total += size(n)
	}
	p.gone = make([]bool, total)
	if err := p.read(changes); err != nil {
		return p, err
	}
	for i := range p.keep {
		r, err := openRows(base, 0, data)
		if err != nil {
			return p, err
		}
		p.keep[i] = &staying{rowReader: r, groups: groups, doses: i == 0}
	}
	if p.fresh, err = openRows(changes, len(changeColumns()), data); err != nil {
		return p, err
	}
	t, err := placeTable(dst, data)
	if err != nil {
		return p, err
	}
	p.out = newColumnWriter(t, data)
	return p, nil
}

func (p *patch) close() error {
	var errs []error
	for _, k := range p.keep {
		if k != nil {
			errs = append(errs, k.close())
		}
	}
	if p.fresh != nil {
		errs = append(errs, p.fresh.close())
	}
	if p.out != nil && !p.done {
		p.out.table.Abort()
	}
	return errors.Join(errs...)
}

// read notes which rows go and where new ones come.
func (p *patch) read(path string) (err error) {
	f, file, err := openParquet(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var version, row source
	for _, g := range file.RowGroups() {
		c, n := g.ColumnChunks(), int(g.NumRows())
		if len(c) < len(changeColumns()) {
			return errNotBase
		}
		if err := errors.Join(version.load(textLayout, c[2], n), row.load(bigLayout, c[4], n)); err != nil {
			return err
		}
		for i := range n {
			v, _ := version.value(int32(i))
			at := row.i64[i]
			switch {
			case v == newVersion:
				if k := len(p.rows); k > 0 && p.rows[k-1] >= at {
					return errNotBase
				}
				p.rows = append(p.rows, at)
			case v != oldVersion || at < 0 || at >= int64(len(p.gone)) || len(p.rows) > 0:
				return errNotBase
			default:
				p.gone[at] = true
				p.first++
			}
		}
	}
	return nil
}

// group writes the newer file's next row group: n rows, negative for those
// that are no doses.
func (p *patch) group(ctx context.Context, n int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	keep := p.keep[0]
	if n < 0 {
		keep = p.keep[1]
	}
	for end := p.at + size(n); p.at < end; {
		stays := end - p.at
		if p.used < len(p.rows) {
			stays = min(stays, p.rows[p.used]-p.at)
		}
		var took int64
		var err error
		if stays > 0 {
			took, err = p.stay(keep, stays)
		} else {
			took, err = p.come(end)
		}
		if err != nil {
			return err
		}
		p.at += took
		p.out.rows += int(took)
	}
	return p.out.flush()
}

// stay takes up to n rows that stay, from one row group of the older file.
func (p *patch) stay(k *staying, n int64) (int64, error) {
	for {
		for k.at < k.base+k.n && p.gone[k.at] {
			k.at++
		}
		if k.at < k.base+k.n {
			break
		}
		if !k.advance() {
			return 0, errNotBase
		}
		if err := k.load(); err != nil {
			return 0, err
		}
		k.at = k.base
	}
	var rows []int32
	for ; k.at < k.base+k.n && int64(len(rows)) < n; k.at++ {
		if !p.gone[k.at] {
			rows = append(rows, int32(k.at-k.base))
		}
	}
	p.put(k.cols, rows)
	return int64(len(rows)), nil
}

// advance makes the next group of the walk's own kind the one that load loads.
func (k *staying) advance() bool {
	for ; k.next < len(k.groups); k.next++ {
		if k.groups[k.next] > 0 == k.doses {
			return true
		}
		k.base, k.n = k.base+k.n, size(k.groups[k.next])
	}
	k.at = k.base + k.n
	return false
}

// come takes new rows that stand one after the other, from one row group of
// the changes.
func (p *patch) come(end int64) (int64, error) {
	var rows []int32
	for at := p.at; p.used < len(p.rows) && p.rows[p.used] == at && at < end; at++ {
		row := p.first + int64(p.used)
		if len(rows) > 0 && row >= p.fresh.base+p.fresh.n {
			break
		}
		i, err := p.fresh.seek(row)
		if err != nil {
			return 0, err
		}
		rows = append(rows, i)
		p.used++
	}
	if len(rows) == 0 {
		return 0, errNotBase
	}
	p.put(p.fresh.cols, rows)
	return int64(len(rows)), nil
}

func (p *patch) put(cols []source, rows []int32) {
	for i := range cols {
		p.out.cols[i].gather(&cols[i], rows)
	}
}

// spent says whether every row found its place.
func (p *patch) spent() bool {
	for _, k := range p.keep {
		for {
			for ; k.at < k.base+k.n; k.at++ {
				if !p.gone[k.at] {
					return false
				}
			}
			if !k.advance() {
				break
			}
			k.base, k.n = k.base+k.n, size(k.groups[k.next])
			k.at = k.base
			k.next++
		}
	}
	return p.used == len(p.rows)
}
