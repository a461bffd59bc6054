package extract

import (
	"context"
	"time"
)

// Source is where a feed's payloads come from. The feed's runner calls Fetch,
// loads every payload, and when all are in the ledger calls Done and keeps the
// new mark. After a crash at any point it calls Fetch again with the same mark
// and the same folder; known payloads change nothing.
type Source interface {
	// Fetch brings what is new since mark, which is empty at first, into dir
	// (0700, this feed's alone). It may find there what an interrupted Fetch
	// has left, and goes on from it. A file is under its final name whole or
	// not at all. Nothing new is a success without payloads. Errors: of kind
	// dose.ErrUpstream where another try may help, dose.ErrDenied for
	// credentials and host keys, dose.ErrInvalid for what the source says.
	Fetch(ctx context.Context, dir, mark string) (Fetched, error)
	// Done tells the source that all of f counts: it archives, deletes, or
	// does nothing. It may be called again for the same f.
	Done(ctx context.Context, f Fetched) error
}

// Fetched is what one Fetch brought.
type Fetched struct {
	Payloads []Payload // in the order in which they are to be loaded
	Mark     string    // to be kept once all is loaded; opaque to everyone else
	Note     string    // for people: "nothing new", "2 of 7 files still growing"
}

// Payload is one file that a source brought.
type Payload struct {
	Path       string    // where it lies now
	Name       string    // as the source calls it; never holds anyone's data
	Action     string    // A, U, D where the source knows; empty: as the feed says
	SourceTime time.Time // when the source made it, where it says so
}
