package snowflake

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/load"
)

// snapshot is the action of segments that hold all of their registry's events.
const snapshot = "S"

// chunk is the entries of one application, sorted by what they are.
type chunk struct {
	first, last int64
	records     []load.Entry // all known segments with records
	inputs      []load.Entry // all known without
	fresh       map[int64]bool
	retimed     map[string]bool // segments with a new source time, by key
	files       map[string][]file
}

func newChunk(entries, known []load.Entry) *chunk {
	c := &chunk{first: entries[0].Seq, last: entries[len(entries)-1].Seq, fresh: map[int64]bool{}, retimed: map[string]bool{}, files: map[string][]file{}}
	for _, e := range entries {
		if e.Retime {
			c.retimed[key(e)] = true
		}
	}
	for _, k := range known {
		if k.Seq >= c.first {
			c.fresh[k.Seq] = true
			delete(c.retimed, key(k))
		}
		switch {
		case !k.HoldsRecords():
			c.inputs = append(c.inputs, k)
			c.arrive(k, k.Format, load.InputFile)
		default:
			c.records = append(c.records, k)
			c.arrive(k, events, load.EventFile)
			if k.Root != "" {
				c.arrive(k, replays, load.ReplayFile)
			}
		}
	}
	return c
}

func (c *chunk) arrive(k load.Entry, kind, name string) {
	if c.fresh[k.Seq] {
		c.files[kind] = append(c.files[kind], file{k, name})
	}
}

// inputRows are the rows of input_in.
func (c *chunk) inputRows() (rows []string) {
	for _, k := range c.inputs {
		rows = append(rows, fmt.Sprintf("(%d, %s, %d, %t)", k.Seq, quote(key(k)), k.SourceTime, c.fresh[k.Seq] || c.retimed[key(k)]))
	}
	return rows
}

// segmentRows are the rows of segment_in.
func (c *chunk) segmentRows() (rows []string) {
	for _, k := range c.records {
		rows = append(rows, fmt.Sprintf("(%d, %s, %s, %s, %d, %t, %t)", k.Seq, quote(key(k)), quote(k.Registry), quote(k.Action), k.SourceTime, c.fresh[k.Seq], k.Action == snapshot))
	}
	return rows
}

// anew are the segments with records whose time turned out to be earlier, and
// the registries of snapshots among them, as SQL lists.
func (c *chunk) anew() (segments, registries []string) {
	for _, k := range c.records {
		if !c.fresh[k.Seq] && c.retimed[key(k)] {
			segments = append(segments, quote(key(k)))
			if k.Action == snapshot {
				registries = append(registries, quote(k.Registry))
			}
		}
	}
	return segments, registries
}

// replayRows are the rows of replay_in.
func (c *chunk) replayRows() (rows, roots []string) {
	seqs := map[string]int64{}
	for _, k := range c.records {
		seqs[key(k)] = k.Seq
	}
	for _, f := range c.files[replays] {
		k := f.entry
		root := k.Registry + "/" + k.Root
		rows = append(rows, "("+strings.Join([]string{quote(k.Registry), strconv.FormatInt(k.Seq, 10), quote(key(k)), quote(key(k)),
			strconv.FormatInt(seqs[root], 10), quote(root), strconv.FormatBool(k.Whole)}, ", ")+")")
		roots = append(roots, quote(root))
	}
	return rows, roots
}

// mostlyNew says whether the chunk brings at least as many rows as there were.
func (c *chunk) mostlyNew() bool {
	var fresh, before int64
	for _, k := range c.records {
		if c.fresh[k.Seq] {
			fresh += k.Rows
		} else {
			before += k.Rows
		}
	}
	return fresh >= before
}
