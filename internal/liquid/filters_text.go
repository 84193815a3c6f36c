package liquid

import (
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// textual makes a filter of a function from text to text whose answer is at most grows times as long.
func textual(grows int, f func(string) string) filter {
	return func(in input) (any, error) {
		s, err := in.text()
		if err != nil {
			return nil, err
		}
		if err := in.run.pay(len(s) * grows); err != nil {
			return nil, err
		}
		out := f(s)
		return out, in.run.payText(len(out))
	}
}

func textFilter(name string) filter {
	switch name {
	case "append":
		return appendFilter(false)
	case "prepend":
		return appendFilter(true)
	case "capitalize":
		return textual(2, func(s string) string {
			_, n := utf8.DecodeRuneInString(s)
			return strings.ToUpper(s[:n]) + strings.ToLower(s[n:])
		})
	case "downcase":
		return textual(2, strings.ToLower)
	case "upcase":
		return textual(2, strings.ToUpper)
	case "strip":
		return textual(1, func(s string) string { return strings.TrimFunc(s, unicode.IsSpace) })
	case "lstrip":
		return textual(1, func(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) })
	case "rstrip":
		return textual(1, func(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) })
	case "strip_newlines":
		return textual(1, func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", ""), "\n", "") })
	case "normalize_whitespace":
		return textual(1, func(s string) string { return anySpace.ReplaceAllString(s, " ") })
	case "remove", "remove_first", "remove_last", "replace", "replace_first", "replace_last":
		return replaceFilter(name)
	case "split":
		return splitFilter
	case "truncate":
		return truncateFilter
	case "truncatewords":
		return truncateWordsFilter
	}
	return nil
}

var anySpace = regexp.MustCompile(`\s+`)

func appendFilter(before bool) filter {
	return func(in input) (any, error) {
		s, err := in.text()
		if err != nil {
			return nil, err
		}
		add, err := in.textArg(0, "")
		if err != nil {
			return nil, err
		}
		if err := in.run.payText(len(s) + len(add)); err != nil {
			return nil, err
		}
		if before {
			return add + s, nil
		}
		return s + add, nil
	}
}

func replaceFilter(name string) filter {
	which := "all"
	if rest, ok := strings.CutSuffix(name, "_first"); ok {
		name, which = rest, "first"
	} else if rest, ok := strings.CutSuffix(name, "_last"); ok {
		name, which = rest, "last"
	}
	return func(in input) (any, error) {
		s, err := in.text()
		if err != nil {
			return nil, err
		}
		old, err := in.textArg(0, "")
		if err != nil {
			return nil, err
		}
		by := ""
		if name == "replace" {
			if by, err = in.textArg(1, ""); err != nil {
				return nil, err
			}
		}
		return in.run.replace(s, old, by, which)
	}
}

// replace pays for the answer before it is made.
func (r *run) replace(s, old, by, which string) (any, error) {
	if err := r.pay(len(s)); err != nil {
		return nil, err
	}
	count := strings.Count(s, old)
	if old == "" {
		if count -= 2; which != "all" || count < 1 { // between the characters, not at the ends
			return s, nil
		}
		if err := r.payText(len(s) + count*len(by)); err != nil {
			return nil, err
		}
		return strings.Join(strings.Split(s, ""), by), nil
	}
	switch {
	case count == 0:
		return s, nil
	case which != "all":
		count = 1
	}
	if err := r.payText(len(s) + count*len(by) - count*len(old)); err != nil {
		return nil, err
	}
	if which == "last" {
		at := strings.LastIndex(s, old)
		return s[:at] + by + s[at+len(old):], nil
	}
	return strings.Replace(s, old, by, count), nil
}

func splitFilter(in input) (any, error) {
	s, err := in.text()
	if err != nil {
		return nil, err
	}
	separator, err := in.textArg(0, "")
	if err != nil {
		return nil, err
	}
	if err := in.run.pay(len(s)); err != nil {
		return nil, err
	}
	if err := in.run.payList(strings.Count(s, separator) + 1); err != nil {
		return nil, err
	}
	parts := strings.Split(s, separator)
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts, nil
}

// truncateFilter counts characters, where LiquidJS counts UTF-16 units and may cut one in half.
func truncateFilter(in input) (any, error) {
	s, err := in.text()
	if err != nil {
		return nil, err
	}
	end, err := in.textArg(1, "...")
	if err != nil {
		return nil, err
	}
	if err := in.run.pay(len(s)); err != nil {
		return nil, err
	}
	limit := clampInt(in.numArg(0, 50))
	r := []rune(s)
	if len(r) <= limit {
		return s, nil
	}
	out := string(r[:max(limit-utf8.RuneCountInString(end), 0)]) + end
	return out, in.run.payText(len(out))
}

func truncateWordsFilter(in input) (any, error) {
	s, err := in.text()
	if err != nil {
		return nil, err
	}
	end, err := in.textArg(1, "...")
	if err != nil {
		return nil, err
	}
	if err := in.run.pay(len(s)); err != nil {
		return nil, err
	}
	limit := max(clampInt(in.numArg(0, 15)), 1)
	fields := strings.Fields(s)
	if len(fields) < limit { // as many as the limit get the end too, as in LiquidJS
		end = ""
	}
	out := strings.Join(fields[:min(limit, len(fields))], " ") + end
	return out, in.run.payText(len(out))
}

func webFilter(name string) filter {
	switch name {
	case "escape", "xml_escape":
		return textual(6, html.EscapeString)
	case "escape_once":
		return textual(6, func(s string) string { return html.EscapeString(html.UnescapeString(s)) })
	case "newline_to_br":
		return textual(6, func(s string) string {
			return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "<br />\n")
		})
	case "strip_html":
		return textual(1, stripHTML)
	case "url_encode":
		return textual(3, func(s string) string { return strings.ReplaceAll(encodeURI(s, ""), "%20", "+") })
	case "cgi_escape":
		return textual(3, url.QueryEscape)
	case "uri_escape":
		return textual(3, func(s string) string { return encodeURI(s, ";/?:@&=+$,#[]") })
	case "url_decode":
		return textual(1, func(s string) string {
			out, err := url.QueryUnescape(s)
			if err != nil || !utf8.ValidString(out) {
				return s
			}
			return out
		})
	case "slugify":
		return textual(2, func(s string) string { return strings.Trim(notSlug.ReplaceAllString(strings.ToLower(s), "-"), "-") })
	}
	return nil
}

var notSlug = regexp.MustCompile(`[^\p{L}\p{Nd}]+`)

// stripHTML leaves out scripts and styles with what is in them, tags on one line, and comments. Each end is searched for once for
// all the beginnings before it.
func stripHTML(s string) string {
	var out strings.Builder
	ends := map[string]int{}
	next := func(what string, from int) int { // where what comes at or after from, len(s) if it does not
		if at, ok := ends[what]; ok && at >= from {
			return at
		}
		at := strings.Index(s[from:], what)
		if ends[what] = from + at; at < 0 {
			ends[what] = len(s)
		}
		return ends[what]
	}
	for at := 0; at < len(s); {
		open := next("<", at)
		out.WriteString(s[at:open])
		if at = open; at == len(s) {
			break
		}
		closed := -1
		for _, pair := range [...][2]string{{"<script", "</script>"}, {"<style", "</style>"}, {"<", ">"}, {"<!--", "-->"}} {
			if !strings.HasPrefix(s[at:], pair[0]) {
				continue
			}
			end := next(pair[1], at)
			if end < len(s) && (pair[0] != "<" || next("\n", at) > end) {
				closed = end + len(pair[1])
				break
			}
		}
		if closed < 0 {
			out.WriteByte('<')
			closed = at + 1
		}
		at = closed
	}
	return out.String()
}

// encodeURI is encodeURIComponent (ECMA-262, 19.2.6.4), which leaves also what keep names.
func encodeURI(s, keep string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < utf8.RuneSelf && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)) || strings.IndexByte("-_.!~*'()"+keep, c) >= 0) {
			out.WriteByte(c)
			continue
		}
		out.WriteByte('%')
		out.WriteString(strings.ToUpper(strconv.FormatUint(uint64(c)|0x100, 16)[1:]))
	}
	return out.String()
}
