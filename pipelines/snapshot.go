package pipelines

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/dosebook/dosebook/dose"
)

// Snapshot is the action of a payload that holds all that a registry has: what
// it does not hold is gone.
const Snapshot = "S"

// guard holds a snapshot that would remove more than a set share of what the
// registry's events are: a file that was cut looks like that. The segment has
// not entered the ledger yet.
func (r *Runner) guard(ctx context.Context, req Request, k *Known, a Arrival) (err error) {
	if req.MaxAbsent <= 0 {
		req.MaxAbsent = 0.02
	}
	if err := r.Follow(ctx, nil); err != nil {
		return err
	}
	at := a.SourceTime
	if at == 0 {
		at = a.At.UnixMicro()
	}
	for _, w := range r.Warehouses {
		absent, live, err := w.Absent(ctx, k.Registry, k.Segment, at)
		if err != nil {
			return err
		}
		if float64(absent) > req.MaxAbsent*float64(live) {
			return errors.Join(r.withdraw(k), fmt.Errorf("this snapshot lacks %d of the registry's %d events, more than %g %%: it is held, nothing was changed; ask the sender whether the file is complete, then raise --max-absent: %w",
				absent, live, 100*req.MaxAbsent, dose.ErrHeld))
		}
	}
	return nil
}

// budget holds a payload with more rejects than its feed allows, where the
// feed says so. Its segment has not entered the ledger yet.
func (r *Runner) budget(req Request, k *Known) error {
	if !req.Hold || float64(k.Rejects) <= req.Limit*float64(k.Records) {
		return nil
	}
	return errors.Join(r.withdraw(k), fmt.Errorf("%d of %d records would be refused, more than the limit of %g %%: it is held, nothing was changed: %w",
		k.Rejects, k.Records, 100*req.Limit, dose.ErrHeld))
}

// withdraw removes a segment that is not to enter the ledger.
func (r *Runner) withdraw(k *Known) error {
	folder, err := r.Lake.Folder(k.Registry, k.Segment)
	if err != nil {
		return err
	}
	return os.RemoveAll(folder)
}
