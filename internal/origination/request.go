package origination

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"countersign/internal/fault"
)

func (s *Service) requestSender(ctx context.Context, c Country, o Order) (Identity, error) {
	i := Identity{Kind: SenderID, Value: o.Value, Country: o.Country, MessageType: o.MessageType, RegistrationID: o.RegistrationID,
		OptOutList: o.OptOutList, Protected: o.Protected, Tags: o.Tags, Token: o.Token, Simulated: s.c.Dev}
	if err := complete(&i); err != nil {
		return Identity{}, err
	}
	a := ask{s: s, c: c, country: i.Country}
	if err := a.judgeSender(ctx, &i, i.Value); err != nil {
		return Identity{}, err
	}
	if c.SenderID == Required && !i.Registered() {
		id, _, err := s.registered(ctx, "", i.Country, i.Value)
		if err != nil {
			return Identity{}, err
		}
		i.RegistrationID = id
	}
	return s.insert(ctx, "requested", i)
}

func (s *Service) requestNumber(ctx context.Context, c Country, o Order) (Identity, error) {
	if !s.c.Dev {
		return Identity{}, fault.New(fault.UnsupportedOperation).
			WithPublic("Numbers are bought at the carrier: buy one there and write it down with `countersign origination add`.")
	}
	if o.Value != "" {
		return Identity{}, fault.Invalidf("value", "The number is chosen here; Add writes down one that is there already.")
	}
	typ, err := offered(c, o)
	if err != nil {
		return Identity{}, err
	}
	i := Identity{Kind: Number, Country: o.Country, Type: typ, Capabilities: o.Capabilities, MessageType: o.MessageType, RegistrationID: o.RegistrationID,
		OptOutList: o.OptOutList, International: o.International, Protected: o.Protected, Tags: o.Tags, Token: o.Token, Simulated: true}
	i.TwoWay = false
	for try := range 60 {
		i.Value = simulated(c.ISO, typ, try)
		if err := complete(&i); err != nil {
			return Identity{}, err
		}
		got, err := s.insert(ctx, "requested", i)
		if !errors.Is(err, fault.New(fault.ResourceExists)) {
			return got, err
		}
		if _, taken, again := s.byToken(ctx, o.Token); o.Token != "" && (taken || again != nil) {
			return Identity{}, cmp.Or(again, err)
		}
	}
	return Identity{}, fault.New(fault.TooMany).WithField("origination identity")
}

// offered returns the type of number that a country has for an order.
func offered(c Country, o Order) (Type, error) {
	voice := len(o.Capabilities) > 0 && !slices.Contains(o.Capabilities, SMS)
	switch {
	case o.Type == Simulator, o.Type == LongCode && voice:
		return o.Type, nil
	case o.Type != "" && c.Has(o.Type):
		return o.Type, nil
	case o.Type == "" && voice, o.Type == "" && !c.Listed():
		return LongCode, nil
	case o.Type == "" && len(c.Types) > 0:
		for _, t := range [...]Type{TollFree, TenDLC, LongCode, ShortCode} {
			if c.Has(t) {
				return t, nil
			}
		}
	}
	have := "no numbers for texts"
	if len(c.Types) > 0 {
		have = "numbers of type " + join(c.Types)
	}
	return "", fault.Invalidf("type", "%s has %s.", nameOf(c), have)
}

func nameOf(c Country) string {
	if c.Name != "" {
		return c.Name
	}
	return c.ISO
}

func join(types []Type) string {
	var b strings.Builder
	for n, t := range types {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(t))
	}
	return b.String()
}

// areas are area codes of North America's countries, in each of which 555-0100 to 555-0199 are set aside for fiction (ATIS-0300115).
var areas = map[string][]string{
	"US": {"202", "206", "212", "303", "305", "312", "404", "415", "512", "602", "617", "702", "808", "907"},
	"CA": {"403", "416", "514", "604", "613", "902"},
	"PR": {"787", "939"}, "GU": {"671"}, "VI": {"340"}, "AS": {"684"}, "MP": {"670"},
}

// fictional are ranges that regulators set aside for fiction (package phone has the sources); an x is any digit.
var fictional = map[string]string{
	"GB": "+447700900xxx", "AU": "+6125550xxxx", "FR": "+3363998xxxx", "DE": "+49176040690xx", "SE": "+4670174062x", "IE": "+3532091xxxxx",
}

// nowhere is of the calling code 999, which no country has (ITU-T E.164, list of assigned codes: reserved).
const nowhere = "+99900xxxxxxxx"

// simulated returns a number that reaches nobody. Later tries leave ranges that are full.
func simulated(country string, typ Type, try int) string {
	const patience = 40
	pattern := nowhere
	switch list := areas[country]; {
	case try >= patience:
	case typ == TollFree && list != nil:
		toll := [...]string{"800", "833", "844", "855", "866", "877", "888"}
		pattern = "+1" + toll[below(len(toll))] + "5550199"
	case list != nil:
		pattern = "+1" + list[below(len(list))] + "55501xx"
	case fictional[country] != "":
		pattern = fictional[country]
	}
	return fill(pattern)
}

// fill puts a random digit in the place of each x.
func fill(pattern string) string {
	out := []byte(pattern)
	for i := range out {
		if out[i] == 'x' {
			out[i] = byte('0' + below(10))
		}
	}
	return string(out)
}

// below returns a random number in [0, n).
func below(n int) int {
	v, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(fmt.Sprintf("origination: %v", err)) // crypto/rand does not fail
	}
	return int(v.Int64())
}
