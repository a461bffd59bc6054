package dose

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// cdcRow is one entry of a CDC download, by the fields' names.
type cdcRow map[string]string

// cdcForms are CDC's downloads by their names without ending. XML names its
// fields; the text forms hold them in this order, divided by | or tabs, with
// or without a header (NDC tables: immregistries/codebase, cdc-source).
var cdcForms = map[string][]string{
	"cvx":           {"CVXCode", "ShortDescription", "FullVaccinename", "Notes", "Status", "internalID", "nonvaccine", "LastUpdated"},
	"mvx":           {"MVX_CODE", "Manufacturer Name", "Notes", "Status", "Last Updated"},
	"tradename":     {"CDC Product Name", "Short Description", "CVXCode", "Manufacturer", "MVX Code", "MVX Status", "Product name Status", "Last Updated"},
	"vac2vg":        {"ShortDescription", "CVXCode", "Status", "Vaccine Group Name", "CVX for Vaccine Group"},
	"ndc_unit_use":  {"id", "", "", "", "name", "", "", "from", "to", "", "", "CVXCode", "", "", "ndc", "Last Updated", ""},
	"ndc_unit_sale": {"id", "", "", "", "name", "", "", "from", "to", "", "", "Last Updated", "CVXCode", "", "ndc", ""},
	"ndc_linker":    {"id", "sale", "use", "MVX Code"},
}

// CDCForm returns which of CDC's downloads a file of that name is.
func CDCForm(name string) (string, bool) {
	stem, ext, _ := strings.Cut(strings.ToLower(path.Base(name)), ".")
	_, ok := cdcForms[stem]
	return stem, ok && (ext == "xml" || ext == "txt")
}

// readCDC reads one download. An error says where it is broken.
func readCDC(form string, text []byte) (rows []cdcRow, err error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")) {
		rows, err = readCDCXML(text)
	} else {
		rows, err = readCDCText(cdcForms[form], text)
	}
	if err == nil && len(rows) == 0 {
		err = errors.New("it holds no entry")
	}
	if err != nil {
		return nil, fmt.Errorf("this is not CDC's %s table: %w: %w", form, err, ErrInvalid)
	}
	return rows, nil
}

func readCDCText(fields []string, text []byte) (rows []cdcRow, err error) {
	if !utf8.Valid(text) {
		text = latin1(text)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		by := "|"
		if !strings.Contains(line, by) {
			by = "\t"
		}
		cells := strings.Split(line, by)
		if strings.TrimSpace(line) == "" || n == 1 && isHeader(cells) {
			continue
		}
		row := cdcRow{}
		for i, f := range fields {
			if f != "" && i < len(cells) {
				row[f] = unpadded(cells[i])
			}
		}
		if len(cells) < min(len(fields), 4) {
			return nil, fmt.Errorf("line %d has %d fields", n, len(cells))
		}
		rows = append(rows, row)
	}
	return rows, lines.Err()
}

// isHeader says whether a first line names fields: those lines name a code.
func isHeader(cells []string) bool {
	for _, c := range cells {
		if c = strings.ToLower(c); strings.HasPrefix(c, "cvx") || strings.HasPrefix(c, "mvx") {
			return true
		}
	}
	return false
}

// readCDCXML reads an entry for each element below the root: elements with
// text (cvx.xml), or pairs of Name and Value (the others).
func readCDCXML(text []byte) ([]cdcRow, error) {
	var doc struct {
		Entries []struct {
			Fields []struct {
				XMLName xml.Name
				Text    string `xml:",chardata"`
			} `xml:",any"`
		} `xml:",any"`
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if !strings.EqualFold(charset, "ISO-8859-1") && !strings.EqualFold(charset, "windows-1252") {
			return nil, fmt.Errorf("charset %q is not known", charset)
		}
		b, err := io.ReadAll(in)
		return bytes.NewReader(latin1(b)), err
	}
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	var rows []cdcRow
	for _, e := range doc.Entries {
		row, name := cdcRow{}, ""
		for _, f := range e.Fields {
			switch v := unpadded(f.Text); f.XMLName.Local {
			case "Name":
				name = v
			case "Value":
				row[name] = v
			default:
				row[f.XMLName.Local] = v
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// unpadded leaves one space between words: CDC pads its cells.
func unpadded(s string) string { return strings.Join(strings.Fields(s), " ") }

func latin1(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8)
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// cdcDate makes an ISO date of the ways CDC writes one; empty for none.
func cdcDate(s string) string {
	s, _, _ = strings.Cut(s, " ")
	for _, layout := range []string{"1/2/2006", "20060102", "2006/01/02", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	return ""
}
