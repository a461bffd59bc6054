package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/release"
)

func releaseVerify(e *env) *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "verify DIR --key PUB", Short: "Prove a copy of a release, offline", Args: cobra.ExactArgs(1),
		Long: `Prove a folder with a manifest.json, a whole release or one county's, with
nothing but its files and the public key: that the manifest is signed, that
every file is there with the bytes it names, and that nothing else is. PUB is a
file: release.pub, or what GET /api/v1/keys answers (then any of the keys
counts). Take it from another place than the files.

The same by plain tools, for one who has no dosebook:
  openssl pkeyutl -verify -pubin -inkey release.pub -rawin -in manifest.json -sigfile manifest.json.sig
  sha256sum -c SHA256SUMS`,
		Example: `  dosebook release verify ./000041-9f8e7d6c --key release.pub
  dosebook release verify ./000041-9f8e7d6c/counties/06001 --key release.pub --json`,
		RunE: func(_ *cobra.Command, args []string) error { return e.verifyCopy(args[0], key) },
	}
	c.Flags().StringVar(&key, "key", "", "`PUB`, a file with the public key (required)")
	_ = c.MarkFlagRequired("key")
	return c
}

func (e *env) verifyCopy(dir, key string) error {
	text, err := os.ReadFile(key)
	if err != nil {
		return fmt.Errorf("--key: %w: %w", err, dose.ErrInvalid)
	}
	keys, err := release.ParsePublicKeys(text)
	if err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	p, err := release.VerifyDir(dir, keys)
	if err != nil {
		return err
	}
	if e.json {
		if err := e.printJSON(p); err != nil {
			return err
		}
	} else {
		for _, bad := range p.Bad {
			e.say("BAD  %s", bad)
		}
		e.say("%s: %d files, %d bytes checked; %d problems", strings.TrimSpace("release "+p.ID+" "+p.Place), p.Files, p.Bytes, len(p.Bad))
	}
	if len(p.Bad) > 0 {
		return errors.New("this is not the release as it was signed; fetch the named files again")
	}
	return nil
}

func releaseKey(e *env) *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "The keys that sign releases"}
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "List the public keys, the one in force last", Args: cobra.NoArgs,
		Example: `  dosebook release key list --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := e.openExisting(cmd.Context())
			if err != nil {
				return err
			}
			defer b.close()
			all, err := b.keys().List()
			if err != nil {
				return err
			}
			return e.printKeys(all)
		},
	}, &cobra.Command{
		Use: "rotate", Short: "Sign with a new key from now on", Args: cobra.NoArgs,
		Long: `Make a new key and sign with it from now on. The old public keys stay in the
list, so that what they signed can be verified. Also the way on when the key is
lost. Tell those who verify: /api/v1/keys has the list.`,
		Example: `  dosebook release key rotate`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.rotateKey(cmd.Context()) },
	})
	return c
}

func (e *env) rotateKey(ctx context.Context) (err error) {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	lease, err := pipelines.Acquire(b.dir, "release key rotate", e.now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lease.Release()) }()
	if err := b.access.Audit(ctx, access.Entry{User: who(), Action: "key rotate", Outcome: "allowed"}); err != nil {
		return err
	}
	if _, err := b.keys().Rotate(e.now()); err != nil {
		return err
	}
	all, err := b.keys().List()
	if err != nil {
		return err
	}
	return e.printKeys(all)
}

func (e *env) printKeys(all []release.Key) error {
	if e.json {
		return e.printJSON(map[string]any{"keys": all})
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tFROM\tUNTIL\tPUBLIC")
	for _, k := range all {
		until := "in force"
		if k.Until != nil {
			until = pacific(*k.Until)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, pacific(k.From), until, k.Public)
	}
	return w.Flush()
}
