package snowflake

import "regexp"

// lacking is what fakesnow 0.12.1 refuses or takes without effect, and why a
// plan leaves it out there. Nobody leaves it out on an account.
var lacking = []struct {
	text *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`^(create|alter) (or replace )?(if not exists )?(database )?role `), "it has no roles"},
	{regexp.MustCompile(`^grant `), "it has no grants"},
	{regexp.MustCompile(`^(create|alter) (warehouse|resource monitor) `), "it has no warehouses"},
	{regexp.MustCompile(`^(create|alter) (row access|masking) policy `), "it has no policies"},
	{regexp.MustCompile(`^(create|alter) network policy |^alter user `), "it has no sign-in"},
	{regexp.MustCompile(`^(create|alter) (share|managed account) `), "it has no other accounts"},
	{regexp.MustCompile(`^(create or replace|alter) (task|alert) `), "it runs nothing by itself"},
}

// cannot says why an emulator can't run a statement; empty: it can.
func cannot(text string) string {
	for _, l := range lacking {
		if l.text.MatchString(text) {
			return l.why
		}
	}
	return ""
}

// What of a statement that it runs has no meaning there: it has one account.
var unmeant = regexp.MustCompile(` with masking policy \S+ using \([^)]*\)|(?m)^with row access policy \S+ on \([^)]*\)\n| with managed access| \|\| current_account\(\)`)

func forEmulator(text string) string { return unmeant.ReplaceAllString(text, "") }
