package hl7v2

import (
	"bytes"
	"slices"

	"github.com/dosebook/dosebook/dose"
)

// message walks the segments of one message. An order (ORC, RXA, RXR, OBX)
// ends where the next begins; unknown segments are passed over (CDC HL7
// immunization guide R1.5, receiver rules).
func (w *worker) message(r region, end int, notUTF8 bool) {
	m := &w.msg
	*m = messageState{at: int(r.at), end: end, line: r.line, issues: m.issues[:0], orphans: m.orphans[:0], rejects: len(w.batch.Rejects), dirty: notUTF8}
	w.arena = w.arena[:0]
	clear(w.cells)
	w.group = group{issues: w.group.issues[:0]}
	s := newSegments(w.text[r.at:end], r.line)
	seg, _, _, _ := s.next()
	seg = trimFrame(seg)
	var ok bool
	if m.delimiters, ok = parseDelimiters(seg); !ok {
		w.reject(dose.HeaderBad, r.line, w.text[r.at:end])
		return
	}
	m.dirty = m.dirty || m.esc != 0 && bytes.IndexByte(w.text[s.at+int(r.at):end], m.esc) >= 0 || bytes.Count(seg, []byte{m.esc}) > 1
	if !w.header(seg) {
		w.reject(dose.MessageType, r.line, w.text[r.at:end])
		return
	}
	for {
		seg, at, line, ok := s.next()
		if !ok {
			break
		}
		w.segment(trimFrame(seg), int(r.at)+at, line)
	}
	w.close(end)
	w.settle()
}

// segment takes one segment.
func (w *worker) segment(seg []byte, at int, line int64) {
	m := &w.msg
	if len(seg) < 4 || seg[3] != m.field {
		if len(seg) > 0 && !isName(seg) {
			w.find(dose.SegmentBad, dose.NoField)
		}
		return
	}
	switch string(seg[:3]) {
	case "PID":
		if m.pid || m.headEnd > 0 {
			w.find(dose.SegmentOrder, dose.NoField)
			return
		}
		m.pid = true
		w.person(seg)
	case "PD1":
		if m.pd1 || !m.pid || m.headEnd > 0 {
			w.find(dose.SegmentOrder, dose.NoField)
		}
		w.protection(seg)
	case "ORC":
		w.open(at, line)
		w.group.orc = true
		w.field.cut(seg, m.field)
		w.set(colEventID, w.component(w.field.at(3), 0))
	case "RXA":
		if !w.group.open || w.group.rxa {
			w.open(at, line) // without an ORC
		}
		w.group.rxa, w.group.line = true, line
		m.orders++
		w.dose(seg)
	case "RXR":
		if !w.group.rxa || w.group.rxr {
			w.find(dose.SegmentOrder, dose.NoField)
			return
		}
		w.group.rxr = true
		w.field.cut(seg, m.field)
		w.set(colRoute, w.coded(w.field.at(1)))
		w.set(colSite, w.coded(w.field.at(2)))
	case "OBX":
		w.observation(seg)
	default:
		if !isName(seg) {
			w.find(dose.SegmentBad, dose.NoField)
		}
	}
}

// protection reads PD1-12. Where it comes twice or out of order, Y holds: a
// lock is never passed over.
func (w *worker) protection(seg []byte) {
	m := &w.msg
	m.pd1 = true
	w.field.cut(seg, m.field)
	if string(w.cells[colProtection]) != "Y" {
		w.set(colProtection, w.first(w.field.at(12)))
	}
}

// lateProtection looks for a PD1 behind the first order, which begins at from,
// since it speaks for all of them.
func (w *worker) lateProtection(from int) {
	rest := w.text[from:w.msg.end]
	if !bytes.Contains(rest, []byte{'P', 'D', '1', w.msg.field}) {
		return
	}
	s := newSegments(rest, 0)
	for {
		seg, _, _, ok := s.next()
		if !ok {
			return
		}
		if seg = trimFrame(seg); len(seg) > 3 && string(seg[:3]) == "PD1" && seg[3] == w.msg.field {
			w.protection(seg)
		}
	}
}

// isName tells whether a line begins with a segment's name: a letter, then two
// letters or digits (HL7 2.5.1, 2.5.2).
func isName(seg []byte) bool {
	if len(seg) < 3 || seg[0] < 'A' || seg[0] > 'Z' {
		return false
	}
	for _, c := range seg[1:3] {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(seg) == 3 || isDelimiter(seg[3])
}

// find notes what is wrong with the order in hand, or with the message before
// the first.
func (w *worker) find(check dose.Check, field uint16) {
	to := &w.msg.issues
	if w.group.open {
		to = &w.group.issues
	}
	if f := (finding{check, field}); !slices.Contains(*to, f) {
		*to = append(*to, f)
	}
}

// open ends the order in hand and begins one at a segment.
func (w *worker) open(at int, line int64) {
	w.close(at)
	m := &w.msg
	if m.headEnd == 0 {
		m.headEnd = at
		if !m.pid {
			m.verdict.set(dose.SegmentMissing, "recip_id") // stands in PID-3
		}
		if !m.pd1 {
			w.lateProtection(at)
		}
	}
	for _, col := range groupColumns {
		w.cells[col] = nil
	}
	w.group = group{open: true, at: at, line: line, issues: w.group.issues[:0]}
}

// close makes a row or a reject of the order in hand, which ends at to.
func (w *worker) close(to int) {
	g, m := &w.group, &w.msg
	if !g.open {
		return
	}
	v := m.verdict
	if !g.rxa {
		v.set(dose.NoDoseInOrder, "")
		m.orphans = append(m.orphans, refused(v, g.line, record(w.text, w.ref(to))))
		return
	}
	if !g.orc {
		v.set(dose.SegmentMissing, "vax_event_id") // stands in ORC-3
	}
	if v.bad {
		w.batch.Rejects = append(w.batch.Rejects, refused(v, g.line, record(w.text, w.ref(to))))
		return
	}
	w.complete()
	row := int32(w.table.Len())
	for _, list := range [2][]finding{m.issues, g.issues} {
		for _, f := range list {
			w.batch.Issues = append(w.batch.Issues, dose.Issue{Row: row, Line: g.line, Check: f.check, Field: f.field})
		}
	}
	w.table.Append(w.cells, g.line)
	w.refs = append(w.refs, w.ref(to))
}

// settle ends the message: without an RXA it is one reject; an ORC alone is a
// reject beside the doses.
func (w *worker) settle() {
	m := &w.msg
	if m.orders == 0 {
		m.verdict.set(dose.NoDoseInMessage, "")
		w.batch.Rejects = append(w.batch.Rejects, refused(m.verdict, m.line, w.text[m.at:m.end]))
		return
	}
	if len(m.orphans) == 0 {
		return
	}
	w.batch.Rejects = append(w.batch.Rejects, m.orphans...)
	slices.SortStableFunc(w.batch.Rejects[m.rejects:], func(a, b dose.Reject) int { return int(a.Line - b.Line) })
}

// complete adds what only the whole order tells.
func (w *worker) complete() {
	c := w.cells
	if string(c[colEventID]) == "9999" {
		w.makeID()
	}
	if string(c[colCVX]) == "998" && len(c[colCompletion]) == 0 {
		c[colCompletion] = notGiven
	}
	c[colRefusal] = no
	if string(c[colCompletion]) == "RE" {
		c[colRefusal] = yes
	}
}

// makeID gives an order without a meaningful id (9999: refusals and history;
// CDC HL7 immunization guide R1.5, ORC-3) one that is the same whenever the
// same is reported again. Without all of its parts there is none.
func (w *worker) makeID() {
	c := w.cells
	id := w.room(8 + len(c[colRecipient]) + len(c[colAdminDate]) + len(c[colCVX]))
	for _, part := range [][]byte{c[colEventID], c[colRecipient], c[colAdminDate], c[colCVX]} {
		if len(part) == 0 {
			c[colEventID] = nil
			return
		}
		if len(id) > 0 {
			id = append(id, '/')
		}
		id = append(id, part...)
	}
	c[colEventID] = w.keep(id)
	w.find(dose.EventIDMade, colEventID)
}
