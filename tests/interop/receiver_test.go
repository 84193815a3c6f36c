package interop

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// receiver is a "Send SMS hook" as people have written them for GoTrue: it verifies with the Standard Webhooks library, and refuses the first text it
// gets as such hooks do.
const receiver = `
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const hook = new Webhook(process.env.SEND_SMS_HOOK_SECRET.replace('v1,whsec_', ''));
let refuse = process.env.REFUSE_FIRST;
createServer(async (req, res) => {
  let body = '';
  for await (const part of req) body += part;
  const answer = (status, value) => { res.writeHead(status, { 'Content-Type': 'application/json' }); res.end(JSON.stringify(value)); };
  try {
    const { user, sms } = hook.verify(body, req.headers);
    if (refuse) {
      refuse = undefined;
      answer(500, { error: { http_code: 500, message: 'Failed to send sms: out of luck' } });
      return;
    }
    console.log(JSON.stringify({ phone: user.phone, otp: sms.otp, id: req.headers['webhook-id'] }));
    answer(200, {});
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
    answer(401, { error: { http_code: 401, message: String(error) } });
  }
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
`

// An existing receiver gets the codes of a pool, and one that fails is followed by the next account.
func TestSendSMSHookOfGoTrue(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
	first, second := startReceiver(t, secret, "REFUSE_FIRST=yes"), startReceiver(t, "whsec_bm90IHRoZSBzYW1lIGtleSBhcyB0aGUgb3RoZXI=")
	p := newPool(t)
	for name, r := range map[string]*gotrue{"first": first, "second": second} {
		countersign(t, "provider", "add", name, "--pool", p.ID, "--kind", "webhook", "--set", "url=http://127.0.0.1:"+r.port, "--set", "format=gotrue",
			"--secret", "secret="+secret)
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	check(t, os.WriteFile(file, []byte(`{"rules":[{"name":"all","use":[{"account":"first"},{"account":"second"}]}]}`), 0o600))
	countersign(t, "route", "apply", file, "--pool", p.ID)
	number := newPhone()
	_, err := signUp(t, p, number)
	check(t, err)

	// The first refuses once, the second has another key: the message comes back to the first one, which takes it.
	if got := second.next(t); !strings.Contains(got.Error, "No matching signature") {
		t.Errorf("the wrong key: %+v", got)
	}
	got := first.next(t)
	if got.Phone != number || len(got.OTP) != 6 || got.ID == "" || got.Error != "" {
		t.Fatalf("%+v", got)
	}
	check(t, confirm(t, p, number, got.OTP))
	d := deliveryOf(t, p)
	var by []string
	for _, a := range d.Timeline {
		by = append(by, a.Outcome)
	}
	if d.State != "sent" || strings.Join(by, " ") != "retryable misconfigured sent" {
		t.Errorf("%+v", d)
	}
}

type hooked struct{ Phone, OTP, ID, Error string }

type gotrue struct {
	port  string
	lines *bufio.Scanner
}

func startReceiver(t *testing.T, secret string, env ...string) *gotrue {
	t.Helper()
	dir, err := filepath.Abs("node")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", receiver)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(append(os.Environ(), "SEND_SMS_HOOK_SECRET=v1,"+secret), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	g := &gotrue{lines: bufio.NewScanner(out)}
	if !g.lines.Scan() {
		t.Fatal("the receiver did not start")
	}
	g.port = g.lines.Text()
	return g
}

// next waits for what the receiver has got.
func (g *gotrue) next(t *testing.T) (h hooked) {
	t.Helper()
	if !g.lines.Scan() {
		t.Fatal("the receiver has ended")
	}
	if err := json.Unmarshal(g.lines.Bytes(), &h); err != nil {
		t.Fatalf("%s: %v", g.lines.Text(), err)
	}
	return h
}
