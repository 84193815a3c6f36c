package pool

import (
	"slices"
	"strconv"
	"strings"

	"countersign/internal/store"
)

// defaultLocale is that of a pool that names none.
const defaultLocale = "en"

// maxLanguages bounds what of an Accept-Language header is read.
const maxLanguages = 16

// language is the enabled locale that the caller asks for (x-request-language or Accept-Language: RFC 9110, section 12.5.4), or else the one that the
// user was last spoken to in, its attribute locale, or the pool's default.
func (t *tenant) language(c Caller, u *store.User) string {
	enabled := t.cfg.locales()
	if len(enabled) == 1 {
		return enabled[0]
	}
	wanted := append(accepted(c.Language), metaOf(u).Language)
	if u != nil {
		wanted = append(wanted, u.Attributes["locale"])
	}
	for _, want := range wanted {
		if l := matchLocale(enabled, want); l != "" {
			return l
		}
	}
	return enabled[0]
}

// matchLocale is the enabled locale that a tag means: the same one, or one of the same language.
func matchLocale(enabled []string, want string) string {
	want = strings.ReplaceAll(want, "_", "-")
	if want == "" || want == "*" {
		return ""
	}
	if i := slices.IndexFunc(enabled, func(l string) bool { return strings.EqualFold(l, want) }); i >= 0 {
		return enabled[i]
	}
	base := func(tag string) string { b, _, _ := strings.Cut(tag, "-"); return b }
	if i := slices.IndexFunc(enabled, func(l string) bool { return strings.EqualFold(l, base(want)) }); i >= 0 {
		return enabled[i]
	}
	if i := slices.IndexFunc(enabled, func(l string) bool { return strings.EqualFold(base(l), base(want)) }); i >= 0 {
		return enabled[i]
	}
	return ""
}

// accepted are the languages of a header, the most wanted first.
func accepted(header string) []string {
	type tag struct {
		name    string
		quality float64
	}
	var list []tag
	for part := range strings.SplitSeq(header, ",") {
		name, q, weighed := strings.Cut(strings.TrimSpace(part), ";")
		quality := 1.0
		if weighed {
			v, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(q), "q="), 64)
			if err != nil || !(v > 0 && v <= 1) {
				continue
			}
			quality = v
		}
		if name = strings.TrimSpace(name); name != "" && len(name) <= 35 {
			list = append(list, tag{name, quality})
		}
		if len(list) == maxLanguages {
			break
		}
	}
	slices.SortStableFunc(list, func(a, b tag) int {
		switch {
		case a.quality > b.quality:
			return -1
		case a.quality < b.quality:
			return 1
		}
		return 0
	})
	out := make([]string, len(list))
	for i, l := range list {
		out[i] = l.name
	}
	return out
}
