package transform

import "github.com/dosebook/dosebook/dose"

// senderFields are the columns that name who sent a row, in the order in which
// they count: the site that sent the message (HL7 MSH-4), else the provider's
// PIN, else the responsible organisation (docs/SENDERS.md).
var senderFields = [...]int{rawSenderID, rawPIN, rawOrg}

// senders holds the verdict on each entry of the columns that name a sender.
type senders struct {
	on    bool
	state [len(senderFields)][]dose.SenderState // by code
}

func (s *senders) bind(m *Mapper) {
	if s.on = m.opt.Senders != nil; !s.on {
		return
	}
	for k, f := range senderFields {
		s.state[k] = table(&m.cols[f], func(id string) dose.SenderState { return m.opt.Senders[id] })
	}
}

// quarantine says whether row i's sender keeps it out, and by which check. A
// row that names no sender has an unknown one.
func (s *senders) quarantine(m *Mapper, i int) (dose.Check, bool) {
	if !s.on {
		return 0, false
	}
	for k, f := range senderFields {
		if code := m.cols[f].codes[i]; code > 0 {
			return s.state[k][code].Quarantine()
		}
	}
	return dose.SenderAbsent.Quarantine()
}

// sender returns the id of row i's sender and the column it stands in, -1 for
// none.
func sender(m *Mapper, i int) (id string, field int) {
	for _, f := range senderFields {
		if code := m.cols[f].codes[i]; code > 0 {
			return m.cols[f].dict.Value(int(code - 1)), f
		}
	}
	return "", -1
}
