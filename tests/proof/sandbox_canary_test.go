package proof

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// TestNumbersCanary: codes of destination numbers, texts that were published, the numbers themselves, those that opted out, those that guards refused, and addresses
// that were blocked are in no log, metric, event or error, in no column in clear, in no backup and no exported configuration.
func TestNumbersCanary(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		n := serve(t, database, guarded(t, real+"countries: {deny: [DE]}\nlimits: {cool_down_seconds: [600]}\n"))
		c := n.caller()
		pool, client := codesPool(c, "canary")
		s := &secrets{}
		s.add(phrase, "the owner's secret key", n.owner.SecretAccessKey)
		verified := destinations(n, c, s)
		published(n, c, s, verified)
		refusedNumbers(n, c, s, pool, client)
		n.settled()
		for _, m := range n.phones.all() {
			if m.Code != "" && s.byKind[code][m.Code] == "" {
				s.add(code, "an unread code", m.Code)
			}
		}
		everything := []kind{code, phrase, number}
		for _, a := range n.rest.all() {
			s.none(t, "the answer of "+a.op, a.raw, code, phrase)
			if a.status >= 400 {
				s.none(t, "the error of "+a.op, a.raw, everything...)
			}
		}
		for _, path := range []string{"/events?limit=1000&pool=" + pool, "/events?limit=1000&pool=deployment", "/messages?limit=1000&pool=" + pool, "/destination-numbers", "/guards/report?pool=" + pool,
			"/guards/blocks?pool=" + pool, "/opt-outs?pool=" + pool, "/sms-account", "/pool-config?pool=" + pool, "/registrations?pool=" + pool, "/guards?pool=" + pool} {
			a := n.operate("GET", path)
			if a.status != http.StatusOK {
				t.Errorf("%s: %d %s", path, a.status, a.raw)
			}
			s.none(t, "GET /admin/v1"+path, a.raw, everything...)
		}
		s.none(t, "events with personal data", n.operate("GET", "/events?limit=1000&reveal=true&pool="+pool).raw, code, phrase)
		s.none(t, "the export", []byte(n.command("export", "--config", n.config, "--pool", pool)), everything...)
		metrics, err := http.Get(n.admin + "/metrics")
		check(t, err)
		defer metrics.Body.Close()
		raw, err := io.ReadAll(metrics.Body)
		check(t, err)
		s.none(t, "/metrics", raw, phrase, number)
		n.nothingStored(s)
		n.stop(t)
		s.none(t, "the log", []byte(n.out.String()), everything...)
		if s.count() < 14 {
			t.Errorf("only %d secrets are known", s.count())
		}
	})
}

// nothingStored searches database and backup. Users have their own numbers, and nobody else's are anywhere.
func (n *node) nothingStored(s *secrets) {
	n.t.Helper()
	records := 0
	for _, c := range dump(n.t, n.database) {
		where := "column " + c.column + " of " + c.table
		s.none(n.t, where, c.data, code, phrase, number)
		if c.table == "records" {
			records++
		}
	}
	if records == 0 {
		n.t.Error("no records were searched")
	}
	backup := filepath.Join(n.t.TempDir(), "backup")
	n.command("backup", "--config", n.config, backup)
	for name, raw := range unpack(n.t, backup) {
		s.none(n.t, name, raw, code, phrase, number)
	}
	if !strings.HasPrefix(n.database, "postgres") {
		for name, raw := range files(n.t, n.database) {
			s.none(n.t, name, raw, code, phrase, number)
		}
	}
}

// destinations adds numbers by all three APIs, with wrong codes and right ones.
func destinations(n *node, c *caller, s *secrets) (verified string) {
	n.sandboxed(true)
	next := func(i int) string { return s.add(number, "a destination number", fmt.Sprintf("+121246661%02d", i)) }
	byAdmin, bySNS, byVoice := next(11), next(12), next(13)
	take := func(number string) (right, wrong string) {
		right = n.phones.code(number)
		if right == "" {
			n.t.Fatalf("no code came to %s", number)
		}
		return s.add(code, "a code", right), s.add(code, "a wrong code", wrongOf(right))
	}
	path := "/destination-numbers/" + url.PathEscape(byAdmin)
	n.manage("POST", "/destination-numbers", obj{"number": byAdmin, "language": "de-DE"})
	right, wrong := take(byAdmin)
	n.manage("POST", path+"/verify", obj{"code": wrong})
	n.manage("POST", path+"/verify", obj{"code": right})
	n.manage("POST", path+"/code", obj{})
	n.manage("POST", "/destination-numbers", obj{"number": byAdmin})
	n.manage("DELETE", path, nil)
	a := c.sns("CreateSMSSandboxPhoneNumber", url.Values{"PhoneNumber": {bySNS}})
	c.ok(a)
	right, wrong = take(bySNS)
	c.sns("VerifySMSSandboxPhoneNumber", url.Values{"PhoneNumber": {bySNS}, "OneTimePassword": {wrong}})
	c.ok(c.sns("VerifySMSSandboxPhoneNumber", url.Values{"PhoneNumber": {bySNS}, "OneTimePassword": {right}}))
	c.sns("DeleteSMSSandboxPhoneNumber", url.Values{"PhoneNumber": {bySNS}})
	id, _ := c.ok(c.eum("CreateVerifiedDestinationNumber", obj{"DestinationPhoneNumber": byVoice})).body["VerifiedDestinationNumberId"].(string)
	c.eum("CreateVerifiedDestinationNumber", obj{"DestinationPhoneNumber": byVoice})
	c.ok(c.eum("SendDestinationNumberVerificationCode", obj{"VerifiedDestinationNumberId": id, "VerificationChannel": "TEXT"}))
	_, wrong = take(byVoice)
	c.eum("VerifyDestinationNumber", obj{"VerifiedDestinationNumberId": id, "VerificationCode": wrong})
	for _, flag := range []string{"DescribeVerifiedDestinationNumbers", "DescribeOptedOutNumbers"} {
		c.eum(flag, obj{"DestinationPhoneNumbers": []string{byVoice}, "OptOutListName": "Default"})
	}
	return bySNS
}

// published sends texts, and numbers opt out and in.
func published(n *node, c *caller, s *secrets, verified string) {
	text := s.add(phrase, "a text", "canary-text-of-an-application")
	gone, stranger := s.add(number, "a number that opted out", "+12124666221"), s.add(number, "a stranger's number", "+12124666222")
	if a := n.manage("PUT", "/registrations/acme", obj{"country": "US", "kind": "ten_dlc_brand", "status": "approved", "brand_id": "B1"}); a.status >= 300 {
		n.t.Errorf("registration: %d %s", a.status, a.raw)
	}
	for _, to := range []string{verified, stranger, gone, stranger + "000000000"} {
		c.sns("Publish", url.Values{"PhoneNumber": {to}, "Message": {text}})
		c.eum("SendTextMessage", obj{"DestinationPhoneNumber": to, "MessageBody": text, "OriginationIdentity": stranger})
		c.eum("SendVoiceMessage", obj{"DestinationPhoneNumber": to, "MessageBody": text, "OriginationIdentity": stranger})
	}
	n.manage("POST", "/opt-outs", obj{"number": gone})
	c.ok(c.eum("CreateOptOutList", obj{"OptOutListName": "more"}))
	c.ok(c.eum("PutOptedOutNumber", obj{"OptOutListName": "more", "OptedOutNumber": gone}))
	c.sns("CheckIfPhoneNumberIsOptedOut", url.Values{"phoneNumber": {gone}})
	n.sandboxed(false)
	for _, to := range []string{gone, verified} {
		c.sns("Publish", url.Values{"PhoneNumber": {to}, "Message": {text}})
		c.eum("SendTextMessage", obj{"DestinationPhoneNumber": to, "MessageBody": text})
	}
	c.sns("OptInPhoneNumber", url.Values{"phoneNumber": {gone}})
	c.sns("OptInPhoneNumber", url.Values{"phoneNumber": {gone}})
}

// refusedNumbers signs up numbers that guards refuse, and blocks an address.
func refusedNumbers(n *node, c *caller, s *secrets, pool, client string) {
	refused := func(to, kind string) {
		n.t.Helper()
		s.add(number, "a number that was refused", to)
		if a := c.app("SignUp", obj{"ClientId": client, "Username": to}); a.status < 400 {
			n.t.Errorf("a sign-up of %s was not refused: %s", kind, a.raw)
		}
	}
	refused("+4915123456111", "a country")
	if a := n.manage("POST", "/guards/blocks?pool="+pool, obj{"key": "c:FR"}); a.status >= 300 {
		n.t.Fatalf("%d %s", a.status, a.raw)
	}
	refused("+33612345611", "a block")
	address := s.add(phrase, "an address that was blocked", "198.51.100.177")
	if a := n.manage("POST", "/guards/blocks?pool="+pool, obj{"address": address, "why": "a test"}); a.status >= 300 {
		n.t.Fatalf("%d %s", a.status, a.raw)
	}
	n.operate("GET", "/guards/explain?pool="+pool+"&to="+url.QueryEscape("+4915123456111")+"&ip="+address)
	n.operate("GET", "/guards/explain?pool="+pool+"&to="+url.QueryEscape("+4915123456111x")+"&ip="+address)
}
