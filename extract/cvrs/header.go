package cvrs

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// replays is the column by which a replay says which reject a record mends
// (docs/SENDERS.md). It is the runner's matter.
const replays = "replays"

// parseHeader reads the line of column names: any order, any case, quoted or
// not (CVRS v2, data conventions 4 and 7). All 45 columns must be there, even
// when they are empty; what else it names is read when the raw schema has it.
func parseHeader(line []byte, name string, number int64) (*layout, error) {
	l := &layout{schema: dose.RawSchema(), cols: dose.Raw()}
	l.at = make([]int, len(l.cols))
	for i := range l.at {
		l.at[i] = -1
	}
	known := dose.Index(l.cols)
	delete(known, "line") // ours: never taken from a file
	cells := strings.Split(string(bytes.TrimSuffix(line, []byte("\r"))), "\t")
	l.full = len(cells)
	var twice []string
	for i, cell := range cells {
		folded := extract.FoldName(cell)
		if folded != "" {
			l.need = i + 1
		}
		field, ok := known[folded]
		switch {
		case !ok:
			l.unknown = l.unknown || folded != "" && folded != replays
		case l.at[field] >= 0:
			twice = append(twice, folded)
		default:
			l.at[field] = i
		}
	}
	return l, l.fault(name, number, twice)
}

// fault says what is wrong with the header, or returns nil.
func (l *layout) fault(name string, number int64, twice []string) error {
	var missing []string
	for i, c := range l.cols[:dose.CVRSColumns] {
		if l.at[i] < 0 {
			missing = append(missing, c.Name)
		}
	}
	switch {
	case len(missing) == dose.CVRSColumns:
		f := extract.NewFault(name, number, "FMT_003", "the file is not a CVRS: its first line names none of the columns",
			"the first line must hold the CVRS column names, with tabs between them")
		if l.full == 1 {
			f.Findings = append([]extract.Finding{{Code: "FMT_001", Says: "the file is not tab delimited"}}, f.Findings...)
		}
		return f
	case len(missing) > 0:
		says := fmt.Sprintf("the file is missing headers [%s]", strings.Join(missing, ", "))
		return extract.NewFault(name, number, "FMT_004", says, "add the columns; they may be empty, but must be there")
	case len(twice) > 0:
		says := fmt.Sprintf("the header names columns twice [%s]", strings.Join(twice, ", "))
		return extract.NewFault(name, number, "FMT_002", says, "keep the one that is right and take out the other")
	}
	return nil
}
