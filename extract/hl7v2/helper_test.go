package hl7v2

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// outcome is what became of a payload, in a form that can be compared and
// written as JSON.
type outcome struct {
	Error   string           `json:"error,omitempty"`
	Records int64            `json:"records"`
	Rows    []map[string]any `json:"rows,omitempty"` // cells that are not null
	Rejects []rejected       `json:"rejects,omitempty"`
	Issues  []found          `json:"issues,omitempty"`
	raw     []string         // each row's record as received
	blocks  int
}

type rejected struct {
	Line   int64  `json:"line"`
	Code   string `json:"code"`
	Record string `json:"record"`
}

type found struct {
	Row   int    `json:"row"` // in the payload
	Line  int64  `json:"line"`
	Code  string `json:"code"`
	Field string `json:"field,omitempty"`
}

// read decodes all of text in blocks of size, checking the promises that hold
// for every payload, and that no Arrow memory is lost.
func read(t testing.TB, text []byte, size int) outcome {
	t.Helper()
	return readFrom(t, bytes.NewReader(text), size)
}

func readFrom(t testing.TB, src io.Reader, size int) (out outcome) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	r, err := (&Decoder{BlockSize: size, Mem: mem}).Open(src, "in.hl7")
	if err != nil {
		return outcome{Error: err.Error()}
	}
	for {
		b, err := r.Next()
		if err == io.EOF { // what is said of batches comes with the block in which they end
			slices.SortStableFunc(out.Issues, func(a, b found) int { return a.Row - b.Row })
			return out
		}
		if err != nil {
			return outcome{Error: err.Error()}
		}
		batch, err := b.Decode()
		if err != nil {
			t.Fatal(err)
		}
		out.blocks++
		n := int(batch.Rows.NumRows())
		if batch.Records != int64(n+len(batch.Rejects)) {
			t.Fatalf("%d records, but %d rows and %d rejects", batch.Records, n, len(batch.Rejects))
		}
		for i := range n {
			out.raw = append(out.raw, string(batch.Record(i)))
		}
		batch.Done()
		for _, x := range batch.Rejects {
			out.Rejects = append(out.Rejects, rejected{x.Line, x.Check.Rule().Code, string(x.Record)})
		}
		for _, x := range batch.Issues {
			f := found{Row: -1, Line: x.Line, Code: x.Check.Rule().Code}
			if x.Row >= 0 {
				f.Row = len(out.Rows) + int(x.Row)
			} else if x.Line != 0 {
				t.Fatal("an issue on the file has a line")
			}
			if x.Field != dose.NoField {
				f.Field = dose.Raw()[x.Field].Name
			}
			out.Issues = append(out.Issues, f)
		}
		out.Records += batch.Records
		out.Rows = append(out.Rows, rowsOf(t, batch.Rows)...)
		batch.Rows.Release()
	}
}

// rowsOf reads a batch cell by cell.
func rowsOf(t testing.TB, b arrow.RecordBatch) []map[string]any {
	t.Helper()
	rows := make([]map[string]any, b.NumRows())
	for i := range rows {
		rows[i] = map[string]any{}
	}
	for k, col := range b.Columns() {
		if col.Len() != len(rows) {
			t.Fatalf("column %s has %d rows, want %d", b.ColumnName(k), col.Len(), len(rows))
		}
		nulls := 0
		for i := range rows {
			if col.IsNull(i) {
				nulls++
				continue
			}
			switch c := col.(type) {
			case *array.Dictionary:
				rows[i][b.ColumnName(k)] = strings.Clone(c.Dictionary().(*array.String).Value(c.GetValueIndex(i)))
			case *array.String:
				rows[i][b.ColumnName(k)] = strings.Clone(c.Value(i))
			case *array.Int64:
				rows[i][b.ColumnName(k)] = c.Value(i)
			}
		}
		if nulls != col.NullN() {
			t.Fatalf("column %s says %d nulls, has %d", b.ColumnName(k), col.NullN(), nulls)
		}
	}
	return rows
}

// Segments of a good message.
const (
	msh = `MSH|^~\&|EHR|1234|IIS|CAIR2|20210305101530-0800||VXU^V04^VXU_V04|M1|P|2.5.1|||ER|AL|||||Z22^CDCPHINVS|County Health^L`
	pid = `PID|1||R1^^^CLINIC^MR||Lee^Ann^Q^^^^L||19800305|F||2106-3^White^CDCREC~2028-9^Asian^CDCREC|1 Main St^Apt 2^Oakland^CA^94601^USA^L^^06001||^PRN^PH^^^510^5550100~^NET^Internet^ann@example.org|||||||||2186-5^Not Hispanic^CDCREC`
	pd1 = `PD1|||||||||||02^Reminder^HL70215|N`
	orc = `ORC|RE|P1|E1^CLINIC`
	rxa = `RXA|0|1|20210304||208^Pfizer^CVX^59267-1000-01^Pfizer^NDC|0.3|mL^^UCUM||00^New^NIP001||^^^Coliseum&123456^^17^^^7000 Coliseum Way^Gate 2^Oakland^CA^94621^USA^^06001||||EN6201|202107|PFR^Pfizer^MVX|||CP|A|20210304110000-0800`
	rxr = `RXR|C28161^Intramuscular^NCIT|LD^Left Deltoid^HL70163`
	obx = `OBX|1|CE|64994-7^Eligibility^LN|1|V01^Not VFC^HL70064`
)

// text joins segments with CR.
func text(segs ...string) []byte { return []byte(strings.Join(segs, "\r") + "\r") }
