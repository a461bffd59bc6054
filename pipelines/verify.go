package pipelines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load"
)

// Verified is what a check of kept files found.
type Verified struct {
	Files int64    `json:"files"`
	Bytes int64    `json:"bytes"`
	Bad   []string `json:"bad"` // what is wrong, one sentence each

	Refused  int64 `json:"rejects_refused"` // = Replayed + GivenUp + Waiting
	Replayed int64 `json:"rejects_replayed"`
	GivenUp  int64 `json:"rejects_given_up"`
	Waiting  int64 `json:"rejects_waiting"`
}

// Verify hashes every payload and every segment file that the ledger names
// and compares them with what was entered.
func Verify(ctx context.Context, raw Raw, lake load.Lake, ledger *Ledger) (Verified, error) {
	var v Verified
	all, err := ledger.List(ctx, 0)
	if err != nil {
		return v, err
	}
	for _, k := range all {
		if err := ctx.Err(); err != nil {
			return v, err
		}
		v.check("payload "+k.SHA256[:16], raw.Path(k.SHA256), k.Bytes, k.SHA256)
		for _, f := range k.Files {
			v.check("lake file "+f.Path, filepath.Join(lake.Dir, filepath.FromSlash(f.Path)), f.Bytes, f.SHA256)
		}
		if got := k.Rows + k.Rejects; got != k.Records && k.HoldsRecords() {
			v.Bad = append(v.Bad, fmt.Sprintf("segment %s: %d records, but %d events and rejects", k.Segment, k.Records, got))
		}
	}
	counts, bad, err := countRejects(ctx, lake, ledger, all)
	v.Bad = append(v.Bad, bad...)
	for _, c := range counts {
		v.Refused, v.Replayed, v.GivenUp, v.Waiting = v.Refused+c.refused, v.Replayed+c.replayed, v.GivenUp+c.givenUp, v.Waiting+c.open()
	}
	return v, err
}

func (v *Verified) check(what, path string, size int64, sum string) {
	v.Files++
	n, got, err := durable.Hash(path)
	v.Bytes += n
	switch {
	case errors.Is(err, os.ErrNotExist):
		v.Bad = append(v.Bad, what+" is missing")
	case err != nil:
		v.Bad = append(v.Bad, fmt.Sprintf("%s can't be read: %v", what, err))
	case n != size:
		v.Bad = append(v.Bad, fmt.Sprintf("%s has %d bytes, %d were written", what, n, size))
	case got != sum:
		v.Bad = append(v.Bad, what+" has other bytes than were written")
	}
}
