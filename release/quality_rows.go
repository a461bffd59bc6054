package release

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load"
)

// portionRows is how many rows of the lake are held against the warehouse at a
// time: 20 million at once need 1.9 GB, portions of this size 1.1 (bench/README.md).
const portionRows = 4_000_000

// qualityBits are the yes and no that sql/models/60_quality_row.sql keeps of a
// row, from the lowest bit.
func qualityBits() []string {
	var with []string
	for i, name := range []string{"dob", "sex", "race", "ethnicity", "street", "zip", "home_county", "phone", "email", "lot", "ndc", "mvx", "site", "route",
		"pin", "admin_address", "ndc_bad", "ndc_lot", "lost_zero", "derived", "dated", "before_birth"} {
		with = append(with, "{"+name+"}", strconv.Itoa(1<<i))
	}
	return with
}

// qualityRows makes the files that the tables of quality are made of, one for
// each portion of the segments; none without any events.
func (b *builder) qualityRows(ctx context.Context) (paths []string, err error) {
	var lake, entries []string
	var rows, from int64
	portion := func(to int64) error {
		if len(lake) == 0 {
			return nil
		}
		path := filepath.Join(b.dir, fmt.Sprintf("%squality-%d", durable.Prefix, len(paths)))
		with := append(qualityBits(), "{lake}", "["+strings.Join(lake, ", ")+"]", "{entries}", strings.Join(entries, ", "),
			"{from}", strconv.FormatInt(from, 10), "{to}", strconv.FormatInt(to-1, 10), "{vaccines}", usualUse())
		paths, lake, entries, rows, from = append(paths, path), nil, nil, 0, to
		return b.export(ctx, "models/60_quality_row.sql", path, with...)
	}
	for _, s := range b.segments {
		if !s.HoldsRecords() || s.Rows == 0 {
			continue
		}
		if rows > 0 && rows+s.Rows > portionRows {
			if err := portion(load.Place(s.Seq, 0)); err != nil {
				return nil, err
			}
		}
		folder, err := b.lake.Folder(s.Registry, s.Segment)
		if err != nil {
			return nil, err
		}
		path := quote(filepath.Join(folder, load.EventFile))
		lake, entries, rows = append(lake, path), append(entries, fmt.Sprintf("(%s, %d)", path, s.Seq)), rows+s.Rows
	}
	return paths, portion(load.Place(b.segments[len(b.segments)-1].Seq+1, 0))
}

// rejectSources name the refused records for 61_quality_day.sql.
func (b *builder) rejectSources() ([]string, error) {
	var files, rejects []string
	for _, s := range b.segments {
		if !s.HoldsRecords() || s.Rejects == 0 {
			continue
		}
		folder, err := b.lake.Folder(s.Registry, s.Segment)
		if err != nil {
			return nil, err
		}
		path := quote(filepath.Join(folder, load.RejectFile))
		files, rejects = append(files, path), append(rejects, fmt.Sprintf("(%s, %s, %d)", path, quote(s.Registry), s.SourceTime))
	}
	rows := "(select filename, sender, field from read_parquet([" + strings.Join(files, ", ") + "], filename = true, union_by_name = true))"
	if len(files) == 0 {
		rows, rejects = "(select '' as filename, '' as sender, '' as field where false)", []string{"('', '', 0)"}
	}
	return []string{"{reject_rows}", rows, "{rejects}", strings.Join(rejects, ", ")}, nil
}
