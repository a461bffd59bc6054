package extract

import (
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
)

// Fault says why a whole payload can't be read, and what to do. It is of kind
// dose.ErrInvalid. It never quotes the payload: what was taken for a header
// may be a person.
type Fault struct {
	Name     string // the payload's, for the reader
	Line     int64  // physical line; 0 for the file
	Findings []Finding
	Remedy   string
}

// Finding is one thing that is wrong, by the code of CDC's validator where
// there is one.
type Finding struct{ Code, Says string }

// NewFault returns a Fault with one finding.
func NewFault(name string, line int64, code, says, remedy string) *Fault {
	return &Fault{Name: name, Line: line, Findings: []Finding{{code, says}}, Remedy: remedy}
}

func (f *Fault) Error() string {
	var b strings.Builder
	if f.Name != "" {
		b.WriteString(f.Name + ": ")
	}
	if f.Line > 0 {
		b.WriteString("line " + strconv.FormatInt(f.Line, 10) + ": ")
	}
	for i, x := range f.Findings {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(x.Code + " " + x.Says)
	}
	if f.Remedy != "" {
		b.WriteString(": " + f.Remedy)
	}
	return b.String()
}

func (f *Fault) Unwrap() error { return dose.ErrInvalid }
