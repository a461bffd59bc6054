package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	inCode      = regexp.MustCompile("`(dosebook [^`]+)`")
	codeLine    = regexp.MustCompile(`^\s*(?:sudo -u \w+ )?(dosebook .*)`)
	commandEnd  = regexp.MustCompile(`\s{2,}| [·|#>&] | #|'|\\$`)
	flagInText  = regexp.MustCompile(`--([a-z][a-z-]*)`)
	commandWord = regexp.MustCompile(`^[a-z][a-z-]*$`)
)

// commandsIn are the commands that a page tells its reader to give: lines of its
// blocks, and code within its text.
func commandsIn(page string) (out []string) {
	block := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			block = !block
			continue
		}
		if m := codeLine.FindStringSubmatch(line); block && m != nil {
			out = append(out, m[1])
		}
		if !block {
			for _, m := range inCode.FindAllStringSubmatch(line, -1) {
				out = append(out, m[1])
			}
		}
	}
	for i, c := range out {
		out[i] = strings.TrimSpace(commandEnd.Split(c, 2)[0])
	}
	return out
}

// unknownIn says what of a command the program doesn't have; nothing for none.
func unknownIn(text string) string {
	var words []string
	for _, w := range strings.Fields(text)[1:] {
		words = append(words, strings.Trim(w, "[]"))
	}
	c, rest, err := newRoot(io.Discard, io.Discard).Find(words)
	if err != nil || !c.HasParent() && len(rest) > 0 && commandWord.MatchString(rest[0]) {
		return "there is no such command"
	}
	if c.HasSubCommands() && len(rest) > 0 && commandWord.MatchString(rest[0]) {
		return fmt.Sprintf("%s has no %q", c.CommandPath(), rest[0])
	}
	c.InitDefaultHelpFlag()
	for _, m := range flagInText.FindAllStringSubmatch(text, -1) {
		if c.Flags().Lookup(m[1]) == nil && c.InheritedFlags().Lookup(m[1]) == nil && c.Root().PersistentFlags().Lookup(m[1]) == nil {
			return fmt.Sprintf("%s has no --%s", c.CommandPath(), m[1])
		}
	}
	return ""
}

// Every command that a page names is one that the program has, with the flags
// that stand there.
func TestDocsNameCommandsThatExist(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range append(pages, "../../README.md") {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range commandsIn(string(page)) {
			n++
			if says := unknownIn(c); says != "" {
				t.Errorf("%s: %s: %s", filepath.Base(path), c, says)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d commands were found", n)
	}
	for _, c := range []string{"dosebook nosuch", "dosebook release nosuch", "dosebook release build --nosuch", "dosebook pull URL --nosuch x"} {
		if unknownIn(c) == "" {
			t.Errorf("%s passes", c)
		}
	}
}

var testName = regexp.MustCompile(`\bTest[A-Z]\w+`)

// Every test that a page gives as proof is there.
func TestDocsNameTestsThatExist(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, e os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			if err == nil && e.IsDir() && e.Name() == "node_modules" {
				return filepath.SkipDir
			}
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
			known[m[1]] = true
		}
		return err
	})
	if err != nil || !known["TestDocsNameTestsThatExist"] {
		t.Fatal(len(known), err)
	}
	var pages []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/adr/*.md", "../../bench/*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, more...)
	}
	n := 0
	for _, path := range pages {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range testName.FindAllString(string(page), -1) {
			if n++; !known[name] {
				t.Errorf("%s: there is no %s", filepath.Base(path), name)
			}
		}
	}
	if n < 80 {
		t.Errorf("only %d names were found", n)
	}
}

var testFunc = regexp.MustCompile(`(?m)^func (Test[A-Z]\w+)\(`)
