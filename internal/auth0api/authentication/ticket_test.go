package authentication

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"countersign/internal/fault"
)

const ticketForm1 = "ticket=T%26%3C&phone=%2B1+(202)+555-0100&channel=sms"

func TestTicketPage(t *testing.T) {
	for name, c := range map[string]struct {
		method, query, body string
		err                 error
		status              int
		called              string
		in                  []string
		has                 []string
	}{
		"opened":    {"GET", "?ticket=T%26%3C", "", nil, 200, "", nil, []string{`value="T&amp;&lt;"`, `id="phone"`, "Text me a code"}},
		"number":    {"POST", "", ticketForm1, nil, 200, "ticket enroll", []string{"T&<", "+12025550100", "sms"}, []string{"press <strong class=\"number\">47", `value="OOB"`, `autocomplete="one-time-code"`, "&#43;12025550100", "?ticket=T%26%3c"}},
		"by call":   {"POST", "", "ticket=T&phone=0044+7700.900456&channel=voice", nil, 200, "ticket enroll", []string{"T", "+447700900456", "voice"}, []string{"are calling"}},
		"channel":   {"POST", "", "ticket=T&phone=%2B1&channel=pigeon", nil, 200, "ticket enroll", []string{"T", "+1", "sms"}, nil},
		"code":      {"POST", "", "ticket=T&oob_code=OOB&phone=%2B1&code=123+456", nil, 200, "ticket confirm", []string{"T", "OOB", "123456"}, []string{"Your phone was added", "RECOVERY24"}},
		"no ticket": {"GET", "", "", nil, 410, "", nil, []string{"does not work any more"}},
		"long":      {"GET", "?ticket=" + strings.Repeat("x", maxField+1), "", nil, 410, "", nil, []string{"does not work any more"}},
		"put":       {"PUT", "", "", nil, 405, "", nil, []string{"Not possible"}},
		"large":     {"POST", "", "phone=" + strings.Repeat("x", maxTicketForm), nil, 400, "", nil, []string{"could not be read"}},

		"bad number":   {"POST", "", ticketForm1, fault.Invalidf("phone_number", "nonsense"), 400, "ticket enroll", nil, []string{ticketBadNumber, `aria-invalid="true"`, `aria-describedby="problem hint"`}},
		"refused":      {"POST", "", ticketForm1, fault.New(fault.DestinationRefused), 400, "ticket enroll", nil, []string{ticketBadNumber}},
		"no calls":     {"POST", "", ticketForm1, fault.New(fault.ChallengeUnsupported), 401, "ticket enroll", nil, []string{"in that way", `id="phone"`}},
		"not sent":     {"POST", "", ticketForm1, fault.New(fault.DeliveryFailed), 400, "ticket enroll", nil, []string{"could not be sent", `id="phone"`}},
		"many texts":   {"POST", "", ticketForm1, fault.New(fault.AttemptLimit), 429, "ticket enroll", nil, []string{"too many tries", `id="phone"`}},
		"old ticket":   {"POST", "", ticketForm1, fault.New(fault.MFATokenExpired), 410, "ticket enroll", nil, []string{"does not work any more"}},
		"used ticket":  {"POST", "", ticketForm1, fault.New(fault.MFATokenInvalid), 410, "ticket enroll", nil, []string{"does not work any more"}},
		"no such user": {"POST", "", ticketForm1, fault.New(fault.UserNotFound), 410, "ticket enroll", nil, []string{"does not work any more"}},
		"enrolled":     {"POST", "", ticketForm1, fault.New(fault.AlreadyEnrolled), 409, "ticket enroll", nil, []string{"added already"}},
		"full":         {"POST", "", ticketForm1, fault.New(fault.TooMany), 409, "ticket enroll", nil, []string{"No room"}},
		"broken":       {"POST", "", ticketForm1, errors.New("disk on fire"), 500, "ticket enroll", nil, []string{"Something went wrong"}},
		"wrong code": {"POST", "", "ticket=T&oob_code=OOB&phone=%2B1&code=1&voice_key=83", fault.New(fault.CodeMismatch), 403, "ticket confirm", nil,
			[]string{ticketWrongCode, "press <strong class=\"number\">83", `id="code"`, `value="OOB"`, `aria-describedby="problem"`}},
		"many codes": {"POST", "", "ticket=T&oob_code=OOB&phone=%2B1&code=1", fault.New(fault.AttemptLimit), 429, "ticket confirm", nil, []string{"too many tries", `id="code"`}},
		"old code":   {"POST", "", "ticket=T&oob_code=OOB&phone=%2B1&code=1", fault.New(fault.OOBCodeExpired), 403, "ticket confirm", nil, []string{ticketOldCode, `id="phone"`}},
	} {
		x := newWorld()
		x.flows.err = c.err
		w := x.do(c.method, TicketPath+c.query, form, c.body)
		page := w.Body.String()
		if w.Code != c.status || x.flows.called != c.called {
			t.Errorf("%s: %d, called %q\n%s", name, w.Code, x.flows.called, page)
		}
		if in, _ := x.flows.in.([]string); c.in != nil && !slices.Equal(in, c.in) {
			t.Errorf("%s: %q", name, in)
		}
		for _, s := range c.has {
			if !strings.Contains(page, s) {
				t.Errorf("%s: no %s in\n%s", name, s, page)
			}
		}
		if strings.Contains(page, "fire") || strings.Contains(page, "nonsense") || strings.Contains(page, "<script") {
			t.Errorf("%s: %s", name, page)
		}
		h := w.Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "script-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || h.Get("Cache-Control") != "no-store" ||
			h.Get("Access-Control-Allow-Origin") != "" || h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", name, h)
		}
	}
}

// TestTicketFormsOfOtherSites do nothing.
func TestTicketFormsOfOtherSites(t *testing.T) {
	for _, header := range [][]string{
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", "https://localhost:3000"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
	} {
		x := newWorld()
		if w := x.do("POST", TicketPath, form, ticketForm1, header...); w.Code != 403 || x.flows.called != "" {
			t.Errorf("%v: %d, called %q", header, w.Code, x.flows.called)
		}
	}
	x := newWorld()
	if w := x.do("POST", TicketPath, form, ticketForm1, "Origin", "https://localhost:7447", "Sec-Fetch-Site", "same-origin"); w.Code != 200 {
		t.Errorf("its own: %d", w.Code)
	}
	if w := x.do("OPTIONS", TicketPath, "", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST"); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight: %v", w.Header())
	}
}

func TestTicketPageIsLimited(t *testing.T) {
	for method, want := range map[string]int{"GET": 20, "POST": 10} {
		x := newWorld()
		n := 0
		for ; n < 100 && x.do(method, TicketPath+"?ticket=T", form, ticketForm1).Code == 200; n++ {
		}
		if n != want {
			t.Errorf("%s: %d", method, n)
		}
	}
}

func TestTicketURL(t *testing.T) {
	if got := TicketURL("https://id.example.com", "a+b/c="); got != "https://id.example.com/mfa/ticket?ticket=a%2Bb%2Fc%3D" {
		t.Error(got)
	}
}
