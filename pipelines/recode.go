package pipelines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// Recoded counts stored rows whose meaning other code tables would change.
type Recoded struct {
	Registry string `json:"registry"`
	CVX      int    `json:"cvx"`
	NDC      string `json:"ndc,omitempty"`
	Column   string `json:"column"` // vaccine_name, manufacturer, vaccine_type; ndc: known or not, which is an issue
	From     string `json:"from"`
	To       string `json:"to"`
	Rows     int64  `json:"rows"`
}

// Recode is what a change of code tables would do to what is stored.
type Recode struct {
	Rows    int64     `json:"rows"`    // stored, without deletes
	Changed int64     `json:"changed"` // of them, in one column or more
	By      []Recoded `json:"by"`
}

// recodeColumns are all that a row's vaccine is derived from, and what was
// derived.
var recodeColumns = []string{"admin_date", "cvx", "ndc", "mvx", "vaccine_name", "manufacturer", "vaccine_type", "tombstone"}

// coded is what rows of one meaning have in common.
type coded struct {
	cvx                   int32
	ndc, mvx              string
	day                   int32 // the first that was seen of its season
	name, maker, typ, era string
}

// RecodeStored scans the segments for rows that would mean something else by
// the tables next: what is stored stands against what transform would derive.
// A CVX stays what it is: what becomes of rows that took theirs from the NDC,
// and of refused records, Remap says.
func RecodeStored(ctx context.Context, lake load.Lake, known []Known, old, next *dose.CodeTables) (*Recode, error) {
	out := &Recode{By: []Recoded{}}
	by := map[Recoded]int64{}
	for _, k := range known {
		if !k.HoldsRecords() {
			continue
		}
		groups := map[coded]int64{}
		if err := countCodes(ctx, lake, k, groups); err != nil {
			return nil, fmt.Errorf("segment %s/%s: %w", k.Registry, k.Segment, err)
		}
		for c, n := range groups {
			out.Rows += n
			if c.recode(k.Registry, old, next, n, by) {
				out.Changed += n
			}
		}
	}
	for r, n := range by {
		r.Rows = n
		out.By = append(out.By, r)
	}
	slices.SortFunc(out.By, func(a, b Recoded) int {
		if a.Rows != b.Rows {
			return int(max(min(b.Rows-a.Rows, 1), -1))
		}
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	return out, nil
}

// recode counts what changes for n rows; false when nothing does.
func (c coded) recode(registry string, old, next *dose.CodeTables, n int64, by map[Recoded]int64) bool {
	to := next.Meaning(int(c.cvx), c.ndc, c.mvx, c.day)
	_, was := old.Product(c.ndc)
	_, is := next.Product(c.ndc)
	known := map[bool]string{true: "known", false: "unknown"}
	any := false
	for _, x := range [][3]string{{"vaccine_name", c.name, to.Name}, {"manufacturer", c.maker, to.Manufacturer},
		{"vaccine_type", c.typ, to.Type}, {"ndc", known[was], known[is]}} {
		if x[1] == x[2] {
			continue
		}
		any = true
		r := Recoded{Registry: registry, CVX: int(c.cvx), Column: x[0], From: x[1], To: x[2]}
		if is || was {
			r.NDC = c.ndc
		}
		by[r] += n
	}
	return any
}

func countCodes(ctx context.Context, lake load.Lake, k Known, groups map[coded]int64) (err error) {
	s, err := lake.Stored(k.Registry, k.Segment, load.EventFile, recodeColumns)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for {
		b, err := s.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = countBatch(b, groups)
		b.Release()
		if err != nil {
			return err
		}
	}
}

func countBatch(b arrow.RecordBatch, groups map[coded]int64) error {
	cvx, ok1 := column(b, "cvx").(*array.Int32)
	day, ok2 := column(b, "admin_date").(*array.Date32)
	dead, ok3 := column(b, "tombstone").(*array.Boolean)
	if !ok1 || !ok2 || !ok3 {
		return fmt.Errorf("this is no segment of events: %w", dose.ErrInvalid)
	}
	var texts [5]arrow.Array
	for i, name := range []string{"ndc", "mvx", "vaccine_name", "manufacturer", "vaccine_type"} {
		texts[i] = column(b, name)
	}
	for i := range int(b.NumRows()) {
		if dead.IsValid(i) && dead.Value(i) || cvx.IsNull(i) {
			continue
		}
		c := coded{cvx: cvx.Value(i), ndc: textAt(texts[0], i), mvx: textAt(texts[1], i),
			name: textAt(texts[2], i), maker: textAt(texts[3], i), typ: textAt(texts[4], i)}
		d := int32(day.Value(i))
		// The day matters by its season alone, which any of its days tells.
		c.era = dose.SeasonOn(d)
		c.day = dose.SeasonStart(c.era)
		groups[c]++
	}
	return nil
}
