package dose

import (
	"embed"
	"strconv"
	"strings"
)

// The tables hold facts of the sources that their first line names, in
// dosebook's own layout: tab separated, one comment line or more at the head.
//
//go:embed tables/*.tsv
var tables embed.FS

// table returns the rows of an embedded table. A table that lacks cells would
// be found by the tests, so a short row is filled up instead of refused.
func table(name string, columns int) [][]string {
	text, err := tables.ReadFile("tables/" + name + ".tsv")
	if err != nil {
		return nil
	}
	return splitTable(text, columns)
}

func splitTable(text []byte, columns int) [][]string {
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		if line[0] == '#' {
			continue
		}
		row := strings.Split(strings.TrimRight(line, "\n"), "\t")
		for len(row) < columns {
			row = append(row, "")
		}
		rows = append(rows, row)
	}
	return rows
}

// number reads a cell of a table; an empty one is 0.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
