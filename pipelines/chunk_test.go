package pipelines

import (
	"testing"

	"github.com/dosebook/dosebook/load"
)

func TestChunk(t *testing.T) {
	s := func(rows int64) load.Entry { return load.Entry{Rows: rows} }
	r := load.Entry{Retime: true, Rows: rowsAtOnce}
	x, shot := load.Entry{Format: load.Crosswalk}, load.Entry{Action: Snapshot}
	for _, c := range []struct {
		entries []load.Entry
		want    int
	}{
		{[]load.Entry{s(1)}, 1}, {[]load.Entry{s(rowsAtOnce + 1), s(1)}, 1}, {[]load.Entry{s(rowsAtOnce - 1), s(1), s(1)}, 2},
		{[]load.Entry{s(1), s(1), r, s(1)}, 2}, {[]load.Entry{r, r, r, s(1)}, 3}, {[]load.Entry{r}, 1},
		{[]load.Entry{s(1), x, s(1)}, 1}, {[]load.Entry{x, s(1), s(1)}, 3}, {[]load.Entry{s(1), shot, s(1)}, 2}, {[]load.Entry{shot, shot}, 1},
	} {
		if got := len(chunk(c.entries)); got != c.want {
			t.Errorf("%v: %d entries at once, want %d", c.entries, got, c.want)
		}
	}
}
