package hl7v2

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract/extracttest"
)

// whole is what a good message becomes: every column that HL7 carries.
func whole(line int64) map[string]any {
	return map[string]any{
		"vax_event_id": "E1", "recip_id": "R1", "recip_first_name": "Ann", "recip_middle_name": "Q", "recip_last_name": "Lee",
		"recip_dob": "1980-03-05", "recip_sex": "F", "recip_address_street": "1 Main St", "recip_address_street_2": "Apt 2",
		"recip_address_city": "Oakland", "recip_address_county": "06001", "recip_address_state": "CA", "recip_address_zip": "94601",
		"recip_race_1": "2106-3", "recip_race_2": "2028-9", "recip_ethnicity": "2186-5", "admin_date": "2021-03-04", "cvx": "208",
		"ndc": "59267-1000-01", "mvx": "PFR", "lot_number": "EN6201", "vax_expiration": "2021-07", "vax_admin_site": "LD",
		"vax_route": "C28161", "responsible_org": "County Health", "admin_name": "Coliseum", "vtrcks_prov_pin": "123456", "admin_type": "17",
		"admin_address_street": "7000 Coliseum Way", "admin_address_street_2": "Gate 2", "admin_address_city": "Oakland",
		"admin_address_county": "06001", "admin_address_state": "CA", "admin_address_zip": "94621", "vax_refusal": "NO",
		"action": "A", "protection": "N", "entry_time": "2021-03-04T11:00:00-08:00", "source_time": "2021-03-05T10:15:30-08:00",
		"information_source": "00", "completion": "CP", "eligibility": "V01", "recip_phone": "5105550100", "recip_email": "ann@example.org",
		"sender_id": "1234", "control_id": "M1", "line": line,
	}
}

// change returns row with other cells; an empty one is null.
func change(row map[string]any, cells ...string) map[string]any {
	row = maps.Clone(row)
	for i := 0; i < len(cells); i += 2 {
		if row[cells[i]] = cells[i+1]; cells[i+1] == "" {
			delete(row, cells[i])
		}
	}
	return row
}

func wantRows(t *testing.T, got extracttest.Outcome, want ...map[string]any) {
	t.Helper()
	if got.Error != "" || len(got.Rows) != len(want) {
		t.Fatalf("%d rows, want %d: %s %v", len(got.Rows), len(want), got.Error, got.Rejects)
	}
	for i := range want {
		for name := range want[i] {
			if got.Rows[i][name] != want[i][name] {
				t.Errorf("row %d: %s is %v, want %v", i, name, got.Rows[i][name], want[i][name])
			}
		}
		for name, v := range got.Rows[i] {
			if want[i][name] == nil {
				t.Errorf("row %d: %s is %v, want null", i, name, v)
			}
		}
	}
}

func TestWholeMessage(t *testing.T) {
	segs := []string{msh, pid, pd1, orc, rxa, rxr, obx}
	for name, in := range map[string]string{
		"CR":               strings.Join(segs, "\r") + "\r",
		"LF":               strings.Join(segs, "\n") + "\n",
		"CR LF":            strings.Join(segs, "\r\n") + "\r\n",
		"no last end":      strings.Join(segs, "\r\n"),
		"MLLP":             "\v" + strings.Join(segs, "\r") + "\r\x1c\r",
		"MLLP without CR":  "\v" + strings.Join(segs, "\r") + "\x1c\r",
		"byte order mark":  "\ufeff" + strings.Join(segs, "\r"),
		"indented":         strings.Join(segs, "\r  "),
		"other delimiters": strings.NewReplacer("|", "#", "^", "$", "~", "*", "&", "%").Replace(strings.Join(segs, "\r")),
		"batch":            "FHS|^~\\&\rBHS|^~\\&\r" + strings.Join(segs, "\r") + "\rBTS|1\rFTS|1\r",
		"unknown segments": strings.Join([]string{msh, "SFT|x", pid, pd1, "NK1|1|Lee^Eve", "ZZZ|1", orc, "TQ1|1", rxa, "NTE|1||text", rxr, obx}, "\r"),
		"trailing nothing": strings.Join(segs, "|||\r"),
	} {
		got := read(t, []byte(in), 0)
		line := int64(5)
		switch name {
		case "batch":
			line = 7
		case "unknown segments":
			line = 9
		}
		t.Run(name, func(t *testing.T) {
			wantRows(t, got, whole(line))
			if len(got.Issues) > 0 || len(got.Rejects) > 0 {
				t.Error(got.Issues, got.Rejects)
			}
		})
	}
}

// TestFields changes one segment of the good message and names the columns
// that change.
func TestFields(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		cells    []string
	}{
		"no zone":               {"20210305101530-0800", "20210305101530", []string{"source_time", "2021-03-05T10:15:30"}},
		"fraction":              {"20210305101530-0800", "20210305101530.1234+0530", []string{"source_time", "2021-03-05T10:15:30.1234+05:30"}},
		"minutes":               {"20210305101530-0800", "202103051015-0800", []string{"source_time", "2021-03-05T10:15:00-08:00"}},
		"hours":                 {"20210305101530-0800", "2021030510", []string{"source_time", "2021-03-05T10:00:00"}},
		"day":                   {"20210305101530-0800", "20210305", []string{"source_time", "2021-03-05"}},
		"no time":               {"20210305101530-0800", "yesterday", []string{"source_time", "yesterday"}},
		"bad zone":              {"20210305101530-0800", "20210305101530-080", []string{"source_time", "20210305101530-080"}},
		"born in a month":       {"|19800305|", "|198003|", []string{"recip_dob", "1980-03"}},
		"born in a year":        {"|19800305|", "|1980|", []string{"recip_dob", "1980"}},
		"born at a time":        {"|19800305|", "|198003051126+0215|", []string{"recip_dob", "1980-03-05"}},
		"odd date":              {"|19800305|", "|1980030|", []string{"recip_dob", "1980030"}},
		"null":                  {"|19800305|F|", `|""|""|`, []string{"recip_dob", "", "recip_sex", ""}},
		"escapes":               {"^Oakland^CA^94601", `^A\F\B\S\C\T\D\R\E\E\F\X4A4b\G\.br\H\H\I\N\J^CA^94601`, []string{"recip_address_city", "A|B^C&D~E\\FJKG\nHIJ"}},
		"no escapes":            {"^Oakland^CA^94601", `^C:\dir\x\Z1\\X00\\X4\\F^CA^94601`, []string{"recip_address_city", `C:\dir\x\Z1\\X00\\X4\\F`}},
		"escape behind a stray": {"^Oakland^CA^94601", `^1\2\T\3^CA^94601`, []string{"recip_address_city", `1\2&3`}},
		"Windows-1252":          {"^Ann^", "^Jos\xe9 \x80^", []string{"recip_first_name", "José €"}},
		"hex of Windows-1252":   {"^Ann^", `^Jos\XE9\^`, []string{"recip_first_name", "José"}},
		"surname parts":         {"||Lee^", "||Lee&van&Lee^", nil},
		"ampersand in a name":   {"|County Health^L", "|Smith & Sons^L", []string{"responsible_org", "Smith & Sons"}},
		"second id is MR":       {"R1^^^CLINIC^MR", "123456789^^^SSA^SS~P7^^^X^PT~R1^^^CLINIC^MR~S1^^^CAIR2^SR", nil},
		"no typed id":           {"R1^^^CLINIC^MR", "123456789^^^SSA^SS~P7^^^X^PT~R1", nil},
		"only a PT":             {"R1^^^CLINIC^MR", "123456789^^^SSA^SS~R1^^^X^PT", nil},
		"only a SS":             {"R1^^^CLINIC^MR", "123456789^^^SSA^SS", []string{"recip_id", ""}},
		"PPRL":                  {"-0800||VXU", "-0800|P|VXU", []string{"ext_type", "P"}},
		"phone as text":         {"^PRN^PH^^^510^5550100~^NET^Internet^ann@example.org", "(510) 555-0100^PRN^CP~ann@example.org^NET", []string{"recip_phone", "(510) 555-0100"}},
		"phone unformatted":     {"^PRN^PH^^^510^5550100", "^PRN^PH^^^^^^^^^5105550100", nil},
		"e-mail alone":          {"^PRN^PH^^^510^5550100~", "", []string{"recip_phone", ""}},
		"e-mail beside":         {"^PRN^PH^^^510^5550100~^NET^Internet^ann@example.org", "^PRN^PH^ann@example.org^^510^5550100", nil},
		"alternate race":        {"2106-3^White^CDCREC", "^^^2106-3^White^CDCREC", nil},
		"NDC repetition":        {"208^Pfizer^CVX^59267-1000-01^Pfizer^NDC", "208^Pfizer^CVX~59267-1000-01^Pfizer^NDC", nil},
		"NDC first":             {"208^Pfizer^CVX^59267-1000-01^Pfizer^NDC", "59267-1000-01^^NDC11^208^^CVX", nil},
		"no systems":            {"208^Pfizer^CVX^59267-1000-01^Pfizer^NDC", "208~59267-1000-01", nil},
		"CPT":                   {"208^Pfizer^CVX^59267-1000-01^Pfizer^NDC", "91300^^C4", []string{"cvx", "", "ndc", ""}},
		"NDC alone":             {"208^Pfizer^CVX^59267-1000-01^Pfizer^NDC", "59267100001", []string{"cvx", "", "ndc", "59267100001"}},
		"no vaccine":            {"208^Pfizer^CVX^59267-1000-01^Pfizer^NDC", "998^No vaccine^CVX", []string{"cvx", "998", "ndc", ""}},
		"refusal":               {"PFR^Pfizer^MVX|||CP|", "PFR^Pfizer^MVX|03^Patient^NIP002||RE|", []string{"completion", "RE", "vax_refusal", "YES", "refusal_reason", "03"}},
		"no vaccine, no word":   {"208^Pfizer^CVX^59267-1000-01^Pfizer^NDC|0.3|mL^^UCUM||00^New^NIP001||^^^Coliseum&123456^^17^^^7000 Coliseum Way^Gate 2^Oakland^CA^94621^USA^^06001||||EN6201|202107|PFR^Pfizer^MVX|||CP|", "998^^CVX|999|||00||^^^Coliseum&123456^^17^^^7000 Coliseum Way^Gate 2^Oakland^CA^94621^USA^^06001||||EN6201|202107|PFR||||", []string{"cvx", "998", "ndc", "", "completion", "NA"}},
		"delete":                {"|CP|A|", "|CP|D|", []string{"action", "D"}},
		"no action":             {"|CP|A|", "|CP||", []string{"action", ""}},
		"historical":            {"|00^New^NIP001|", "|01^Historical^NIP001|", []string{"information_source", "01"}},
		"locked":                {"HL70215|N", "HL70215|Y", []string{"protection", "Y"}},
		"bare route":            {"C28161^Intramuscular^NCIT", "IM", []string{"vax_route", "IM"}},
		"no type given":         {"VXU^V04^VXU_V04", "VXU", nil},
		"no processing id":      {"|M1|P|", "|M1||", nil},
		"seven races":           {"2106-3^White^CDCREC~2028-9^Asian^CDCREC", "1~2~3~4~5~6~7", []string{"recip_race_1", "1", "recip_race_2", "2", "recip_race_3", "3", "recip_race_4", "4", "recip_race_5", "5", "recip_race_6", "6"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := string(text(msh, pid, pd1, orc, rxa, rxr, obx))
			if !strings.Contains(in, c.old) {
				t.Fatal("the good message has no such text")
			}
			wantRows(t, read(t, []byte(strings.Replace(in, c.old, c.new, 1)), 0), change(whole(5), c.cells...))
		})
	}
}

// What one order says is not said of the next; the first OBX with a value
// counts; and no byte but the delimiter is one.
func TestOrders(t *testing.T) {
	funding := "OBX|2|CE|30963-3^Funding^LN|1|PHC70^Private^CDCPHINVS"
	orc2 := "ORC|RE||E2"
	in := string(text(msh, pid, pd1, orc, rxa, rxr, obx, strings.Replace(obx, "V01", "V02", 1), funding, orc2, "RXA|0|1|2021||207^^CVX"))
	got := read(t, []byte(in), 0)
	wantRows(t, got, change(whole(5), "funding_source", "PHC70"), change(whole(11), "vax_event_id", "E2", "admin_date", "2021", "cvx", "207",
		"ndc", "", "mvx", "", "lot_number", "", "vax_expiration", "", "vax_admin_site", "", "vax_route", "", "admin_name", "", "vtrcks_prov_pin", "",
		"admin_type", "", "admin_address_street", "", "admin_address_street_2", "", "admin_address_city", "", "admin_address_county", "",
		"admin_address_state", "", "admin_address_zip", "", "action", "", "entry_time", "", "information_source", "", "completion", "", "eligibility", ""))
	framed := "\v" + strings.Join([]string{msh, pid, pd1, orc, rxa, obx, "RXR|C28161|LD"}, "\r") + "\x1c\r"
	wantRows(t, read(t, []byte(framed), 0), whole(5))
	umlaut := strings.Replace(string(text(msh, pid, pd1, orc, rxa, rxr, obx)), "^Oakland^", "^M\xfcller \xde\xfe^", 1)
	wantRows(t, read(t, []byte(umlaut), 0), change(whole(5), "recip_address_city", "Müller Þþ"))
	expires := strings.Replace(string(text(msh, pid, pd1, orc, rxa, rxr, obx)), "|202107|", "|202107311200|", 1)
	wantRows(t, read(t, []byte(expires), 0), change(whole(5), "vax_expiration", "2021-07-31"))
}

// What is read does not depend on where a block ends, to the byte.
func TestEveryBlockSize(t *testing.T) {
	var b strings.Builder
	b.WriteString("BHS|^~\\&\r\n")
	for range 3 {
		b.WriteString(strings.Join([]string{"MSH|^~\\&|||||||VXU", "PID|||1", "ORC|||1", "RXA|||2021", "BTSX|is no trailer", "MSHX", " BTS1"}, "\r\n") + "\r\n")
	}
	b.WriteString("BTS\r\nFTS")
	in := []byte(b.String())
	want := read(t, in, 0)
	if len(want.Rows) != 3 {
		t.Fatal(want)
	}
	for size := 1; size < len(in)+2; size++ {
		got := read(t, in, size)
		if got.Blocks, want.Blocks = 0, 0; !reflect.DeepEqual(got, want) {
			t.Fatalf("in blocks of %d: %d rows, %s; want %s", size, len(got.Rows), codes(got), codes(want))
		}
	}
}

func TestPPRL(t *testing.T) {
	in := strings.Replace(string(text(msh, pid, orc, rxa)), "-0800||VXU", "-0800|p|VXU", 1)
	in = strings.Replace(in, "R1^^^CLINIC^MR", "R1~L77", 1)
	got := read(t, []byte(in), 0)
	if got.Rows[0]["pprl_id"] != "L77" || got.Rows[0]["recip_id"] != "R1" {
		t.Error(got.Rows)
	}
}

// codes lists rejects and issues as "line CODE field", rejects first.
func codes(o extracttest.Outcome) string {
	var out []string
	for _, r := range o.Rejects {
		out = append(out, fmt.Sprintf("%d %s", r.Line, r.Code))
	}
	for _, i := range o.Issues {
		out = append(out, strings.TrimSpace(fmt.Sprintf("(%d %s %s", i.Line, i.Code, i.Field))+")")
	}
	return strings.Join(out, ", ")
}

// TestCascade holds the receiver rules (CDC guide R1.5): field, segment,
// order, message.
func TestCascade(t *testing.T) {
	r := strings.NewReplacer
	test := r("|M1|P|", "|M1|T|").Replace(msh)
	orc2, rxa2 := r("E1", "E2").Replace(orc), r("|208^", "|207^").Replace(rxa)
	for name, c := range map[string]struct {
		in   []byte
		rows int
		want string
	}{
		"two doses":                {text(msh, pid, orc, rxa, rxr, orc2, rxa2, obx), 2, ""},
		"two messages":             {text(msh, pid, orc, rxa, msh, pid, orc2, rxa2), 2, ""},
		"test":                     {text(test, pid, orc, rxa, orc2, rxa2), 0, "4 HL7_TEST, 6 HL7_TEST"},
		"debug":                    {[]byte(r("|P|", "|D^A|").Replace(string(text(msh, pid, orc, rxa)))), 0, "4 HL7_TEST"},
		"processing id unknown":    {[]byte(r("|P|", "|X|").Replace(string(text(msh, pid, orc, rxa)))), 1, "(4 HL7_PROCESSING)"},
		"other type":               {[]byte(r("VXU^V04^VXU_V04", "ADT^A04").Replace(string(text(msh, pid, orc, rxa, orc2, rxa2)))), 0, "1 HL7_TYPE"},
		"other event":              {[]byte(r("VXU^V04^VXU_V04", "VXU^V03").Replace(string(text(msh, pid, orc, rxa)))), 0, "1 HL7_TYPE"},
		"no type":                  {text(`MSH|^~\&|EHR`, pid, orc, rxa), 0, "1 HL7_TYPE"},
		"delimiters twice":         {text(`MSH|^^\&|EHR|||||VXU^V04`, pid, orc, rxa), 0, "1 HL7_HEADER"},
		"letters as delimiters":    {text(`MSH|ABCD|EHR|||||VXUAV04`, pid, orc, rxa), 0, "1 HL7_HEADER"},
		"no PID":                   {text(msh, orc, rxa, orc2, rxa2), 0, "3 HL7_SEGMENT, 5 HL7_SEGMENT"},
		"PID behind":               {text(msh, orc, rxa, pid), 0, "3 HL7_SEGMENT"},
		"PID twice":                {text(msh, pid, strings.Replace(pid, "R1", "R2", 1), orc, rxa), 1, "(5 HL7_ORDER)"},
		"RXA without ORC":          {text(msh, pid, orc, rxa, rxa2), 1, "5 HL7_SEGMENT"},
		"RXA without any ORC":      {text(msh, pid, rxa, orc2, rxa2), 1, "3 HL7_SEGMENT"},
		"ORC without RXA":          {text(msh, pid, orc, orc2, rxa2), 1, "3 HL7_ORC_ALONE"},
		"ORC without RXA, no PID":  {text(msh, orc, orc2, rxa2), 0, "2 HL7_SEGMENT, 4 HL7_SEGMENT"},
		"no RXA":                   {text(msh, pid, orc, orc2), 0, "1 HL7_NO_RXA"},
		"MSH alone":                {text(msh), 0, "1 HL7_NO_RXA"},
		"no RXA, no PID":           {text(msh, orc), 0, "1 HL7_SEGMENT"},
		"RXR before RXA":           {text(msh, pid, orc, rxr, rxa), 1, "(5 HL7_ORDER)"},
		"RXR twice":                {text(msh, pid, orc, rxa, rxr, "RXR|IM|RA"), 1, "(4 HL7_ORDER)"},
		"OBX before RXA":           {text(msh, pid, orc, obx, rxa), 1, "(5 HL7_ORDER)"},
		"OBX of the person":        {text(msh, pid, obx, orc, rxa), 1, ""},
		"line break in a value":    {text(msh, pid, orc, rxa, "went on here"), 1, "(4 HL7_LINE)"},
		"line break in the person": {text(msh, pid, "went on here", orc, rxa, orc2, rxa2), 2, "(5 HL7_LINE), (7 HL7_LINE)"},
		"other field separator":    {text(msh, pid, orc, "RXA#0#1"), 0, "1 HL7_NO_RXA"},
		"NUL":                      {text(msh, pid, orc, rxa+"\x00", orc2, rxa2, msh, pid, orc, rxa), 1, "1 NUL_BYTE"},
		"no UTF-8":                 {[]byte(r("Lee^", "Jos\xe9^").Replace(string(text(msh, pid, orc, rxa)))), 1, "(4 NOT_UTF8 recip_last_name)"},
		"stray before":             {text("BHS|^~\\&", orc, rxa, msh, pid, orc, rxa, "BTS|1"), 1, "2 HL7_STRAY"},
		"stray behind":             {text("BHS|^~\\&", msh, pid, orc, rxa, "BTS|1", "", orc, rxa), 1, "8 HL7_STRAY"},
		"count right":              {text("BHS|^~\\&", msh, pid, orc, rxa, "BTS|1"), 1, ""},
		"count not given":          {text("BHS|^~\\&", msh, pid, orc, rxa, "BTS"), 1, ""},
		"count wrong":              {text("BHS|^~\\&", msh, pid, orc, rxa, "BTS|2"), 1, "(0 HL7_BATCH_COUNT)"},
		"count no number":          {text("BHS|^~\\&", msh, pid, orc, rxa, "BTS|one"), 1, "(0 HL7_BATCH_COUNT)"},
		"file count wrong":         {text("FHS|^~\\&", "BHS|^~\\&", msh, pid, orc, rxa, "BTS|1", "FTS|2"), 1, "(0 HL7_BATCH_COUNT)"},
		"two batches":              {text("FHS|^~\\&", "BHS|^~\\&", msh, pid, orc, rxa, "BTS|1", "BHS|^~\\&", "BTS|0", "FTS|2"), 1, ""},
		"cut short":                {text("BHS|^~\\&", msh, pid, orc, rxa), 1, "(0 HL7_BATCH_OPEN)"},
		"file cut short":           {text("FHS|^~\\&", msh, pid, orc, rxa), 1, "(0 HL7_BATCH_OPEN)"},
		"trailer alone":            {text(msh, pid, orc, rxa, "BTS|1"), 1, "(0 HL7_BATCH_OPEN)"},
		"batch in a batch":         {text("BHS|^~\\&", msh, pid, orc, rxa, "BHS|^~\\&", "BTS|0"), 1, "(0 HL7_BATCH_OPEN)"},
		"id that says nothing":     {[]byte(r("|E1^CLINIC", "|9999^CDC").Replace(string(text(msh, pid, orc, rxa)))), 1, "(4 HL7_9999 vax_event_id)"},
		"too long":                 {text(msh, pid, orc, rxa, "NTE|"+strings.Repeat("x", maxMessage), msh, pid, orc, rxa), 1, "1 HL7_TOO_LONG"},
		"stray and too long":       {text("BHS|^~\\&", strings.Repeat("x", maxMessage), msh, pid, orc, rxa, "BTS|1"), 1, "1 HL7_STRAY"},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, c.in, 0)
			if got.Error != "" || len(got.Rows) != c.rows || codes(got) != c.want {
				t.Errorf("%s%d rows, %s; want %d, %s", got.Error, len(got.Rows), codes(got), c.rows, c.want)
			}
			for _, size := range []int{1, 700, 5000} {
				other := read(t, c.in, size)
				if other.Blocks, got.Blocks = 0, 0; !reflect.DeepEqual(other, got) {
					t.Errorf("in blocks of %d: %d rows, %s", size, len(other.Rows), codes(other))
				}
			}
		})
	}
}

// A lock is never passed over, wherever PD1 stands.
func TestProtection(t *testing.T) {
	lock := strings.Replace(pd1, "|N", "|Y", 1)
	for name, in := range map[string][]byte{
		"before PID": text(msh, lock, pid, orc, rxa, orc, rxa),
		"late":       text(msh, pid, orc, rxa, orc, rxa, lock),
		"twice":      text(msh, pid, lock, pd1, orc, rxa, orc, rxa),
		"other way":  text(msh, pid, pd1, lock, orc, rxa, orc, rxa),
	} {
		got := read(t, in, 0)
		for _, row := range got.Rows {
			if row["protection"] != "Y" {
				t.Errorf("%s: %v", name, row["protection"])
			}
		}
		if len(got.Rows) != 2 {
			t.Errorf("%s: %d rows", name, len(got.Rows))
		}
	}
}

// What was received of a dose is a message by itself: read again it gives the
// same row.
func TestRecord(t *testing.T) {
	orc2 := strings.Replace(orc, "E1", "E2", 1)
	in := text("BHS|^~\\&", msh, pid, pd1, orc, rxa, rxr, orc2, rxa, obx, "BTS|1")
	got := read(t, in, 0)
	if len(got.Raw) != 2 {
		t.Fatal(got)
	}
	for i, raw := range got.Raw {
		again := read(t, []byte(raw), 0)
		got.Rows[i]["line"] = int64(5)
		if len(again.Rows) != 1 || !reflect.DeepEqual(again.Rows[0], got.Rows[i]) {
			t.Errorf("row %d: %v became %v", i, got.Rows[i], again.Rows)
		}
	}
}

func TestMadeID(t *testing.T) {
	in := strings.Replace(string(text(msh, pid, orc, rxa)), "|E1^CLINIC", "|9999^CDC", 1)
	got, again := read(t, []byte(in), 0), read(t, []byte(strings.Replace(in, "|M1|", "|M2|", 1)), 0)
	if id := got.Rows[0]["vax_event_id"]; id != "9999/R1/2021-03-04/208" || again.Rows[0]["vax_event_id"] != id {
		t.Error(id, again.Rows[0]["vax_event_id"])
	}
	got = read(t, []byte(strings.Replace(in, "R1^^^CLINIC^MR", "", 1)), 0)
	if id, ok := got.Rows[0]["vax_event_id"]; ok {
		t.Error("an id without a recipient:", id)
	}
}

func TestOpenRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "FMT_003 the file is empty",
		"PID|1\rRXA|":             "FMT_003 the file is no HL7",
		"<html>":                  "web page",
		"vax_event_id\text_type":  "FMT_003 the file is no HL7",
		"MSHA":                    "FMT_003 the file is no HL7",
		"Lee^Ann was here\rMSH|^": "FMT_003 the file is no HL7",
	} {
		got := read(t, []byte(in), 0)
		if !strings.Contains(got.Error, want) || strings.Contains(got.Error, "Ann") {
			t.Errorf("%q: %v", in, got.Error)
		}
	}
}

func TestReadErrors(t *testing.T) {
	in := text(msh, pid, orc, rxa)
	boom := errors.New("boom")
	for n := range len(in) {
		src := io.MultiReader(strings.NewReader(string(in[:n])), iotest.ErrReader(boom))
		r, err := (&Decoder{BlockSize: 64}).Open(src, "in.hl7")
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, boom) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
	if got := readFrom(t, iotest.OneByteReader(strings.NewReader(string(in))), 64); len(got.Rows) != 1 {
		t.Error(got)
	}
	if _, err := (&Decoder{}).Open(strings.NewReader("x"), "in.hl7"); !errors.Is(err, dose.ErrInvalid) {
		t.Error(err)
	}
}
