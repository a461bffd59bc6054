package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/release"
)

func releasePrune(e *env) *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use: "prune", Short: "Remove the releases that retention no longer keeps", Args: cobra.NoArgs,
		Long: `Keep, of the approved releases, the newest of each of the last days, weeks and
months (retention in the configuration: 14, 13 and 36), the latest, and what is
newer than it. Remove the others, with the formats that were made of them, and
say which addresses end: they answer 410 from then on. Whatever was removed can
be built again from the ledger: release build --as-of.`,
		Example: `  dosebook release prune --dry-run
  dosebook release prune --json | jq -r '.ended[].permalink'`,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.prune(cmd.Context(), dry) },
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would be removed, remove nothing")
	return c
}

// ended is a release that retention removes.
type ended struct {
	release.Keeps
	Permalink string `json:"permalink"` // all addresses that begin so
}

// pruned is the JSON of release prune.
type pruned struct {
	DryRun bool            `json:"dry_run"`
	Ended  []ended         `json:"ended"`
	Kept   []release.Keeps `json:"kept"`
}

func (e *env) prune(ctx context.Context, dry bool) (err error) {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	if !dry {
		lease, err := pipelines.Acquire(b.dir, "release prune", e.now())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lease.Release()) }()
	}
	rules := e.config.Retention
	if rules.Zone, err = pipelines.Pacific(); err != nil {
		return err
	}
	plan, err := b.store.Plan(rules, e.now())
	if err != nil {
		return err
	}
	p := pruned{DryRun: dry, Ended: []ended{}, Kept: []release.Keeps{}}
	for _, k := range plan {
		if len(k.Why) == 0 {
			p.Ended = append(p.Ended, ended{k, "/api/v1/releases/" + k.ID + "/"})
		} else {
			p.Kept = append(p.Kept, k)
		}
	}
	if !dry {
		if err := e.removeReleases(ctx, b, p.Ended); err != nil {
			return err
		}
	}
	if e.json {
		return e.printJSON(p)
	}
	return e.printPruned(p)
}

// removeReleases enters each removal in the audit before it is done, and ends
// those that were cut short.
func (e *env) removeReleases(ctx context.Context, b *book, list []ended) error {
	key, err := b.keys().Open(e.now())
	if err != nil {
		return err
	}
	ids, err := b.store.Unfinished()
	if err != nil {
		return err
	}
	for _, x := range list {
		ids = append(ids, x.ID)
	}
	for _, id := range ids {
		if err := b.access.Audit(ctx, access.Entry{User: who(), Action: "release prune", Release: id, Outcome: "allowed"}); err != nil {
			return err
		}
		if err := b.store.Prune(id, e.now(), key, filepath.Join(b.dir, "made")); err != nil {
			return err
		}
	}
	return nil
}

func (e *env) printPruned(p pruned) error {
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, k := range p.Kept {
		fmt.Fprintf(w, "kept\t%s\t%s\t%s\n", k.ID, pacific(k.BuiltAt), strings.Join(k.Why, ", "))
	}
	var bytes int64
	verb := "removed"
	if p.DryRun {
		verb = "to remove"
	}
	for _, x := range p.Ended {
		bytes += x.Bytes
		fmt.Fprintf(w, "%s\t%s\t%s\t%s ends\n", verb, x.ID, pacific(x.BuiltAt), x.Permalink)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	e.say("%d kept, %d %s, %d bytes", len(p.Kept), len(p.Ended), verb, bytes)
	return nil
}

func (c *config) checkRelease() error {
	g, r := c.Gate, c.Retention
	for name, share := range map[string]float64{"fall": g.Fall, "place_fall": g.PlaceFall, "tombstones": g.Tombstones, "unknown": g.Unknown, "rejects": g.Rejects} {
		if share < 0 || share > 1 {
			return fmt.Errorf("gate: %s is a share from 0 to 1: %w", name, dose.ErrInvalid)
		}
	}
	if g.Rise < 0 || g.Least < 0 || g.LateFeeds < 0 {
		return fmt.Errorf("gate: rise, least and late_feeds are 0 or more: %w", dose.ErrInvalid)
	}
	if r.Daily < 0 || r.Weekly < 0 || r.Monthly < 0 {
		return fmt.Errorf("retention: daily, weekly and monthly are 0 or more: %w", dose.ErrInvalid)
	}
	return nil
}
