package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/release"
)

func releasePublic(e *env) *cobra.Command {
	c := &cobra.Command{Use: "public", Short: "Decide on public tables that are held"}
	list := &cobra.Command{
		Use: "list", Short: "List the public tables that are or were held, and what was decided", Args: cobra.NoArgs,
		Example: `  dosebook release public list --json`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.listHolds(cmd.Context()) },
	}
	approve := releasePublicDecide(e, "approve", release.Later, "Publish the other tables without the one that is held")
	approve.Long = `Let the other public tables go out without TABLE, which stays as it was
published before and tries again with the next publication. They are hidden,
proven and attacked like any. Where several are held, each wants its decision.
What finds no proof is never published, whoever approves.`
	deny := releasePublicDecide(e, "deny", release.Wait, "Publish nothing of that day")
	deny.Long = `Keep the whole publication of that day back. The next day that public tables
are due tries again with all of them.`
	c.AddCommand(list, approve, deny)
	return c
}

func releasePublicDecide(e *env, use, status, short string) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: use + " TABLE --reason TEXT", Short: short, Args: cobra.ExactArgs(1),
		Example: `  dosebook release public ` + use + ` by_zip --reason "the counties' tables are due today"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.decidePublic(cmd.Context(), args[0], use, release.Decision{Status: status, By: who(), Reason: strings.TrimSpace(reason), At: e.now()})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why; kept with the record and in the audit (required)")
	_ = c.MarkFlagRequired("reason")
	return c
}

func (e *env) listHolds(ctx context.Context) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	all, err := b.public().Holds()
	if err != nil {
		return err
	}
	if e.json {
		if all == nil {
			all = []*release.PublicHold{}
		}
		return e.printJSON(all)
	}
	return printHolds(e.out, all...)
}

func printHolds(to io.Writer, all ...*release.PublicHold) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAY\tRELEASE\tHELD")
	for _, h := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", h.Day, h.Release, h.Says())
	}
	return w.Flush()
}

// decidePublic notes the decision in the audit, writes it down, and publishes
// what it lets go.
func (e *env) decidePublic(ctx context.Context, table, verb string, d release.Decision) (err error) {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	lease, err := pipelines.Acquire(b.dir, "release public "+verb, e.now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lease.Release()) }()
	h, err := b.public().Holding(table, d)
	if err != nil {
		return err
	}
	key, err := b.keys().Open(e.now())
	if err != nil {
		return err
	}
	entry := access.Entry{User: d.By, Action: "release public " + verb, Release: h.Release, File: table, Outcome: "allowed", Detail: d.Reason}
	if err := b.access.Audit(ctx, entry); err != nil {
		return err
	}
	if d.Audit, err = b.auditMark(ctx); err != nil {
		return err
	}
	if h, err = b.public().Decide(table, d, key); err != nil {
		entry.Outcome = "failed"
		return errors.Join(err, b.access.Audit(ctx, entry))
	}
	return e.afterDecision(ctx, b, h, key)
}

// afterDecision publishes where every held table was put off, and tells.
func (e *env) afterDecision(ctx context.Context, b *book, h *release.PublicHold, key *release.Signer) error {
	if h.Settled() {
		m, err := b.public().Retry(ctx, b.store, h, key)
		switch {
		case errors.Is(err, dose.ErrHeld), errors.Is(err, dose.ErrNotFound), errors.Is(err, dose.ErrGone):
			e.say("the decision stands; nothing was published yet: %v", err)
		case err != nil:
			return err
		case m != nil:
			e.say("public tables up to %s are published", m.ID)
		default:
			e.say("the decision stands; release %s is not approved itself, the next one publishes", h.Release)
		}
	}
	if e.json {
		return e.printJSON(h)
	}
	return printHolds(e.out, h)
}
