package pipelines

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/transform"
)

// Inputs that hold no records are CSV files with these headers. Ids are the
// registry's own; a crosswalk's entity is event, recipient or organisation, a
// decision's dose or person, a closing's verdict given-up or open.
var inputHeader = map[string][]string{
	load.Crosswalk: {"entity", "old_registry", "old_id", "new_registry", "new_id"},
	load.Decision:  {"entity", "a_registry", "a_id", "b_registry", "b_id", "verdict", "reason"},
	load.Closing:   {"registry", "segment", "line", "verdict", "reason", "by", "at"},
}

var (
	aliasColumns = []dose.Column{{Name: "entity"}, {Name: "old_registry"}, {Name: "old_id", Type: dose.LongTxt}, {Name: "old_key", Type: dose.Big},
		{Name: "new_registry"}, {Name: "new_id", Type: dose.LongTxt}, {Name: "new_key", Type: dose.Big}}
	decisionColumns = []dose.Column{{Name: "entity"}, {Name: "a_registry"}, {Name: "a_id", Type: dose.LongTxt}, {Name: "a", Type: dose.Big},
		{Name: "b_registry"}, {Name: "b_id", Type: dose.LongTxt}, {Name: "b", Type: dose.Big}, {Name: "verdict"}, {Name: "reason", Type: dose.LongTxt}}
)

// input turns a kept crosswalk or decision file into a segment. Unlike records
// it is taken whole or not at all: half a crosswalk would count doses twice.
func (r *Runner) input(ctx context.Context, k *Known) error {
	f, err := os.Open(r.Raw.Path(k.SHA256))
	if err != nil {
		return err
	}
	defer f.Close()
	in, err := extract.Unpack(f)
	if err != nil {
		return err
	}
	defer in.Close()
	rows, err := readInput(in, k.Format, k.Name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	k.Records = int64(len(rows))
	k.Files, err = r.Lake.WriteInput(k.Registry, k.Segment, inputColumns(k.Format), inputBatch(rows, k.Format))
	return err
}

func inputColumns(format string) []dose.Column {
	switch format {
	case load.Crosswalk:
		return aliasColumns
	case load.Closing:
		return closingColumns
	}
	return decisionColumns
}

// readInput reads all rows and refuses the file at its first bad line.
func readInput(in io.Reader, format, name string) ([][]string, error) {
	bad := func(line int, says string) error {
		return fmt.Errorf("%s: line %d: %s; correct it and load the file again: %w", name, line, says, dose.ErrInvalid)
	}
	c := csv.NewReader(in)
	c.FieldsPerRecord = -1
	header := inputHeader[format]
	got, err := c.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, bad(1, err.Error())
	}
	if len(got) > 0 {
		got[0] = strings.TrimPrefix(got[0], "\ufeff")
	}
	if strings.ToLower(strings.Join(got, ",")) != strings.Join(header, ",") {
		return nil, bad(1, "the header is not "+strings.Join(header, ","))
	}
	var rows [][]string
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			line := 0
			if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
				line = parse.StartLine
			}
			return nil, bad(line, "not CSV, such as a quote that is never closed")
		}
		line, _ := c.FieldPos(0)
		if says := checkInput(rec, format, len(header)); says != "" {
			return nil, bad(line, says)
		}
		rows = append(rows, rec)
	}
}

func checkInput(rec []string, format string, fields int) string {
	if len(rec) != fields {
		return fmt.Sprintf("%d fields, not %d", len(rec), fields)
	}
	for i := range rec {
		rec[i] = strings.TrimSpace(rec[i])
		if rec[i] == "" && i < 6 {
			return "a field is empty"
		}
	}
	if format == load.Closing {
		return checkClosing(rec)
	}
	if load.CheckRegistry(rec[1]) != nil || load.CheckRegistry(rec[3]) != nil {
		return "a registry's name is not 1 to 32 of A-Z, 0-9, - and _"
	}
	entities, verdicts := "event recipient organisation", ""
	if format == load.Decision {
		entities, verdicts = "dose person", "same different open"
	}
	if !strings.Contains(" "+entities+" ", " "+rec[0]+" ") {
		return "the entity is not one of " + entities
	}
	if verdicts != "" && !strings.Contains(" "+verdicts+" ", " "+rec[5]+" ") {
		return "the verdict is not one of " + verdicts
	}
	if rec[1] == rec[3] && rec[2] == rec[4] {
		return "both ids are the same"
	}
	return ""
}

func inputBatch(rows [][]string, format string) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, dose.Schema(inputColumns(format)))
	defer b.Release()
	for _, r := range rows {
		if format == load.Closing {
			appendClosing(b, r)
			continue
		}
		cells := append([]string{r[0], r[1], r[2], "", r[3], r[4], ""}, r[5:]...)
		for i, s := range cells {
			switch f := b.Field(i).(type) {
			case *array.Int64Builder:
				f.Append(transform.Key(cells[i-2], cells[i-1]))
			case *array.StringBuilder:
				f.Append(s)
			case *array.BinaryDictionaryBuilder:
				_ = f.AppendString(s) // fails only on types that a text never is
			}
		}
	}
	return b.NewRecordBatch()
}
