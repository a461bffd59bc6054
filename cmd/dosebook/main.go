// Command dosebook takes doses-administered records from immunization
// registries and serves each county exactly its own, as files that can be
// verified. This is the only main: it reads flags and configuration, and wires
// the packages. It never decides anything about a record.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/dosebook/dosebook/dose"
)

func main() { os.Exit(start(os.Args[1:], os.Stdout, os.Stderr)) }

// start runs one command and returns its exit code. A panic is a mistake of
// ours: it ends with exit 1 and one line, since a stack may hold data.
func start(args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintln(stderr, "dosebook: something went wrong inside dosebook; please report the command and its version. Nothing half-done counts: run the same command again.")
			if os.Getenv("DOSEBOOK_STACK") != "" {
				panic(p)
			}
			code = 1
		}
	}()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		fmt.Fprintln(stderr, "dosebook: stopped; what was finished stays, the same command goes on from there")
		return 1
	}
	for _, line := range messages(err) {
		fmt.Fprintln(stderr, "dosebook:", line)
	}
	return dose.ExitCode(err)
}

// messages is one line for each error that was joined, without the kind that
// only the exit code needs.
func messages(err error) []string {
	if err == nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimRight(line, "\n")
		for _, kind := range []error{dose.ErrInvalid, dose.ErrNotFound, dose.ErrDenied, dose.ErrRejects, dose.ErrLocked, dose.ErrHeld, dose.ErrGone} {
			line = strings.TrimSuffix(line, ": "+kind.Error())
		}
		if line != "" {
			out = append(out, line)
		}
	}
	return out
}
