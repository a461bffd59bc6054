package pipelines

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Lease is the right to write to a data directory. The operating system holds
// it: when the holder dies, it is free at once.
type Lease struct{ f *os.File }

// Holder is who has a lease, for the error that the next one gets.
type Holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// Acquire takes the writer's lease of the data directory, or fails at once
// with dose.ErrLocked and the holder's command, process id and start.
func Acquire(dataDir, command string, now time.Time) (*Lease, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dataDir, "lease"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer f.Close()
		return nil, lockedBy(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lease: %w", err), f.Close())
	}
	b, err := json.Marshal(Holder{os.Getpid(), command, now.UTC().Truncate(time.Second)})
	if err == nil {
		err = errors.Join(f.Truncate(0), second(f.WriteAt(b, 0)))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lease: %w", err), f.Close())
	}
	return &Lease{f}, nil
}

func second(_ int, err error) error { return err }

func lockedBy(f *os.File) error {
	var h Holder
	if err := json.NewDecoder(f).Decode(&h); err != nil {
		return fmt.Errorf("another process is writing to this data directory; wait for it: %w", dose.ErrLocked)
	}
	return fmt.Errorf("'dosebook %s' (process %d) has been writing to this data directory since %s; wait for it or stop it: %w",
		h.Command, h.PID, h.Since.Format(time.RFC3339), dose.ErrLocked)
}

// Release gives the lease back.
func (l *Lease) Release() error {
	// The file stays: removing it would let two processes lock two files.
	return l.f.Close()
}

// Leased says whether somebody holds the lease of the directory just now.
func Leased(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "lease"))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
