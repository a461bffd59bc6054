package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pull"
)

// tokenEnv is where a token is looked for: a command line can be read by all.
const tokenEnv = "DOSEBOOK_TOKEN"

func pullCommand(e *env) *cobra.Command {
	var county, into, level, tokenFile, keyFile string
	var keep int
	c := &cobra.Command{
		Use:   "pull URL --county FIPS --into DIR [--level limited]",
		Short: "Keep a verified copy of a county's files, with a DuckDB file beside it",
		Long: `Bring DIR up to the newest release: the first time everything, then the changes
only. Nothing there is replaced before the new release is proven: the manifest
is signed, every file has the bytes and rows that it says. A pull that was cut
goes on where it ended; run it as often as you like.

The token is read from $DOSEBOOK_TOKEN, or from --token-file. The first pull
keeps the server's public key and says which it is; give --key release.pub,
from the data steward, to be sure of it. docs/PULL.md has recipes for DuckDB, R,
Python and Excel.

--level limited takes the county's limited data set (no names, streets, phones or
ids), for a grant of that level; it is signed and proven alike.

DIR/dosebook.duckdb has the views dose_event, dose, recipient, release and
changes, and dose_event_as_of('ID') and the like for each release that is kept.
It can be open while the next pull runs.`,
		Example: `  DOSEBOOK_TOKEN=dbk_… dosebook pull https://doses.example.org --county 06001 --into alameda
  duckdb -readonly alameda/dosebook.duckdb "select count(*) from dose"
  duckdb -readonly alameda/dosebook.duckdb "select cause, count(*) from changes group by all"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := pullOptions(args[0], county, into, level, tokenFile, keyFile)
			if err != nil {
				return err
			}
			o.Keep, o.Now = keep, e.now
			return e.pull(cmd.Context(), o)
		},
	}
	c.Flags().StringVar(&county, "county", "", "the county (FIPS), or berkeley, long-beach, pasadena, OOS, UNK")
	c.Flags().StringVar(&into, "into", "", "the folder of the copy")
	c.Flags().StringVar(&level, "level", dose.Identified.String(), "identified, or limited: the limited data set, for a grant of that level")
	c.Flags().StringVar(&tokenFile, "token-file", "", "read the token from `FILE` (default: $DOSEBOOK_TOKEN)")
	c.Flags().StringVar(&keyFile, "key", "", "`FILE` with the public key that releases are signed with (default: the one of the first pull)")
	c.Flags().IntVar(&keep, "keep", 14, "how many releases stay, for as_of; at least 2")
	_ = c.MarkFlagRequired("county") // both exist
	_ = c.MarkFlagRequired("into")
	return c
}

func pullOptions(address, county, into, level, tokenFile, keyFile string) (o pull.Options, err error) {
	o = pull.Options{Dir: into, Token: os.Getenv(tokenEnv), Catalog: duckdb.Catalog}
	if o.URL, err = url.Parse(strings.TrimSuffix(address, "/")); err != nil {
		return o, fmt.Errorf("the address can't be read: %w", dose.ErrInvalid)
	}
	if o.Place, err = dose.ParsePlace(county); err != nil {
		return o, fmt.Errorf("--county %s: %w", county, err)
	}
	if o.Level, err = dose.ParseLevel(level); err != nil {
		return o, fmt.Errorf("--level: %w", err)
	}
	if tokenFile != "" {
		text, err := os.ReadFile(tokenFile)
		if err != nil {
			return o, fmt.Errorf("--token-file: %w: %w", err, dose.ErrInvalid)
		}
		o.Token = string(text)
	}
	if o.Token = strings.TrimSpace(o.Token); o.Token == "" || strings.ContainsAny(o.Token, " \r\n\t") {
		return o, fmt.Errorf("there is no token: set $%s, or give --token-file: %w", tokenEnv, dose.ErrInvalid)
	}
	if keyFile != "" {
		if o.Key, err = os.ReadFile(keyFile); err != nil {
			return o, fmt.Errorf("--key: %w: %w", err, dose.ErrInvalid)
		}
	}
	return o, nil
}

func (e *env) pull(ctx context.Context, o pull.Options) error {
	o.Progress = func(file string, done, total int64) {
		e.progress("%s %d of %d MB", file, done>>20, total>>20)
	}
	r, err := pull.Run(ctx, o)
	e.progress("")
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(r)
	}
	if r.KeyIsNew {
		e.note("the server's key was taken on trust and is in %s/keys.pem; compare it with the data steward's release.pub", o.Dir)
	}
	switch {
	case r.Mode == pull.Nothing:
		e.say("%s: release %s is here already, and whole", r.Place, r.Release)
	case r.Mode == pull.Step:
		e.say("%s: from release %s to %s, %d rows of changes", r.Place, r.Previous, r.Release, r.Changes)
	case r.Why != "":
		e.say("%s: release %s, downloaded whole, since %s", r.Place, r.Release, r.Why)
	default:
		e.say("%s: release %s, downloaded whole", r.Place, r.Release)
	}
	e.say("%d events, %d doses, %d persons; %.1f MB received", r.Rows["dose_event"], r.Rows["dose"], r.Rows["recipient"], float64(r.Received)/1e6)
	return nil
}
