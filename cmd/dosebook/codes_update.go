package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/pipelines"
)

func codesUpdateCommand(e *env) *cobra.Command {
	var write bool
	c := &cobra.Command{
		Use: "update DIR", Short: "Compare CDC's newer files with the codes in force", Args: cobra.ExactArgs(1),
		Long: `Read CDC's downloads (cvx, mvx, tradename, vac2vg, NDC_Unit_use, NDC_Unit_sale,
NDC_Linker; .xml or .txt) in DIR, show what is other than in the tables in
force, and which stored rows would mean something else by them. Nothing is
written; with --write the tables go into the data directory and are in force for
what is loaded from then on.

What is stored stays as it is: its derived columns lie in the segments. What
mapping it again would change says 'dosebook replay --dry-run --codes DIR'.`,
		Example: `  dosebook codes update ~/Downloads/cdc
  dosebook codes update ~/Downloads/cdc --write`,
		RunE: func(cmd *cobra.Command, args []string) error { return e.updateCodes(cmd.Context(), args[0], write) },
	}
	c.Flags().BoolVar(&write, "write", false, "put the tables in force in this data directory")
	return c
}

// codesUpdate is the JSON of codes update.
type codesUpdate struct {
	From    string            `json:"from"` // date of the edition in force
	To      string            `json:"to"`
	Files   []string          `json:"files"`
	Changes []dose.CodeChange `json:"changes"`
	Stored  *pipelines.Recode `json:"stored"`  // null without a data directory
	Written string            `json:"written"` // folder in the data directory; empty when nothing was written
}

func (e *env) updateCodes(ctx context.Context, dir string, write bool) (err error) {
	now, next, names, err := e.proposed(ctx, dir)
	if err != nil {
		return err
	}
	out := codesUpdate{From: now.Date(), To: next.Date(), Files: names, Changes: now.Diff(next)}
	b, err := e.openExisting(ctx)
	if err != nil && (write || !errors.Is(err, dose.ErrNotFound)) {
		return err
	}
	if err == nil {
		defer func() { err = errors.Join(err, b.close()) }()
		known, err := b.ledger.List(ctx, 0)
		if err != nil {
			return err
		}
		if out.Stored, err = pipelines.RecodeStored(ctx, b.lake, known, now, next); err != nil {
			return err
		}
	}
	if write && len(out.Changes) > 0 {
		if err := cutShort(now, next); err != nil {
			return errors.Join(e.printUpdate(out), err)
		}
		if out.Written, err = e.writeCodes(ctx, b, next, names, len(out.Changes)); err != nil {
			return err
		}
	}
	return e.printUpdate(out)
}

// cutShort holds tables that lack more than one in twenty of a set's codes:
// CDC inactivates codes and hardly ever removes them, so that is a file whose
// end is missing.
func cutShort(now, next *dose.CodeTables) error {
	for _, set := range dose.CodeSets() {
		gone, all := 0, len(now.Entries(set))
		for _, d := range now.Diff(next) {
			if d.Set == set && d.Kind == "removed" {
				gone++
			}
		}
		if gone*20 > all {
			return fmt.Errorf("%d of %d codes of the set %s are not in the files: they look cut, nothing was written; download them again: %w", gone, all, set, dose.ErrHeld)
		}
	}
	return nil
}

// codesFolder is the folder of newer tables in a data directory.
const codesFolder = "codes"

var codesDate = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// codesRecord is what stands beside tables that were written: codes.json.
type codesRecord struct {
	Date    string            `json:"date"`
	Written time.Time         `json:"written"` // what was loaded since was mapped with these tables
	Before  string            `json:"before"`  // date of the edition that was in force
	Sources []string          `json:"sources"` // CDC's files that were read
	SHA256  map[string]string `json:"sha256"`
}

// writeCodes puts tables in force: a folder that appears whole, under the
// lease, so that no load maps half of its files with each.
func (e *env) writeCodes(ctx context.Context, b *book, t *dose.CodeTables, sources []string, changes int) (_ string, err error) {
	if t.Date() <= b.codes.Date() {
		return "", fmt.Errorf("CDC's newest change in these files is of %s, and the tables in force have that of %s: older files are not put in force: %w", t.Date(), b.codes.Date(), dose.ErrInvalid)
	}
	lease, err := pipelines.Acquire(b.dir, "codes update", e.now())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lease.Release()) }()
	parent := filepath.Join(b.dir, codesFolder)
	if err := durable.Sweep(parent); err != nil {
		return "", err
	}
	folder, err := durable.MkdirPart(filepath.Join(parent, t.Date()))
	if err != nil {
		return "", err
	}
	defer folder.Abort()
	record := codesRecord{t.Date(), e.now().UTC(), b.codes.Date(), sources, map[string]string{}}
	for name, text := range t.Files() {
		sum := sha256.Sum256(text)
		record.SHA256[name] = hex.EncodeToString(sum[:])
		if err := os.WriteFile(filepath.Join(folder.Dir, name), text, 0o600); err != nil {
			return "", err
		}
	}
	text, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(folder.Dir, "codes.json"), append(text, '\n'), 0o600); err != nil {
		return "", err
	}
	// The audit knows before the tables count.
	err = b.access.Audit(ctx, access.Entry{User: who(), Action: "codes.update", Outcome: "allowed", Detail: fmt.Sprintf("%s to %s, %d changes", record.Before, record.Date, changes)})
	if err != nil {
		return "", err
	}
	return codesFolder + "/" + t.Date(), folder.Commit()
}

// codesInForce returns the newest tables: those of the data directory, or the
// built-in ones where these are newer. Tables that are not as they were
// written are an error, never a reason to take others.
func codesInForce(data string) (*dose.CodeTables, error) {
	parent := filepath.Join(data, codesFolder)
	entries, err := os.ReadDir(parent)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("code tables: %w", err)
	}
	newest := ""
	for _, x := range entries {
		if codesDate.MatchString(x.Name()) {
			newest = x.Name() // ReadDir sorts
		}
	}
	if newest < dose.Builtin().Date() {
		return dose.Builtin(), nil
	}
	t, err := readCodes(filepath.Join(parent, newest))
	if err != nil {
		return nil, fmt.Errorf("code tables in %s/%s: %w; restore the folder from a backup, or remove it and run 'dosebook codes update' again", codesFolder, newest, err)
	}
	return t, nil
}

func readCodes(dir string) (*dose.CodeTables, error) {
	text, err := os.ReadFile(filepath.Join(dir, "codes.json"))
	if err != nil {
		return nil, err
	}
	var record codesRecord
	if err := json.Unmarshal(text, &record); err != nil {
		return nil, err
	}
	return dose.ReadCodeTables(func(name string) ([]byte, error) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != record.SHA256[name] {
			return nil, errors.New("it has other bytes than were written")
		}
		return text, nil
	})
}

// shownAtMost bounds a list for people; --json has all.
const shownAtMost = 40

func (e *env) printUpdate(u codesUpdate) error {
	if e.json {
		return e.printJSON(u)
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	kinds := map[string]int{}
	for i, d := range u.Changes {
		kinds[d.Kind]++
		if i == 0 {
			fmt.Fprintln(w, "SET\tCODE\tWHAT\tFROM\tTO")
		}
		if i < shownAtMost {
			fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\t%s\n", d.Set, plain(d.Code), d.Kind, d.Field, plain(d.From), plain(d.To))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	e.say("in force: edition of %s; these files: %s; %d added, %d removed, %d fields changed%s\n", u.From, u.To, kinds["added"], kinds["removed"], kinds["changed"],
		more(int64(min(len(u.Changes), shownAtMost)), int64(len(u.Changes))))
	if u.Stored != nil {
		if err := e.printRecode(u.Stored); err != nil {
			return err
		}
	}
	for _, d := range u.Changes {
		if d.Set == "ndc" && (d.Field == "cvx" || d.Kind != "changed") {
			e.say("an NDC is new, gone, or of another CVX: rows that took their CVX from it, and refused ones, are not counted here; replay --dry-run --codes has them")
			break
		}
	}
	switch {
	case u.Written != "":
		e.say("written to %s: in force for what is loaded from now on", u.Written)
	case len(u.Changes) > 0:
		e.say("nothing was written; --write puts these tables in force")
	}
	return nil
}

func (e *env) printRecode(r *pipelines.Recode) error {
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for i, x := range r.By {
		if i == 0 {
			fmt.Fprintln(w, "REGISTRY\tCVX\tNDC\tCOLUMN\tFROM\tTO\tROWS")
		}
		if i < shownAtMost {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%d\n", x.Registry, x.CVX, plain(x.NDC), x.Column, plain(x.From), plain(x.To), x.Rows)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	e.say("%d of %d stored rows would mean something else%s; they stay as they are: 'dosebook replay --dry-run --codes DIR' says what mapping them again would change",
		r.Changed, r.Rows, more(int64(min(len(r.By), shownAtMost)), int64(len(r.By))))
	return nil
}
