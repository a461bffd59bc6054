package pipelines

import (
	"context"
	"errors"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Backoff spaces tries: each pause is twice the one before, up to Most, and a
// quarter more or less, so that feeds that failed together don't return
// together.
type Backoff struct {
	Tries       int
	First, Most time.Duration
}

func (b Backoff) or(d Backoff) Backoff {
	if b.First == 0 {
		return d
	}
	return b
}

// after is the pause after the nth try, from 1; luck is 0 to 1.
func (b Backoff) after(n int, luck float64) time.Duration {
	d := b.First
	for ; n > 1 && d < b.Most; n-- {
		d *= 2
	}
	return time.Duration(float64(min(d, b.Most)) * (0.75 + luck/2))
}

// retry calls try until it succeeds, fails otherwise than upstream, or has had
// its tries.
func (f *Feeds) retry(ctx context.Context, b Backoff, try func() error) error {
	for n := 1; ; n++ {
		err := try()
		if err == nil || n >= b.Tries || ctx.Err() != nil || !errors.Is(err, dose.ErrUpstream) {
			return err
		}
		if stop := f.Sleep(ctx, b.after(n, f.Rand())); stop != nil {
			return errors.Join(err, stop)
		}
	}
}

// Sleep waits for d, or returns the context's error.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
