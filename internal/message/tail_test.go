package message

import (
	"strings"
	"testing"

	"countersign/internal/fault"
)

const testHash = "FA+9qCX9VSu"

func TestTail(t *testing.T) {
	both, host, hash := Tail{"login.example.com", testHash}, Tail{Host: "login.example.com"}, Tail{Hash: testHash}
	for name, c := range map[string]struct {
		tail       Tail
		text, want string
	}{
		"none":          {Tail{}, "482913 is your code.", "482913 is your code."},
		"origin":        {host, "482913 is your code.\n", "482913 is your code.\n\n@login.example.com #482913"},
		"hash":          {hash, "482913 is your code.", "482913 is your code.\n" + testHash},
		"both":          {both, "482913 is your code.", "482913 is your code.\n\n@login.example.com #482913 " + testHash},
		"own line":      {both, "482913\n\n@own.example #482913", "482913\n\n@own.example #482913 " + testHash},
		"own hash":      {hash, "482913\n" + testHash, "482913\n" + testHash},
		"address":       {host, "@acme: 1", "@acme: 1\n\n@login.example.com #482913"},
		"another code":  {host, "@own.example #1", "@own.example #1\n\n@login.example.com #482913"},
		"trailing room": {hash, "482913 \r\n ", "482913\n" + testHash},
	} {
		if got, err := c.tail.With(c.text, "482913"); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, x := range map[string]Tail{"host": {Host: "Login.example.com"}, "url": {Host: "https://x"}, "short": {Hash: "abc"}, "odd": {Hash: "FA+9qCX9VS_"}, "long": {Hash: testHash + "x"}} {
		if _, err := x.With("482913", "482913"); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzTail: whatever the text is, the last line is the tail's, the code in it is the code, and the text before it is untouched.
func FuzzTail(f *testing.F) {
	for _, s := range []string{"", "482913 is your code.", "@a #482913", "a\n\n@b.example #482913", "\r\n", "@", "x @login.example.com #482913"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Tail{"login.example.com", testHash}.With(text, "482913")
		if err != nil {
			t.Fatal(err)
		}
		last := got[strings.LastIndexByte(got, '\n')+1:]
		if !strings.HasPrefix(last, "@") || !strings.Contains(last, " #482913") || !strings.HasSuffix(last, testHash) {
			t.Errorf("%q becomes %q", text, got)
		}
		if !strings.HasPrefix(got, strings.TrimRight(text, " \r\n")) {
			t.Errorf("%q becomes %q", text, got)
		}
		if again, err := (Tail{"login.example.com", testHash}).With(got, "482913"); err != nil || again != got {
			t.Errorf("%q becomes %q the second time (%v)", got, again, err)
		}
	})
}
