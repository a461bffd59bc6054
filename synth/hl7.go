package synth

import (
	"bufio"
	"bytes"
	"context"
	"strconv"
	"strings"
)

// hl7 writes records as VXU^V04 (HL7 2.5.1, profile Z22; CDC immunization
// guide R1.5) in a file of batches: FHS, then BHS … BTS, then FTS, with CR
// behind each segment. MSH-7 is the date of the file with NN as seconds, which
// is the time that CVRS has in a file's name; RXA-21 says what is added,
// updated, deleted.
type hl7 struct{ *world }

func newHL7(w *world) *hl7 { return &hl7{w} }

// messagesPerBatch is small enough that a file of a usual size has several.
const messagesPerBatch = 2_000

const hl7Delimiters = `|^~\&|`

// batchFile is a file while it is written.
type batchFile struct {
	*hl7
	out      *bufio.Writer
	registry string
	letter   string
	control  string // what control ids begin with
	stamp    string // MSH-7

	head, last         []byte // what a message says of sender and person; the last one's
	body               []byte
	orders             int // in the message
	all, here, batches int // messages, those of the batch, batches
}

// file writes the batches.
func (f *hl7) file(ctx context.Context, j *writing, o *output) error {
	return whole(j.at(o), func(out *bufio.Writer) error {
		day := strings.ReplaceAll(o.SourceDate, "-", "")
		b := &batchFile{hl7: f, out: out, registry: o.Registry, letter: o.Registry[:1]}
		b.stamp = day + clock(o.sent) + "+0000"
		b.control = b.letter + day + twoDigits(o.sent)
		b.line("FHS", b.control)
		if err := j.each(ctx, o, b.record); err != nil {
			return err
		}
		b.endBatch()
		out.WriteString("FTS|" + strconv.Itoa(b.batches) + "\r") // an error comes back on Flush
		return nil
	})
}

// clock is so many seconds after midnight, as HHMMSS.
func clock(seconds int) string {
	return twoDigits(seconds/3600%24) + twoDigits(seconds/60%60) + twoDigits(seconds%60)
}

func twoDigits(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// line writes a batch or file header: sender, receiver, time, id.
func (b *batchFile) line(segment, id string) {
	b.out.WriteString(segment + hl7Delimiters + "SYNTH|" + b.registry + "|DOSEBOOK|CDPH|" + b.stamp + "||||" + id + "\r")
}

func (b *batchFile) endBatch() {
	if b.here > 0 {
		b.out.WriteString("BTS|" + strconv.Itoa(b.here) + "\r")
	}
	b.here = 0
}

// record writes an order, in the message before where that says the same of
// sender and person.
func (b *batchFile) record(r *record) error {
	b.last, b.head = b.head, b.last[:0]
	b.head = b.sender(b.head, r)
	split := len(b.head)
	b.head = b.person1(b.head, r)
	b.body = b.body[:0]
	if b.all == 0 || !bytes.Equal(b.head, b.last) {
		if b.here == messagesPerBatch {
			b.endBatch()
		}
		if b.here == 0 {
			b.batches++
			b.line("BHS", b.control+"-"+strconv.Itoa(b.batches))
		}
		b.here++
		b.all++
		b.orders = 0
		b.body = b.message(b.body, b.head[:split])
		b.body = append(b.body, b.head[split:]...)
	}
	b.orders++
	b.body = b.order(b.body, r)
	_, err := b.out.Write(b.body)
	return err
}

// sender appends MSH-4 and MSH-22, with NUL between. Where nobody knows who
// reported, it is the registry itself.
func (b *batchFile) sender(to []byte, r *record) []byte {
	if r.sender != nil {
		to = appendSender(to, b.registry, r.sender)
	} else {
		to = append(to, b.registry...)
	}
	return escaped(append(to, 0), r.org())
}

// message appends MSH.
func (b *batchFile) message(to, sender []byte) []byte {
	facility, org, _ := bytes.Cut(sender, []byte{0})
	to = append(append(append(to, "MSH"+hl7Delimiters+"SYNTH|"...), facility...), "|DOSEBOOK|CDPH|"...)
	to = append(append(append(to, b.stamp...), "|I|VXU^V04^VXU_V04|"...), b.control...)
	to = strconv.AppendInt(append(to, '-'), int64(b.all), 10)
	to = append(to, "|P|2.5.1|||ER|AL||UNICODE UTF-8|||Z22^CDCPHINVS|"...)
	return append(append(to, org...), '\r')
}

// keyAlone says whether a delete says no more than what is deleted.
func (r *record) keyAlone() bool { return r.step == deleted && r.odd&1 == 1 }

// person1 appends PID and PD1.
func (b *batchFile) person1(to []byte, r *record) []byte {
	p := r.person
	to = appendID(append(to, "PID|1||"...), "P", r.recip)
	to = append(append(append(to, "^^^"...), b.registry...), "^MR||"...)
	if r.keyAlone() {
		return append(to, '\r')
	}
	to = append(b.quotable(to, r, 0, plain(r.last)), '^')
	to = escaped(append(escaped(to, r.first), '^'), p.mid)
	to = append(to, "^^^^L||"...)
	born := b.cal.iso(r.born)
	if r.flaw == partialBirth {
		born = born[:4+3*(r.odd>>16&1)]
	}
	to = append(digitsOf(to, born), '|')
	to = append(escaped(to, r.sex()), "||"...)
	if r.flaw != noRace {
		to = raceCode(to, p.races[0])
	}
	if p.races[1] != "" {
		to = raceCode(append(to, '~'), p.races[1])
	}
	to = append(b.home(append(to, '|'), r), "||"...)
	before := len(to)
	if to = r.appendPhone(to); len(to) > before {
		to = append(to, "^PRN^PH"...)
	}
	if r.email > 0 {
		if len(to) > before {
			to = append(to, '~')
		}
		to = r.appendEmail(append(to, "^NET^^"...))
	}
	to = raceCode(append(to, "|||||||||"...), p.ethnicity)
	to = append(to, "\rPD1||||||||||||"...)
	if b.locked(p, inHL7) {
		return append(to, "Y\r"...)
	}
	return append(to, "N\r"...)
}

// digitsOf appends a date without its hyphens.
func digitsOf[T string | []byte](to []byte, date T) []byte {
	for _, c := range []byte(date) {
		if c != '-' {
			to = append(to, c)
		}
	}
	return to
}

// raceCode appends a code of CDCREC, or one for unknown.
func raceCode(to []byte, code string) []byte {
	to = append(to, code...)
	switch code {
	case "":
		return to
	case "UNK":
		return append(to, "^^NULLFL"...)
	case "POL":
		return append(to, "^^L"...)
	}
	return append(to, "^^CDCREC"...)
}

// home appends PID-11.
func (b *batchFile) home(to []byte, r *record) []byte {
	h := &r.home
	var buf [80]byte
	to = append(b.quotable(to, r, 1, string(r.appendStreet(buf[:0], windowsHalf))), '^')
	if h.unit != "" && !h.inline {
		to = escaped(to, string(h.appendUnit(buf[:0])))
	}
	to = append(escaped(append(to, '^'), h.city), '^')
	to = append(escaped(to, h.state), '^')
	to = h.appendZIP(to)
	return b.quotable(append(to, "^^H^^"...), r, 2, h.county)
}

// quotable appends a text of which some sender escapes more than it must,
// where a sender of CVRS wraps it in quotes.
func (b *batchFile) quotable(to []byte, r *record, field uint64, s string) []byte {
	if r.flaw == quotes && r.odd>>16%4 == field && s != "" && s[0] < 0x80 {
		to = append(append(to, `\X`...), "0123456789ABCDEF"[s[0]>>4], "0123456789ABCDEF"[s[0]&15], '\\')
		s = s[1:]
	}
	return escaped(to, s)
}

// escaped appends a text with delimiters escaped (HL7 2.5.1, 2.7).
func escaped(to []byte, s string) []byte {
	for i := range len(s) {
		switch s[i] {
		case '|':
			to = append(to, `\F\`...)
		case '^':
			to = append(to, `\S\`...)
		case '&':
			to = append(to, `\T\`...)
		case '~':
			to = append(to, `\R\`...)
		case '\\':
			to = append(to, `\E\`...)
		case '\r', '\n':
			to = append(to, `\.br\`...)
		default:
			to = append(to, s[i])
		}
	}
	return to
}
