package duckdb

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/load"
)

// replays marks the rejects that arriving replays take up, and says for each
// of their rows where its record stood when it was first refused: there it
// stands among the versions of its event.
func (d *DB) replays(ctx context.Context, c *chunk) error {
	seqs := map[string]int64{}
	for _, k := range c.known {
		seqs[k.Registry+"/"+k.Segment] = k.Seq
	}
	var rows, events, files, roots []string
	for _, k := range c.known {
		if k.Root == "" || !c.fresh[k.Seq] {
			continue
		}
		rootSeq := seqs[k.Registry+"/"+k.Root]
		path, root := c.path[k.Seq], c.path[rootSeq]
		replay := filepath.Join(filepath.Dir(path), load.ReplayFile)
		rows = append(rows, "("+strings.Join([]string{quote(k.Registry), strconv.FormatInt(k.Seq, 10), quote(path), quote(replay),
			strconv.FormatInt(rootSeq, 10), quote(root), strconv.FormatBool(k.Whole)}, ", ")+")")
		events, files = append(events, path), append(files, replay)
		if !slices.Contains(roots, root) {
			roots = append(roots, root)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return d.run(ctx, "models/07_replayed.sql", "{rows}", strings.Join(rows, ", "), "{events}", list(events), "{replays}", list(files), "{roots}", list(roots))
}
