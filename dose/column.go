package dose

import "github.com/apache/arrow-go/v18/arrow"

// Type is the type of a column, the same in Arrow, Parquet and SQL.
type Type uint8

const (
	Text    Type = iota // few distinct values: dictionary of strings
	LongTxt             // about as many values as rows (ids, streets): plain strings
	Date                // days since 1970-01-01, date32
	Int                 // int32
	Big                 // int64
	Bool
	Time // microseconds since 1970-01-01, UTC
)

// Dictionary is the Arrow type of a Text column.
var Dictionary = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

// Arrow returns the Arrow type of the column's values.
func (t Type) Arrow() arrow.DataType {
	switch t {
	case Text:
		return Dictionary
	case LongTxt:
		return arrow.BinaryTypes.String
	case Date:
		return arrow.FixedWidthTypes.Date32
	case Int:
		return arrow.PrimitiveTypes.Int32
	case Big:
		return arrow.PrimitiveTypes.Int64
	case Bool:
		return arrow.FixedWidthTypes.Boolean
	default:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	}
}

// SQL returns the type's name in standard SQL, as DuckDB and Snowflake take it.
func (t Type) SQL() string {
	switch t {
	case Text, LongTxt:
		return "varchar"
	case Date:
		return "date"
	case Int:
		return "integer"
	case Big:
		return "bigint"
	case Bool:
		return "boolean"
	default:
		return "timestamp"
	}
}

// Stage says who makes a column, and so where it can be found.
type Stage uint8

const (
	Reported Stage = iota // text as it came; in segments and in releases
	Row                   // derived from one row by transform; in segments and in releases
	Lake                  // kept in segments only: match keys, contact data
	Set                   // made by set-wise SQL or by the release; in releases only
)

// Column declares one column, once. Everything that names columns is made
// from such declarations.
type Column struct {
	Name    string
	Type    Type
	Stage   Stage
	Level   Level  // the least level of access that sees it as it is
	Below   Below  // what a lower level sees of it
	Source  string // where the definition comes from
	Meaning string // one sentence for the dictionary
}

// Schema makes the Arrow schema of cols. All columns may be null.
func Schema(cols []Column) *arrow.Schema {
	fields := make([]arrow.Field, len(cols))
	for i, c := range cols {
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type.Arrow(), Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

// Only returns the columns of the given stages, in order.
func Only(cols []Column, stages ...Stage) []Column {
	var out []Column
	for _, c := range cols {
		for _, s := range stages {
			if c.Stage == s {
				out = append(out, c)
			}
		}
	}
	return out
}

// Index returns the place of each column by name.
func Index(cols []Column) map[string]int {
	at := make(map[string]int, len(cols))
	for i, c := range cols {
		at[c.Name] = i
	}
	return at
}
