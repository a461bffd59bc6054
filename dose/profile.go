package dose

import "strings"

// Below says what stands in a file that is built below a column's Level.
type Below uint8

const (
	LeftOut Below = iota // nothing: the file has no such column
	Year                 // the year of the date, as an integer, under the name of YearName
	Ninety               // the age, where 90 stands for 90 and more
)

// HighAge is the age that stands for itself and all above it where ages are
// cut: all over 89 may only be told as 90 or older (45 CFR 164.514(b)(2)(i)(C)).
const HighAge = 90

// YearName is what a date column is called where only its year is left.
func YearName(date string) string { return strings.TrimSuffix(date, "_date") + "_year" }

// Profile returns the columns of a file built for a level, in order, each
// declared as it stands in that file. It is the one place that says what a
// level sees;
func Profile(cols []Column, level Level) []Column {
	var out []Column
	for _, c := range cols {
		if made, ok := c.At(level); ok {
			out = append(out, made)
		}
	}
	return out
}

// At returns how the column stands in a file built for a level; ok is false
// where it is left out.
func (c Column) At(level Level) (_ Column, ok bool) {
	if level >= c.Level {
		return c, true
	}
	switch c.Below {
	case Year:
		c.Name, c.Type, c.Meaning = YearName(c.Name), Int, "Year only. "+c.Meaning
	case Ninety:
		c.Meaning += " 90 stands for 90 and more."
	default:
		return Column{}, false
	}
	c.Level = level
	return c, true
}
