package origination

import (
	"context"
	"errors"
	"strings"
)

// rank is the order in which identities are taken: the more a carrier trusts it, the earlier (End User Messaging user guide, "Choosing an origination
// identity").
var rank = map[Type]int{ShortCode: 0, TenDLC: 1, TollFree: 2, LongCode: 3, Simulator: 4, TypeSenderID: 5}

// Choose returns the identity that a message to a country is to come from. channel is sms or voice. preferred is what was asked for: an id, an ARN, a
// number or a sender ID; empty: the best there is.
//
// The zero Identity says that none is needed: the carrier takes one of its own. An Identity without ID is a sender ID that nobody asked for, where the
// country shows any. Errors: *Blocker; others are of the store.
func (s *Service) Choose(ctx context.Context, country, channel, preferred string) (Identity, error) {
	return s.ChooseFor(ctx, "", country, channel, preferred)
}

// ChooseFor is Choose for a message of a pool, whose registrations of sender IDs count besides those of all pools.
func (s *Service) ChooseFor(ctx context.Context, poolID, country, channel, preferred string) (Identity, error) {
	v, err := s.view(ctx)
	if err != nil {
		return Identity{}, err
	}
	a := ask{s: s, v: v, pool: poolID, c: v.country(country), country: strings.ToUpper(country), voice: channel == "voice"}
	if preferred != "" {
		return a.preferred(ctx, preferred)
	}
	return a.best(ctx)
}

// ask is one question for an identity.
type ask struct {
	s       *Service
	v       *view
	pool    string
	c       Country
	country string
	voice   bool
}

func (a *ask) preferred(ctx context.Context, name string) (Identity, error) {
	if i, ok := a.v.find(name, a.country); ok {
		return i, a.judge(ctx, &i)
	}
	name = strings.TrimSuffix(fromARN(name), "/"+a.country)
	if !SenderIDForm(name) || strings.HasPrefix(name, "phone-") || strings.HasPrefix(name, "sender-") {
		return Identity{}, a.block(Unknown, name, "This origination identity does not exist here: request or add it first.")
	}
	i := Identity{Kind: SenderID, Value: name, Country: a.country, Type: TypeSenderID, Capabilities: []string{SMS}, MessageType: Transactional,
		Status: Active, OptOutList: DefaultOptOutList, MonthlyPrice: "0.00"}
	return i, a.judge(ctx, &i)
}

// best returns the first that may, of those of the country.
func (a *ask) best(ctx context.Context) (Identity, error) {
	var chosen *Identity
	var first error
	for n := range a.v.all {
		i := &a.v.all[n]
		if i.Kind == SenderID && i.Country != a.country || i.Kind == Number && !sameCountry(i.Country, a.country) && !i.International {
			continue
		}
		err := a.judge(ctx, i)
		switch {
		case err == nil && (chosen == nil || a.compare(i, chosen) < 0):
			chosen = i
		case err == nil:
		case ReasonOf(err) == "":
			return Identity{}, err
		case first == nil:
			first = err
		}
	}
	if chosen != nil {
		return clone(*chosen), nil
	}
	if !a.c.Needed || a.v.settings.Enforce == EnforceOff {
		return Identity{}, nil
	}
	if b, ok := errors.AsType[*Blocker](first); ok {
		return Identity{}, a.block(NoIdentity, b.Identity, a.need()+". "+b.Public)
	}
	return Identity{}, a.block(NoIdentity, "", a.need()+", and there is none.")
}

// compare puts those of the country first, then by rank, transactional before promotional, older before younger.
func (a *ask) compare(x, y *Identity) int {
	for _, d := range [...]int{
		abroad(x, a.country) - abroad(y, a.country), rank[x.Type] - rank[y.Type], strings.Compare(y.MessageType, x.MessageType), x.CreatedAt.Compare(y.CreatedAt),
	} {
		if d != 0 {
			return d
		}
	}
	return strings.Compare(x.ID, y.ID)
}

func abroad(i *Identity, country string) int {
	switch {
	case i.Country == country:
		return 0
	case sameCountry(i.Country, country):
		return 1
	}
	return 2
}

// judge returns nil if an identity may send the message.
func (a *ask) judge(ctx context.Context, i *Identity) error {
	name := i.ID
	if name == "" {
		name = i.Value
	}
	switch {
	case i.Simulated && !a.s.c.Dev:
		return a.block(OnlySimulated, name, "A simulated identity reaches no phone.")
	case i.Status != Active:
		return a.block(NotActive, name, "This origination identity is not active yet: it waits for its registration.")
	case a.voice && !i.Can(Voice):
		return a.block(NoVoice, name, "Calls need an origination number with the capability VOICE.")
	case !a.voice && !i.Can(SMS):
		return a.block(NoSMS, name, "Texts need an origination identity with the capability SMS.")
	case i.Kind == SenderID:
		return a.judgeSender(ctx, i, name)
	case !sameCountry(i.Country, a.country) && !i.International:
		return a.block(OtherCountry, name, "A number of "+i.Country+" cannot send to "+a.country+": it needs an origination identity of that country.")
	case !a.voice && i.Type == LongCode && a.c.ReceiveOnly && i.Country == a.country:
		return a.block(ReceiveOnly, name, "Long codes of "+a.country+" receive texts and cannot send any.")
	}
	return nil
}

func (a *ask) judgeSender(ctx context.Context, i *Identity, name string) error {
	switch {
	case i.Country != a.country:
		return a.block(OtherCountry, name, "This sender ID is of "+i.Country+": request it for "+a.country+", too.")
	case a.c.SenderID == NotSupported:
		return a.block(SenderNotSupported, name, a.c.Name+" does not show sender IDs: use an origination number.")
	case a.c.SenderID != Required || i.Registered():
		return nil
	}
	_, ok, err := a.s.registered(ctx, a.pool, a.country, i.Value)
	if err != nil || ok {
		return err
	}
	return a.block(SenderNotRegistered, name, a.c.Name+" shows registered sender IDs alone: register this one, and name the registration.")
}

func (s *Service) registered(ctx context.Context, poolID, country, sender string) (string, bool, error) {
	if s.c.Registered == nil {
		return "", false, nil
	}
	return s.c.Registered(ctx, poolID, country, sender)
}

func (a *ask) block(r Reason, identity, public string) *Blocker {
	return &Blocker{Reason: r, Country: a.country, Identity: identity, Public: public}
}

// need says what to get.
func (a *ask) need() string {
	what := "an origination number"
	if a.c.SenderID == Required {
		what = "a registered sender ID or an origination number"
	}
	return "Messages to " + a.c.Name + " need " + what + " of that country"
}
