package transform

import "github.com/dosebook/dosebook/dose"

var rawIndex = dose.Index(dose.Raw())

// Places of the raw columns that rules read. A test holds that all exist.
var (
	rawEventID    = at("vax_event_id")
	rawRecipID    = at("recip_id")
	rawFirst      = at("recip_first_name")
	rawLast       = at("recip_last_name")
	rawDOB        = at("recip_dob")
	rawCity       = at("recip_address_city")
	rawCounty     = at("recip_address_county")
	rawState      = at("recip_address_state")
	rawZIP        = at("recip_address_zip")
	rawRace1      = at("recip_race_1")
	rawEthnicity  = at("recip_ethnicity")
	rawAdminDate  = at("admin_date")
	rawCVX        = at("cvx")
	rawNDC        = at("ndc")
	rawMVX        = at("mvx")
	rawLot        = at("lot_number")
	rawExpiration = at("vax_expiration")
	rawOrg        = at("responsible_org")
	rawSite       = at("admin_name")
	rawSiteCity   = at("admin_address_city")
	rawSiteCounty = at("admin_address_county")
	rawSiteState  = at("admin_address_state")
	rawSiteZIP    = at("admin_address_zip")
	rawRefusal    = at("vax_refusal")
	rawMissed     = at("recip_missed_appt")
	rawRegistry   = at("registry")
	rawAction     = at("action")
	rawSourceTime = at("source_time")
	rawInfoSource = at("information_source")
	rawCompletion = at("completion")
	rawControlID  = at("control_id")
	rawSenderID   = at("sender_id")
	rawPIN        = at("vtrcks_prov_pin")
	rawExtType    = at("ext_type")
	rawEntryTime  = at("entry_time")
	rawReason     = at("refusal_reason")
	rawEligible   = at("eligibility")
	rawFunding    = at("funding_source")
	rawDeath      = at("recip_death_date")
	rawLine       = at("line")
)

func at(name string) int {
	if i, ok := rawIndex[name]; ok {
		return i
	}
	return -1
}

// fixed are the dictionaries of derived columns that never change.
type fixed struct {
	places, methods, precisions, races, ages, types, makers dict
	race                                                    [2 << 6 << 3]int32 // latino, seen, first + 1
	vaccines                                                [maxCVX]vaccine
}

// vaccine is what rules need of a CVX code.
type vaccine struct {
	name     string // empty for no known code
	maker    int32  // code in makers
	kind     int32  // code in types, 0 when the season tells
	american bool   // a COVID-19 vaccine that was given here
	other    bool   // known, and none against COVID-19
	product  bool   // its NDCs are known: the placeholders of 2020 had samples
	vague    bool   // a COVID-19 vaccine, but not which

	from, to int32  // usual use, days; to is 0 when open
	min, max int32  // usual ages in months; max is 0 when open
	mvx      string // empty where the code names no maker
}

// noVaccine is CVX 998, "no vaccine administered": what a refusal carries.
const noVaccine = 998

// foreignVaccine is CVX 500, a COVID-19 vaccine of another country, unspecified.
const foreignVaccine = 500

// maxCVX is above every CVX code; a test holds it.
const maxCVX = 1024

// vaccine looks up a CVX; -1 and unknown codes give one without a name.
func (f *fixed) vaccine(cvx int32) *vaccine {
	if uint32(cvx) >= maxCVX {
		cvx = maxCVX - 1
	}
	return &f.vaccines[cvx]
}

func newFixed(codes *dose.CodeTables) fixed {
	var f fixed
	var places []string
	for _, p := range dose.Places() {
		places = append(places, string(p))
	}
	f.places = newDict(places...)
	f.methods = newDict("reported", "zip", "admin", "none")
	f.precisions = newDict("year", "month", "day")
	f.types = newDict("original", "bivalent", "2023-24", "2024-25", "2025-26", "non-us", "unspecified", "placeholder", "other")
	f.ages, f.races, f.makers = newDict(), newDict(), newDict()
	for i := range f.race {
		f.race[i] = f.races.code(dose.RaceEthOf(i>>9 == 1, i>>3&63, i&7-1))
	}
	for a := -1; a <= 120; a++ {
		f.ages.code(dose.AgeGroup(a, a >= 0))
	}
	for _, v := range codes.Vaccines() {
		w := vaccine{name: v.Name, maker: f.makers.code(v.Manufacturer), american: v.COVID && v.Class != "non-us", product: v.COVID && v.Class != "placeholder",
			other: !v.COVID && v.CVX != noVaccine, vague: v.Class == "unspecified" || v.CVX == foreignVaccine,
			from: parseDate(v.From).day, to: parseDate(v.To).day, min: int32(v.MinMonths), max: int32(v.MaxMonths), mvx: v.MVX}
		if v.Class != "seasonal" {
			w.kind = f.types.code(v.Class)
		}
		if v.CVX < maxCVX {
			f.vaccines[v.CVX] = w
		}
	}
	for _, d := range []*dict{&f.places, &f.methods, &f.precisions, &f.types, &f.ages, &f.races, &f.makers} {
		d.freeze()
	}
	return f
}
