package poolfile

import (
	"strings"
)

// Reference returns the name in a reference: "${NAME}" alone, of letters, digits and _, at most 128.
func Reference(s string) (name string, ok bool) {
	rest, begins := strings.CutPrefix(s, "${")
	name, ends := strings.CutSuffix(rest, "}")
	if !begins || !ends || name == "" || len(name) > 128 || name[0] >= '0' && name[0] <= '9' || strings.Trim(name, wordRunes) != "" {
		return "", false
	}
	return name, true
}

const wordRunes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

// ReferenceTo makes the reference to what parts name: an account and its secret, for instance.
func ReferenceTo(parts ...string) string {
	up := strings.Map(func(r rune) rune {
		if r < 0x80 && strings.ContainsRune(wordRunes, r) {
			return r
		}
		return '_'
	}, strings.ToUpper(strings.Join(parts, "_")))
	if up == "" || up[0] >= '0' && up[0] <= '9' {
		up = "_" + up
	}
	return "${" + up[:min(len(up), 128)] + "}"
}

// Fill puts values in the place of references, as far as lookup knows them; the others stay. It returns the names that were not known, in the order
// of the document.
func (d *Document) Fill(lookup func(name string) (string, bool)) (unknown []string) {
	fill := func(s string) string {
		name, ok := Reference(s)
		if !ok {
			return s
		}
		if v, known := lookup(name); known {
			return v
		}
		unknown = append(unknown, name)
		return s
	}
	for i := range d.Clients {
		d.Clients[i].Secret = fill(d.Clients[i].Secret)
	}
	for i := range d.Accounts {
		for _, k := range sortedKeys(d.Accounts[i].Secrets) {
			d.Accounts[i].Secrets[k] = fill(d.Accounts[i].Secrets[k])
		}
	}
	for i := range d.Canaries {
		d.Canaries[i].To = fill(d.Canaries[i].To)
	}
	return unknown
}
