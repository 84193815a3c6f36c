package smsaccount

import (
	"time"

	"countersign/phone"
)

// TriggerSource is that of the messages of this account.
const TriggerSource = "Publish"

// Types of messages, as SNS spells them.
const (
	Promotional   = "Promotional"
	Transactional = "Transactional"
)

// Settings of the account. Empty fields are not set.
type Settings struct {
	// Pool is the account pool; empty: the only pool.
	Pool string `json:"pool,omitempty"`
	// MonthlySpendLimit is in US dollars, up to two decimals; empty: 1.00 in the sandbox, else none.
	MonthlySpendLimit string `json:"monthly_spend_limit,omitempty"`
	// TextLimit, VoiceLimit, MediaLimit, NotifyLimit and RCSLimit are End User Messaging's overrides, in whole US dollars a month; nil: none.
	TextLimit   *int64 `json:"text_limit,omitempty"`
	VoiceLimit  *int64 `json:"voice_limit,omitempty"`
	MediaLimit  *int64 `json:"media_limit,omitempty"`
	NotifyLimit *int64 `json:"notify_limit,omitempty"`
	RCSLimit    *int64 `json:"rcs_limit,omitempty"`
	// DefaultSenderID is used where a message names no sender and the country allows one.
	DefaultSenderID string `json:"default_sender_id,omitempty"`
	// DefaultSMSType is Promotional or Transactional; empty: Promotional.
	DefaultSMSType string `json:"default_sms_type,omitempty"`
	// DeliveryStatusIAMRole, DeliveryStatusSuccessSamplingRate (0 to 100) and UsageReportS3Bucket are kept and given back; nothing here reads them.
	DeliveryStatusIAMRole             string `json:"delivery_status_iam_role,omitempty"`
	DeliveryStatusSuccessSamplingRate string `json:"delivery_status_success_sampling_rate,omitempty"`
	UsageReportS3Bucket               string `json:"usage_report_s3_bucket,omitempty"`
	// Version is 0 before anything was set. It is compared when settings are put.
	Version int64 `json:"-"`
}

// Spend is a kind of message that has a spend limit.
type Spend string

// The kinds.
const (
	Text   Spend = "text"
	Voice  Spend = "voice"
	Media  Spend = "media"
	Notify Spend = "notify"
	RCS    Spend = "rcs"
)

// NoLimit is what SpendLimit.Max says where nothing limits the account, in US dollars a month: the most that the API can name.
const NoLimit = 1_000_000_000

// SpendLimit is what may be spent on a kind of messages in a month, in whole US dollars.
type SpendLimit struct {
	Kind Spend
	// Enforced holds, Max is the most that it may be set to: the account's own limit.
	Enforced, Max int64
	// Overridden: it was set.
	Overridden bool
}

// Message is a text or call to be sent.
type Message struct {
	To phone.Number
	// Text is at most 1,600 characters, or 6,000 of a call.
	Text string
	// Sender is a sender ID, Origination an origination identity (id, number, sender ID or ARN); Origination goes first. Both empty: the account's default.
	Sender, Origination string
	// Type is Promotional or Transactional; empty: the account's default.
	Type string
	// MaxPrice is the most that it may cost, in US dollars; empty: anything.
	MaxPrice string
	// EntityID and TemplateID are India's.
	EntityID, TemplateID string
	// TTL is how long it may wait; 0: three days.
	TTL time.Duration
	// Voice: a call reads the text out, in this language (a language tag, or empty).
	Voice    bool
	Language string
	// DryRun checks everything and sends nothing.
	DryRun bool
}

// DefaultList is the opt-out list that is always there.
const DefaultList = "Default"

// OptOutList is a list of numbers that do not want texts.
type OptOutList struct {
	Name      string
	CreatedAt time.Time
}

// OptedOut is a number of a list.
type OptedOut struct {
	List string
	// Number is in E.164 form if Known, else its mask (+*******0123).
	Number string
	Known  bool
	At     time.Time
	// EndUser: the phone's owner said so, not an operator.
	EndUser bool
}

// OptOutQuery selects numbers of a list.
type OptOutQuery struct {
	// List defaults to DefaultList.
	List string
	// Number narrows it to one.
	Number phone.Number
	// EndUser narrows it to those that owners, or operators, opted out.
	EndUser *bool
	// After is what OptedOut returned as next. Limit is at most 100; 0: 100.
	After string
	Limit int
}
