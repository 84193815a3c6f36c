package smsvoice

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"

	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/smsaccount"
)

// sendOperations is the table of texts and calls.
func (f *facade) sendOperations() []wire.Operation {
	return []wire.Operation{
		wire.Op(api.OpSendTextMessage, f.sendText),
		wire.Op(api.OpSendVoiceMessage, f.sendVoice),
	}
}

// India's parameters of a destination.
const (
	indianEntity   = "IN_ENTITY_ID"
	indianTemplate = "IN_TEMPLATE_ID"
)

func (f *facade) sendText(ctx context.Context, in *api.SendTextMessageRequest) (*api.SendTextMessageResult, error) {
	if err := unknownSettings(in.ConfigurationSetName, in.ProtectConfigurationId); err != nil {
		return nil, err
	}
	if in.MessageBody == nil {
		return nil, fault.Invalidf("MessageBody", "MessageBody must not be empty")
	}
	m := smsaccount.Message{
		Text: *in.MessageBody, Type: messageType(in.MessageType), MaxPrice: maxPrice(in.MaxPrice), DryRun: wire.Value(in.DryRun),
		EntityID: in.DestinationCountryParameters[indianEntity], TemplateID: in.DestinationCountryParameters[indianTemplate],
	}
	id, err := f.send(ctx, m, in.DestinationPhoneNumber, in.OriginationIdentity, in.TimeToLive)
	if err != nil {
		return nil, err
	}
	return &api.SendTextMessageResult{MessageId: &id}, nil
}

func (f *facade) sendVoice(ctx context.Context, in *api.SendVoiceMessageRequest) (*api.SendVoiceMessageResult, error) {
	if err := unknownSettings(in.ConfigurationSetName, in.ProtectConfigurationId); err != nil {
		return nil, err
	}
	if in.MessageBody == nil {
		return nil, fault.Invalidf("MessageBody", "MessageBody must not be empty")
	}
	text := *in.MessageBody
	if wire.Value(in.MessageBodyTextType) == "SSML" {
		var err error
		if text, err = spoken(text); err != nil {
			return nil, err
		}
	}
	m := smsaccount.Message{Text: text, Type: smsaccount.Transactional, MaxPrice: maxPrice(in.MaxPricePerMinute), Voice: true,
		Language: voices[wire.Value(in.VoiceId)], DryRun: wire.Value(in.DryRun)}
	id, err := f.send(ctx, m, in.DestinationPhoneNumber, in.OriginationIdentity, in.TimeToLive)
	if err != nil {
		return nil, err
	}
	return &api.SendVoiceMessageResult{MessageId: &id}, nil
}

func (f *facade) send(ctx context.Context, m smsaccount.Message, to, from *string, ttl *int64) (string, error) {
	n, err := number("DestinationPhoneNumber", *to)
	if err != nil {
		return "", err
	}
	name := wire.Value(from)
	if strings.HasPrefix(name, numberPool+"-") || strings.Contains(name, ":"+numberPool+"/") {
		return "", missing(numberPool, named(numberPool, name))
	}
	m.To, m.Origination, m.TTL = n, name, time.Duration(wire.Value(ttl))*time.Second
	id, err := f.SMS.Send(ctx, m)
	if fault.CodeOf(err) == fault.OriginationRefused {
		return "", err // it says itself what it is about
	}
	return id, on(err, phoneNumber, "")
}

// unknownSettings refuses what does not exist here.
func unknownSettings(set, protect *string) error {
	switch {
	case set != nil:
		return missing(configSet, named(configSet, *set))
	case protect != nil:
		return missing(protection, named(protection, *protect))
	}
	return nil
}

// messageType spells the type as the domain does; Amazon's default is transactional.
func messageType(t *string) string {
	if wire.Value(t) == "PROMOTIONAL" {
		return smsaccount.Promotional
	}
	return smsaccount.Transactional
}

// maxPrice puts the digit before the point that Amazon lets clients leave out.
func maxPrice(p *string) string {
	if s := wire.Value(p); strings.HasPrefix(s, ".") {
		return "0" + s
	}
	return wire.Value(p)
}

// spoken returns the text of SSML without its tags (Speech Synthesis Markup Language 1.1, W3C).
func spoken(ssml string) (string, error) {
	bad := fault.Invalidf("MessageBody", "The SSML must be well-formed, within one element speak")
	d := xml.NewDecoder(strings.NewReader(ssml))
	var out strings.Builder
	for depth, seen := 0, false; ; {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && depth == 0 && seen {
			break
		} else if err != nil {
			return "", bad
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 && (seen || t.Name.Local != "speak") {
				return "", bad
			}
			depth, seen = depth+1, true
			out.WriteByte(' ')
		case xml.EndElement:
			depth--
			out.WriteByte(' ')
		case xml.CharData:
			out.Write(t)
		}
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	if text == "" {
		return "", fault.Invalidf("MessageBody", "MessageBody must not be empty")
	}
	return text, nil
}

// voices are the languages of Polly's voices, where they are not English of the United States (Amazon Polly developer guide, "Available voices").
var voices = map[string]string{
	"AMY": "en-GB", "ASTRID": "sv-SE", "BIANCA": "it-IT", "BRIAN": "en-GB", "CAMILA": "pt-BR", "CARLA": "it-IT", "CARMEN": "ro-RO", "CELINE": "fr-FR",
	"CHANTAL": "fr-CA", "CONCHITA": "es-ES", "CRISTIANO": "pt-PT", "DORA": "is-IS", "EMMA": "en-GB", "ENRIQUE": "es-ES", "EWA": "pl-PL", "FILIZ": "tr-TR",
	"GERAINT": "en-GB", "GIORGIO": "it-IT", "GWYNETH": "cy-GB", "HANS": "de-DE", "INES": "pt-PT", "JACEK": "pl-PL", "JAN": "pl-PL", "KARL": "is-IS",
	"LEA": "fr-FR", "LIV": "nb-NO", "LOTTE": "nl-NL", "LUCIA": "es-ES", "LUPE": "es-US", "MADS": "da-DK", "MAJA": "pl-PL", "MARLENE": "de-DE",
	"MATHIEU": "fr-FR", "MAXIM": "ru-RU", "MIA": "es-MX", "MIGUEL": "es-US", "MIZUKI": "ja-JP", "NAJA": "da-DK", "NICOLE": "en-AU", "PENELOPE": "es-US",
	"RAVEENA": "en-IN", "RICARDO": "pt-BR", "RUBEN": "nl-NL", "RUSSELL": "en-AU", "SEOYEON": "ko-KR", "TAKUMI": "ja-JP", "TATYANA": "ru-RU", "VICKI": "de-DE",
	"VITORIA": "pt-BR", "ZEINA": "arb", "ZHIYU": "cmn-CN",
}
