package synth

// world is what a run starts from; nothing in it changes once it is made, so
// any goroutine may ask it for any household, person or dose.
type world struct {
	seed      uint64
	through   int
	cal       calendar
	cultures  []culture
	cultureW  []int
	cultureN  int // sum of cultureW
	counties  []county
	countyCum []int // cumulative population
	products  []product
	byCVX     map[int][]int // products by CVX
	defects   thresholds
	overlap   overlap
	registry  [numPlaces]int // of a resident, by county
	names     []string       // registries
	formats   []format       // of the registries' files
}

func newWorld(cfg Config, through int) (*world, error) {
	w := &world{seed: mix(cfg.Seed + 1), through: through, cal: newCalendar(), cultures: newCultures(), names: cfg.Registries,
		formats: formatsOf(cfg.Registries, cfg.Formats)}
	for _, c := range w.cultures {
		w.cultureW = append(w.cultureW, c.weight)
		w.cultureN += c.weight
	}
	w.counties = newCounties(w.seed)
	sum := 0
	for _, c := range w.counties {
		sum += c.population
		w.countyCum = append(w.countyCum, sum)
	}
	var err error
	if w.products, w.byCVX, err = newProducts(); err != nil {
		return nil, err
	}
	w.defects, w.overlap = newThresholds(cfg.Defects), newOverlap(cfg.Overlap)
	w.registry = residents(cfg.Registries)
	return w, nil
}

// residents gives each county a registry: San Diego's is SDIR, RIDE serves
// the eight counties of the greater San Joaquin Valley, CAIR2 all else
// (domain reference §2.2).
func residents(names []string) (of [numPlaces]int) {
	for i, n := range names {
		switch n {
		case "SDIR":
			of[countyAt("073")] = i
		case "RIDE":
			for _, fips := range words("003 005 009 043 047 077 099 109") {
				of[countyAt(fips)] = i
			}
		}
	}
	return of
}

// pick draws a county by population.
func (w *world) pick(r *rng) int {
	x := r.n(w.countyCum[len(w.countyCum)-1])
	lo, hi := 0, len(w.countyCum)-1
	for lo < hi {
		if mid := (lo + hi) / 2; x < w.countyCum[mid] {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// address is where somebody lives. Its strings come from the tables; the
// street is put together when a row is written.
type address struct {
	county                 int // or outOfState
	house                  int
	street, ending, unit   string
	city, state, zip, fips string
	inline, full           bool // unit on the street's line; ZIP+4
}

// household shares family name, address, phone and registry.
type household struct {
	number   uint64
	culture  int
	family   string
	home     address
	phone    uint64
	registry int
	size     int
	namesake bool // of the household before it, or the one before of it
}

const maxMembers = 6

func (w *world) household(number uint64) household {
	r := rng(hash(w.seed, saltHousehold, number))
	h := household{number: number, culture: r.weighted(w.cultureW, w.cultureN)}
	h.family = r.at(w.cultures[h.culture].family)
	h.size = [...]int{1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6}[r.n(20)]
	h.home = w.address(&r, 160)
	h.registry = w.registry[h.home.county]
	if h.registry != 0 && r.chance(400) {
		h.registry = 0 // seen by a provider who reports elsewhere
	}
	h.phone = 2_000_000 + r.next()%7_999_999
	if w.overlap.on {
		w.pairUp(&h)
	}
	return h
}

// address draws one; outside says how many in 10,000 lie out of state.
func (w *world) address(r *rng, outside int) address {
	a := address{house: 1 + r.n(19_999), street: r.at(streetNames), ending: r.at(streetEnds)}
	if r.chance(2200) {
		a.unit = [...]string{"Apt ", "Apt ", "# ", "Unit "}[r.n(4)]
	}
	if r.chance(outside) {
		s := elsewhere[r.n(len(elsewhere))]
		a.county, a.city, a.state, a.zip, a.fips = outOfState, s.city, s.state, s.zip, s.fips
		return a
	}
	a.county = w.pick(r)
	c := &w.counties[a.county]
	a.zip, a.state = r.at(c.zips), "CA"
	a.city = c.town(a.zip)
	return a
}

// person is one recipient.
type person struct {
	number     uint64 // household · 8 + member
	first, mid string
	born       int
	sex        string
	races      [2]string
	ethnicity  string
	seed       uint64 // of the history
	ties       ties
}

func (w *world) person(h *household, member int) person {
	p := person{number: h.number<<3 | uint64(member)}
	r := rng(hash(w.seed, saltPerson, p.number))
	p.born = w.birth(&r, h, member)
	c := &w.cultures[h.culture]
	p.sex, p.first = "F", r.at(c.women)
	mid := c.women
	if r.chance(4900) {
		p.sex, p.first, mid = "M", r.at(c.men), c.men
	}
	if r.chance(20) {
		p.sex = "U"
	}
	if r.chance(3500) {
		p.mid = r.at(mid)
	}
	p.races, p.ethnicity = background(&r, c)
	p.seed = hash(w.seed, saltHistory, p.number)
	if w.overlap.on {
		w.tie(h, &p, member)
	}
	return p
}

// background draws race and ethnicity as reported: registries get another
// race, two, or none often enough to matter (domain reference §2.7).
func background(r *rng, c *culture) (races [2]string, ethnicity string) {
	all := [...]string{"1002-5", "2028-9", "2054-5", "2076-8", "2106-3"}
	races[0] = c.race
	switch k := r.n(10_000); {
	case k < c.noneRac:
		races[0] = [...]string{"UNK", "UNK", "POL"}[r.n(3)]
	case k < c.noneRac+c.spreadRace:
		races[0] = "2131-1"
	case k < c.noneRac+c.spreadRace+300:
		races[1] = all[r.n(len(all))]
		if races[1] == races[0] {
			races[1] = "2131-1"
		}
	}
	ethnicity = "2186-5"
	if c.latino {
		ethnicity = "2135-2"
	}
	if r.chance(600) {
		ethnicity = [...]string{"UNK", "UNK", "POL"}[r.n(3)]
	}
	return races, ethnicity
}

// birth draws ages that go together: an adult, a partner of like age, then
// children, or grown-up relatives where the first is young or old.
func (w *world) birth(r *rng, h *household, member int) int {
	head := rng(hash(w.seed, saltPerson+1<<8, h.number))
	age := adultAge(&head) // at mid 2021
	switch {
	case member == 0:
	case member == 1 && h.size > 1:
		age = max(18, age-6+r.n(13))
	case age >= 26 && age < 62:
		age = max(-1, age-24-r.n(16))
	default:
		age = 18 + r.n(30)
	}
	age = min(age, 104)
	return mid2021 - age*36525/100 - r.n(365)
}

func adultAge(r *rng) int {
	bands := [...]int{1500, 1900, 1800, 1650, 1550, 1000, 450, 150} // by ten years from 18
	return 18 + 10*r.weighted(bands[:], 10_000) + r.n(10)
}
