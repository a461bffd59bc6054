package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dosebook/dosebook/dose"
)

// env is what every command shares: the global flags and where output goes.
type env struct {
	data, configFile string
	profile          string
	json             bool
	config           config
	out, err         io.Writer
	now              func() time.Time
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	e := &env{out: stdout, err: stderr, now: time.Now}
	root := &cobra.Command{
		Use:   "dosebook",
		Short: "Every dose accounted for: from registries to each county's verified files",
		Long: `dosebook takes COVID-19 doses-administered records from immunization
registries and serves each county exactly its own records, as files that can
be verified.

  dosebook demo                              a guided first look, with synthetic data
  dosebook ingest --registry CAIR2 FILES…    load a registry's files
  dosebook feeds                             is everything here, is anything held
  dosebook release build                     make the county files
  dosebook serve                             let counties download them

EXIT STATUS
  0 done · 1 failed · 2 wrong usage or input · 3 denied · 4 not found
  5 locked or held · 6 upstream · 7 done, with rejects beyond the limit`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(requiredFlags(cmd), e.readConfig(cmd), e.startProfile())
		},
		PersistentPostRun: func(*cobra.Command, []string) { pprof.StopCPUProfile() },
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q; see 'dosebook --help': %w", args[0], dose.ErrInvalid)
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see '%s --help': %w", err, cmd.CommandPath(), dose.ErrInvalid)
	})
	f := root.PersistentFlags()
	f.StringVar(&e.data, "data", "", "data directory (default $DOSEBOOK_DATA, else ./dosebook-data)")
	f.StringVar(&e.configFile, "config", "", "configuration `FILE` (YAML)")
	f.BoolVar(&e.json, "json", false, "machine output on stdout, nothing else there")
	f.StringVar(&e.profile, "cpuprofile", "", "write a CPU profile to `FILE`")
	_ = f.MarkHidden("cpuprofile") // for developers: see bench/README.md
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(demoCommand(e), ingestCommand(e), runCommand(e), feedsCommand(e), releaseCommand(e), serveCommand(e), sqlCommand(e),
		accessCommand(e), ackCommand(e), auditCommand(e), explainCommand(e), reviewCommand(e), verifyCommand(e), reconcileCommand(e), synthCommand(e), validateCommand(e), warehouseCommand(e), configCommand(e))
	root.AddCommand(rejectsCommand(e), sendersCommand(e))
	root.AddCommand(codesCommand(e), replayCommand(e), qualityCommand(e), extractCommand(e), backupCommand(e), restoreCommand(e))
	root.AddCommand(pullCommand(e))
	root.AddCommand(suppressCommand(e))
	usageErrors(root)
	return root
}

// startProfile starts the CPU profile that was asked for, if any.
func (e *env) startProfile() error {
	if e.profile == "" {
		return nil
	}
	f, err := os.Create(e.profile)
	if err != nil {
		return fmt.Errorf("profile: %w: %w", err, dose.ErrInvalid)
	}
	return pprof.StartCPUProfile(f)
}

// usageErrors gives wrong numbers of arguments the exit code for wrong usage.
func usageErrors(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return fmt.Errorf("%w; see '%s --help': %w", err, cmd.CommandPath(), dose.ErrInvalid)
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usageErrors(sub)
	}
}

// requiredFlags gives missing flags the exit code for wrong usage.
func requiredFlags(cmd *cobra.Command) error {
	if err := cmd.ValidateRequiredFlags(); err != nil {
		return fmt.Errorf("%w; see '%s --help': %w", err, cmd.CommandPath(), dose.ErrInvalid)
	}
	return nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}

// printJSON writes v to stdout, the only thing there with --json.
func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// say prints a line for people; with --json there is none.
func (e *env) say(format string, args ...any) {
	if !e.json {
		fmt.Fprintf(e.out, format+"\n", args...)
	}
}

// note prints a line for people on stderr.
func (e *env) note(format string, args ...any) {
	if !e.json {
		fmt.Fprintf(e.err, format+"\n", args...)
	}
}

// progress prints s over the last progress line when stderr is a terminal.
func (e *env) progress(format string, args ...any) {
	if f, ok := e.err.(*os.File); ok && !e.json && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(f, "\r\x1b[K"+format, args...)
	}
}
