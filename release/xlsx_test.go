package release

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// writeSheets writes src as XLSX with at most so many rows a sheet.
func writeSheets(t testing.TB, src string, most int) []byte {
	t.Helper()
	f, p, err := openParquet(src)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	if n, err := writeXLSX(t.Context(), p, &b, "rows", most); err != nil || n != p.NumRows() {
		t.Fatal(n, err)
	}
	return b.Bytes()
}

// parts returns the texts of a workbook by name, each proven to be XML.
func parts(t testing.TB, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(bytes.NewReader(text))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s is no XML: %v", f.Name, err)
			}
		}
		out[f.Name] = string(text)
	}
	return out
}

func TestXLSXSplitsOverSheets(t *testing.T) {
	rows := randomRows(rand.New(rand.NewPCG(9, 9)), 30)
	src := writeParquet(t, oneOfEach, rows, 8)
	for _, c := range []struct{ most, sheets int }{{30, 1}, {29, 2}, {10, 3}, {7, 5}, {1, 30}} {
		p := parts(t, writeSheets(t, src, c.most))
		n := 0
		for name, text := range p {
			if strings.HasPrefix(name, "xl/worksheets/") {
				n++
				if have := strings.Count(text, "<row "); have > c.most+1 || have < 2 {
					t.Errorf("most %d: %s has %d rows", c.most, name, have)
				}
				if strings.Contains(text, "<f>") || !strings.HasSuffix(text, "</sheetData></worksheet>") {
					t.Errorf("%s holds a formula or does not end", name)
				}
			}
		}
		if n != c.sheets || strings.Count(p["xl/workbook.xml"], "<sheet ") != n {
			t.Errorf("most %d: %d sheets, want %d", c.most, n, c.sheets)
		}
	}
	if a, b := writeSheets(t, src, 7), writeSheets(t, src, 7); !bytes.Equal(a, b) {
		t.Error("two workbooks of one file differ")
	}
}

func TestXLSXSheetsReadBack(t *testing.T) {
	python(t)
	src := writeParquet(t, oneOfEach, randomRows(rand.New(rand.NewPCG(10, 3)), 300), 70)
	stem := allFormats(t, src)
	if err := os.WriteFile(stem+".xlsx", writeSheets(t, src, 64), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, ok := readBack(t, stem); !ok || !strings.Contains(out, "5 sheets: 300 rows") {
		t.Error(out)
	}
}

func TestXLSXCells(t *testing.T) {
	rows := [][]any{
		{"=1+1", "_x0041_ & <b>", 18976, -5, 1 << 60, true, 86_400_000_000},
		{" 0012", "a\r\x01b", -25568, nil, 7, false, nil},
	}
	got := parts(t, writeSheets(t, writeParquet(t, oneOfEach, rows, 2), sheetRows))["xl/worksheets/sheet1.xml"]
	for _, want := range []string{
		`<c r="A2" t="inlineStr"><is><t>=1+1</t></is></c>`,
		`<c r="B2" t="inlineStr"><is><t>_x005f_x0041_ &amp; &lt;b&gt;</t></is></c>`,
		`<c r="C2" s="1"><v>44545</v></c>`, `<c r="D2"><v>-5</v></c>`, `<c r="E2" t="inlineStr"><is><t>1152921504606846976</t></is></c>`,
		`<c r="F2" t="b"><v>1</v></c>`, `<c r="G2" s="2"><v>25570</v></c>`,
		`<c r="A3" t="inlineStr"><is><t xml:space="preserve"> 0012</t></is></c>`, `<t>a&#13;_x0001_b</t>`,
		`<c r="C3" t="inlineStr"><is><t>1899-12-31</t></is></c><c r="E3" t="inlineStr">`,
		`<c r="F3" t="b"><v>0</v></c></row>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
	counts := []dose.Column{{Name: "total", Type: dose.Big}, {Name: "place", Type: dose.Big}}
	got = parts(t, writeSheets(t, writeParquet(t, counts, [][]any{{12, 1 << 59}, {nil, nil}}, 1), sheetRows))["xl/worksheets/sheet1.xml"]
	if !strings.Contains(got, `<c r="A2"><v>12</v></c><c r="B2" t="inlineStr"><is><t>576460752303423488</t>`) {
		t.Errorf("a count is no number, or an id is one: %s", got)
	}
}

func TestXLSXRefusesWhatACellCannotHold(t *testing.T) {
	for text, ok := range map[string]bool{strings.Repeat("é", cellUnits): true, strings.Repeat("é", cellUnits) + "x": false, strings.Repeat("🏥", cellUnits/2+1): false} {
		src := writeParquet(t, oneOfEach[:1], [][]any{{text}}, 1)
		_, err := ConvertTo(t.Context(), src, io.Discard, XLSX)
		if ok && err != nil || !ok && !errors.Is(err, dose.ErrInvalid) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

func TestColumnRef(t *testing.T) {
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA"} {
		if got := columnRef(i); got != want {
			t.Errorf("column %d is %s, want %s", i, got, want)
		}
	}
}
