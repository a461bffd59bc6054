package cvrs

import (
	"bytes"
	"unicode/utf8"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// unwrap takes off the double quotes around a cell, and halves those inside,
// if they are all doubled; otherwise the quotes are data (CVRS v2 has no
// quoting rule). What it returns has slack behind it, as cell must have.
func unwrap(cell []byte) ([]byte, bool) {
	if len(cell) < 2 || cell[0] != '"' || cell[len(cell)-1] != '"' {
		return cell, false
	}
	inner := cell[1 : len(cell)-1]
	if bytes.IndexByte(inner, '"') < 0 {
		return inner, true
	}
	out := make([]byte, 0, len(inner)+slack)
	for i := 0; i < len(inner); i++ {
		if inner[i] == '"' {
			if i++; i == len(inner) || inner[i] != '"' {
				return cell, false
			}
		}
		out = append(out, inner[i])
	}
	return out, true
}

// transcode gives the chunk a copy of its text, which begins at from, in which
// the cells that are no UTF-8 were read as Windows-1252.
func (w *worker) transcode(c *chunk, from int) {
	field := make(map[int]uint16, len(w.lay.cols)) // by cell
	for i, at := range w.lay.at {
		if at >= 0 {
			field[at] = uint16(i)
		}
	}
	out, pos, row := w.utf8[:0], c.pos, 0
	out = append(out, '\n') // stands for what is before the first line
	start := from
	pos[0] = 0
	for i := 1; i < len(pos); i++ {
		for row < len(c.first)-1 && int(c.first[row+1]) <= i {
			row++
		}
		end := int(pos[i])
		cell := c.text[start:end]
		if utf8.Valid(cell) {
			out = append(out, cell...)
		} else {
			out = extract.AppendWindows1252(out, cell)
			f, read := field[i-int(c.first[row])]
			if read && i >= int(c.first[row]) && bytes.IndexByte(c.text[w.starts[c.row+row]:end], '\n') < 0 {
				w.issue(c.row+row, w.lines[c.row+row], dose.NotUTF8, f)
			}
		}
		pos[i] = uint32(len(out))
		out = append(out, c.text[end])
		start = end + 1
	}
	c.size = len(out)
	w.utf8 = append(out, make([]byte, slack)...)
	c.text = w.utf8
}
