package vonage

import (
	"strings"

	"countersign/provider"
)

// Codes of the Messages API that are no failure, or a failure of another kind (API errors, Messages).
const (
	alreadySent = "1320"
	lifeEnded   = "1360"
)

// messagesReason is what an error of the Messages API means, or empty.
func messagesReason(code string) provider.Reason {
	switch code {
	case "1000", "1241":
		return provider.RateLimited
	case "1010", "1020", "1021", "1080", "1130", "1140", "1150", "1160", "1340", "1350", "1370", "1380", "1381", "1382":
		return provider.BadRequest
	case "1030", "1100", "1230", "1331":
		return provider.Temporary
	case "1040", "1170", "1190", "1300":
		return provider.InvalidNumber
	case "1240":
		return provider.OptedOut
	case "1050", "1280": // Vonage's block list, the carrier's
		return provider.Blocked
	case "1060":
		return provider.AuthFailed
	case "1070":
		return provider.InsufficientFunds
	case "1022", "1090", "1210", "1270":
		return provider.ContentRejected
	case "1120":
		return provider.SenderRejected
	case "1180", "1200", "1220", "1250", "1260", "1290", "1310":
		return provider.Unreachable
	case "1330":
		return provider.Unknown
	}
	return ""
}

// problemReason is what the name of a problem means that all newer APIs share (API errors, generic and Verify v2), or empty.
func problemReason(name string) provider.Reason {
	switch name {
	case "low-balance", "out-of-credit":
		return provider.InsufficientFunds
	case "unauthorized", "forbidden", "unprovisioned", "account-suspended", "jwt-expired", "jwt-revoked", "invalid-api-key", "invalid-signature", "invalid-user",
		"invalid-ip":
		return provider.AuthFailed
	case "invalid-params", "invalid-json", "not-found", "no-code":
		return provider.BadRequest
	case "rate-limit", "throttled", "concurrent", "conflict":
		return provider.RateLimited
	case "internal", "internal-error", "service-error":
		return provider.Temporary
	}
	return ""
}

// smsReason is what a status of the SMS API means, or empty. text is Vonage's own; it names the parameter that is wrong.
func smsReason(status, text string) provider.Reason {
	switch status {
	case "1", "10":
		return provider.RateLimited
	case "3":
		for word := range strings.FieldsSeq(strings.ToLower(text)) {
			if word == "to" || word == "`to`" {
				return provider.InvalidNumber
			}
		}
		return provider.BadRequest
	case "2", "11", "22", "23", "29":
		return provider.BadRequest
	case "4", "8", "14", "32":
		return provider.AuthFailed
	case "5":
		return provider.Temporary
	case "6":
		return provider.InvalidNumber
	case "7": // barred: Vonage's list
		return provider.Blocked
	case "9":
		return provider.InsufficientFunds
	case "12":
		return provider.ContentRejected
	case "15":
		return provider.SenderRejected
	case "33":
		return provider.Unreachable
	}
	return ""
}

// receiptReason is what an err-code of a receipt of the SMS API means (Delivery receipts, error codes).
func receiptReason(code string) provider.Reason {
	switch code {
	case "2", "5", "7", "11", "13", "15":
		return provider.Unreachable
	case "3", "12":
		return provider.InvalidNumber
	case "9": // the recipient wants nothing of this sender
		return provider.OptedOut
	case "4", "14":
		return provider.Blocked
	case "6", "51", "52", "53", "54":
		return provider.ContentRejected
	case "8":
		return provider.Temporary
	case "10":
		return provider.BadRequest
	case "50":
		return provider.SenderRejected
	}
	return provider.Unknown
}
