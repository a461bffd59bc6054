package load

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// issueColumns are the columns of issue.parquet: findings on rows that loaded.
var issueColumns = []dose.Column{
	{Name: "row_no", Type: dose.Big, Meaning: "Row in the segment, from 0."},
	{Name: "line", Type: dose.Big, Meaning: "Physical line in the payload; 0 for the file."},
	{Name: "code", Meaning: "Code of the check."},
	{Name: "severity", Meaning: "INFO, WARN, ERROR."},
	{Name: "field", Meaning: "Raw column."},
}

// rejectColumns are the columns of reject.parquet.
var rejectColumns = []dose.Column{
	{Name: "line", Type: dose.Big, Meaning: "Physical line in the payload."},
	{Name: "record", Type: dose.LongTxt, Meaning: "The record as it was received."},
	{Name: "field", Meaning: "Raw column, empty for the whole record."},
	{Name: "code", Meaning: "Code of the check."},
	{Name: "message", Meaning: "What is wrong."},
	{Name: "remedy", Meaning: "What to do."},
	{Name: "sender", Meaning: "Who sent it, by the registry's list of senders; null where that could not be read."},
}

// replayColumns are the columns of replay.parquet: which rejects a replay
// takes up again, and where they stand in its payload.
var replayColumns = []dose.Column{
	{Name: "line", Type: dose.Big, Meaning: "First physical line of the record in the replay."},
	{Name: "until", Type: dose.Big, Meaning: "The line after its last."},
	{Name: "segment", Meaning: "Segment of the reject."},
	{Name: "origin_line", Type: dose.Big, Meaning: "Line of the reject in that segment's payload."},
	{Name: "root_line", Type: dose.Big, Meaning: "Line where the record was first refused, in the payload that all these replays go back to."},
}

// issueBatch makes a batch of issues; base is the batch's first row in the segment.
func issueBatch(issues []dose.Issue, base int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, dose.Schema(issueColumns))
	defer b.Release()
	row, line := b.Field(0).(*array.Int64Builder), b.Field(1).(*array.Int64Builder)
	code, severity, field := dictionary(b, 2), dictionary(b, 3), dictionary(b, 4)
	names := dose.Raw()
	for _, i := range issues {
		rule := i.Check.Rule()
		row.Append(base + int64(i.Row))
		line.Append(i.Line)
		appendText(code, rule.Code)
		appendText(severity, i.Severity().String())
		if i.Field == dose.NoField {
			field.AppendNull()
		} else {
			appendText(field, names[i.Field].Name)
		}
	}
	return b.NewRecordBatch()
}

func rejectBatch(rejects []dose.Reject) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, dose.Schema(rejectColumns))
	defer b.Release()
	line, record := b.Field(0).(*array.Int64Builder), b.Field(1).(*array.StringBuilder)
	for _, r := range rejects {
		rule := r.Check.Rule()
		line.Append(r.Line)
		record.Append(text(r.Record))
		for i, s := range []string{r.Field, rule.Code, r.Message(), rule.Remedy} {
			appendText(dictionary(b, 2+i), s)
		}
		if r.Sender == "" {
			dictionary(b, 6).AppendNull()
		} else {
			appendText(dictionary(b, 6), r.Sender)
		}
	}
	return b.NewRecordBatch()
}

func replayBatch(refs []Replayed) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, dose.Schema(replayColumns))
	defer b.Release()
	for _, r := range refs {
		for col, n := range map[int]int64{0: r.Line, 1: r.Until, 3: r.OriginLine, 4: r.RootLine} {
			b.Field(col).(*array.Int64Builder).Append(n)
		}
		appendText(dictionary(b, 2), r.Segment)
	}
	return b.NewRecordBatch()
}

func dictionary(b *array.RecordBuilder, i int) *array.BinaryDictionaryBuilder {
	return b.Field(i).(*array.BinaryDictionaryBuilder)
}

// appendText appends s; a dictionary builder fails only on a type that a
// string never is.
func appendText(b *array.BinaryDictionaryBuilder, s string) { _ = b.AppendString(s) }

// StoredRecord is how a reject keeps the bytes of its record.
func StoredRecord(record []byte) string { return text(record) }

// text makes the bytes of a record storable: Parquet text is UTF-8 without
// NUL in most readers, and a refused record may hold anything.
func text(record []byte) string {
	s := strings.ToValidUTF8(string(record), "\uFFFD")
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}
