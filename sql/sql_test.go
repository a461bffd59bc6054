package sql

import (
	"io/fs"
	"path"
	"strings"
	"testing"
)

func TestStatements(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"select 1;\nselect 2;\n", "select 1;|select 2;"},
		{"select 1;\nselect 2", "select 1;|select 2"},
		{"-- what it does; and why;\nselect 1;\n  -- indented;\nselect 2;", "select 1;|select 2;"},
		{"select 'a; b' as x, -- one; two\n 2;\n", "select 'a; b' as x, -- one; two\n 2;"},
		{"create table a (\n  b text, -- ends;\n  c text -- too;\n); -- after\nselect 1;", "create table a (\n  b text, -- ends;\n  c text -- too;\n); -- after|select 1;"},
		{"select 1; select 2;\n", "select 1; select 2;"},
		{"select 1 ; \r\n\r\nselect 2;\r\n", "select 1 ;|select 2;"},
		{"\n\n-- nothing\n", ""},
		{"", ""},
	} {
		if got := strings.Join(split(c.text), "|"); got != c.want {
			t.Errorf("%q splits into\n%q, want\n%q", c.text, got, c.want)
		}
	}
}

// TestTexts: every embedded text splits into statements that hold all of it
// but the comment lines.
func TestTexts(t *testing.T) {
	n := 0
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(name) != ".sql" {
			return err
		}
		n++
		statements, err := Statements(name)
		if err != nil {
			return err
		}
		text, err := Text(name)
		if err != nil {
			return err
		}
		var bare []string
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(strings.TrimSpace(line), "--") {
				bare = append(bare, line)
			}
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
		if got, want := squeeze(strings.Join(statements, "\n")), squeeze(strings.Join(bare, "")); got != want || got == "" && !strings.HasPrefix(name, "migrations/") { // one of a pair may have nothing to do
			t.Errorf("%s loses text when it is split: %d statements", name, len(statements))
		}
		return nil
	})
	if err != nil || n < 10 {
		t.Error(n, err)
	}
	if _, err := Text("models/none.sql"); err == nil {
		t.Error("a text that is not there was read")
	}
	if _, err := Migrations("none"); err == nil {
		t.Error("migrations that are not there were listed")
	}
}
