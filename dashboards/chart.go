package dashboards

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// The chart's frame, in units of its viewBox.
const (
	chartWide, chartHigh = 960, 266
	leftEdge, baseLine   = 52, 232
	topEdge, rightEdge   = 10, 8
)

// stacked draws the series as stacked bars, one a step. Colours come from the
// style by the classes s0, s1, …; each bar says its numbers in a title.
func stacked(s Series) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWide, chartHigh, template.HTMLEscapeString(s.Label))
	most := int64(1)
	for i := range s.Days {
		most = max(most, total(s, i))
	}
	step := tick(most)
	top := (most + step - 1) / step * step
	y := func(v int64) float64 {
		return baseLine - float64(v)/float64(top)*(baseLine-topEdge)
	}
	for v := int64(0); v <= top; v += step {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text class="y" x="%d" y="%.1f">%s</text>`, leftEdge, y(v), chartWide-rightEdge, leftEdge-6, y(v)+4, axis(v))
	}
	width := float64(chartWide-rightEdge-leftEdge) / float64(max(len(s.Days), 1))
	years(&b, s.Days, width)
	for i := range s.Days {
		if total(s, i) > 0 {
			bar(&b, s, i, leftEdge+float64(i)*width, width, y)
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// axis writes a number of an axis short, so that it has room on a phone.
func axis(n int64) string {
	switch {
	case n >= 1_000_000:
		return strconv.FormatFloat(float64(n)/1e6, 'g', 3, 64) + "M"
	case n >= 10_000:
		return strconv.FormatFloat(float64(n)/1e3, 'g', 4, 64) + "k"
	}
	return Number(n)
}

func bar(b *strings.Builder, s Series, i int, x, width float64, y func(int64) float64) {
	fmt.Fprintf(b, `<g><title>%s: %s`, template.HTMLEscapeString(s.Days[i]), Number(total(s, i)))
	for k, name := range s.Names {
		fmt.Fprintf(b, ", %s %s", template.HTMLEscapeString(name), Number(s.Values[k][i]))
	}
	b.WriteString(`</title>`)
	base := int64(0)
	for k := range s.Names {
		if v := s.Values[k][i]; v > 0 {
			fmt.Fprintf(b, `<path class="s%d" d="M%.1f %.1fV%.1fH%.1fV%.1fZ"/>`, k, x, y(base), y(base+v), x+max(width*0.86, width-1.5), y(base))
			base += v
		}
	}
	b.WriteString(`</g>`)
}

// years marks where each year begins whose name has room.
func years(b *strings.Builder, days []string, width float64) {
	end := float64(chartWide)
	for i := len(days) - 1; i >= 0; i-- { // from the end: of two that are close the first has no room
		d := days[i]
		if i > 0 && strings.HasPrefix(days[i-1], d[:min(len(d), 4)]) {
			continue
		}
		x := leftEdge + float64(i)*width
		if end-x > 60 {
			fmt.Fprintf(b, `<path class="year" d="M%.1f %dV%d"/><text class="x" x="%.1f" y="%d">%s</text>`, x, topEdge, baseLine+6, x+4, baseLine+10, template.HTMLEscapeString(d[:min(len(d), 4)]))
			end = x
		}
	}
}

func total(s Series, i int) (n int64) {
	for k := range s.Values {
		n += s.Values[k][i]
	}
	return n
}

// tick is a round step that divides an axis into three to six.
func tick(most int64) int64 {
	for step := int64(1); ; step *= 10 {
		for _, k := range []int64{1, 2, 5} {
			if most <= 5*k*step {
				return k * step
			}
		}
	}
}

// meter draws a share of 10,000 as a bar, behind or beside its number.
func meter(per int64) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><path class="track" d="M0 0H100V8H0Z"/><path class="fill" d="M0 0H%sV8H0Z"/></svg>`,
		strconv.FormatFloat(float64(min(max(per, 0), 10_000))/100, 'f', 1, 64)))
}

// mapOf draws the counties; the classes m0 to m4 are the fifths of the shares
// of those that have one, and m is a county that the reader doesn't see.
func mapOf(shapes []shape, label string, places []Place) template.HTML {
	by := map[string]Place{}
	for _, p := range places {
		by[p.FIPS] = p
	}
	most := largest(places)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="map" viewBox="-4 -4 424 488" role="group" aria-label="%s">`, template.HTMLEscapeString(label))
	for _, s := range shapes {
		p, ok := by[s.FIPS]
		if !ok || p.OnePer < 0 || !strings.HasPrefix(p.Page, "/") { // an address of ours, nothing else
			fmt.Fprintf(&b, `<path class="m" d="%s"/>`, s.Path)
			continue
		}
		fmt.Fprintf(&b, `<a href="%s" aria-label="%s: %s %%"><path class="m%d" d="%s"><title>%s: %s %%</title></path></a>`, template.HTMLEscapeString(p.Page),
			template.HTMLEscapeString(p.Name), percent(p.OnePer), min(p.OnePer*5/(most+1), 4), s.Path, template.HTMLEscapeString(p.Name), percent(p.OnePer))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

func largest(places []Place) int64 {
	most := int64(0)
	for _, p := range places {
		most = max(most, p.OnePer)
	}
	return most
}

// fifths says from which share on each of the map's colours stands; nothing
// without a share.
func fifths(places []Place) (out []string) {
	most := largest(places)
	for i := int64(0); i < 5 && most > 0; i++ {
		// the least whole number of 10,000 that falls into the fifth
		out = append(out, percent((i*(most+1)+4)/5))
	}
	return out
}
