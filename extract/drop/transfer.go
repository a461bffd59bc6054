package drop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// overlap is how much of what came earlier is compared with the source before
// a transfer goes on.
const overlap = 64 << 10

// transfer is one file on its way. As a writer it takes what follows, and
// from time to time makes sure of it on disk.
type transfer struct {
	about
	aboutPath string
	part      *os.File
	at        int64 // bytes in part
	every     int64
	stopped   func() error // the context's, during run
	own       error        // our own disk's error, or the context's
}

// begin opens the part of the file and finds the offset to go on from: what
// an earlier try has surely written of the very same file, whose end the
// source still confirms; else 0.
func (s *stage) begin(key string, now about, from file) (*transfer, error) {
	t := &transfer{about: now, aboutPath: s.path(key, ".json"), every: s.every}
	var was about
	if err := readJSON(t.aboutPath, &was); err == nil && was.Opened == now.Opened {
		t.Synced = was.Synced
	}
	part, err := os.OpenFile(s.path(key, ".part"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	t.part = part
	if t.at, err = t.confirmed(from); err == nil {
		t.Synced = t.at
		err = part.Truncate(t.at)
	}
	if err == nil {
		_, err = part.Seek(t.at, io.SeekStart)
	}
	if err == nil {
		_, err = from.Seek(t.at, io.SeekStart)
	}
	if err == nil && t.at == 0 {
		err = writeJSON(t.aboutPath, t.about)
	}
	if err != nil {
		return nil, errors.Join(err, part.Close())
	}
	return t, nil
}

// confirmed returns how much of the part may stay.
func (t *transfer) confirmed(from file) (int64, error) {
	fi, err := t.part.Stat()
	if err != nil {
		return 0, err
	}
	have := min(t.Synced, fi.Size(), t.Size)
	n := min(have, overlap)
	if n == 0 {
		return 0, nil
	}
	ours, theirs := make([]byte, n), make([]byte, n)
	if _, err := t.part.ReadAt(ours, have-n); err != nil {
		return 0, err
	}
	if _, err := from.ReadAt(theirs, have-n); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if !bytes.Equal(ours, theirs) {
		return 0, nil
	}
	return have, nil
}

// run copies the rest. A source that ends early or goes on is errChanged.
func (t *transfer) run(ctx context.Context, from file) error {
	t.stopped = ctx.Err
	_, err := from.WriteTo(t)
	switch {
	case t.own != nil:
		return t.own
	case err != nil:
		return err
	case t.at != t.Size:
		return errChanged
	}
	return nil
}

func (t *transfer) Write(b []byte) (int, error) {
	if t.own = t.stopped(); t.own != nil {
		return 0, t.own
	}
	if t.at+int64(len(b)) > t.Size {
		t.own = errChanged
		return 0, t.own
	}
	n, err := t.part.Write(b)
	t.at += int64(n)
	if err == nil && t.at-t.Synced >= t.every {
		err = t.checkpoint()
	}
	if err != nil {
		t.own = fmt.Errorf("write to the feed's folder: %w; what has come is kept, and the next run goes on from there", err)
	}
	return n, t.own
}

// checkpoint makes sure of what has come.
func (t *transfer) checkpoint() error {
	if t.Synced == t.at {
		return nil
	}
	if err := t.part.Sync(); err != nil {
		return err
	}
	t.Synced = t.at
	return writeJSON(t.aboutPath, t.about)
}
