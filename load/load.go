// Package load keeps what came in. The lake is the log: one folder of Parquet
// files a payload, written whole or not at all, never changed. A warehouse
// follows the log and can be rebuilt from it.
//
// It promises that equal rows in equal order give equal bytes, and that a
// segment that is not committed leaves nothing behind that counts. It never
// decides which version of an event is current: that is a warehouse's SQL.
package load

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/dosebook/dosebook/dose"
)

// Entry is one entry of the ledger, as a follower sees it.
type Entry struct {
	Seq        int64  // from 1, without gaps
	Retime     bool   // no new rows: SourceTime of an earlier segment is earlier than was known
	Registry   string // with Segment it names the folder in the lake
	Segment    string
	Action     string // A, U, D: what the payload's rows are where they don't say; S: all that the registry holds
	Format     string // of the payload; Crosswalk, Decision and Closing hold no records
	SourceTime int64  // microseconds since 1970-01-01 UTC
	Rows       int64  // events in the segment
	Root       string // of a replay: the segment where its records were first refused; else empty
	Whole      bool   // of a replay: that segment is a snapshot
}

// Effect is what one segment did to the store when it was applied:
// Adds + Updates + Deletes + Unchanged = its events.
type Effect struct {
	Seq                               int64
	Adds, Updates, Deletes, Unchanged int64
	Issues                            map[string]int64 // code -> count, of the checks that need the whole set
}

// Warehouse is a follower of the log. The runner asks Position, then calls
// Apply with the entries after it, in ledger order, until there are no more.
type Warehouse interface {
	// Position returns the seq of the last entry applied, 0 for none.
	Position(ctx context.Context) (int64, error)
	// Apply applies entries in one transaction, together with the position.
	// After an error the warehouse is as before. known holds every segment
	// up to the last of entries: a retime needs to read old ones again. The
	// state depends on the entries alone; effects are told with the times in
	// known, so the runner puts no retime behind a segment in one call.
	Apply(ctx context.Context, entries, known []Entry) ([]Effect, error)
	// Absent counts the live events of a registry that were last reported
	// before the given time and that the segment, which is in the lake but
	// not in the ledger, does not hold; and all its live events.
	Absent(ctx context.Context, registry, segment string, before int64) (absent, live int64, err error)
	Close() error
}

// Standing is how the rows of one segment stand in a warehouse: each in one of
// these.
type Standing struct {
	Current    int64 // the version of its event that counts
	Duplicates int64 // the same, but another event of the same dose outranks it
	Tombstoned int64 // says that its event is gone, or went with a snapshot
	Superseded int64 // a newer version of its event counts
}

// Rows is how many rows there are.
func (s Standing) Rows() int64 { return s.Current + s.Duplicates + s.Tombstoned + s.Superseded }

// Formats of payloads that hold no records but say something about them.
const (
	Crosswalk = "crosswalk" // ids that moved
	Decision  = "decision"  // what a steward settled
	Closing   = "closing"   // rejects that a steward gave up, or took up again
)

// HoldsRecords says whether the entry's payload holds records of doses.
func (e Entry) HoldsRecords() bool {
	return e.Format != Crosswalk && e.Format != Decision && e.Format != Closing
}

// Place is where a row lies: ledger sequence and row in the segment. It is
// pointer and tie-break; no stable id is made from it (ADR 0003).
func Place(seq, row int64) int64 { return seq<<32 | row }

// Lake is the folder of segments.
type Lake struct{ Dir string }

var (
	registryForm = regexp.MustCompile(`^[A-Z0-9][A-Z0-9_-]{0,31}$`)
	segmentForm  = regexp.MustCompile(`^[0-9a-f]{16}(-update|-delete|-snapshot)?$`)
)

// CheckRegistry refuses names that are no registry's.
func CheckRegistry(name string) error {
	if !registryForm.MatchString(name) {
		return fmt.Errorf("registry %q: use 1 to 32 of A-Z, 0-9, - and _, such as CAIR2: %w", name, dose.ErrInvalid)
	}
	return nil
}

// SegmentID names the segment of a payload, from its SHA-256 in hex. Files of
// updates, deletes and snapshots get a suffix: the same bytes may come as both.
func SegmentID(sha256, action string) string {
	suffix := map[string]string{"U": "-update", "D": "-delete", "S": "-snapshot"}[action]
	return sha256[:16] + suffix
}

// Folder returns the folder of a segment.
func (l Lake) Folder(registry, segment string) (string, error) {
	if err := CheckRegistry(registry); err != nil {
		return "", err
	}
	if !segmentForm.MatchString(segment) {
		return "", fmt.Errorf("segment %q: %w", segment, dose.ErrInvalid)
	}
	return filepath.Join(l.Dir, registry, segment), nil
}

// The files of a segment. Issues and rejects are there only when there are any.
const (
	EventFile  = "event.parquet"
	InputFile  = "input.parquet" // of a crosswalk or decision, instead of events
	IssueFile  = "issue.parquet"
	RejectFile = "reject.parquet"
	ReplayFile = "replay.parquet" // of a replay: what it takes up again
)
