package simulator

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func reopen(t *testing.T, b *Inbox, o Options) *Inbox {
	t.Helper()
	if b != nil {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	next, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.Close() })
	return next
}

func TestFileSurvivesRestart(t *testing.T) {
	o := Options{Path: filepath.Join(t.TempDir(), "inbox.jsonl")}
	b := reopen(t, nil, o)
	m := sms(anna, "line\nbreak ✓ \u2028", "1")
	m.IdempotencyKey = "k"
	first := mustSend(t, b, m)
	if _, err := b.Reply(anna, "STOP"); err != nil {
		t.Fatal(err)
	}
	before := b.List(Filter{Replies: true})

	b = reopen(t, b, o)
	if diff := cmp.Diff(before, b.List(Filter{Replies: true})); diff != "" {
		t.Error(diff)
	}
	if again := mustSend(t, b, m); again != first {
		t.Error("the restart made one message two")
	}
	mustSend(t, b, sms(anna, "later", ""))
	if list := b.List(Filter{Replies: true}); list[2].ID <= list[1].ID {
		t.Error("ids do not grow over a restart")
	}
	if info, err := os.Stat(o.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}

	b.Clear("")
	if b = reopen(t, b, o); len(b.List(Filter{})) != 0 {
		t.Error("what was cleared came back")
	}
}

func TestFileIsBounded(t *testing.T) {
	o := Options{Path: filepath.Join(t.TempDir(), "inbox.jsonl"), Max: 10}
	b := reopen(t, nil, o)
	for i := range 95 {
		m := sms(anna, fmt.Sprint(i), "")
		m.IdempotencyKey = fmt.Sprint("k", i)
		mustSend(t, b, m)
		raw, err := os.ReadFile(o.Path)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(raw, []byte("\n")); n > 2*o.Max {
			t.Fatalf("%d lines after %d messages", n, i+1)
		}
	}
	b = reopen(t, b, o)
	if list := texts(b.List(Filter{})); len(list) != 10 || list[0] != "85" || list[9] != "94" {
		t.Errorf("%v", list)
	}
	m := sms(anna, "94", "")
	m.IdempotencyKey = "k94"
	mustSend(t, b, m)
	if n := len(b.List(Filter{To: anna})); n != 10 || b.List(Filter{})[9].Text != "94" {
		t.Error("the key was lost in rewriting")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(o.Path), ".inbox-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFileWithDamage(t *testing.T) {
	o := Options{Path: filepath.Join(t.TempDir(), "inbox.jsonl")}
	good := `{"id":"1763700000000001","to":"+12025550123","channel":"sms","text":"good"}`
	damaged := strings.Join([]string{
		good, "not json", `{"id":"12","to":"x"}`, `{"id":"1763700000000000","to":"+1","text":"out of order"}`,
		`{"id":"9999999999999999","to":"+1","text":"from the future"}`, strings.Repeat("x", 3*maxLine), "",
		`{"id":"1763700000000002","to":"+12025550123","channel":"sms","text":"good too"}`, `{"id":"1763700000000003","to":"+12025550123","te`,
	}, "\n")
	if err := os.WriteFile(o.Path, []byte(damaged), 0o600); err != nil {
		t.Fatal(err)
	}
	b := reopen(t, nil, o)
	if diff := cmp.Diff([]string{"good", "good too"}, texts(b.List(Filter{}))); diff != "" {
		t.Error(diff)
	}
	mustSend(t, b, sms(anna, "new", ""))
	b = reopen(t, b, o)
	if diff := cmp.Diff([]string{"good", "good too", "new"}, texts(b.List(Filter{}))); diff != "" {
		t.Error(diff)
	}
}

func TestFileTrouble(t *testing.T) {
	if _, err := Open(Options{Path: t.TempDir()}); err == nil {
		t.Error("a folder opened as a file")
	}
	dir := t.TempDir()
	b := reopen(t, nil, Options{Path: filepath.Join(dir, "sub", "..", "inbox.jsonl"), Max: 1})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 5 { // a send is not lost because its file is
		mustSend(t, b, sms(anna, "x", ""))
	}
	if n := len(b.List(Filter{})); n != 1 {
		t.Errorf("%d messages", n)
	}
}

func FuzzLoadLine(f *testing.F) {
	f.Add([]byte(`{"id":"1763700000000001","to":"+12025550123","channel":"sms","text":"good","key":"k"}`))
	f.Add([]byte(`{"id":"1763700000000001","from":"+1","direction":"inbound"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		b, err := Open(Options{Max: 2})
		if err != nil {
			t.Fatal(err)
		}
		b.loadLine(line)
		b.loadLine(line)
		list := b.List(Filter{Replies: true})
		if len(list) > 1 {
			t.Errorf("one line gave %d messages", len(list))
		}
		mustSend(t, b, sms(anna, "x", ""))
		if all := b.List(Filter{Replies: true}); all[len(all)-1].Text != "x" || (len(all) > 1 && all[0].ID >= all[1].ID) {
			t.Errorf("the order is lost: %+v", all)
		}
	})
}
