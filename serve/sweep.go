package serve

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/dosebook/dosebook/durable"
)

// Sweep removes what a killed server left in the folder of made files, unless
// another server has it. Close what it returns when this one ends: as long as
// it is open, no other server sweeps here. The operating system holds the
// lock, so a dead server's is free at once.
func Sweep(made string) (io.Closer, error) {
	if err := os.MkdirAll(made, 0o700); err != nil {
		return nil, fmt.Errorf("made files: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(made, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("made files: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = durable.Sweep(made)
	}
	if err == nil || errors.Is(err, syscall.EWOULDBLOCK) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("made files: %w", err), f.Close())
	}
	return f, nil
}
