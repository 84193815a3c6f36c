package smpp

// Tag names an optional parameter (SMPP 3.4, 5.3.2).
type Tag uint16

const (
	// TagReceiptedID is receipted_message_id (5.3.2.12), a C-string.
	TagReceiptedID Tag = 0x001E
	// TagSARReference, TagSARTotal and TagSARPart say which part of which message this is (5.3.2.22 to 24): two octets, one, one.
	TagSARReference Tag = 0x020C
	TagSARTotal     Tag = 0x020E
	TagSARPart      Tag = 0x020F
	// TagInterfaceVersion is sc_interface_version (5.3.2.25).
	TagInterfaceVersion Tag = 0x0210
	// TagNetworkError is network_error_code (5.3.2.31): the kind of network and its code of two octets.
	TagNetworkError Tag = 0x0423
	// TagPayload is message_payload (5.3.2.32): the text, where short_message is empty.
	TagPayload Tag = 0x0424
	// TagMessageState is message_state (5.3.2.35), one octet.
	TagMessageState Tag = 0x0427
	// TagEntity and TagTemplate are what Indian centres call PE_ID and Template_ID, of the range for vendors: octets without a NUL at their end.
	TagEntity   Tag = 0x1400
	TagTemplate Tag = 0x1401
)

// TLV is an optional parameter.
type TLV struct {
	Tag   Tag
	Value []byte
}

// TLVs are optional parameters in the order of the wire.
type TLVs []TLV

// Get returns the first value of tag.
func (all TLVs) Get(tag Tag) ([]byte, bool) {
	for _, t := range all {
		if t.Tag == tag {
			return t.Value, true
		}
	}
	return nil, false
}

// number returns a value of size octets.
func (all TLVs) number(tag Tag, size int) (int, bool) {
	v, ok := all.Get(tag)
	if !ok || len(v) != size {
		return 0, false
	}
	n := 0
	for _, c := range v {
		n = n<<8 | int(c)
	}
	return n, true
}

// Address is a number with its type and plan (5.2.5, 5.2.6).
type Address struct {
	TON, NPI byte
	// Digits are at most 20 characters (5.2.8); no "+".
	Digits string
}

// Bind is the body of the three bind requests (4.1.1, 4.1.3, 4.1.5).
type Bind struct {
	SystemID, Password, SystemType string
	// Version is interface_version, 0x34 for 3.4.
	Version byte
	// Range is addr_ton, addr_npi and address_range.
	Range Address
}

// BindResp is the body of their answers (4.1.2).
type BindResp struct {
	// SystemID is the centre's.
	SystemID string
	TLVs     TLVs
}

// SM is the body of submit_sm (4.4.1) and of deliver_sm (4.6.1), which have the same fields.
type SM struct {
	ServiceType         string
	Source, Destination Address
	ESMClass            byte
	ProtocolID          byte
	Priority            byte
	Schedule, Validity  string
	RegisteredDelivery  byte
	ReplaceIfPresent    byte
	DataCoding          byte
	DefaultMessage      byte
	// Short is short_message, at most 254 octets (5.2.22).
	Short []byte
	TLVs  TLVs
}

// SMResp is the body of submit_sm_resp (4.4.2) and deliver_sm_resp (4.6.2, where the id is empty).
type SMResp struct {
	MessageID string
	TLVs      TLVs
}

// Query is the body of query_sm (4.8.1).
type Query struct {
	MessageID string
	Source    Address
}

// QueryResp is the body of query_sm_resp (4.8.2).
type QueryResp struct {
	MessageID, FinalDate string
	State, ErrorCode     byte
}

// Opaque is a body that is kept as it came.
type Opaque []byte

// maxShort is the largest short_message (5.2.22), in octets.
const maxShort = 254

func (a Address) encode(e *encoder) {
	e.octets(a.TON, a.NPI)
	e.text(a.Digits)
}

func (b *Bind) encode(e *encoder) {
	e.text(b.SystemID)
	e.text(b.Password)
	e.text(b.SystemType)
	e.octets(b.Version)
	b.Range.encode(e)
}

func (b *BindResp) encode(e *encoder) {
	e.text(b.SystemID)
	e.tlvs(b.TLVs)
}

func (m *SM) encode(e *encoder) {
	if len(m.Short) > maxShort {
		e.fail("short_message is too long")
		return
	}
	e.text(m.ServiceType)
	m.Source.encode(e)
	m.Destination.encode(e)
	e.octets(m.ESMClass, m.ProtocolID, m.Priority)
	e.text(m.Schedule)
	e.text(m.Validity)
	e.octets(m.RegisteredDelivery, m.ReplaceIfPresent, m.DataCoding, m.DefaultMessage, byte(len(m.Short)))
	e.octets(m.Short...)
	e.tlvs(m.TLVs)
}

func (r *SMResp) encode(e *encoder) {
	e.text(r.MessageID)
	e.tlvs(r.TLVs)
}

func (q *Query) encode(e *encoder) {
	e.text(q.MessageID)
	q.Source.encode(e)
}

func (q *QueryResp) encode(e *encoder) {
	e.text(q.MessageID)
	e.text(q.FinalDate)
	e.octets(q.State, q.ErrorCode)
}

func (o *Opaque) encode(e *encoder) { e.octets(*o...) }

func (d *decoder) address() Address {
	return Address{TON: d.octet(), NPI: d.octet(), Digits: d.text()}
}

// body reads the body of a command. Commands that this package does not know are kept as they are.
func (d *decoder) body(c Command) Body {
	switch c {
	case BindReceiver, BindTransmitter, BindTransceiver:
		return &Bind{SystemID: d.text(), Password: d.text(), SystemType: d.text(), Version: d.octet(), Range: d.address()}
	case BindReceiver.Response(), BindTransmitter.Response(), BindTransceiver.Response():
		return &BindResp{SystemID: d.text(), TLVs: d.tlvs()}
	case SubmitSM, DeliverSM:
		return d.sm()
	case SubmitSM.Response(), DeliverSM.Response():
		return &SMResp{MessageID: d.text(), TLVs: d.tlvs()}
	case QuerySM:
		return &Query{MessageID: d.text(), Source: d.address()}
	case QuerySM.Response():
		return &QueryResp{MessageID: d.text(), FinalDate: d.text(), State: d.octet(), ErrorCode: d.octet()}
	}
	o := Opaque(d.take(len(d.b)))
	return &o
}

func (d *decoder) sm() *SM {
	m := &SM{
		ServiceType: d.text(), Source: d.address(), Destination: d.address(),
		ESMClass: d.octet(), ProtocolID: d.octet(), Priority: d.octet(),
		Schedule: d.text(), Validity: d.text(),
		RegisteredDelivery: d.octet(), ReplaceIfPresent: d.octet(), DataCoding: d.octet(), DefaultMessage: d.octet(),
	}
	size := int(d.octet())
	if size > maxShort {
		d.fail("short_message is too long")
	}
	m.Short = d.take(size)
	m.TLVs = d.tlvs()
	return m
}
