package webhook

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// hookUser and hookBody are what GoTrue's "Send SMS" hook gets (Supabase documentation, Auth Hooks).
type hookUser struct {
	ID           string         `json:"id"`
	Aud          string         `json:"aud"`
	Role         string         `json:"role"`
	Phone        string         `json:"phone"`
	AppMetadata  map[string]any `json:"app_metadata"`
	UserMetadata map[string]any `json:"user_metadata"`
}

type hookBody struct {
	User hookUser `json:"user"`
	SMS  struct {
		OTP   string `json:"otp"`
		Phone string `json:"phone"`
	} `json:"sms"`
}

// goTrue writes a message for such a hook. Only codes can be sent: the receiver writes the text.
func goTrue(m provider.Message) ([]byte, error) {
	if m.Code == "" || m.Channel != provider.SMS {
		return nil, provider.Fail(provider.BadRequest, 0, &provider.VendorError{Provider: "webhook", VendorCode: FormatGoTrue,
			Text: "a receiver of this format gets texts with codes alone"})
	}
	b := hookBody{User: hookUser{ID: m.ID, Aud: "authenticated", Role: "authenticated", Phone: m.To,
		AppMetadata: map[string]any{"provider": "phone", "providers": []string{"phone"}}, UserMetadata: map[string]any{}}}
	b.SMS.OTP, b.SMS.Phone = m.Code, m.To
	payload, err := json.Marshal(b)
	if err != nil {
		return nil, provider.Permanent(errors.New("webhook: the message cannot be written as JSON"))
	}
	return payload, nil
}

// judgeGoTrue decides as GoTrue does: 200, 202 and 204 are a success, with nothing or a JSON object in which there is no error.
func (p *Provider) judgeGoTrue(a exchange.Answer, m provider.Message) (provider.Receipt, error) {
	var v map[string]json.RawMessage
	isObject := a.JSON(&v) && v != nil
	ok := a.Status == http.StatusOK || a.Status == http.StatusAccepted || a.Status == http.StatusNoContent
	if raw := v["error"]; isObject && len(raw) > 0 && string(raw) != "null" {
		return provider.Receipt{}, p.hookError(a, m, raw)
	}
	if ok && (isObject || len(a.Body) == 0) {
		return provider.Receipt{ProviderID: m.ID, Raw: strconv.Itoa(a.Status)}, nil
	}
	return provider.Receipt{}, p.caller.Refused(a, m, "", "", "")
}

// hookError reads {"http_code":400,"message":"…"}.
func (p *Provider) hookError(a exchange.Answer, m provider.Message, raw json.RawMessage) error {
	var e struct {
		HTTPCode int    `json:"http_code"`
		Message  string `json:"message"`
	}
	if json.Unmarshal(raw, &e) != nil || e.HTTPCode < 100 || e.HTTPCode > 999 {
		return p.caller.Refused(a, m, "", "error", e.Message)
	}
	return p.caller.Refused(a, m, provider.ReasonOfStatus(e.HTTPCode), strconv.Itoa(e.HTTPCode), e.Message)
}
