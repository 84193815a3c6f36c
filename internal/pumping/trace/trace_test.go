package trace

import (
	"bytes"
	"slices"
	"testing"
)

// What is written is read back.
func TestWriteRead(t *testing.T) {
	typed := 12.5
	h, list := Header{Name: "x", Pool: "small", Seed: 7, About: "y"}, []Message{
		{At: 1, To: "+12025550123", IP: "192.0.2.1", Client: "app", Purpose: "sign_up", TypedAfter: &typed, Label: Honest},
		{At: 1.5, To: "+12025550124", Label: Attack},
	}
	var b bytes.Buffer
	if err := Write(&b, h, list); err != nil {
		t.Fatal(err)
	}
	got, messages, err := Read(&b)
	if err != nil || got != h {
		t.Fatalf("%+v, %v", got, err)
	}
	n := 0
	for m, err := range messages {
		if err != nil || m.At != list[n].At || m.To != list[n].To || m.Label != list[n].Label || (m.TypedAfter == nil) != (list[n].TypedAfter == nil) {
			t.Errorf("%d: %+v, %v", n, m, err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d messages", n)
	}
}

// People type as people do: half within 15 to 25 seconds, some much later, and some never.
func TestTyping(t *testing.T) {
	w := newWorld(1)
	w.people(0, 3*dayLong, 200, europe)
	var times []float64
	for _, m := range w.sorted() {
		if m.TypedAfter != nil {
			times = append(times, *m.TypedAfter)
		}
	}
	slices.Sort(times)
	if middle := times[len(times)/2]; middle < 15 || middle > 25 {
		t.Errorf("the middle is %.1f s", middle)
	}
	if late := times[len(times)*98/100]; late < 80 {
		t.Errorf("the slowest two of a hundred begin at %.1f s", late)
	}
	if share := float64(len(times)) / float64(len(w.messages)); share < 0.6 || share > 0.95 {
		t.Errorf("%.2f of the codes are typed in", share)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"name":"x","pool":"p","seed":1}` + "\n" + `{"at":1,"to":"+12025550123","label":"honest"}`))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, messages, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if h.Name == "" {
			t.Error("a recording without a name")
		}
		last := 0.0
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.At < last || m.To == "" {
				t.Errorf("%+v after %v", m, last)
			}
			last = m.At
		}
	})
}
