package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/pipelines"
)

func sendersCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "senders",
		Short: "Who sends to a registry, and whose records count",
		Long: `The list of organisations and sites that send to a registry, and how far their
data exchange has come: enrolled, testing, production, suspended. Where a
registry's senders are checked ('senders require'), records of a sender that is
not in production are quarantined; they wait as rejects until it is cleared, and
are replayed then. docs/SENDERS.md has the columns and the rules.`,
	}
	c.AddCommand(sendersLoadCommand(e), sendersListCommand(e), sendersShowCommand(e), sendersSetCommand(e), sendersRequireCommand(e), sendersReportCommand(e))
	return c
}

// change says who changes senders, now.
func (e *env) change(reason string) pipelines.Change {
	return pipelines.Change{By: who(), At: e.now(), Reason: reason}
}

func sendersLoadCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "load FILE", Short: "Load a list of senders (CSV)", Args: cobra.ExactArgs(1),
		Long: `Load a list of senders, whole or not at all. Its columns are registry, id, name,
parent, region, kind, state, agreement, training. Senders that are known are
brought up to date, those that are not in the list stay as they are.`,
		Example: `  dosebook senders load senders.csv`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("%w: %w", err, dose.ErrInvalid)
			}
			defer f.Close()
			list, err := pipelines.ReadSenders(f, filepath.Base(args[0]))
			if err != nil {
				return err
			}
			b, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			added, moved, err := b.ledger.PutSenders(cmd.Context(), list, e.change("loaded from "+filepath.Base(args[0])))
			if err != nil {
				return err
			}
			if e.json {
				return e.printJSON(map[string]int{"senders": len(list), "added": added, "changed_state": moved})
			}
			e.say("%d senders: %d new, %d with another state", len(list), added, moved)
			return nil
		},
	}
}

func sendersListCommand(e *env) *cobra.Command {
	var registry string
	c := &cobra.Command{
		Use: "list", Short: "List the senders", Args: cobra.NoArgs,
		Example: `  dosebook senders list --registry CAIR2`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := e.openExisting(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			list, err := b.ledger.Senders(cmd.Context(), registry)
			if err != nil {
				return err
			}
			if e.json {
				return e.printJSON(list)
			}
			w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "REGISTRY\tID\tSTATE\tKIND\tPARENT\tREGION\tAGREEMENT\tTRAINING\tNAME")
			for _, s := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Registry, plain(s.ID), s.State, s.Kind, plain(s.Parent), plain(s.Region), s.Agreement, s.Training, plain(s.Name))
			}
			return w.Flush()
		},
	}
	c.Flags().StringVar(&registry, "registry", "", "of this registry")
	return c
}

// senderShown is the JSON of senders show.
type senderShown struct {
	pipelines.Sender
	Waiting int                      `json:"waiting"` // quarantined records
	History []pipelines.SenderChange `json:"history"`
}

func sendersShowCommand(e *env) *cobra.Command {
	var registry string
	c := &cobra.Command{
		Use: "show ID", Short: "Show a sender, its history, and how many of its records wait", Args: cobra.ExactArgs(1),
		Example: `  dosebook senders show 123456`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := e.openExisting(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			return e.showSender(cmd.Context(), b, registry, args[0])
		},
	}
	c.Flags().StringVar(&registry, "registry", "", "of this registry")
	return c
}

func (e *env) showSender(ctx context.Context, b *book, registry, id string) error {
	s, err := b.ledger.Sender(ctx, registry, id)
	if err != nil {
		return err
	}
	out := senderShown{Sender: s}
	if out.History, err = b.ledger.SenderHistory(ctx, s.Registry, id); err != nil {
		return err
	}
	if out.Waiting, err = b.ledger.Waiting(ctx, b.lake, s.Registry, id); err != nil {
		return err
	}
	if e.json {
		return e.printJSON(out)
	}
	e.say("%s %s: %s (%s)\nstate      %s\nparent     %s\nregion     %s\nagreement  %s\ntraining   %s\nwaiting    %d records", s.Registry, plain(s.ID), plain(s.Name), s.Kind,
		s.State, plain(s.Parent), plain(s.Region), s.Agreement, s.Training, out.Waiting)
	for _, h := range out.History {
		e.say("%s  %s  %s → %s  %s", h.At.Format("2006-01-02 15:04:05"), h.By, h.Was, h.Became, plain(h.Reason))
	}
	return nil
}

func sendersSetCommand(e *env) *cobra.Command {
	var registry, state, reason string
	var replay bool
	c := &cobra.Command{
		Use: "set ID", Short: "Change a sender's state", Args: cobra.ExactArgs(1),
		Long: `Change a sender's state: enrolled, testing, production or suspended. Who did it,
when and why stays in its history. For a sender that goes to production the
records that wait are counted; --replay loads them at once.`,
		Example: `  dosebook senders set 123456 --state production --reason "tests passed, ticket 512" --replay`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := dose.ParseSenderState(state); !ok {
				return fmt.Errorf("--state %q is not enrolled, testing, production or suspended: %w", state, dose.ErrInvalid)
			}
			if replay && state != dose.SenderLive.String() {
				return fmt.Errorf("--replay goes with --state production: %w", dose.ErrInvalid)
			}
			return e.setSender(cmd.Context(), registry, args[0], state, reason, replay)
		},
	}
	f := c.Flags()
	f.StringVar(&registry, "registry", "", "of this registry")
	f.StringVar(&state, "state", "", "enrolled, testing, production or suspended (required)")
	f.StringVar(&reason, "reason", "", "why, in a sentence (required)")
	f.BoolVar(&replay, "replay", false, "load the records that wait")
	_ = c.MarkFlagRequired("state")
	_ = c.MarkFlagRequired("reason")
	return c
}

func (e *env) setSender(ctx context.Context, registry, id, state, reason string, replay bool) error {
	s, waiting, err := e.moveSender(ctx, registry, id, state, reason)
	if err != nil {
		return err
	}
	if replay {
		return e.replayAndTell(ctx, pipelines.ReplayRequest{Filter: pipelines.Filter{Registry: s.Registry, Sender: id, State: dose.RejectQuarantined}})
	}
	command := fmt.Sprintf("dosebook rejects replay --registry %s --sender '%s'", s.Registry, id)
	if waiting == 0 || state != dose.SenderLive.String() {
		command = ""
	}
	if e.json {
		return e.printJSON(map[string]any{"registry": s.Registry, "id": id, "from": s.State, "to": state, "waiting": waiting, "replay": command})
	}
	e.say("%s %s: %s → %s; %d of its records wait", s.Registry, plain(id), s.State, state, waiting)
	if command != "" {
		e.say("load them with: %s", plain(command))
	}
	return nil
}

// moveSender returns the sender as it was, and how many of its records wait.
func (e *env) moveSender(ctx context.Context, registry, id, state, reason string) (s pipelines.Sender, waiting int, err error) {
	b, err := e.openExisting(ctx)
	if err != nil {
		return s, 0, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if s, err = b.ledger.Sender(ctx, registry, id); err != nil {
		return s, 0, err
	}
	to := s
	to.State = state
	if _, _, err := b.ledger.PutSenders(ctx, []pipelines.Sender{to}, e.change(reason)); err != nil {
		return s, 0, err
	}
	waiting, err = b.ledger.Waiting(ctx, b.lake, s.Registry, id)
	return s, waiting, err
}

func sendersRequireCommand(e *env) *cobra.Command {
	var off bool
	var reason string
	c := &cobra.Command{
		Use: "require REGISTRY", Short: "Check a registry's senders from now on, or no more", Args: cobra.ExactArgs(1),
		Long: `Check a registry's senders from now on, however its records come in: only those
of senders in production count. --off ends that. It is off at first: files of
CVRS often name no sender.`,
		Example: `  dosebook senders require CAIR2 --reason "list complete since 1 March"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := load.CheckRegistry(args[0]); err != nil {
				return err
			}
			b, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			if err := b.ledger.RequireSenders(cmd.Context(), args[0], !off, e.change(reason)); err != nil {
				return err
			}
			if e.json {
				return e.printJSON(map[string]any{"registry": args[0], "required": !off})
			}
			e.say("the senders of %s are %s", args[0], map[bool]string{true: "not checked", false: "checked"}[off])
			return nil
		},
	}
	c.Flags().BoolVar(&off, "off", false, "don't check them any more")
	c.Flags().StringVar(&reason, "reason", "", "why, in a sentence (required)")
	_ = c.MarkFlagRequired("reason")
	return c
}
