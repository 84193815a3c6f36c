package proof

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/store"
)

const (
	invitations = 50_000
	// askers sign in while invitations go out, and as many while none do.
	askers = 200
	// perSecond is what the account takes.
	perSecond = 200
)

// TestCodesBesideInvitations asks for sign-in codes while fifty thousand invitations wait for the same account. No code waits behind them.
func TestCodesBesideInvitations(t *testing.T) {
	air := newAir()
	c := newCarrier(t, air, "a")
	config := senderFile(t, deliveryFile([]*carrier{c}, fmt.Sprintf("per_second: %d", perSecond)))
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"), config...)
	back := n.caller()
	pool, client := codesPool(back, "lanes")
	phone := func(i int) string { return fmt.Sprintf("+1202555%04d", i) }
	crowd(0, 2*askers, 8, func(i int) {
		back.ok(back.back("AdminCreateUser", obj{"UserPoolId": pool, "Username": phone(i), "MessageAction": "SUPPRESS",
			"UserAttributes": []obj{{"Name": "phone_number_verified", "Value": "true"}}}))
	})
	alone := signIns(t, n, air, pool, client, 0, phone)
	drafts := make([]delivery.Draft, invitations)
	for i := range drafts {
		drafts[i] = delivery.Draft{PoolID: pool, To: fmt.Sprintf("+1202666%04d", i%10000), Text: "You are invited to Example.", Lane: store.LaneNotice,
			TriggerSource: "Test"}
	}
	began := time.Now()
	n.feed(drafts...)
	t.Logf("%d invitations were committed in %v", invitations, time.Since(began).Round(time.Millisecond))
	count := func() (notices int) {
		for _, m := range air.texts() {
			if strings.HasPrefix(m.To, "+1202666") {
				notices++
			}
		}
		return notices
	}
	c.once.Store(phone(2*askers-1), true) // what is to be repeated has the worker look into the outbox; an idle one looks every thirty seconds
	signIns(t, n, air, pool, client, 2*askers-1, phone)
	until(t, "the first invitations", func() bool { return count() > 0 })
	before, began := count(), time.Now()
	crowded := signIns(t, n, air, pool, client, askers, phone)
	after, took := count(), time.Since(began)
	t.Logf("hand-off of sign-in codes, from the commit to the request at the service: alone p50 %v, p99 %v; beside invitations p50 %v, p99 %v, max %v; "+
		"meanwhile %d invitations went out in %v",
		quantile(alone, .5), quantile(alone, .99), quantile(crowded, .5), quantile(crowded, .99), quantile(crowded, 1), after-before, took.Round(time.Millisecond))
	if after == before || after > invitations/2 {
		t.Errorf("%d invitations went out before, %d after: nothing is proved", before, after)
	}
	// A code that stood behind the queue would wait for minutes; one that stands behind a batch, for half a second.
	if p99 := quantile(crowded, .99); p99 > max(20*quantile(alone, .99), time.Second) {
		t.Errorf("beside invitations codes take %v, alone %v", p99, quantile(alone, .99))
	}
	n.kill() // the rest need not go out
}

// signIns asks for a code each, some at once, and returns how long each took from its commit to the request at the carrier.
func signIns(t *testing.T, n *node, air *air, pool, client string, first int, phone func(int) string) (took []time.Duration) {
	t.Helper()
	networks := make([]*http.Client, 8) // the sends of one network are limited
	for i := range networks {
		dial := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 7, byte(i+1))}}
		networks[i] = &http.Client{Transport: &http.Transport{DialContext: dial.DialContext}}
		defer networks[i].CloseIdleConnections()
	}
	var mu sync.Mutex
	ids := map[string]time.Time{}
	last := min(first+askers, 2*askers)
	pace := time.NewTicker(10 * time.Millisecond) // half of what the account takes
	defer pace.Stop()
	crowd(first, last, 4, func(i int) {
		<-pace.C
		req := n.caller().request(n.public, "InitiateAuth", obj{"ClientId": client, "AuthFlow": "USER_AUTH",
			"AuthParameters": obj{"USERNAME": phone(i), "PREFERRED_CHALLENGE": "SMS_OTP"}})
		a, err := sendBy(networks[i%len(networks)], req)
		if err != nil || a.status != http.StatusOK {
			t.Errorf("InitiateAuth: %v %d %s", err, a.status, a.raw)
			return
		}
		m, ok := air.text(phone(i))
		if !ok {
			t.Errorf("no code came to %s", phone(i))
			return
		}
		mu.Lock()
		ids[m.ID] = m.At
		mu.Unlock()
	})
	for id := range ids {
		m := n.operate("GET", "/messages/"+id)
		attempts, _ := m.body["timeline"].([]any)
		until(t, "the record of a send", func() bool {
			m = n.operate("GET", "/messages/"+id)
			attempts, _ = m.body["timeline"].([]any)
			return len(attempts) > 0
		})
		took = append(took, span(m.body["created_at"], attempts[0].(obj)["started_at"]))
	}
	return took
}
