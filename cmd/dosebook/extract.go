package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/release"
)

func extractCommand(e *env) *cobra.Command {
	var q release.Question
	var county, out string
	c := &cobra.Command{
		Use:   "extract",
		Short: "Write some rows and columns of one county to a file",
		Long: `Answer a question about one table of one county from a release, by default the
newest approved one: dates of administration, CVX codes, age groups, columns.
The cells are those of the county's own file. The file appears whole or not at
all, after the audit has its entry; the warehouse is not asked, so it never
waits for a load.

The same questions go to a server as POST /api/v1/extracts (docs/EXTRACTS.md).`,
		Example: `  dosebook extract --county 06001 --from 2021-03-01 --to 2021-03-31 --out alameda.csv
  dosebook extract --county berkeley --table dose --cvx 300,302 --age-group 65+ \
    --columns admin_date,cvx,recip_age,recip_sex --out doses.ndjson`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			place, ok := dose.ParseCounty(county)
			if ok {
				county = place // a name, or fewer digits
			}
			q.Place = dose.Place(county)
			return e.extract(cmd.Context(), q, out)
		},
	}
	f := c.Flags()
	f.StringVar(&county, "county", "", "county `CODE` or name, or berkeley, long-beach, pasadena, OOS, UNK")
	f.StringVar(&out, "out", "", "`FILE` to write")
	f.StringVar(&q.Release, "release", "", "release `ID` (default: the newest approved one)")
	f.StringVar(&q.Table, "table", "dose_event", strings.Join(release.Tables(), ", "))
	f.StringVar(&q.Format, "format", "", strings.Join(release.ExtractFormats(), ", ")+" (default: by the name of --out, else csv)")
	f.StringVar(&q.From, "from", "", "first `DATE` of administration, 2021-03-01")
	f.StringVar(&q.To, "to", "", "last `DATE` of administration")
	f.StringSliceVar(&q.Columns, "columns", nil, "`NAMES`, separated by commas (default: all)")
	f.IntSliceVar(&q.CVX, "cvx", nil, "CVX `CODES`, separated by commas")
	f.StringSliceVar(&q.AgeGroups, "age-group", nil, "`GROUPS`: "+strings.Join(dose.AgeGroups(), ", "))
	for _, name := range []string{"county", "out"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

// extracted is the JSON of extract.
type extracted struct {
	Path     string           `json:"path"`
	Bytes    int64            `json:"bytes"`
	SHA256   string           `json:"sha256"`
	Rows     int64            `json:"rows"`
	Key      string           `json:"key"`
	Question release.Question `json:"question"`
}

func (e *env) extract(ctx context.Context, q release.Question, out string) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	if q.Release == "" {
		if q.Release, err = b.store.Latest(); err != nil {
			return err
		}
	}
	if q.Format == "" {
		q.Format = formatOf(out)
	}
	if q, err = q.Check(dose.Identified); err != nil {
		return err
	}
	x, err := e.answer(ctx, b, q, out)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(x)
	}
	e.say("%s: %d rows of %s, %d bytes, SHA-256 %s", x.Path, x.Rows, q.Release, x.Bytes, x.SHA256)
	return nil
}

// formatOf is the format that a file's name says, else nothing.
func formatOf(name string) string {
	for _, f := range release.ExtractFormats() {
		if strings.HasSuffix(name, "."+f) {
			return f
		}
	}
	return ""
}

// answer writes the file: made beside its place, entered in the audit, then
// moved. The released file is proven first.
func (e *env) answer(ctx context.Context, b *book, q release.Question, out string) (x extracted, err error) {
	m, err := b.store.PlaceManifest(q.Release, q.Place)
	if err != nil {
		return x, err
	}
	is, ok := m.File(q.Source())
	if !ok {
		return x, fmt.Errorf("release %s has no %s: %w", q.Release, q.Source(), dose.ErrNotFound)
	}
	src, err := b.store.Path(q.Release, filepath.FromSlash(q.Source()))
	if err != nil {
		return x, err
	}
	if n, sum, err := durable.Hash(src); err != nil || n != is.Bytes || sum != is.SHA256 {
		return x, fmt.Errorf("%s of release %s is not the file of its manifest; run 'dosebook verify'", q.Source(), q.Release)
	}
	part, err := durable.MkdirPart(out)
	if err != nil {
		return x, fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	defer part.Abort()
	tmp := filepath.Join(part.Dir, "file")
	x = extracted{Path: out, Key: q.Key(), Question: q}
	x.Rows, err = release.Extract(ctx, src, tmp, q, func(done, total int64) { e.progress("%d of %d rows", done, total) })
	e.progress("")
	if err != nil {
		return x, err
	}
	if x.Bytes, x.SHA256, err = durable.Hash(tmp); err != nil {
		return x, err
	}
	entry := access.Entry{User: who(), Action: "extract", Release: q.Release, Place: string(q.Place), File: q.Table + "." + q.Format,
		Rows: x.Rows, Bytes: x.Bytes, Outcome: "allowed", Detail: q.Key()}
	if err := b.access.Audit(ctx, entry); err != nil {
		return x, err
	}
	return x, errors.Join(os.Rename(tmp, out), durable.SyncDir(filepath.Dir(out)))
}
