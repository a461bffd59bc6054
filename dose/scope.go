package dose

import "fmt"

// Level is how much of a person a reader may see. Higher sees more.
type Level uint8

const (
	Deidentified Level = iota // 45 CFR 164.514(b)(2), safe harbor, record level
	Limited                   // 45 CFR 164.514(e): no names, street, phone; ZIP and dates stay
	Identified
)

var levelNames = [...]string{"deidentified", "limited", "identified"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// ParseLevel returns the level of that name, or an error of kind ErrInvalid.
func ParseLevel(s string) (Level, error) {
	for i, n := range levelNames {
		if s == n {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("level %q is not one of deidentified, limited, identified: %w", s, ErrInvalid)
}
