package simulator

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"countersign/phone"
	"countersign/provider"
)

const verifyService = "twilio-verify"

var (
	verifySID  = regexp.MustCompile(`^VA[0-9a-zA-Z]{1,32}$`)
	customCode = regexp.MustCompile(`^[0-9A-Za-z]{4,10}$`)
)

func (b *Inbox) twilioVerifyRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /v2/Services/{service}/Verifications", b.verification)
	mux.HandleFunc("POST /v2/Services/{service}/VerificationCheck", b.verificationCheck)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuseTwilio(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
	})
}

// verifyRequest checks what both calls share: credentials, the service's id, and a number.
func verifyRequest(w http.ResponseWriter, r *http.Request) (n phone.Number, ok bool) {
	if !twilioAuth(w, r) {
		return n, false
	}
	if !verifySID.MatchString(r.PathValue("service")) {
		refuseTwilio(w, http.StatusNotFound, 20404, "The requested resource "+strings.TrimPrefix(r.URL.Path, "/v2")+" was not found")
		return n, false
	}
	to := r.PostFormValue("To")
	n, err := withPlus(to)
	if err != nil {
		refuseTwilio(w, http.StatusBadRequest, 60200, "Invalid parameter `To`: "+to)
	}
	return n, err == nil
}

// verification answers as Twilio Verify does for a new verification, with a code of its own unless it is given one.
func (b *Inbox) verification(w http.ResponseWriter, r *http.Request) {
	n, ok := verifyRequest(w, r)
	if !ok {
		return
	}
	channel, code := r.PostFormValue("Channel"), r.PostFormValue("CustomCode")
	if channel != "sms" && channel != "call" {
		refuseTwilio(w, http.StatusBadRequest, 60200, "Invalid parameter `Channel`: "+channel)
		return
	}
	if code == "" {
		code = randomCode()
	} else if !customCode.MatchString(code) {
		refuseTwilio(w, http.StatusBadRequest, 60200, "Invalid parameter `CustomCode`")
		return
	}
	a := arrival{service: verifyService, to: n, text: "Your verification code is: " + code, code: code}
	if channel == "call" {
		spoken := strings.Join(strings.Split(code, ""), ", ")
		a.channel, a.text = provider.Voice, fmt.Sprintf("Your verification code is: %s. Again: %[1]s.", spoken)
	}
	if _, err := b.take(r, a); err != nil {
		failTwilio(w, err)
		return
	}
	now := b.opt.Now().UTC().Format(time.RFC3339)
	answer := b.verificationOf(r, n, "pending", channel)
	answer["send_code_attempts"] = []any{map[string]any{"attempt_sid": randomID("VL", 16), "channel": channel, "time": now}}
	answer["lookup"], answer["sna"] = map[string]any{}, nil
	answer["url"] = "https://verify.twilio.com/v2/Services/" + r.PathValue("service") + "/Verifications/" + answer["sid"].(string)
	writeProviderJSON(w, http.StatusCreated, answer)
}

// verificationCheck approves the code that this number was sent last.
func (b *Inbox) verificationCheck(w http.ResponseWriter, r *http.Request) {
	n, ok := verifyRequest(w, r)
	if !ok {
		return
	}
	for _, m := range slices.Backward(b.List(Filter{To: n.String()})) {
		if m.Provider != verifyService {
			continue
		}
		status, channel := "pending", "sms"
		if m.Channel == provider.Voice {
			channel = "call"
		}
		if m.Code == r.PostFormValue("Code") {
			status = "approved"
		}
		writeProviderJSON(w, http.StatusOK, b.verificationOf(r, n, status, channel))
		return
	}
	refuseTwilio(w, http.StatusNotFound, 20404, "The requested resource "+strings.TrimPrefix(r.URL.Path, "/v2")+" was not found")
}

func (b *Inbox) verificationOf(r *http.Request, n phone.Number, status, channel string) map[string]any {
	user, _, _ := r.BasicAuth()
	now := b.opt.Now().UTC().Format(time.RFC3339)
	return map[string]any{
		"sid": randomID("VE", 16), "service_sid": r.PathValue("service"), "account_sid": user, "to": n.String(), "channel": channel, "status": status,
		"valid": status == "approved", "amount": nil, "payee": nil, "date_created": now, "date_updated": now,
	}
}
