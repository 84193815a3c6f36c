package smpp

import (
	"fmt"

	"countersign/provider"
)

// Status is a command_status (SMPP 3.4, 5.1.3).
type Status uint32

const (
	StatusOK               Status = 0x00
	StatusInvalidLength    Status = 0x02
	StatusInvalidCommand   Status = 0x03
	StatusInvalidBindState Status = 0x04
	StatusAlreadyBound     Status = 0x05
	StatusBindFailed       Status = 0x0D
	StatusInvalidPassword  Status = 0x0E
	StatusQueueFull        Status = 0x14
	StatusThrottled        Status = 0x58
	StatusTemporary        Status = 0x64
	StatusPermanent        Status = 0x65
)

type statusRow struct {
	name   string
	reason provider.Reason
}

// statuses are the codes of table 5-2 with what they come to. Nothing writes to it. 0x04 and 0x05 are a fault of the account when they answer a
// bind; to a submit they say that the centre forgot the session, see Provider.refused.
var statuses = map[Status]statusRow{
	0x01: {"ESME_RINVMSGLEN", provider.ContentRejected},
	0x02: {"ESME_RINVCMDLEN", provider.BadRequest},
	0x03: {"ESME_RINVCMDID", provider.BadRequest},
	0x04: {"ESME_RINVBNDSTS", provider.AuthFailed},
	0x05: {"ESME_RALYBND", provider.AuthFailed},
	0x06: {"ESME_RINVPRTFLG", provider.BadRequest},
	0x07: {"ESME_RINVREGDLVFLG", provider.BadRequest},
	0x08: {"ESME_RSYSERR", provider.Temporary},
	0x0A: {"ESME_RINVSRCADR", provider.SenderRejected},
	0x0B: {"ESME_RINVDSTADR", provider.InvalidNumber},
	0x0C: {"ESME_RINVMSGID", provider.BadRequest},
	0x0D: {"ESME_RBINDFAIL", provider.AuthFailed},
	0x0E: {"ESME_RINVPASWD", provider.AuthFailed},
	0x0F: {"ESME_RINVSYSID", provider.AuthFailed},
	0x11: {"ESME_RCANCELFAIL", provider.BadRequest},
	0x13: {"ESME_RREPLACEFAIL", provider.BadRequest},
	0x14: {"ESME_RMSGQFUL", provider.RateLimited},
	0x15: {"ESME_RINVSERTYP", provider.BadRequest},
	0x33: {"ESME_RINVNUMDESTS", provider.BadRequest},
	0x34: {"ESME_RINVDLNAME", provider.BadRequest},
	0x40: {"ESME_RINVDESTFLAG", provider.BadRequest},
	0x42: {"ESME_RINVSUBREP", provider.BadRequest},
	0x43: {"ESME_RINVESMCLASS", provider.ContentRejected},
	0x44: {"ESME_RCNTSUBDL", provider.BadRequest},
	0x45: {"ESME_RSUBMITFAIL", provider.Temporary},
	0x48: {"ESME_RINVSRCTON", provider.SenderRejected},
	0x49: {"ESME_RINVSRCNPI", provider.SenderRejected},
	0x50: {"ESME_RINVDSTTON", provider.InvalidNumber},
	0x51: {"ESME_RINVDSTNPI", provider.InvalidNumber},
	0x53: {"ESME_RINVSYSTYP", provider.AuthFailed},
	0x54: {"ESME_RINVREPFLAG", provider.BadRequest},
	0x55: {"ESME_RINVNUMMSGS", provider.BadRequest},
	0x58: {"ESME_RTHROTTLED", provider.RateLimited},
	0x61: {"ESME_RINVSCHED", provider.BadRequest},
	0x62: {"ESME_RINVEXPIRY", provider.BadRequest},
	0x63: {"ESME_RINVDFTMSGID", provider.BadRequest},
	0x64: {"ESME_RX_T_APPN", provider.Temporary},
	0x65: {"ESME_RX_P_APPN", provider.BadRequest},
	0x66: {"ESME_RX_R_APPN", provider.BadRequest},
	0x67: {"ESME_RQUERYFAIL", provider.BadRequest},
	0xC0: {"ESME_RINVOPTPARSTREAM", provider.BadRequest},
	0xC1: {"ESME_ROPTPARNOTALLWD", provider.BadRequest},
	0xC2: {"ESME_RINVPARLEN", provider.BadRequest},
	0xC3: {"ESME_RMISSINGOPTPARAM", provider.BadRequest},
	0xC4: {"ESME_RINVOPTPARAMVAL", provider.BadRequest},
	0xFE: {"ESME_RDELIVERYFAILURE", provider.Unknown},
	0xFF: {"ESME_RUNKNOWNERR", provider.Unknown},
}

// String is the name of table 5-2, or what kind of code it is.
func (s Status) String() string {
	switch row, ok := statuses[s]; {
	case s == StatusOK:
		return "ESME_ROK"
	case ok:
		return row.name
	case s >= 0x400 && s <= 0x4FF:
		return "a code of this message centre's own"
	}
	return "a reserved code"
}

// Code is how people write it: 0x58.
func (s Status) Code() string { return fmt.Sprintf("0x%02X", uint32(s)) }

// reason is what s comes to: by own first, the operator's table for the codes of one centre.
func (s Status) reason(own map[Status]provider.Reason) provider.Reason {
	if r, ok := own[s]; ok {
		return r
	}
	if row, ok := statuses[s]; ok {
		return row.reason
	}
	return provider.Unknown
}
