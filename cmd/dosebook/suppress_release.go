package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

func (b *book) public() release.Public { return release.Public{Dir: filepath.Join(b.dir, "public")} }

// publish makes the public tables of a release, when their day has come. What
// can't be protected is told and holds up no county's files: the tables of the
// publication before stay, and the next release tries again.
func (e *env) publish(ctx context.Context, b *book, m *release.Manifest, key *release.Signer) error {
	p, err := b.public().Publish(ctx, b.store, m.ID, e.config.Public, key)
	if errors.Is(err, dose.ErrHeld) {
		e.say("public tables are not published anew: %v; 'dosebook release public list' has what a steward can decide", err)
		return nil
	}
	if p != nil {
		e.say("public tables up to %s: %d, see docs/PUBLIC.md", p.ID, len(release.PublicTables()))
	}
	return err
}
