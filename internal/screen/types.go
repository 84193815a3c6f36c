package screen

import (
	"net/netip"
	"time"

	"countersign/internal/pumping"
	"countersign/phone"
)

// Ask is a message about to be made.
type Ask struct {
	PoolID, ClientID string
	To               phone.Number
	// Channel is sms or voice, Purpose sign_in, recovery, sign_up, verify or notice.
	Channel, Purpose string
	// IP is the caller's address; invalid: unknown (an administrator's call, a message of the server's own).
	IP netip.Addr
	// Confirmed says that the number is proven to belong to the account that the message is for; Known that the caller's network had a success of that
	// account lately. Both are false for names that nobody has.
	Confirmed, Known bool
	// Typed says that the number stands in the request itself (a sign-up, a name that is a number), so that what is refused for it tells nothing about
	// any account.
	Typed bool
	// Operator says that an administrator asked: address and client limits and the detector do not apply, spend and countries do.
	Operator bool
	// Pretended says that nothing will be sent: the name is nobody's. It is judged alike and costs the address and client alike.
	Pretended bool
	// Segments is how many parts the text has; 0 counts as 1.
	Segments int
}

// Reason says why a message is refused, or would be.
type Reason string

// The reasons. Those of Open depend on the request alone.
const (
	Country      Reason = "country"
	LineType     Reason = "line_type"
	Fictional    Reason = "fictional"
	DeniedRule   Reason = "denied_rule"
	AddressRate  Reason = "address_rate"
	ClientRate   Reason = "client_rate"
	PoolRate     Reason = "pool_rate"
	PrefixRate   Reason = "prefix_rate"
	CountryRate  Reason = "country_rate"
	Spend        Reason = "spend"
	Pumping      Reason = "pumping"
	CountriesPer Reason = "countries_per_address"
)

// Decision is what becomes of a message.
type Decision struct {
	// Refused by Reason; empty: it may be sent. Recorded are the reasons that would have refused it if they were enforced.
	Refused  Reason
	Recorded []Reason
	// Open: the refusal depends on the request alone, and is answered with an error even where existence is hidden. Any other refusal is answered there as
	// if the message had been sent.
	Open bool
	// Key is the country, range or the like that is blocked or full, in package pumping's spelling, without personal data; Evidence says why in words.
	Key, Evidence string
	// RetryAfter is when the same request may succeed; 0: unknown.
	RetryAfter time.Duration
	// Mark goes into store.Message.Guard: what was recorded, and by what the code counts when it is typed.
	Mark string
	// Cost is what was reserved of the day's spend, in millionths.
	Cost int64

	hold *hold
}

// LogKey is Key as events spell it.
func (d Decision) LogKey() string { return pumping.LogKey(d.Key) }
