package screen

import (
	"time"

	"countersign/internal/pumping"
)

// Mode says what becomes of what a guard finds. Empty: what the policy's Mode says.
type Mode string

// The modes. Of a guard's mode and the policy's the milder one holds.
const (
	Enforce Mode = "enforce"
	Record  Mode = "record"
	Off     Mode = "off"
)

// Policy is what a pool's guards allow. The zero value of each field means its default (Default), in numbers -1 means none; an empty list that
// is there is an empty list.
type Policy struct {
	// Mode is enforce (default), record or off, for all guards.
	Mode Mode `json:"mode,omitempty"`
	// Countries are where messages may go.
	Countries Countries `json:"countries,omitzero"`
	// Lines are the types of lines they may go to, by the numbering plan.
	Lines Lines `json:"line_types,omitzero"`
	// Fictional is for numbers that reach nobody. Default: enforce; off in dev.
	Fictional Mode `json:"fictional,omitempty"`
	// Rules are exceptions. A message that a deny rule fits is refused. One that only allow rules fit passes all guards but fictional numbers, the pool's
	// quota and the day's money.
	Rules []Rule `json:"rules,omitempty"`
	// Limits are how many messages there may be.
	Limits Limits `json:"limits,omitzero"`
	// Spend is what a day's messages may cost.
	Spend SpendLimit `json:"spend,omitzero"`
	// Pumping are the settings of the detector of codes that nobody types in.
	Pumping pumping.Settings `json:"pumping,omitzero"`
}

// Countries are ISO 3166 codes of two letters.
type Countries struct {
	Mode Mode `json:"mode,omitempty"`
	// Allow is a closed list; empty: all but those of Deny.
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
}

// GlobalService is the line type of numbers that belong to no country: satellite and other services of the world (+870, +881, +882, +883 ...).
const GlobalService = "global_service"

// Lines are types of lines as phone.LineType spells them, or GlobalService.
type Lines struct {
	Mode Mode `json:"mode,omitempty"`
	// Block is never sent to. Default: premium_rate, shared_cost, uan, voicemail, pager, toll_free, unknown, personal_number, voip, global_service.
	Block []string `json:"block,omitzero"`
	// VoiceOnly is called, but gets no texts. Default: fixed_line.
	VoiceOnly []string `json:"voice_only,omitzero"`
}

// Actions of a Rule.
const (
	Allow = "allow"
	Deny  = "deny"
)

// Rule is an exception with a name. It fits a message if each of its lists that is not empty does; at least one is not.
type Rule struct {
	// Name is for people and the log; unique.
	Name string `json:"name"`
	// Action is allow or deny.
	Action string `json:"action"`
	// Numbers are beginnings of numbers in E.164 form (+49151); a whole number is one.
	Numbers []string `json:"numbers,omitempty"`
	// Networks are addresses or networks (192.0.2.0/24) that messages are asked for from.
	Networks []string `json:"networks,omitempty"`
	// Clients are app client ids.
	Clients []string `json:"clients,omitempty"`
	// Purposes are some of sign_in, recovery, sign_up, verify, notice.
	Purposes []string `json:"purposes,omitempty"`
	// Until is when the rule ends; absent: never.
	Until time.Time `json:"until,omitzero"`
}

// Window is a limit for an hour and one for a day (UTC).
type Window struct {
	Hour int `json:"hour,omitempty"`
	Day  int `json:"day,omitempty"`
}

// Limits are how many messages there may be. Those of Number to Network are counted in each commit, those of Client to Range are leased to nodes in
// blocks, full hours and days by the clock.
type Limits struct {
	// Mode record: cool-down, back-off, days and networks only record. The hourly limits of number, account and address that every server
	// has hold without them.
	Mode Mode `json:"mode,omitempty"`
	// Number is for one line, for accounts that have not proven it; known networks may use as many again. Default 20 an hour, 50 a day.
	Number Window `json:"number,omitzero"`
	// Confirmed is for one line, for accounts that have proven it; known networks may use as many again. Default 20 an hour, 60 a day.
	Confirmed Window `json:"confirmed_number,omitzero"`
	// Account is for one account and purpose. Default: 5 (sign-up, verification), 10 (recovery, notices) and 20 (sign-in) an hour, 60 a day.
	Account Window `json:"account,omitzero"`
	// Address is for the caller's address (IPv6: /64). Default 120 an hour, 1,000 a day.
	Address Window `json:"address,omitzero"`
	// Network is for the /24 around it (IPv6: /48). Default 600 an hour, 5,000 a day.
	Network Window `json:"network,omitzero"`
	// Client is for an app client. Default 20,000 an hour: it costs a name that nobody has as much as any other, so a few networks must not be able to use it up.
	Client Window `json:"client,omitzero"`
	// Pool is for the pool. Default 50,000 an hour.
	Pool Window `json:"pool,omitzero"`
	// Country is for messages to unconfirmed numbers of one country. Default 2,000 an hour.
	Country Window `json:"country,omitzero"`
	// Range is for messages to unconfirmed numbers that differ in their last four digits. Default none: the detector bounds what has no history, and a
	// small limit costs a write for each message.
	Range Window `json:"range,omitzero"`
	// StrangersPercent is the share of Client and Pool that messages to unconfirmed numbers may use. Default 80.
	StrangersPercent int `json:"strangers_percent,omitempty"`
	// CoolDown are the seconds that an account waits after its first, second ... unanswered message within an hour. Default 0, 30, 60, 120, 300: who asks again at once gets another text, and then waits.
	CoolDown []int `json:"cool_down_seconds,omitzero"`
	// BackOffAfter codes to a confirmed number that nobody answers, unknown networks wait BackOffMinutes, twice as long after each further code,
	// BackOffMostMinutes at most. Default 3, 60 and 1440.
	BackOffAfter       int `json:"back_off_after,omitempty"`
	BackOffMinutes     int `json:"back_off_minutes,omitempty"`
	BackOffMostMinutes int `json:"back_off_most_minutes,omitempty"`
}

// SpendLimit is what a day's messages (UTC) may cost, by the rate card before the send and by receipts and bills after it.
type SpendLimit struct {
	Mode Mode `json:"mode,omitempty"`
	// Day is an amount like "200.00" (default), or "none".
	Day string `json:"day,omitempty"`
	// Currency is ISO 4217. Default USD. Prices of the rate card are taken to be in it.
	Currency string `json:"currency,omitempty"`
	// AlarmPercent is when operators are warned. Default 80.
	AlarmPercent int `json:"alarm_percent,omitempty"`
	// StrangersPercent is the share of Day that messages to unconfirmed numbers may cost, so that they leave the rest to owners. Default 80.
	StrangersPercent int `json:"strangers_percent,omitempty"`
	// Unpriced is what one part of a text (or one call) is taken to cost if the rate card does not say. Default "0.05".
	Unpriced string `json:"unpriced,omitempty"`
}

// Default is the policy of a pool without one, in full. In dev everything but numbers and money is generous, and nothing is enforced.
func Default(dev bool) Policy {
	p := Policy{
		Mode: Enforce,
		Lines: Lines{
			Block: []string{"premium_rate", "shared_cost", "uan", "voicemail", "pager", "toll_free", "unknown", "personal_number", "voip", GlobalService},

			VoiceOnly: []string{"fixed_line"},
		},
		Fictional: Enforce,
		Limits: Limits{
			Number: Window{20, 50}, Confirmed: Window{20, 60}, Account: Window{0, 60}, Address: Window{120, 1000}, Network: Window{600, 5000},
			Client: Window{20_000, -1}, Pool: Window{50_000, -1}, Country: Window{2000, -1}, Range: Window{-1, -1}, StrangersPercent: 80,
			CoolDown: []int{0, 30, 60, 120, 300}, BackOffAfter: 3, BackOffMinutes: 60, BackOffMostMinutes: 1440,
		},
		Spend:   SpendLimit{Day: "200.00", Currency: "USD", AlarmPercent: 80, StrangersPercent: 80, Unpriced: "0.05"},
		Pumping: pumping.Defaults(),
	}
	if dev {
		none := Window{-1, -1}
		p.Mode, p.Fictional = Record, Off
		p.Limits = Limits{
			Number: Window{1000, -1}, Confirmed: Window{1000, -1}, Account: Window{0, -1}, Address: Window{0, -1}, Network: none,
			Client: none, Pool: none, Country: none, Range: none, StrangersPercent: 80,
			CoolDown: []int{}, BackOffAfter: -1, BackOffMinutes: 60, BackOffMostMinutes: 1440,
		}
	}
	return p
}
