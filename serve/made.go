package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// buildTime bounds one build; no client waits for it longer.
const buildTime = 15 * time.Minute

// made is what is kept beside a made file, as JSON. Source is the SHA-256 of
// the Parquet file that it was made from.
type made struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Rows   int64  `json:"rows"`
	Source string `json:"source"`
}

// maker makes formats when they are first asked for. A made file never
// changes: when one is lost it is made again, and must have the same hash.
type maker struct {
	dir     string
	convert ConvertFunc
	slots   chan struct{} // bounds builds at once

	mu      sync.Mutex
	running map[string]*build
}

// build is a build that runs; done is closed when it has ended.
type build struct {
	done chan struct{}
	made made
	err  error
}

// order says what to make: rel is the path below dir, src the Parquet file.
type order struct {
	rel, src, format string
	source           string // SHA-256 of src
	rows             int64
	// build makes what is not made of one file; source then stands for all
	// that it is made of, and src, format and rows are not looked at.
	build func(ctx context.Context, dst string) (rows int64, err error)
	once  bool // its bytes differ from run to run: lost, it can't be made again
}

// get returns the made file's data, making it first where it is missing. One
// build runs for all who ask at once; it goes on when the one who started it
// has gone, for the others.
func (m *maker) get(ctx context.Context, o order) (made, error) {
	m.mu.Lock()
	b, runs := m.running[o.rel]
	if !runs {
		b = &build{done: make(chan struct{}), err: errors.New("the build ended without a word")}
		m.running[o.rel] = b
	}
	m.mu.Unlock()
	if !runs {
		m.run(ctx, o, b)
	}
	select {
	case <-b.done:
		return b.made, b.err
	case <-ctx.Done():
		return made{}, ctx.Err()
	}
}

// run looks on the disk first. Also when a panic ends it, those who wait get
// an error.
func (m *maker) run(ctx context.Context, o order, b *build) {
	defer func() {
		m.mu.Lock()
		delete(m.running, o.rel)
		m.mu.Unlock()
		close(b.done)
	}()
	was, whole, err := m.look(o)
	if err != nil || whole {
		b.made, b.err = was, err
		return
	}
	if o.once && was != (made{}) {
		b.err = lost(o.rel)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), buildTime)
	defer cancel()
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		b.err = ctx.Err()
		return
	}
	b.made, b.err = m.make(ctx, o, was)
}

// lost is for a file that was made and is not there any more, and can't be made
// again with the same bytes. Other bytes never take its place unasked.
func lost(rel string) error {
	return fmt.Errorf("%s was made before and is lost; made again it has other bytes, and a name stands for the same ones for good. "+
		"Other formats say the same; or ask the data steward to give the first bytes up (docs/RELEASES.md, A lost file): %w", rel, dose.ErrHeld)
}

// look reads what is kept. Without an error, was is what the file must be
// (zero when it was never made), and whole says that it is there.
func (m *maker) look(o order) (was made, whole bool, err error) {
	path := filepath.Join(m.dir, filepath.FromSlash(o.rel))
	text, err := os.ReadFile(path + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return made{}, false, nil
	}
	if err != nil {
		return made{}, false, err
	}
	if err := json.Unmarshal(text, &was); err != nil {
		return made{}, false, fmt.Errorf("what is kept beside %s is damaged: %w", o.rel, err)
	}
	if was.Source != o.source {
		return made{}, false, fmt.Errorf("%s was made from another file than the release has now", o.rel)
	}
	st, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return made{}, false, err
	}
	return was, err == nil && st.Mode().IsRegular() && st.Size() == was.Bytes, nil
}

// make converts beside the place, checks, and moves the file into it; what is
// kept beside it comes last and makes it valid.
func (m *maker) make(ctx context.Context, o order, was made) (_ made, err error) {
	if o.build == nil {
		// What is made stays for good, so the source must be the released one.
		if src, err := measure(o.src); err != nil || src.SHA256 != o.source {
			return made{}, fault{errors.Join(err, fmt.Errorf("make %s: the Parquet file is not the one of the manifest; run 'dosebook verify'", o.rel))}
		}
		o.build = func(ctx context.Context, dst string) (int64, error) {
			rows, err := m.convert(ctx, o.src, dst, o.format)
			if err == nil && rows != o.rows {
				err = fmt.Errorf("%d rows, the manifest has %d", rows, o.rows)
			}
			return rows, err
		}
	}
	path := filepath.Join(m.dir, filepath.FromSlash(o.rel))
	part, err := durable.MkdirPart(path)
	if err != nil {
		return made{}, err
	}
	defer part.Abort()
	tmp := filepath.Join(part.Dir, "file")
	rows, err := o.build(ctx, tmp)
	if err != nil {
		return made{}, fmt.Errorf("make %s: %w", o.rel, ofSource(err))
	}
	is, err := measure(tmp)
	if err != nil {
		return made{}, err
	}
	is.Rows, is.Source = rows, o.source
	if was != (made{}) && is != was {
		return made{}, lost(o.rel)
	}
	if err := errors.Join(durable.SyncDir(tmp), os.Rename(tmp, path), durable.SyncDir(filepath.Dir(path))); err != nil {
		return made{}, err
	}
	text, err := json.Marshal(is)
	if err != nil {
		return made{}, err
	}
	return is, durable.WriteFile(path+".json", text)
}

func measure(path string) (made, error) {
	f, err := os.Open(path)
	if err != nil {
		return made{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return made{SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n}, err
}
