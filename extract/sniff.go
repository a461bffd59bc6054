package extract

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/dosebook/dosebook/dose"
)

// Sniff names the format of an unpacked payload by its first bytes (a few
// kilobytes will do): "cvrs", "hl7v2", "fhir", or "" when it is none that it
// knows. Refuse then tells why.
func Sniff(head []byte) string {
	text := trimHead(head)
	switch {
	case isHL7(text):
		return "hl7v2"
	case len(text) > 0 && (text[0] == '{' || text[0] == '[') && bytes.Contains(text, []byte(`"resourceType"`)):
		return "fhir"
	case bytes.IndexByte(firstLine(text), '\t') >= 0 && cvrsNames(firstLine(text), "\t") > 0:
		return "cvrs"
	}
	return ""
}

// Refuse returns a Fault for a payload that no decoder can read, with what it
// is and what to send instead, and nil when nothing speaks against it.
func Refuse(head []byte, name string) error {
	text := trimHead(head)
	line := firstLine(text)
	switch {
	case len(head) == 0 || len(text) == 0:
		return NewFault(name, 0, "FMT_003", "the file is empty", "send it again; a day without doses still has the header line")
	case isUTF16(head):
		return NewFault(name, 0, "FMT_003", "the file is UTF-16 or UTF-32", "export it as UTF-8 text")
	case isHTML(text):
		return NewFault(name, 0, "FMT_003", "the file is a web page, perhaps a sign-in or error page that was saved in its place", "download the file again, signed in")
	case cvrsNames(line, "\t") > 0: // whatever the records hold, they are judged one by one
		return nil
	case binaryKind(head) != "":
		return NewFault(name, 0, "FMT_003", "the file is "+binaryKind(head)+", no text", "send UTF-8 text, plain, in gzip or in a zip of one file")
	}
	for _, d := range []struct{ sep, what string }{{",", "comma"}, {";", "semicolon"}, {"|", "pipe"}} {
		if bytes.IndexByte(line, '\t') < 0 && cvrsNames(line, d.sep) > 1 {
			return &Fault{name, 1, []Finding{{"FMT_001", "this is " + d.what + " separated; CVRS is tab separated"}},
				"export it with tabs between the fields, and without quotes"}
		}
	}
	return nil
}

// trimHead takes the UTF-8 byte order mark and the white space (and the
// start-block byte of HL7's MLLP) off the front.
func trimHead(head []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n\v")
}

func firstLine(text []byte) []byte {
	if i := bytes.IndexAny(text, "\r\n"); i >= 0 {
		return text[:i]
	}
	return text
}

// isHL7 wants a header segment and its delimiters. FHS and BHS are HL7's batch
// file and batch headers (HL7 2.5.1, 2.10.3).
func isHL7(text []byte) bool {
	if len(text) < 8 {
		return false
	}
	if id := string(text[:3]); id != "MSH" && id != "FHS" && id != "BHS" {
		return false
	}
	sep := text[3]
	return sep > ' ' && sep < 0x7f && !('0' <= sep && sep <= '9' || 'A' <= sep && sep <= 'Z' || 'a' <= sep && sep <= 'z')
}

// cvrsNames counts the CVRS columns that line names, in any case, quoted or not.
func cvrsNames(line []byte, sep string) int {
	at := dose.Index(dose.Raw()[:dose.CVRSColumns])
	n := 0
	for _, cell := range strings.Split(string(line), sep) {
		if _, ok := at[FoldName(cell)]; ok {
			n++
		}
	}
	return n
}

// FoldName brings a header cell to the form of dose's column names: lower
// case, without the white space, quotes and byte order mark around it.
func FoldName(cell string) string {
	return strings.ToLower(strings.Trim(cell, " \t\r\n\"\ufeff\u00a0"))
}

// isUTF16 sees a byte order mark, or text in which every other byte (UTF-16)
// or three of four (UTF-32) are NUL.
func isUTF16(head []byte) bool {
	for _, bom := range []string{"\xff\xfe", "\xfe\xff", "\x00\x00\xfe\xff"} {
		if bytes.HasPrefix(head, []byte(bom)) {
			return true
		}
	}
	head = head[:min(len(head), 256)&^3]
	var nul [4]int
	for i, c := range head {
		if c == 0 {
			nul[i%4]++
		}
	}
	n := len(head) / 4
	often := func(k int) bool { return n > 1 && nul[k]*10 >= n*9 }
	even, odd := often(0) && often(2), often(1) && often(3)
	return even != odd
}

func isHTML(text []byte) bool {
	low := bytes.ToLower(text[:min(len(text), 512)])
	for _, tag := range []string{"<!doctype html", "<html", "<head", "<body", "<script"} {
		if bytes.HasPrefix(low, []byte(tag)) {
			return true
		}
	}
	return bytes.HasPrefix(low, []byte("<")) && bytes.Contains(low, []byte("<html"))
}

// binaryKind names what a payload is that is no text, or returns "". Single
// NUL bytes and bytes that are no UTF-8 are the records' matter, not the
// file's.
func binaryKind(head []byte) string {
	for _, k := range []struct{ magic, kind string }{
		{"\x28\xb5\x2f\xfd", "packed with zstd"}, {"BZh", "packed with bzip2"}, {"\xfd7zXZ\x00", "packed with xz"},
		{"7z\xbc\xaf", "packed with 7-Zip"}, {"\x1f\x8b", "packed with gzip twice"}, {"PK\x03\x04", "a zip inside another file"},
		{"%PDF-", "a PDF"}, {"PAR1", "Parquet"}, {"\xd0\xcf\x11\xe0", "an old Office document"}, {"-----BEGIN PGP", "encrypted with PGP"},
	} {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.kind
		}
	}
	head = head[:min(len(head), 4096)]
	odd := 0
	for _, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\v' && c != '\f' && c != 0x1b && c != 0x1c {
			odd++
		}
	}
	if len(head) > 16 && odd*10 > len(head) || odd > 0 && odd*2 > len(head) && !utf8.Valid(head) {
		return "binary"
	}
	return ""
}
