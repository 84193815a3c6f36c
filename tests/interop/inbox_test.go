package interop

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	password      = "Corr3ct-Horse-Battery!"
	otherPassword = "An0ther-Horse-Battery?"
)

// Ten thousand numbers of +1 202 555 are shared by the Go tests (the first block) and the JavaScript files.
const (
	blockSize = 200
	goBlock   = 0
	// operator is the end of the number that a development server sends its test messages to.
	operator = 100
)

var numbers, names atomic.Int64

// newPhone returns a number that no other test of this run uses.
func newPhone() string {
	n := numbers.Add(1)
	if n == operator {
		n = numbers.Add(1)
	}
	if n >= blockSize {
		panic("the Go tests have used up their phone numbers")
	}
	return fmt.Sprintf("+1202555%04d", goBlock*blockSize+n)
}

func newEmail() string { return fmt.Sprintf("ben.%d@example.com", names.Add(1)) }

// message is a text or e-mail as the simulator shows it.
type message struct {
	ID, To, From, Channel, Subject, Text, Code string
	PoolID                                     string `json:"pool_id"`
	TriggerSource                              string `json:"trigger_source"`
}

// inbox lists what arrived at a number or address ("": anywhere) after the message with the given id.
func (s *server) inbox(t *testing.T, to, after string, wait time.Duration) []message {
	t.Helper()
	q := url.Values{}
	for name, value := range map[string]string{"to": to, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if wait > 0 {
		q.Set("wait", wait.String())
	}
	res, err := http.Get(s.URL + "/simulator/inbox?" + q.Encode())
	check(t, err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the inbox answered %s", res.Status)
	}
	var list []message
	check(t, json.NewDecoder(res.Body).Decode(&list))
	return list
}

var read sync.Map // recipient → id of the last message that a test took

// next waits for the next message to the recipient that no earlier call returned and that fits.
func next(t *testing.T, to string, fits func(message) bool) message {
	t.Helper()
	after, _ := read.Load(to)
	id, _ := after.(string)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		for _, m := range srv.inbox(t, to, id, 5*time.Second) {
			id = m.ID
			read.Store(to, id)
			if fits(m) {
				return m
			}
		}
	}
	t.Fatalf("no such message arrived at %s within 5 s", to)
	panic("unreachable")
}

func hasCode(m message) bool  { return m.Code != "" }
func isNotice(m message) bool { return m.Code == "" }

// nextText is the next message with a code, nextCode the code in it.
func nextText(t *testing.T, to string) message { t.Helper(); return next(t, to, hasCode) }
func nextCode(t *testing.T, to string) string  { t.Helper(); return nextText(t, to).Code }

// noMessages demands that nothing ever went to the recipient.
func noMessages(t *testing.T, to string) {
	t.Helper()
	if list := srv.inbox(t, to, "", 0); len(list) > 0 {
		t.Errorf("%d messages went to %s, want none", len(list), to)
	}
}

// wrong is a code of the same length that is certainly wrong.
func wrong(code string) string {
	last := code[len(code)-1]
	return code[:len(code)-1] + string('0'+(last-'0'+1+byte(rand.IntN(9)))%10)
}
