package proof

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// sandboxed puts the account into its sandbox, or takes it out.
func (n *node) sandboxed(on bool) {
	n.t.Helper()
	if a := n.manage("PUT", "/sms-account/sandbox", obj{"enabled": on}); a.status != 200 {
		n.t.Fatalf("sandbox: %d %s", a.status, a.raw)
	}
}

// memory is how long a node may not know what another one changed, and a little more.
const memory = 2200 * time.Millisecond

// TestSandboxEverywhere: the sandbox that was switched on at one node holds at the others, for what was queued before it too; so does the proof of a number.
func TestSandboxEverywhere(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		n := serve(t, database)
		other := n
		if strings.HasPrefix(database, "postgres") {
			other = n.beside()
		}
		c := n.caller()
		pool, client := codesPool(c, "sandbox")
		signUp := func(at *node, number string) {
			t.Helper()
			c.ok(at.caller().app("SignUp", obj{"ClientId": client, "Username": number}))
		}
		signUp(other, "+12124660001")
		if n.phones.code("+12124660001") == "" {
			t.Fatal("no text came before the sandbox")
		}
		loose := n.phones.stick()
		signUp(other, "+12124660002")
		n.sandboxed(true)
		time.Sleep(memory) // the time in which another node may not know yet
		loose()
		signUp(n, "+12124660003")
		signUp(other, "+12124660004")
		n.suppressed(pool, 3)

		// A number is proven at one node, and sent to by the other.
		const mine = "+12124660005"
		if a := n.manage("POST", "/destination-numbers", obj{"number": mine}); a.status >= 300 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		code := n.phones.code(mine)
		if a := other.manage("POST", "/destination-numbers/"+url.PathEscape(mine)+"/verify", obj{"code": wrongOf(code)}); a.status < 400 {
			t.Errorf("a wrong code: %d %s", a.status, a.raw)
		}
		if a := other.manage("POST", "/destination-numbers/"+url.PathEscape(mine)+"/verify", obj{"code": code}); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		time.Sleep(memory)
		signUp(n, mine)
		if n.phones.code(mine) == "" {
			t.Error("no text came to the verified number")
		}
		other.sandboxed(false)
		time.Sleep(memory)
		signUp(n, "+12124660006")
		if n.phones.code("+12124660006") == "" {
			t.Error("no text came after the sandbox")
		}
		for _, number := range []string{"+12124660002", "+12124660003", "+12124660004"} {
			if n.phones.to(number) > 0 {
				t.Errorf("a text came to %s", number)
			}
		}
		n.stop(t)
	})
}

// suppressed waits for messages that were held back for the sandbox.
func (n *node) suppressed(pool string, want int) {
	n.t.Helper()
	var last answer
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		last = n.operate("GET", "/messages?state=suppressed&pool="+url.QueryEscape(pool))
		if list, _ := last.body["messages"].([]any); len(list) == want {
			if strings.Count(string(last.raw), "sandbox")+strings.Count(string(last.raw), "destination_not_verified") < want {
				n.t.Errorf("the messages do not say why: %s", last.raw)
			}
			return
		}
	}
	n.t.Errorf("%d messages were to be held back: %s", want, last.raw)
}

// TestSandboxCrash kills the server between the commit of a destination number's code and its send. The code comes, and is good, once; what was verified stays.
func TestSandboxCrash(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		n := serve(t, database)
		codesPool(n.caller(), "sandbox")
		n.sandboxed(true)
		for i, number := range []string{"+12124660011", "+12124660012"} {
			loose := n.phones.stick()
			if a := n.manage("POST", "/destination-numbers", obj{"number": number}); a.status >= 300 {
				t.Fatalf("%d %s", a.status, a.raw)
			}
			n.kill()
			loose()
			n.leasesEnd()
			n.restart()
			code := n.phones.code(number)
			if code == "" {
				t.Fatalf("the code of number %d was lost", i+1)
			}
			path := "/destination-numbers/" + url.PathEscape(number)
			if a := n.manage("POST", path+"/verify", obj{"code": code}); a.status != 200 || a.str("status") != "verified" {
				t.Errorf("the code of number %d: %d %s", i+1, a.status, a.raw)
			}
			n.kill()
			n.restart()
			if a := n.operate("GET", path); a.str("status") != "verified" {
				t.Errorf("number %d is %s after a kill", i+1, a.raw)
			}
			if a := n.manage("POST", path+"/verify", obj{"code": code}); a.status < 400 {
				t.Errorf("the code of number %d is good twice: %d %s", i+1, a.status, a.raw)
			}
		}
		n.stop(t)
	})
}
