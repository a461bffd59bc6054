package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/release"
	"github.com/dosebook/dosebook/serve"
)

// built is the JSON of release build and release show.
type built struct {
	*release.Manifest
	Gate   *release.Gate       `json:"gate,omitempty"`
	Public *release.PublicHold `json:"public_held,omitempty"` // public tables made from it that are or were held
}

func (b *book) keys() release.Keys { return release.Keys{Dir: filepath.Join(b.dir, "keys")} }

// withGate adds the gate's record to a manifest, where there is one, and that
// of held public tables.
func (b *book) withGate(m *release.Manifest) (built, error) {
	g, err := b.store.Gate(m.ID)
	if errors.Is(err, dose.ErrNotFound) {
		g, err = nil, nil
	}
	if err != nil {
		return built{Manifest: m, Gate: g}, err
	}
	x := built{Manifest: m, Gate: g}
	all, err := b.public().Holds()
	for _, h := range all {
		if h.Release == m.ID {
			x.Public = h
		}
	}
	return x, err
}

// outcome is what a build ends with: nil when it is ready.
func (x built) outcome() error {
	if x.Status == release.Ready {
		return nil
	}
	var why []string
	if x.Gate != nil {
		for _, c := range x.Gate.Holding() {
			why = append(why, fmt.Sprintf("%s: %s", c.Name, c.Says))
		}
		if n := len(x.Gate.Decisions); n > 0 {
			why = append(why, "a steward held it: "+x.Gate.Decisions[n-1].Reason)
		}
	}
	text := strings.Join(why, "; ")
	if x.Status == release.Failed {
		return fmt.Errorf("release %s failed and can't be approved; latest stays as it was. %s", x.ID, text)
	}
	return fmt.Errorf("release %s is held, latest stays as it was; 'dosebook release approve %s --reason …' releases it. %s: %w", x.ID, x.ID, text, dose.ErrHeld)
}

// judge is what the gate asks of this machine: limits, late feeds, the time.
func (e *env) judge(ctx context.Context, b *book) (release.Judge, error) {
	j := release.Judge{Limits: &e.config.Gate, Now: e.now()}
	var err error
	if j.Audit, err = b.auditMark(ctx); err != nil || len(e.config.Feeds) == 0 {
		return j, err
	}
	feeds, err := e.feeds(b, slog.New(slog.DiscardHandler))
	if err != nil {
		return j, err
	}
	all, err := feeds.Status(ctx)
	if err != nil {
		return j, err
	}
	for _, s := range all {
		for _, y := range s.Why {
			if y.State == "late" {
				j.Late = append(j.Late, s.Name+": "+y.Says)
				break
			}
		}
	}
	return j, nil
}

func releaseDecide(e *env, use, status, short string) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: use + " ID --reason TEXT", Short: short, Args: cobra.ExactArgs(1),
		Example: `  dosebook release ` + use + ` 000041-9f8e7d6c --reason "CAIR2 told us of the recall"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.decideRelease(cmd.Context(), args[0], use, release.Decision{Status: status, By: who(), Reason: strings.TrimSpace(reason), At: e.now()})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why; kept with the release and in the audit (required)")
	_ = c.MarkFlagRequired("reason")
	return c
}

func releaseApprove(e *env) *cobra.Command {
	c := releaseDecide(e, "approve", release.Ready, "Release what the gate holds")
	c.Long = `Approve a release that the gate or a steward holds. It becomes the latest,
unless that is of a newer ledger position. Every file is read again first. What
failed an invariant can't be approved.`
	return c
}

func releaseHold(e *env) *cobra.Command {
	c := releaseDecide(e, "hold", release.Held, "Hold a release, also an approved one")
	c.Long = `Hold a release: it is no longer shown to counties. If it is the latest, the
newest approved one before it is the latest again.`
	return c
}

// decideRelease notes the decision in the audit, then carries it out.
func (e *env) decideRelease(ctx context.Context, id, verb string, d release.Decision) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	if d.Reason == "" {
		return fmt.Errorf("--reason is empty: %w", dose.ErrInvalid)
	}
	g, err := e.decided(ctx, b, id, verb, d)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(g)
	}
	latest, err := b.store.Latest()
	if errors.Is(err, dose.ErrNotFound) {
		latest, err = "none", nil
	}
	e.say("release %s is %s; latest is %s", id, g.Status, latest)
	return err
}

// decided takes the lease, notes the decision, and carries it out.
func (e *env) decided(ctx context.Context, b *book, id, verb string, d release.Decision) (_ *release.Gate, err error) {
	lease, err := pipelines.Acquire(b.dir, "release "+verb, e.now())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lease.Release()) }()
	if _, err := b.store.Manifest(id); err != nil {
		return nil, err
	}
	key, err := b.keys().Open(e.now())
	if err != nil {
		return nil, err
	}
	entry := access.Entry{User: d.By, Action: "release " + verb, Release: id, Outcome: "allowed", Detail: d.Reason}
	if err := b.access.Audit(ctx, entry); err != nil {
		return nil, err
	}
	if d.Audit, err = b.auditMark(ctx); err != nil {
		return nil, err
	}
	g, err := b.store.Decide(id, d, key)
	if err != nil {
		entry.Outcome = "failed"
		return nil, errors.Join(err, b.access.Audit(ctx, entry))
	}
	return g, nil
}

// decider is how a page's form decides on a release.
func (e *env) decider(b *book) serve.DecideFunc {
	return func(ctx context.Context, id string, d release.Decision) error {
		verb := map[string]string{release.Ready: "approve", release.Held: "hold"}[d.Status]
		_, err := e.decided(ctx, b, id, verb, d)
		return err
	}
}

// printGate shows the checks to people.
func (e *env) printGate(g *release.Gate) error {
	if g == nil {
		return nil
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nGATE\tbuilt %s, %s\n", pacific(g.BuiltAt), g.Status)
	for _, c := range g.Checks {
		mark := "ok"
		if !c.Passed {
			mark = "NOT SO"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", mark, c.Name, c.Says)
	}
	for _, d := range g.Decisions {
		fmt.Fprintf(w, "%s\t%s\t%s: %s\n", d.Status, pacific(d.At), d.By, d.Reason)
	}
	return w.Flush()
}
