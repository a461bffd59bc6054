package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

func tokenCreate(e *env) *cobra.Command {
	var expires, level string
	var counties, kinds []string
	t := access.Token{}
	c := &cobra.Command{
		Use: "create USER", Short: "Make a token and print it, once", Args: cobra.ExactArgs(1),
		Long: `Make a token for a user and print it on the last line: the only time it is
ever shown. What is kept is its hash. It may do what the user may; --county,
--level and --kind make it narrower, never wider.`,
		Example: `  TOKEN=$(dosebook access token create ana@alameda.example --expires 24h | tail -n 1)
  dosebook access token create sam@state.example --county 06001 --kind "place files"`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			t.User = args[0]
			if expires != "" {
				if t.Expires, err = endOf(expires, e.now()); err != nil {
					return err
				}
			}
			if t.Within, err = limits(counties, kinds, level); err != nil {
				return err
			}
			return e.managing(cmd.Context(), func(s *access.Store, by string) error {
				plain, made, err := s.MakeToken(cmd.Context(), by, t)
				if err != nil {
					return err
				}
				return e.showToken(plain, made)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&expires, "expires", "", "last day, or a span such as 24h, 90d (default 90d)")
	f.StringVar(&t.Name, "name", "", "what it is for")
	f.StringSliceVar(&counties, "county", nil, "for these counties only")
	f.StringVar(&level, "level", "", "at most identified, limited or deidentified")
	f.StringSliceVar(&kinds, "kind", nil, "for these only: place files, state files, records, roster match, audit, grants")
	return c
}

// limits reads a token's own scope; nil when nothing narrows it.
func limits(counties, kinds []string, level string) (*access.Limits, error) {
	if len(counties) == 0 && len(kinds) == 0 && level == "" {
		return nil, nil
	}
	l := &access.Limits{Level: dose.Identified}
	var err error
	if level != "" {
		if l.Level, err = dose.ParseLevel(level); err != nil {
			return nil, err
		}
	}
	for _, s := range counties {
		p, err := dose.ParsePlace(s)
		if err != nil {
			return nil, fmt.Errorf("--county %s: %w", s, err)
		}
		l.Places = append(l.Places, p)
	}
	for _, k := range kinds {
		l.Kinds = append(l.Kinds, access.Kind(k))
	}
	return l, nil
}

func (e *env) showToken(plain string, t access.Token) error {
	if e.json {
		return e.printJSON(map[string]any{"token": plain, "id": t.ID, "expires": t.Expires})
	}
	e.say("token %d of %s, until %s; it is shown this once:", t.ID, t.User, t.Expires.Format(time.RFC3339))
	e.say("%s", plain)
	return nil
}

func tokenRotate(e *env) *cobra.Command {
	var expires string
	var overlap time.Duration
	c := &cobra.Command{
		Use: "rotate ID", Short: "Make a token in another's place and print it, once", Args: cobra.ExactArgs(1),
		Long: `Make a token with the name and the scope of another, and print it on the last
line. The other one ends after --overlap, so that programs can change over.`,
		Example: `  dosebook access token rotate 3 --overlap 24h`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := idOf(args[0], "a token's id", "access list")
			if err != nil {
				return err
			}
			var end time.Time
			if expires != "" {
				if end, err = endOf(expires, e.now()); err != nil {
					return err
				}
			}
			return e.managing(cmd.Context(), func(s *access.Store, by string) error {
				plain, t, err := s.RotateToken(cmd.Context(), by, id, end, overlap)
				if err != nil {
					return err
				}
				return e.showToken(plain, t)
			})
		},
	}
	c.Flags().StringVar(&expires, "expires", "", "last day, or a span such as 24h, 90d (default: as long as the other was to live)")
	c.Flags().DurationVar(&overlap, "overlap", 0, "how long the other one lives on, up to 168h")
	return c
}

// idOf reads an id.
func idOf(s, what, see string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("%s is a number; see 'dosebook %s': %w", what, see, dose.ErrInvalid)
	}
	return id, nil
}

func tokenRevoke(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "End a token at once", Args: cobra.ExactArgs(1),
		Example: `  dosebook access token revoke 3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := idOf(args[0], "a token's id", "access list")
			if err != nil {
				return err
			}
			return e.managing(cmd.Context(), func(s *access.Store, by string) error { return s.RevokeToken(cmd.Context(), by, id) })
		},
	}
}
