package hl7v2

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// Message is what an acknowledgement needs of a message: its header's fields,
// escaped as they came but with HL7's own delimiters, and its lines.
type Message struct {
	Line    int64   // of MSH
	End     int64   // the line behind its last
	Orders  []int64 // lines of its RXA, in order
	Header  bool    // it is a message, and its delimiters could be read
	orders  []int64 // lines of its ORC
	control string
	sender  [4]string // MSH-3 to MSH-6
}

// Lister is what blocks of this package can do besides.
type Lister interface {
	// Messages returns the messages of the block, in order, and stray text as
	// messages without a header. It may be called once, before the batch is
	// Done.
	Messages() []Message
}

var _ Lister = (*block)(nil)

func (b *block) Messages() []Message {
	var out []Message
	text := b.text
	if b.kept != nil {
		text = b.kept
	}
	for i, r := range b.regions {
		end := len(text)
		if b.kept == nil {
			end = b.end(i)
		}
		if m, ok := newMessage(text[r.at:end], r); ok {
			out = append(out, m)
		}
	}
	return out
}

// newMessage reads a region; ok is false for a batch or file segment with
// nothing behind it.
func newMessage(text []byte, r region) (m Message, ok bool) {
	m.Line = r.line
	s := newSegments(text, r.line)
	var stray bool
	var d delimiters
	for first := true; ; first = false {
		seg, _, line, more := s.next()
		if !more {
			break
		}
		seg = trimFrame(seg)
		switch {
		case first && r.kind == message:
			if d, m.Header = parseDelimiters(seg); m.Header {
				var p parts
				p.cut(seg, d.field)
				for i := range m.sender {
					m.sender[i] = d.plain(p.at(i + 2))
				}
				m.control = d.plain(p.at(9))
			}
		case len(seg) > 3 && string(seg[:3]) == "RXA" && seg[3] == d.field:
			m.Orders = append(m.Orders, line)
		case len(seg) > 3 && string(seg[:3]) == "ORC" && seg[3] == d.field:
			m.orders = append(m.orders, line)
		case len(seg) > 0 && (!first || r.kind == inside):
			stray = true
		}
	}
	m.End = s.line
	return m, r.kind == message || stray
}

// plain returns a field with HL7's own delimiters in place of those declared.
func (d delimiters) plain(field []byte) string {
	if d.field == '|' && d.comp == '^' && d.rep == '~' && d.esc == '\\' && d.sub == '&' {
		return string(field)
	}
	out := bytes.Clone(field)
	for i, c := range out {
		switch c {
		case d.comp:
			out[i] = '^'
		case d.rep:
			out[i] = '~'
		case d.esc:
			out[i] = '\\'
		case d.sub:
			out[i] = '&'
		case '|', '^', '~', '\\', '&':
			out[i] = ' '
		}
	}
	return string(out)
}

// Finding is something wrong with a line of a payload: a reject or an issue.
type Finding struct {
	Line  int64
	Check dose.Check
	Field string // raw column, or empty
}

// AckWriter writes a batch of acknowledgements, one for each message (ACK^V04,
// CDC guide R1.5, profile Z23). It names segment and field, and never a value.
type AckWriter struct {
	w    io.Writer
	at   string // time of all headers
	n    int
	line []byte
	err  error
}

// NewAckWriter begins a batch. now is the time in its headers.
func NewAckWriter(w io.Writer, now time.Time) *AckWriter {
	a := &AckWriter{w: w, at: now.Format("20060102150405-0700")}
	a.segment("BHS", `^~\&`, "dosebook", "", "", "", a.at)
	return a
}

// Ack acknowledges a message with what was found on its lines.
func (a *AckWriter) Ack(m Message, found []Finding) error {
	a.n++
	a.segment("MSH", `^~\&`, "dosebook", m.sender[3], m.sender[0], m.sender[1], a.at, "", "ACK^V04^ACK", a.id(), "P", "2.5.1", "", "", "NE", "NE", "", "", "", "", "Z23^CDCPHINVS")
	a.segment("MSA", answer(found), m.control)
	said := map[string]bool{} // what befell the whole message was found on each of its doses
	for _, f := range found {
		if where := location(m, f); !said[where+f.Check.Rule().Code] {
			said[where+f.Check.Rule().Code] = true
			a.error(where, f)
		}
	}
	return a.err
}

// Refuse acknowledges a payload of which no message could be read.
func (a *AckWriter) Refuse(f *extract.Fault) error {
	a.n++
	a.segment("MSH", `^~\&`, "dosebook", "", "", "", a.at, "", "ACK^V04^ACK", a.id(), "P", "2.5.1", "", "", "NE", "NE", "", "", "", "", "Z23^CDCPHINVS")
	a.segment("MSA", "AR", "")
	for _, x := range f.Findings {
		a.segment("ERR", "", "MSH^1", "100^Segment sequence error^HL70357", "E", x.Code+"^^L", "", "", escape(x.Says+": "+f.Remedy))
	}
	return a.err
}

// id is MSH-10 of the acknowledgement in hand.
func (a *AckWriter) id() string { return a.at[:14] + "." + strconv.Itoa(a.n) }

// Close ends the batch.
func (a *AckWriter) Close() error {
	a.segment("BTS", strconv.Itoa(a.n))
	return a.err
}

// answer is MSA-1: AR when the message as such can't be taken, AE when
// something is an error or a warning, else AA.
func answer(found []Finding) string {
	out := "AA"
	for _, f := range found {
		switch f.Check {
		case dose.HeaderBad, dose.MessageType, dose.NotProduction, dose.MessageTooLong, dose.StrayText, dose.NULByte:
			return "AR"
		}
		if f.Check.Rule().Severity > dose.Info {
			out = "AE"
		}
	}
	return out
}

// error writes one ERR: ERR-2 where, ERR-3 HL7's code, ERR-4 how bad, ERR-5
// dosebook's code, ERR-8 what it is and what to do.
func (a *AckWriter) error(where string, f Finding) {
	rule := f.Check.Rule()
	severity := map[dose.Severity]string{dose.Info: "I", dose.Warning: "W", dose.Error: "E"}[rule.Severity]
	text := rule.Says + ": " + rule.Remedy
	if f.Field != "" {
		text = f.Field + ": " + text
	}
	a.segment("ERR", "", where, errorCode(f.Check), severity, rule.Code+"^^L", "", "", escape(text))
}

// location is ERR-2: segment, which of its kind in the message, field,
// repetition, component. The number is left out where it was not counted.
func location(m Message, f Finding) string {
	seg, rest := place(m, f)
	n := "1"
	switch seg {
	case "RXR", "OBX":
		n = ""
	case "RXA":
		n = strconv.Itoa(max(1, upTo(m.Orders, f.Line)))
	case "ORC":
		n = strconv.Itoa(max(1, upTo(m.orders, f.Line)))
	}
	return strings.TrimRight(seg+"^"+n+rest, "^")
}

// upTo counts the lines up to one.
func upTo(lines []int64, line int64) int {
	n, found := slices.BinarySearch(lines, line)
	if found {
		n++
	}
	return n
}

// place names the segment, and the field where there is one.
func place(m Message, f Finding) (seg, rest string) {
	p, known := fields[f.Field]
	switch {
	case f.Check == dose.MessageType:
		return "MSH", "^9"
	case f.Check == dose.NotProduction, f.Check == dose.ProcessingUnknown:
		return "MSH", "^11"
	case f.Check == dose.SegmentMissing && known:
		return p.seg, ""
	case f.Check == dose.NoDoseInOrder:
		return "ORC", ""
	case f.Check == dose.NoDoseInMessage:
		return "RXA", ""
	case known:
		return p.seg, "^" + p.field
	case f.Line == m.Line:
		return "MSH", ""
	}
	return "RXA", ""
}

// errorCode is ERR-3 (HL70357).
func errorCode(c dose.Check) string {
	switch c {
	case dose.SegmentMissing, dose.NoDoseInMessage, dose.NoDoseInOrder, dose.SegmentOrder, dose.SegmentBad, dose.StrayText, dose.HeaderBad:
		return "100^Segment sequence error^HL70357"
	case dose.EventIDMissing, dose.AdminDateMissing, dose.VaccineMissing, dose.RequiredBlank, dose.RecipientMissing, dose.StateBlank:
		return "101^Required field missing^HL70357"
	case dose.AdminDateBad, dose.AdminDateCoarse, dose.DateBad, dose.DatePartial, dose.ZIPBad, dose.NULByte, dose.NotUTF8:
		return "102^Data type error^HL70357"
	case dose.CodeUnknown, dose.ExtTypeBad, dose.CountyUnusable, dose.CountyUnknown, dose.SenderUnknown, dose.SenderInTest, dose.SenderOnHold:
		return "103^Table value not found^HL70357"
	case dose.MessageType:
		return "200^Unsupported message type^HL70357"
	case dose.NotProduction, dose.ProcessingUnknown:
		return "202^Unsupported processing id^HL70357"
	case dose.RuleCrashed, dose.MessageTooLong:
		return "207^Application internal error^HL70357"
	}
	return "0^Message accepted^HL70357"
}

// fields says where in HL7 a raw column stands.
var fields = map[string]struct{ seg, field string }{
	"sender_id": {"MSH", "4"}, "source_time": {"MSH", "7"}, "ext_type": {"MSH", "8"}, "control_id": {"MSH", "10"}, "responsible_org": {"MSH", "22^1^1"},
	"recip_id": {"PID", "3^1^1"}, "pprl_id": {"PID", "3^2^1"}, "recip_last_name": {"PID", "5^1^1"}, "recip_first_name": {"PID", "5^1^2"},
	"recip_middle_name": {"PID", "5^1^3"}, "recip_dob": {"PID", "7"}, "recip_sex": {"PID", "8"}, "recip_race_1": {"PID", "10^1"},
	"recip_race_2": {"PID", "10^2"}, "recip_race_3": {"PID", "10^3"}, "recip_race_4": {"PID", "10^4"}, "recip_race_5": {"PID", "10^5"}, "recip_race_6": {"PID", "10^6"},
	"recip_address_street": {"PID", "11^1^1"}, "recip_address_street_2": {"PID", "11^1^2"}, "recip_address_city": {"PID", "11^1^3"},
	"recip_address_state": {"PID", "11^1^4"}, "recip_address_zip": {"PID", "11^1^5"}, "recip_address_county": {"PID", "11^1^9"},
	"recip_death_date": {"PID", "29"}, "recip_phone": {"PID", "13"}, "recip_email": {"PID", "13"}, "recip_ethnicity": {"PID", "22^1^1"}, "protection": {"PD1", "12"},
	"vax_event_id": {"ORC", "3^1^1"}, "admin_date": {"RXA", "3"}, "cvx": {"RXA", "5^1^1"}, "ndc": {"RXA", "5"}, "information_source": {"RXA", "9^1^1"},
	"admin_name": {"RXA", "11^1^4"}, "vtrcks_prov_pin": {"RXA", "11^1^4^2"}, "admin_type": {"RXA", "11^1^6"},
	"admin_address_street": {"RXA", "11^1^9"}, "admin_address_street_2": {"RXA", "11^1^10"}, "admin_address_city": {"RXA", "11^1^11"},
	"admin_address_state": {"RXA", "11^1^12"}, "admin_address_zip": {"RXA", "11^1^13"}, "admin_address_county": {"RXA", "11^1^16"},
	"lot_number": {"RXA", "15"}, "vax_expiration": {"RXA", "16"}, "mvx": {"RXA", "17^1^1"}, "refusal_reason": {"RXA", "18^1^1"},
	"completion": {"RXA", "20"}, "vax_refusal": {"RXA", "20"}, "action": {"RXA", "21"}, "entry_time": {"RXA", "22"},
	"vax_route": {"RXR", "1"}, "vax_admin_site": {"RXR", "2"},
	"eligibility": {"OBX", "5"}, "funding_source": {"OBX", "5"}, "dose_num": {"OBX", "5"}, "vax_series_complete": {"OBX", "5"}, "cmorbid_status": {"OBX", "5"}, "serology": {"OBX", "5"},
}

// escape makes a text safe within a field.
func escape(s string) string {
	var out []byte
	for i := range len(s) {
		if e, ok := map[byte]string{'|': `\F\`, '^': `\S\`, '&': `\T\`, '~': `\R\`, '\\': `\E\`}[s[i]]; ok {
			out = append(out, e...)
		} else {
			out = append(out, s[i])
		}
	}
	return string(out)
}

// segment writes one segment; MSH and BHS begin with their delimiters, as
// their first field is the separator itself.
func (a *AckWriter) segment(name string, fields ...string) {
	if a.err != nil {
		return
	}
	for len(fields) > 0 && fields[len(fields)-1] == "" {
		fields = fields[:len(fields)-1]
	}
	a.line = append(a.line[:0], name...)
	for _, f := range fields {
		a.line = append(append(a.line, '|'), f...)
	}
	_, a.err = a.w.Write(append(a.line, '\r'))
}
