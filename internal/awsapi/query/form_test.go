package query

import (
	"encoding/base64"
	"math"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// sample has a member of every kind that the protocol carries.
type sample struct {
	Text   *string           `query:"Text"`
	Flag   *bool             `query:"Flag"`
	Count  *int64            `query:"Count"`
	Share  *float64          `query:"Share"`
	At     *wire.Time        `query:"At"`
	Bytes  []byte            `query:"Bytes"`
	Names  []string          `query:"names"`
	Items  []inner           `query:"Items,Item"`
	Values map[string]string `query:"Values"`
	Inner  *inner            `query:"Inner"`
	Things map[string]inner  `query:"Things,Name,Value"`
}

type inner struct {
	Kind *string `query:"Kind"`
	More *inner2 `query:"More"`
}

type inner2 struct {
	Leaf *string `query:"Leaf"`
}

func (*sample) Validate(v *wire.Violations) {}

func ptr[T any](v T) *T { return &v }

func read(t *testing.T, form string) (sample, error) {
	t.Helper()
	root, wrong := parse([]byte(form))
	if wrong != nil {
		t.Fatalf("%s: %v", form, wrong)
	}
	var out sample
	err := decode(root, &out)
	return out, err
}

func TestDecode(t *testing.T) {
	for form, want := range map[string]sample{
		"":         {},
		"Other=1&": {},
		"Text=a+b%2Bc%0A%C3%A9&Flag=true&Count=-7&Share=1.5": {Text: ptr("a b+c\né"), Flag: ptr(true), Count: ptr(int64(-7)), Share: ptr(1.5)},
		"Text=":                                  {Text: ptr("")},
		"At=2026-11-21T12:00:00.5Z&Bytes=aGk%3D": {At: wire.At(time.Date(2026, 11, 21, 12, 0, 0, 500e6, time.UTC)), Bytes: []byte("hi")},
		"names.member.2=b&names.member.1=a&names.member.10=c": {Names: []string{"a", "b", "c"}},
		"names=":  {Names: []string{}},
		"Values=": {Values: map[string]string{}},
		"Items.Item.1.Kind=x&Items.Item.2.More.Leaf=y": {Items: []inner{{Kind: ptr("x")}, {More: &inner2{Leaf: ptr("y")}}}},
		"Values.entry.1.key=k&Values.entry.1.value=v":  {Values: map[string]string{"k": "v"}},
		"Inner.Kind=x": {Inner: &inner{Kind: ptr("x")}},
		"Things.entry.1.Name=a.b&Things.entry.1.Value.Kind=String": {Things: map[string]inner{"a.b": {Kind: ptr("String")}}},
	} {
		got, err := read(t, form)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", form, got, err)
		}
	}
}

// What cannot be read is named by its parameter, and its value is not repeated.
func TestDecodeRefuses(t *testing.T) {
	for form, field := range map[string]string{
		"Flag=secret":                     "Flag",
		"Flag=TRUE":                       "Flag",
		"Count=secret":                    "Count",
		"Count=9223372036854775808":       "Count",
		"Share=secret":                    "Share",
		"Share=NaN":                       "Share",
		"At=secret":                       "At",
		"Bytes=secret!":                   "Bytes",
		"Text.secret=1":                   "Text",
		"names.member.0=secret":           "names.member",
		"names.member.01=secret":          "names.member",
		"names.member.secret=1":           "names.member",
		"names.member.-1=secret":          "names.member",
		"names.member.1.secret=1":         "names.member",
		"Values.entry.x.key=secret":       "Values.entry",
		"Values.entry.1.value=secret":     "Values.entry",
		"Inner.More.Leaf.secret=1":        "Inner.More.Leaf",
		"Things.entry.1.Value.Kind=s":     "Things.entry",
		"Things.entry.1.Name=secret":      "Things.entry",
		"Values.entry.1.key.secret=1":     "Values.entry",
		"Items.Item.1.More.Leaf.secret=1": "Items.Item.More.Leaf",
		"Values.entry.1.key=secret&Values.entry.1.value=a&Values.entry.2.key=secret&Values.entry.2.value=b": "Values.entry",
	} {
		_, err := read(t, form)
		f := fault.Of(err)
		if f == nil || f.Code != fault.InvalidParameter || f.Field != field || strings.Contains(f.Public, "secret") {
			t.Errorf("%s: %v", form, f)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("a", maxName+1)
	for _, form := range []string{
		"a=%", "%zz=1", "a=%ff", "%ff=1", "a..b=1", ".a=1", "a.=1", "=1", "a=1&a=2", "a=1&%61=1", long + "=1",
		strings.Repeat("a.", maxDepth) + "a=1", strings.Repeat("&", maxParameters),
	} {
		if _, wrong := parse([]byte(form)); wrong == nil || wrong.code != "MalformedQueryString" {
			t.Errorf("%.40s: %v", form, wrong)
		}
	}
	for _, form := range []string{"a=1&&b=2", "a", strings.Repeat("a.", maxDepth-1) + "a=1", "a=1&a.b=2", "a=;"} {
		if _, wrong := parse([]byte(form)); wrong != nil {
			t.Errorf("%.40s: %v", form, wrong)
		}
	}
}

// Types that the protocol cannot carry do not start.
func TestMustCarry(t *testing.T) {
	mustCarry[sample]()
	for name, f := range map[string]func(){
		"no tag": mustCarry[struct{ A *string }],
		"no nil": mustCarry[struct {
			A string `query:"A"`
		}],
		"int": mustCarry[struct {
			A *int `query:"A"`
		}],
		"hidden": mustCarry[struct {
			a *string `query:"A"`
		}],
		"map": mustCarry[struct {
			A map[int]string `query:"A"`
		}],
		"function": mustCarry[struct {
			A []func() `query:"A"`
		}],
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is carried", name)
				}
			}()
			f()
		}()
	}
}

// form writes s as a client would.
func form(s *sample) url.Values {
	v := url.Values{}
	put := func(name string, p *string) {
		if p != nil {
			v.Set(name, *p)
		}
	}
	put("Text", s.Text)
	if s.Flag != nil {
		v.Set("Flag", strconv.FormatBool(*s.Flag))
	}
	if s.Count != nil {
		v.Set("Count", strconv.FormatInt(*s.Count, 10))
	}
	if s.Share != nil {
		v.Set("Share", strconv.FormatFloat(*s.Share, 'g', -1, 64))
	}
	if s.At != nil {
		v.Set("At", s.At.Time().Format(time.RFC3339Nano))
	}
	if s.Bytes != nil {
		v.Set("Bytes", base64.StdEncoding.EncodeToString(s.Bytes))
	}
	for i, name := range s.Names {
		v.Set("names.member."+strconv.Itoa(i+1), name)
	}
	n := 0
	for k, value := range s.Values {
		n++
		v.Set("Values.entry."+strconv.Itoa(n)+".key", k)
		v.Set("Values.entry."+strconv.Itoa(n)+".value", value)
	}
	n = 0
	for k, value := range s.Things {
		n++
		at := "Things.entry." + strconv.Itoa(n)
		v.Set(at+".Name", k)
		put(at+".Value.Kind", value.Kind)
		if value.Kind == nil {
			v.Set(at+".Value", "")
		}
	}
	return v
}

// Whatever comes in, the decoder ends with a value or a refusal that shows nothing of it; and what it read, a client can send again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("Text=a+b&Flag=true&Count=1&Share=2&At=2026-11-21T12:00:00Z&Bytes=aGk%3D"))
	f.Add([]byte("names.member.1=a&Values.entry.1.key=k&Values.entry.1.value=v&Inner.Kind=x"))
	f.Add([]byte("Things.entry.1.Name=AWS.SNS.SMS.SMSType&Things.entry.1.Value.Kind=String"))
	f.Add([]byte("a=1&a=2&..=&%zz"))
	f.Fuzz(func(t *testing.T, body []byte) {
		root, wrong := parse(body)
		if wrong != nil {
			return
		}
		var got sample
		if err := decode(root, &got); err != nil {
			if fault.CodeOf(err) != fault.InvalidParameter {
				t.Fatal(err)
			}
			return
		}
		if got.Share != nil && (math.IsNaN(*got.Share) || math.IsInf(*got.Share, 0)) {
			t.Fatal("not a number was read as one")
		}
		again, wrong := parse([]byte(form(&got).Encode()))
		if wrong != nil {
			t.Fatalf("%v: %v", form(&got), wrong)
		}
		var second sample
		if err := decode(again, &second); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(form(&got), form(&second)) {
			t.Errorf("%v\n%v", form(&got), form(&second))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := []byte("Action=Publish&Version=2010-03-31&Text=Your+code+is+123456&Things.entry.1.Name=AWS.SNS.SMS.SMSType&" +
		"Things.entry.1.Value.Kind=Transactional&Things.entry.2.Name=AWS.SNS.SMS.SenderID&Things.entry.2.Value.Kind=Example")
	b.ReportAllocs()
	for b.Loop() {
		root, wrong := parse(body)
		if wrong != nil {
			b.Fatal(wrong)
		}
		var out sample
		if err := decode(root, &out); err != nil {
			b.Fatal(err)
		}
	}
}
