package dose

// SenderState is how far a sending organisation or site has come with its
// data exchange (CAIR2 onboarding: enrolled, testing, production).
type SenderState uint8

const (
	SenderAbsent    SenderState = iota // the registry's list does not hold it
	SenderEnrolled                     // signed up, sends nothing yet
	SenderTesting                      // sends tests
	SenderLive                         // production: its records count
	SenderSuspended                    // was live; is not for now
)

var senderStates = [...]string{"unknown", "enrolled", "testing", "production", "suspended"}

func (s SenderState) String() string { return senderStates[s] }

// ParseSenderState reads the name of a state that a list may give.
func ParseSenderState(s string) (SenderState, bool) {
	for i, name := range senderStates[1:] {
		if s == name {
			return SenderState(i + 1), true
		}
	}
	return SenderAbsent, false
}

// Senders are the states of a registry's senders by id, at one moment. It is
// never changed once it is made; nil means that the registry's senders are not
// checked.
type Senders map[string]SenderState

// Quarantine returns the check that keeps a sender's records out, if one does.
func (s SenderState) Quarantine() (Check, bool) {
	switch s {
	case SenderLive:
		return 0, false
	case SenderEnrolled, SenderTesting:
		return SenderInTest, true
	case SenderSuspended:
		return SenderOnHold, true
	default:
		return SenderUnknown, true
	}
}

// Quarantines says whether the check keeps out whole senders, until they are
// cleared: its rejects need no mending, only a replay.
func (c Check) Quarantines() bool {
	return c == SenderUnknown || c == SenderInTest || c == SenderOnHold
}

// The states of a reject.
const (
	RejectOpen        = "open"        // waits for a corrected record
	RejectQuarantined = "quarantined" // waits for its sender to be cleared
	RejectReplayed    = "replayed"    // was loaded again; a new segment says what became of it
	RejectGivenUp     = "given-up"    // a steward gave it up, with a reason
)
