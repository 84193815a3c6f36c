package script

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"countersign/internal/form"
	"countersign/internal/secret"
)

// The bounds of an Outcome, in bytes or entries.
const (
	maxConsole  = 64 << 10
	maxMessage  = 8 << 10
	maxStack    = 8 << 10
	maxName     = 256
	maxPath     = 200
	maxHost     = 255
	maxRequests = 100
	maxWarnings = 20
	maxCommands = 256
	// minSecret is the length from which a value is taken for a secret in what code says.
	minSecret = 6
	// minDigits is the length from which a code or number is.
	minDigits = 4
	// lastDigits is how many digits of a number, from its end, tell whose it is wherever one knows the area.
	lastDigits = 7
)

// numbers are telephone numbers in international form, also as URLs write them.
var numbers = form.New(`(?:\+|%2[bB])[0-9][0-9 ().-]{5,20}[0-9]`)

// cleaner takes what is sensitive out of foreign text.
type cleaner struct {
	values []string
	spoken *regexp.Regexp
}

func newCleaner(c *Call) *cleaner {
	k := &cleaner{}
	for _, v := range c.Secrets {
		if len(v) >= minSecret {
			k.values = append(k.values, v)
		}
	}
	var spoken []string
	for _, v := range c.Sensitive {
		if len(v) < minDigits {
			continue
		}
		k.values = append(k.values, v)
		if digits := strings.TrimPrefix(v, "+"); digits != v && len(digits) >= minSecret {
			k.values = append(k.values, digits)
			if strings.Trim(digits, "0123456789") == "" { // as it is said at home: (202) 555-0123
				spoken = append(spoken, apart(digits[max(0, len(digits)-lastDigits):]))
			}
		}
		if len(v) <= 12 && strings.Trim(v, "0123456789") == "" { // a code, as it may be said: 1 2 3, 4 5 6
			spoken = append(spoken, apart(v))
		}
	}
	if len(spoken) > 0 {
		k.spoken, _ = regexp.Compile(strings.Join(spoken, "|")) // digits and a constant
	}
	return k
}

// apart finds digits with something between them.
func apart(digits string) string { return strings.Join(strings.Split(digits, ""), `[ ,.;:_()-]{0,4}`) }

// Clean takes out of words that code answered what must not be repeated: of an answer that is kept, not passed on.
func (c *Call) Clean(words string) string { return newCleaner(c).text(words, maxName) }

func (k *cleaner) text(s string, limit int) string {
	s = secret.Hide(strings.ToValidUTF8(s, "\uFFFD"), k.values, 1)
	if k.spoken != nil {
		s = k.spoken.ReplaceAllString(s, secret.Redacted)
	}
	return cut(numbers().ReplaceAllString(s, secret.Redacted), limit)
}

// place is what names a region or a host rather than a secret: eu-west-1, api.example.com.
var place = form.New(`^[a-z0-9]{1,12}(?:[.-][a-z0-9]{1,12})+$`)

// host is text for the name of a host, in which regions and host names that are kept among the secrets are no secrets: without them nobody could
// tell where a request went.
func (k *cleaner) host(name string) string {
	rest := &cleaner{spoken: k.spoken, values: slices.DeleteFunc(slices.Clone(k.values), place().MatchString)}
	return rest.text(name, maxHost)
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

// clean bounds an outcome and takes out of it what must not be repeated. What code answers is its own to choose: of that only the words of errors
// are cleaned.
func clean(o *Outcome, kind Kind, c *Call) {
	k := newCleaner(c)
	o.Console = k.text(o.Console, maxConsole)
	if e := o.Error; e != nil {
		e.Name, e.Message, e.Code, e.Stack = k.text(e.Name, maxName), k.text(e.Message, maxMessage), k.text(e.Code, maxName), k.text(e.Stack, maxStack)
	}
	o.Requests = o.Requests[:min(len(o.Requests), maxRequests)]
	for i := range o.Requests {
		q := &o.Requests[i]
		q.Method, q.Host = k.text(q.Method, 20), k.host(q.Host)
		q.Path, q.Error = k.text(q.Path, maxPath), k.text(q.Error, maxName)
	}
	o.Warnings = slices.Clone(o.Warnings[:min(len(o.Warnings), maxWarnings)])
	for i, w := range o.Warnings {
		o.Warnings[i] = k.text(w, maxMessage)
	}
	o.Commands = o.Commands[:min(len(o.Commands), maxCommands)]
	for i := range o.Commands {
		if cmd := &o.Commands[i]; cmd.Name == "access.deny" || strings.HasPrefix(cmd.Name, "notification.") {
			cmd.Args = k.args(cmd.Args)
		}
	}
	if kind == Hook && o.Error != nil {
		o.Envelope = k.json(o.Envelope)
	}
}

// Hide takes the call's secrets out of what code answered, for somebody who watches it run: Run leaves answers as they are, since they go on.
func (o *Outcome) Hide(c *Call) {
	k := newCleaner(&Call{Secrets: c.Secrets})
	hide := func(s string) string { return secret.Hide(s, k.values, 1) }
	o.Envelope, o.Data = mapStrings(o.Envelope, hide), mapStrings(o.Data, hide)
	for i := range o.Commands {
		args := slices.Clone(o.Commands[i].Args)
		for j := range args {
			args[j] = mapStrings(args[j], hide)
		}
		o.Commands[i].Args = args
	}
}

// args cleans arguments that are words for people.
func (k *cleaner) args(args []json.RawMessage) []json.RawMessage {
	out := slices.Clone(args)
	for i := range out {
		out[i] = k.json(out[i])
	}
	return out
}

// json cleans the strings of a JSON value.
func (k *cleaner) json(raw json.RawMessage) json.RawMessage {
	return mapStrings(raw, func(s string) string { return k.text(s, maxMessage) })
}

// mapStrings changes the strings of a JSON value, names too, and keeps its order. What cannot be read is left out.
func mapStrings(raw json.RawMessage, f func(string) string) json.RawMessage {
	if isNull(raw) {
		return nil
	}
	var out bytes.Buffer
	for i := 0; i < len(raw); {
		if raw[i] != '"' {
			out.WriteByte(raw[i])
			i++
			continue
		}
		end := i + 1
		for end < len(raw) && raw[end] != '"' {
			if raw[end] == '\\' {
				end++
			}
			end++
		}
		var s string
		if end >= len(raw) || json.Unmarshal(raw[i:end+1], &s) != nil {
			return nil
		}
		if cleaned := f(s); cleaned == s {
			out.Write(raw[i : end+1])
		} else {
			quoted, _ := json.Marshal(cleaned) // a string
			out.Write(quoted)
		}
		i = end + 1
	}
	return out.Bytes()
}

// consoleOf finds a call's lines in the end of a worker's log: time, request id, level, text, parted by tabs, with carriage returns for line breaks.
func consoleOf(log []byte, requestID string) string {
	var out strings.Builder
	for line := range strings.Lines(string(log)) {
		parts := strings.SplitN(strings.TrimRight(line, "\n"), "\t", 4)
		if len(parts) == 4 && parts[1] == requestID {
			out.WriteString(strings.ReplaceAll(parts[3], "\r", "\n"))
			out.WriteByte('\n')
		}
	}
	return out.String()
}
