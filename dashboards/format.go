package dashboards

import (
	"html/template"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

func functions(shapes []shape, lang string) template.FuncMap {
	said := words[lang]
	t := func(english string) string { return Said(lang, english) }
	return template.FuncMap{
		"number": Number, "percent": percent, "sentence": sentence, "share": share, "bytes": size, "signed": signed, "stacked": stacked, "meter": meter,
		"per":    func(n, of int64) int64 { return n * 10_000 / max(of, 1) },
		"map":    func(label string, p []Place) template.HTML { return mapOf(shapes, label, p) },
		"fifths": fifths, "sub": func(a, b int64) int64 { return a - b }, "short": short, "int": func(n int) int64 { return int64(n) },
		"t": t, "lang": func() string { return lang },
		"twin": func() string { return map[string]string{English: Spanish, Spanish: English}[lang] },
		"said": func(s Series) Series {
			s.Label, s.Names = t(s.Label), slices.Clone(s.Names)
			for i := range s.Names {
				s.Names[i] = t(s.Names[i])
			}
			return s
		},
		"foreign": func(english string) template.HTMLAttr {
			if _, ok := said[english]; ok || lang == English {
				return ""
			}
			return ` lang="en"` // so that it is read aloud as what it is
		},
	}
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	if s == "" {
		return ""
	}
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(s[n:], ".") + "."
}

// Number writes thousands with commas.
func Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return strings.Replace(s, "-", "−", 1)
}

func signed(n int64) string {
	if n > 0 {
		return "+" + Number(n)
	}
	return Number(n)
}

// percent writes a share of 10,000, to two places below one percent.
func percent(per int64) string {
	switch {
	case per < 0:
		return "–"
	case per < 100 && per > 0:
		return strconv.FormatFloat(float64(per)/100, 'f', 2, 64)
	}
	return strconv.FormatFloat(float64(per)/100, 'f', 1, 64)
}

// share is n of a whole in percent.
func share(n, of int64) string {
	if of == 0 {
		return "–"
	}
	return strconv.FormatFloat(float64(n)*100/float64(of), 'f', 1, 64)
}

// size writes bytes as people say them.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return strconv.FormatFloat(float64(n)/(1<<30), 'f', 1, 64) + " GB"
	case n >= 1<<20:
		return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MB"
	case n >= 1<<10:
		return strconv.FormatInt(n>>10, 10) + " KB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// short is the beginning of a hash.
func short(s string) string { return s[:min(len(s), 12)] }
