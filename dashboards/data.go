package dashboards

import "html/template"

// Page is what all pages have.
type Page struct {
	Title   string
	At      string // the entry of the navigation that it belongs to
	User    string
	Session bool   // the user signed in, and can sign out
	Release string // as of; empty where a page is about none
	Lead    string // one sentence below the title
	Lang    string // English, or Spanish where the page has it
	Twin    string // address of the same page in the other language
	Open    bool   // for anybody: no navigation to what needs a grant
	State   bool   // the reader sees what is the whole state's
	Body    any    // County, Rows, Overview, Releases, Release, Quality, Access, Problem, Public, PublicCounty

	Style template.CSS // set by Write
}

// Tabs are the entries of the navigation.
func (p Page) Tabs() []Pair {
	if p.Open {
		return []Pair{{"Public tables", publicBase(p.Lang)}, {"For health departments", "/overview"}}
	}
	tabs := []Pair{{"Overview", "/overview"}, {"Releases", "/releases"}}
	if p.State {
		tabs = append(tabs, Pair{"Quality", "/quality"})
	}
	return append(tabs, Pair{"Access", "/access"})
}

// Figure is one number with what it says and where its rows are.
type Figure struct {
	Label string
	Value int64
	Share string // such as "71.2 % of 1,671,329"; empty without a denominator
	Rows  string // address of its rows, if the reader may see them
}

// Note stands under each figure or table: what it is, its file, its address.
type Note struct {
	Release string
	Says    string // the definition
	CSV     string
	Anchor  string
}

// Cell is a number of a table, with the address of its rows.
type Cell struct {
	Value int64
	Rows  string
}

// County is the page of one place.
type County struct {
	Place    string
	Name     string
	Through  string // last day of doses
	City     bool   // in none of the state's tables: no people, no place of administration
	People   int64  // population, 0 where none is known
	Figures  []Figure
	Makers   []string // of the columns of Months and Weeks
	Weeks    Series
	Months   []Month
	MonthsOf Note
	Groups   []Groups
	GroupsOf Note
	Away     Exchange // residents whose dose was given elsewhere
	Here     Exchange // people of elsewhere whose dose was given here
	WhereOf  Note
	Complete []Share
	FullOf   Note
	Changes  Changes
	ChangeOf Note
	Week     Changes // against the newest release that is at least seven days older
	WeekDay  string  // when that was judged
	WeekOf   Note
	Files    []File
	Lines    []Line
}

// Series are stacked values over time, by name.
type Series struct {
	Label  string // what the chart shows, in words
	Names  []string
	Days   []string // first day of each step
	Values [][]int64
}

// Month is a row of the doses by month.
type Month struct {
	Month  string
	Total  Cell
	Makers []Cell
	People int64 // with their first dose
	Full   int64
}

// Groups is coverage by one category.
type Groups struct {
	Name string
	Rows []Group
}

// Group is one group of people. Per is per 10,000 of People, -1 without a
// denominator.
type Group struct {
	Name    string
	People  int64 // population; 0: none is known
	Doses   Cell
	One     Cell
	Full    int64
	OnePer  int64
	FullPer int64
	OneCap  int64
	FullCap int64
	Capped  bool
}

// Exchange is doses between this place and others.
type Exchange struct {
	Total int64
	Of    int64
	Rows  []Share
}

// Share is a count, of a whole.
type Share struct {
	Name  string
	Count int64
	Of    int64
}

// Changes are the days of the place whose figures differ from the release
// before.
type Changes struct {
	Before      string // empty: there is none
	Then, Now   int64
	Days, Later int64 // days that differ; of them after the last day known then
	Rows        []Change
	File        string
}

// Change is one day's doses then and now.
type Change struct {
	Day       string
	Then, Now int64
	Rows      string
}

// File is one file to download.
type File struct {
	Table, Format, Path string
	Rows, Bytes         int64  // Bytes 0: not made yet
	SHA256              string // empty: not made yet
}

// Line is a way to get the files, to be copied.
type Line struct{ Name, Text string }

// Rows is the page of the rows behind a figure.
type Rows struct {
	Place, Name string
	Asked       []Pair
	Count       int64
	Head        []string
	First       [][]string
	File        File
	More        string // address of the same with all columns
	Curl        string
}

// Pair is a name and what it is.
type Pair struct{ Name, Value string }

// Overview is the page of all places that the reader may see.
type Overview struct {
	State     bool       // the reader sees the whole state
	Operating *Operating // nil: not for this reader
	Figures   []Figure
	Weeks     Series
	WeeksOf   Note
	Counties  []Place
	MapOf     Note
	Feeds     []Feed
	FeedsOf   Note
	Changes   Changes
	ChangeOf  Note
	Before    string   // the release that the places are compared with, if there is one
	Held      []string // releases that wait for a decision
}

// Place is one row of the overview.
type Place struct {
	FIPS, Name, Page string
	People           int64
	Doses, One, Full int64
	OnePer           int64 // per 10,000; -1 without a denominator
	Change           int64 // doses more than in the release before
}

// Operating is how the configured feeds are, the summary first.
type Operating struct {
	Summary string
	Bad     bool // not all is well
	Rows    []FeedRow
	ToDo    []ToDo
}

// FeedRow is one configured feed. Its times are texts.
type FeedRow struct {
	Name, Registry, Source, State, Running, Arrived, Age, LastOK, LastRun, Next string

	Records int64
}

// ToDo is one thing that is not well, and what to do.
type ToDo struct{ Feed, State, Says, Do string }

// Feed is how fresh a registry's data are.
type Feed struct {
	Registry, Newest           string
	Days                       int64 // since, at the time of the page
	Payloads, Records, Rejects int64
	Counts                     bool // the reader may see the counts
}

// Releases is the list of releases.
type Releases struct{ Rows []ReleaseRow }

// ReleaseRow is one release.
type ReleaseRow struct {
	ID, Status, Built string
	Latest            bool
	Seq               int64
	Holding           int // checks that did not pass
}

// Release is one release with what the gate said.
type Release struct {
	ReleaseRow
	Against   string
	Checks    []Check
	Decisions []Decision
	Files     []File
	Changes   []Place // places whose doses differ from the release before
	Before    string
	Form      string // with the form; empty: the reader decides nothing
	Lines     []Line
}

// Check is one question of the gate.
type Check struct {
	Name, Says   string
	Invariant    bool
	Passed       bool
	Value, Limit string
}

// Decision is a steward's word on a release.
type Decision struct{ Status, By, At, Reason string }

// Quality is the page of registries and senders.
type Quality struct {
	Registries []Sender
	Senders    []Sender
	More       int // senders left out, the smallest
	Rejects    []Reject
	Findings   []Finding
	SenderOf   Note
	RejectOf   Note
	FindingOf  Note
}

// Sender is what one registry or sender sent.
type Sender struct {
	Registry, Name                  string
	Events, Rejects, Timed, Within3 int64
	Within7, Within30               int64
	Race, ZIP, Phone, Lot, Unknown  int64 // events with them; Unknown: without a county
	First, Last                     string
	Recent, Before, Expected        int64 // of a registry: the last 28 days, the 180 before, and what those make expect
}

// Reject is a reason for refusals.
type Reject struct {
	Code, Field, Says, Remedy string
	Count                     int64
	Registries                []string // with how many each sent
}

// Finding is what only a set of records shows.
type Finding struct{ Code, Severity, Says, Remedy string }

// Access is what a user may see, what they asked for, and who saw it.
type Access struct {
	User     string
	Form     string // goes with each form: proof that it is from this page
	Places   []Pair
	Mine     []Wish // the user's own requests
	Waiting  []Wish // that the user may decide on, as a steward
	Steward  bool
	Choices  Choices
	Signed   bool // by a session, not a token: may make tokens
	Fresh    string
	FreshOf  Token // of Fresh, which is shown this once
	Tokens   []Token
	Seen     []Seen
	SeenOf   string
	Lines    []Line
	Announce string // what a form did
}

// Choices are what a request can name.
type Choices struct {
	Places, Roles, Levels []Pair // Name is shown, Value is sent
	Today                 string
}

// Wish is a request for access.
type Wish struct {
	ID                                                 int64
	User, Organisation, Places, Role, Level, Agreement string
	Training, Purpose, Until, Asked, State, By, Reason string
	Own                                                bool // nobody decides for themself
	Levels                                             []Pair
}

// Token is one token, without the secret.
type Token struct {
	ID                             int64
	Name, Ends, Used, Scope, State string
	Lives                          bool
}

// Seen is one reading of one place.
type Seen struct {
	Day, User, Place, File string
	Rows                   int64
}

// Problem is a page that can't be shown, and what to do.
type Problem struct {
	Status int
	Says   string
	Back   string // a page to go on from
}
