package gateway

import (
	"countersign/internal/gateway/account"
	"countersign/internal/gateway/awssms"
	"countersign/internal/gateway/esendex"
	"countersign/internal/gateway/infobip"
	"countersign/internal/gateway/messagebird"
	"countersign/internal/gateway/mitto"
	"countersign/internal/gateway/plivo"
	"countersign/internal/gateway/sinch"
	"countersign/internal/gateway/smpp"
	"countersign/internal/gateway/telesign"
	"countersign/internal/gateway/twilio"
	"countersign/internal/gateway/vonage"
	"countersign/internal/gateway/webhook"
)

// Specs returns the kinds of accounts, in the order in which people are shown them. Use Spec.Make to make a provider.
func Specs() []account.Spec {
	return []account.Spec{
		awssms.SNSSpec(), awssms.Spec(), twilio.Spec(), vonage.Spec(), vonage.SMSSpec(), infobip.Spec(), telesign.Spec(), sinch.Spec(),
		messagebird.Spec(), plivo.Spec(), esendex.Spec(), mitto.Spec(), smpp.Spec(), webhook.Spec(), twilio.VerifySpec(), vonage.VerifySpec(),
	}
}

// Spec returns the kind of that name.
func Spec(kind string) (account.Spec, bool) {
	for _, s := range Specs() {
		if s.Kind == kind {
			return s, true
		}
	}
	return account.Spec{}, false
}
