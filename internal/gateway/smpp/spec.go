package smpp

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"countersign/internal/gateway/account"
	"countersign/provider"
)

// maxReasons bounds the operator's table of codes.
const maxReasons = 100

// Spec describes accounts at message centres that speak SMPP 3.4.
func Spec() account.Spec {
	return account.Spec{
		Kind: "smpp", Title: "SMPP 3.4 message centre", Channels: []provider.Channel{provider.SMS},
		Receipts: "over the same connection, so as authentic as the connection is: use TLS or a tunnel",
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			c, err := configOf(a)
			c.Dial, c.Now, c.Log = d.Dial, d.Now, d.Log
			if err = errors.Join(err, c.complete()); err != nil {
				return nil, err
			}
			return New(c)
		},
		Fields: []account.Field{
			{Name: "host", Help: "Name or address of the message centre.", Example: "smpp.example.net", Required: true},
			{Name: "port", Help: "Its port; 2775 unless given, with TLS 3550.", Example: "2775"},
			{Name: "tls", Help: "Whether the connection is encrypted.", Values: []string{"off", "on"}},
			{Name: "tls_ca", Help: "Certificates (PEM) of the centre's own authority, where it is not a public one.", Example: "-----BEGIN CERTIFICATE-----…"},
			{Name: "system_id", Help: "The user name.", Example: "acme", Required: true},
			{Name: "password", Help: "Its password.", Secret: true, Required: true},
			{Name: "system_type", Help: "What the centre wants there, usually nothing.", Example: "OTP"},
			{Name: "bind", Help: "One connection for both directions, or a pair.", Values: []string{"transceiver", "pair"}},
			{Name: "from", Help: "Default sender: a number with +, a short code, or a name; empty leaves it to the centre.", Example: "Acme"},
			{Name: "source_ton", Help: "Type of number of senders; by their looks unless given.", Values: numbers(6)},
			{Name: "source_npi", Help: "Numbering plan of senders.", Values: numbers(18)},
			{Name: "dest_ton", Help: "Type of number of recipients; 1 (international) unless given.", Values: numbers(6)},
			{Name: "dest_npi", Help: "Numbering plan of recipients; 1 (E.164) unless given.", Values: numbers(18)},
			{Name: "service_type", Help: "What the centre wants there, usually nothing.", Example: "CMT"},
			{Name: "charset", Help: "How texts in the GSM alphabet are written; ucs2 writes everything in UCS-2.", Values: []string{"gsm7", "latin1", "ascii", "ucs2"}},
			{Name: "data_coding", Help: "The data_coding that says so: 0 (the centre's default), 1 (ASCII) or 3 (Latin-1).", Values: []string{"0", "1", "3"}},
			{Name: "concat", Help: "How long texts are taken apart.", Values: []string{"udh8", "udh16", "sar", "payload"}},
			{Name: "window", Help: "How many submits may be without an answer.", Example: "10"},
			{Name: "per_second", Help: "Parts sent in a second, 0 for no bound.", Example: "50"},
			{Name: "registered_delivery", Help: "Which receipts are asked for.", Values: []string{"final", "failure", "each_step", "none"}},
			{Name: "validity", Help: "How the end of a code's life is passed on.", Values: []string{"relative", "absolute", "none"}},
			{Name: "message_ids", Help: "How ids in receipts relate to those in answers.", Values: []string{"learned", "same", "receipts_decimal", "receipts_hex"}},
			{Name: "entity_tag", Help: "The optional parameter for the entity of India's DLT; 0x1400 unless given.", Example: "0x1400"},
			{Name: "template_tag", Help: "The one for the template; 0x1401 unless given.", Example: "0x1401"},
			{Name: "status_reasons", Help: "What this centre's own codes come to.", Example: "0x0401=invalid_number, 0x0410=insufficient_funds"},
		},
	}
}

// numbers are "auto" and 0 to last.
func numbers(last int) []string {
	all := []string{"auto"}
	for n := range last + 1 {
		all = append(all, strconv.Itoa(n))
	}
	return all
}

// configOf reads the settings; what is wrong begins with the setting's name.
func configOf(a account.Account) (Config, error) {
	s := settings{values: a.Settings}
	c := Config{
		Host: s.values["host"], Port: s.number("port"), SystemID: s.values["system_id"], Password: a.Secrets["password"], SystemType: s.values["system_type"],
		Pair: s.values["bind"] == "pair", From: s.values["from"], ServiceType: s.values["service_type"],
		Source:      Types{TON: s.optional("source_ton"), NPI: s.optional("source_npi")},
		Destination: Types{TON: s.optional("dest_ton"), NPI: s.optional("dest_npi")},
		Texts:       Texts{Charset: Charset(s.values["charset"]), DataCoding: byte(s.number("data_coding")), Concat: Concat(s.values["concat"])},
		Window:      s.number("window"), PerSecond: s.rate("per_second"),
		Receipts: Receipts(s.values["registered_delivery"]), Validity: Validity(s.values["validity"]), IDs: IDs(s.values["message_ids"]),
		EntityTag: s.tag("entity_tag"), TemplateTag: s.tag("template_tag"),
		Reasons: s.reasons("status_reasons"),
	}
	if s.values["tls"] == "on" {
		c.TLS = &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}
		if pem := s.values["tls_ca"]; pem != "" {
			c.TLS.RootCAs = x509.NewCertPool()
			if !c.TLS.RootCAs.AppendCertsFromPEM([]byte(pem)) {
				s.wrong("tls_ca", "holds no certificate in PEM form")
			}
		}
	}
	return c, errors.Join(s.errs...)
}

// settings reads values and collects what is wrong with them.
type settings struct {
	values map[string]string
	errs   []error
}

func (s *settings) wrong(field, why string) {
	s.errs = append(s.errs, fmt.Errorf("%s: %s", field, why))
}

func (s *settings) number(field string) int {
	v := s.values[field]
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		s.wrong(field, "must be a number")
		return 0
	}
	return n
}

func (s *settings) rate(field string) float64 {
	n, err := strconv.ParseFloat(cmp.Or(s.values[field], "0"), 64)
	if err != nil {
		s.wrong(field, "must be a number")
		return 0
	}
	return n
}

// tag reads an optional parameter's name of the range for vendors (SMPP 3.4, 5.3.2); 0 for none.
func (s *settings) tag(field string) Tag {
	v := s.values[field]
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 0, 16)
	if err != nil || n < 0x1400 || n > 0x3FFF {
		s.wrong(field, "must be a number from 0x1400 to 0x3FFF")
	}
	return Tag(n)
}

// optional returns nil for "auto"; that the value is in the field's list was checked.
func (s *settings) optional(field string) *byte {
	n, err := strconv.ParseUint(s.values[field], 10, 8)
	if err != nil {
		return nil
	}
	b := byte(n)
	return &b
}

// reasons reads "0x0401=invalid_number, …".
func (s *settings) reasons(field string) map[Status]provider.Reason {
	all := map[Status]provider.Reason{}
	for row := range strings.SplitSeq(s.values[field], ",") {
		if strings.TrimSpace(row) == "" {
			continue
		}
		code, word, _ := strings.Cut(row, "=")
		n, err := strconv.ParseUint(strings.TrimSpace(code), 0, 32)
		r := provider.Reason(strings.TrimSpace(word))
		if err != nil || n == 0 || !slices.Contains(provider.Reasons(), r) || r == provider.Withheld || len(all) == maxReasons {
			s.wrong(field, "must be codes and reasons, as in 0x0401=invalid_number; the reasons are those of provider.Reasons")
			return nil
		}
		all[Status(n)] = r
	}
	return all
}
