package hl7v2

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/extracttest"
)

// read decodes all of text in blocks of size.
func read(t testing.TB, text []byte, size int) extracttest.Outcome {
	t.Helper()
	return readFrom(t, bytes.NewReader(text), size)
}

// readFrom puts what is said of batches first: it comes with the block in which
// they end, wherever that is.
func readFrom(t testing.TB, src io.Reader, size int) extracttest.Outcome {
	t.Helper()
	out := extracttest.Read(t, func(mem memory.Allocator) (extract.Reader, error) {
		return (&Decoder{BlockSize: size, Mem: mem}).Open(src, "in.hl7")
	})
	slices.SortStableFunc(out.Issues, func(a, b extracttest.Issue) int { return a.Row - b.Row })
	return out
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
