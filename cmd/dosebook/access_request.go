package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

func organisationCommand(e *env) *cobra.Command {
	c := &cobra.Command{Use: "organisation", Short: "Organisations and their signed agreements"}
	var expires, reason string
	a := access.Agreement{}
	add := &cobra.Command{
		Use: "add NAME --agreement NUMBER --signed DATE", Short: "Record a signed agreement, or a renewed one", Args: cobra.ExactArgs(1),
		Long: `Record the signed data access agreement of an organisation. It lasts two years
at most; a renewed one has a new number. From the first one on, no grant is
made without an agreement in force and a training date.`,
		Example: `  dosebook access organisation add "Alameda County" --agreement 26-10847 --signed 2026-07-01`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			a.Organisation = args[0]
			if expires != "" {
				if a.Expires, err = endOf(expires, e.now()); err != nil {
					return err
				}
			}
			return e.managing(cmd.Context(), func(s *access.Store, by string) error {
				made, err := s.AddAgreement(cmd.Context(), by, a)
				if err != nil {
					return err
				}
				return e.shown(made, "agreement %s of %s, to %s", made.Number, made.Organisation, lastDay(made.Expires))
			})
		},
	}
	add.Flags().StringVar(&a.Number, "agreement", "", "its number (required)")
	add.Flags().StringVar(&a.Signed, "signed", "", "day of signing, YYYY-MM-DD (required)")
	add.Flags().StringVar(&expires, "expires", "", "last day (default: two years)")
	_ = add.MarkFlagRequired("agreement")
	_ = add.MarkFlagRequired("signed")
	end := &cobra.Command{
		Use: "end AGREEMENT --reason TEXT", Short: "End an agreement, and all grants under it, at once", Args: cobra.ExactArgs(1),
		Example: `  dosebook access organisation end 26-10847 --reason "withdrawn by the board"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.managing(cmd.Context(), func(s *access.Store, by string) error {
				return s.EndAgreement(cmd.Context(), by, args[0], reason)
			})
		},
	}
	end.Flags().StringVar(&reason, "reason", "", "why (required)")
	_ = end.MarkFlagRequired("reason")
	list := &cobra.Command{
		Use: "list", Short: "List organisations and agreements", Args: cobra.NoArgs,
		Example: `  dosebook access organisation list`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.listAgreements(cmd.Context()) },
	}
	c.AddCommand(add, end, list)
	return c
}

func (e *env) listAgreements(ctx context.Context) error {
	return e.with(ctx, func(s *access.Store) error {
		all, err := s.Agreements(ctx)
		if err != nil {
			return err
		}
		if e.json {
			return e.printJSON(map[string]any{"agreements": append([]access.Agreement{}, all...)})
		}
		w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ORGANISATION\tAGREEMENT\tSIGNED\tLAST DAY\tSTATE")
		for _, a := range all {
			state := "in force"
			switch {
			case !a.Ended.IsZero():
				state = "ended by " + a.EndedBy
			case !e.now().Before(a.Expires):
				state = "expired"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.Organisation, a.Number, a.Signed, lastDay(a.Expires), state)
		}
		return w.Flush()
	})
}

// lastDay is the day that counts to its end.
func lastDay(end time.Time) string { return end.Add(-time.Microsecond).Format(time.DateOnly) }

// shown prints what was made.
func (e *env) shown(v any, format string, args ...any) error {
	if e.json {
		return e.printJSON(v)
	}
	e.say(format, args...)
	return nil
}

func requestCommand(e *env) *cobra.Command {
	var counties []string
	var role, level, expires string
	r := access.Request{}
	c := &cobra.Command{
		Use:   "request USER --county 06001[,…|all] --role ROLE --level LEVEL --agreement NUMBER --training DATE --purpose TEXT",
		Short: "Ask for a grant", Args: cobra.ExactArgs(1),
		Long: `Ask for a grant, which a steward approves or denies. Without a signed agreement
in force, a training date and a purpose there is nothing to approve.`,
		Example: `  dosebook access request ana@alameda.example --county 06001 --role epi --level limited \
    --agreement 26-10847 --training 2026-08-14 --purpose "coverage by school district"`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r.User = args[0]
			if r.Role, err = access.ParseRole(role); err != nil {
				return err
			}
			if r.Level, err = dose.ParseLevel(level); err != nil {
				return err
			}
			if expires != "" {
				if r.Expires, err = endOf(expires, e.now()); err != nil {
					return err
				}
			}
			g := access.Grant{}
			if err := setCounties(&g, counties); err != nil {
				return err
			}
			r.All, r.Places = g.All, g.Places
			return e.ask(cmd.Context(), r)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&counties, "county", nil, "FIPS codes, berkeley, long-beach, pasadena, or all (required)")
	f.StringVar(&role, "role", "epi", "steward, epi, reporter, analyst, plan or auditor")
	f.StringVar(&level, "level", "identified", "identified, limited or deidentified")
	f.StringVar(&expires, "expires", "", "last day (default: as long as the agreement)")
	f.StringVar(&r.Agreement, "agreement", "", "number of the signed agreement")
	f.StringVar(&r.Training, "training", "", "day of the privacy training (YYYY-MM-DD)")
	f.StringVar(&r.Purpose, "purpose", "", "what the records are for")
	_ = c.MarkFlagRequired("county")
	return c
}

// ask files a request: a user's own with that user's token, anybody's with a
// steward's, or by the person at this machine.
func (e *env) ask(ctx context.Context, r access.Request) error {
	return e.with(ctx, func(s *access.Store) error {
		by := who()
		if token := os.Getenv(stewardToken); token != "" {
			p, err := s.Authenticate(ctx, token)
			if err != nil {
				return err
			}
			if by = p.User; by != r.User {
				if by, err = e.actor(ctx, s); err != nil {
					return err
				}
			}
		}
		made, err := s.Ask(ctx, by, r)
		if err != nil {
			return err
		}
		return e.shown(made, "request %d waits for a steward: 'dosebook access approve %[1]d --reason …', or deny", made.ID)
	})
}

func requestsCommand(e *env) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "requests", Short: "List the requests that wait", Args: cobra.NoArgs,
		Example: `  dosebook access requests --all --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(s *access.Store) error {
				list, err := s.Requests(cmd.Context(), all)
				if err != nil {
					return err
				}
				if e.json {
					return e.printJSON(map[string]any{"requests": append([]access.Request{}, list...)})
				}
				return e.printRequests(list)
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "those that were decided too")
	return c
}

func (e *env) printRequests(list []access.Request) error {
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REQUEST\tUSER\tORGANISATION\tAGREEMENT\tTRAINING\tROLE\tLEVEL\tPLACES\tTO\tPURPOSE\tSTATE")
	for _, r := range list {
		places, state := strings.Trim(fmt.Sprint(r.Places), "[]"), r.State
		if r.All {
			places = "all"
		}
		if r.DecidedBy != "" {
			state += " by " + r.DecidedBy + ": " + r.Reason
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.User, r.Organisation, r.Agreement, r.Training, r.Role, r.Level, places, lastDay(r.Expires), r.Purpose, state)
	}
	return w.Flush()
}

func approveCommand(e *env) *cobra.Command {
	var level, expires string
	a := access.Approval{}
	c := &cobra.Command{
		Use: "approve REQUEST --reason TEXT", Short: "Turn a request into a grant", Args: cobra.ExactArgs(1),
		Long:    `Turn a request into a grant, as asked for or for less. Nobody approves for themself.`,
		Example: `  dosebook access approve 3 --reason "board agreement of July" --level limited`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := idOf(args[0], "a request's id", "access requests")
			if err != nil {
				return err
			}
			if level != "" {
				l, err := dose.ParseLevel(level)
				if err != nil {
					return err
				}
				a.Level = &l
			}
			if expires != "" {
				if a.Expires, err = endOf(expires, e.now()); err != nil {
					return err
				}
			}
			return e.managing(cmd.Context(), func(s *access.Store, by string) error {
				a.By = by
				g, err := s.Approve(cmd.Context(), id, a)
				if err != nil {
					return err
				}
				return e.shown(g, "grant %d of %s as %s, %s, to %s", g.ID, g.User, g.Role, g.Level, lastDay(g.Expires))
			})
		},
	}
	c.Flags().StringVar(&a.Reason, "reason", "", "why (required)")
	c.Flags().StringVar(&level, "level", "", "a lower level than asked for")
	c.Flags().StringVar(&expires, "expires", "", "an earlier day than asked for")
	_ = c.MarkFlagRequired("reason")
	return c
}

func denyCommand(e *env) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "deny REQUEST --reason TEXT", Short: "Deny a request", Args: cobra.ExactArgs(1),
		Example: `  dosebook access deny 3 --reason "the purpose needs no names; ask for limited"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := idOf(args[0], "a request's id", "access requests")
			if err != nil {
				return err
			}
			return e.managing(cmd.Context(), func(s *access.Store, by string) error { return s.Deny(cmd.Context(), id, by, reason) })
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why (required)")
	_ = c.MarkFlagRequired("reason")
	return c
}

func attestCommand(e *env) *cobra.Command {
	var expires, training, reason string
	c := &cobra.Command{
		Use: "attest GRANT --expires DATE --reason TEXT", Short: "Say that a grant is still needed, before it expires", Args: cobra.ExactArgs(1),
		Long: `Say that a grant is still needed: it then runs to the new day, at most as long as
its agreement. A grant that has ended is asked for anew. Nobody attests a grant
of their own.`,
		Example: `  dosebook access list --due 30
  dosebook access attest 3 --expires 2027-12-31 --training 2026-10-02 --reason "still on the outbreak team"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := idOf(args[0], "a grant's id", "access list")
			if err != nil {
				return err
			}
			until, err := endOf(expires, e.now())
			if err != nil {
				return err
			}
			return e.managing(cmd.Context(), func(s *access.Store, by string) error {
				g, err := s.Attest(cmd.Context(), id, by, until, training, reason)
				if err != nil {
					return err
				}
				return e.shown(g, "grant %d of %s runs to %s", g.ID, g.User, lastDay(g.Expires))
			})
		},
	}
	f := c.Flags()
	f.StringVar(&expires, "expires", "", "new last day (required)")
	f.StringVar(&training, "training", "", "day of a newer privacy training")
	f.StringVar(&reason, "reason", "", "why (required)")
	_ = c.MarkFlagRequired("expires")
	_ = c.MarkFlagRequired("reason")
	return c
}
