package fhirbulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// wireSuffix marks a file that is on its way.
const wireSuffix = ".wire"

// files fetches the files of the export that are wanted and not there yet,
// some at a time.
func (r *run) files(ctx context.Context, e *export, wanted func(file) bool) error {
	all := e.files()
	var mu sync.Mutex // of e.got and r.etags
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.config.Parallel)
	for i, f := range all {
		if !wanted(f) || ctx.Err() != nil {
			continue
		}
		mu.Lock()
		have, known := e.got[i]
		mu.Unlock()
		group.Go(func() error {
			path := r.folder.file(e, i)
			if known && have.at(path) {
				return nil
			}
			d := download{run: r, export: e, file: f, place: i, wire: path + wireSuffix, mu: &mu}
			a, err := d.fetch(ctx)
			if err != nil {
				return fmt.Errorf("file %d of %d (%s): %w", i+1, len(all), f.Type, err)
			}
			if err := os.Rename(d.wire, path); err != nil {
				return err
			}
			mu.Lock()
			e.got[i] = a
			mu.Unlock()
			return r.folder.note(entry{Export: e.Number, File: i, Arrived: &a})
		})
	}
	return errors.Join(group.Wait())
}

// at says whether the file at path is the one that arrived.
func (a arrived) at(path string) bool {
	size, sum, err := durable.Hash(path)
	return err == nil && size == a.Size && sum == a.SHA256
}

// download is one file on its way.
type download struct {
	*run
	export *export
	file   file
	place  int
	wire   string
	mu     *sync.Mutex
}

// fetch brings the file to wire, whole and checked. What is cut is gone on
// with where the server can, and fetched anew where it can't.
func (d *download) fetch(ctx context.Context) (arrived, error) {
	for try := 1; ; try++ {
		err := d.bytes(ctx)
		if err == nil {
			var a arrived
			if a, err = inspect(d.wire, d.file); err == nil {
				return a, nil
			}
			if errors.Is(err, dose.ErrUpstream) { // the bytes are wrong: going on from them would not help
				_ = os.Remove(d.wire)
				if try >= tries {
					return a, spoiled{err}
				}
			}
		}
		if try >= tries || ctx.Err() != nil || !errors.Is(err, dose.ErrUpstream) || errors.Is(err, errExpired) {
			return arrived{}, err
		}
		if err := d.client.sleep(ctx, backoff(try)); err != nil {
			return arrived{}, err
		}
	}
}

// bytes asks for the file, or its rest, once.
func (d *download) bytes(ctx context.Context) error {
	k := call{what: "file", method: http.MethodGet, url: d.file.URL,
		header: http.Header{"Accept": {"application/fhir+ndjson"}, "Accept-Encoding": {"gzip"}}}
	if d.export.pages[0].Token {
		k.token = atHosts
	}
	from, etag := d.rest()
	if from > 0 {
		k.header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		k.header.Set("If-Range", etag)
	}
	r, err := d.client.do(ctx, k)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	mode := os.O_CREATE | os.O_WRONLY
	switch {
	case r.StatusCode == http.StatusOK:
		mode |= os.O_TRUNC
	case r.StatusCode == http.StatusPartialContent && from > 0 && strings.HasPrefix(r.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from)):
		mode |= os.O_APPEND
	case r.StatusCode == http.StatusPartialContent || r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		_ = os.Remove(d.wire)
		return fmt.Errorf("file: %s answered a range that was not asked for: %w", redacted(k.url), dose.ErrUpstream)
	case d.expired(r.StatusCode):
		return errExpired
	default:
		return r.refuse()
	}
	return d.write(r, mode)
}

// expired: 404 and 410, and 403 once the manifest's Expires has passed, which
// is how stores answer for signed addresses.
func (d *download) expired(status int) bool {
	if status == http.StatusNotFound || status == http.StatusGone {
		return true
	}
	at := d.export.pages[len(d.export.pages)-1].Expires
	return status == http.StatusForbidden && !at.IsZero() && d.client.now().After(at)
}

func (d *download) write(r *reply, mode int) error {
	w, err := os.OpenFile(d.wire, mode, 0o600)
	if err != nil {
		return err
	}
	if mode&os.O_TRUNC != 0 {
		err = d.begun(r)
	}
	if err == nil {
		_, err = io.Copy(w, r.Body)
	}
	return errors.Join(err, w.Close())
}

// rest says from where a file that is partly there can be gone on with.
func (d *download) rest() (int64, string) {
	d.mu.Lock()
	etag := d.etags[d.wire]
	d.mu.Unlock()
	info, err := os.Stat(d.wire)
	if err != nil || etag == "" {
		return 0, ""
	}
	return info.Size(), etag
}

// begun notes what a restart needs to go on in the middle of a large file: a
// strong validator, so that two versions can't be put together (RFC 9110,
// 13.1.5). The file is empty at this moment.
func (d *download) begun(r *reply) error {
	etag := r.Header.Get("ETag")
	if !strings.HasPrefix(etag, `"`) || r.ContentLength >= 0 && r.ContentLength < d.large || !strings.EqualFold(r.Header.Get("Accept-Ranges"), "bytes") {
		etag = ""
	}
	d.mu.Lock()
	before := d.etags[d.wire]
	d.etags[d.wire] = etag
	d.mu.Unlock()
	if before == etag {
		return nil
	}
	return d.folder.note(entry{Export: d.export.Number, File: d.place, ETag: etag})
}
