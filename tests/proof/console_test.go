package proof

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestConsoleOfDev: development shows codes on simulated phones and nowhere else. The terminal, the answers and the database of
// `countersign dev` hold none after every flow; e-mail goes with them.
func TestConsoleOfDev(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	base := fmt.Sprintf("http://127.0.0.1:%d", freePair(t))
	p := start(t, base, "dev", "--listen", strings.TrimPrefix(base, "http://"), "--data", folder)
	c := devCaller(t, base)
	c.rec = &recorder{}
	after := map[string]string{}
	f := &flows{caller: c, s: &secrets{}, code: func(to string) string {
		for end := time.Now().Add(15 * time.Second); time.Now().Before(end); {
			q := url.Values{"to": {to}, "wait": {"5s"}}
			if after[to] != "" {
				q.Set("after", after[to])
			}
			res, err := http.Get(base + "/simulator/inbox?" + q.Encode())
			check(t, err)
			var list []struct{ ID, Code string }
			err = json.NewDecoder(res.Body).Decode(&list)
			res.Body.Close()
			check(t, err)
			for _, m := range list {
				if after[to] = m.ID; m.Code != "" {
					return m.Code
				}
			}
		}
		return ""
	}}
	f.all()
	f.mail()
	for _, a := range c.rec.all() {
		f.s.none(t, "the answer of "+a.op, a.raw, code, phrase)
		f.s.inHeader(t, "the answer of "+a.op, a.header)
	}
	p.stop(t)
	if !strings.Contains(p.out.String(), "refused") {
		t.Errorf("the terminal shows no refusals: %.300s", p.out.String())
	}
	f.s.none(t, "the terminal", []byte(p.out.String()), code, phrase, token, number)
	database := filepath.Join(folder, "countersign.db")
	for _, cell := range dump(t, database) {
		f.s.none(t, "column "+cell.column+" of "+cell.table, cell.data, code, phrase, token)
	}
	for name, raw := range files(t, database) {
		f.s.none(t, name, raw, code, phrase, token)
	}
	list, err := os.ReadDir(folder)
	check(t, err)
	for _, e := range list {
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 && e.Name() != "ca.pem" {
			t.Errorf("%s in the data folder can be read by others: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

// mail signs up and recovers by e-mail in the pool of development.
func (f *flows) mail() {
	address, pw := f.s.add(number, "an address", "canary.bird@example.com"), f.password("password by mail")
	f.ok(f.back("AdminCreateUser", obj{"UserPoolId": devPool, "Username": address, "MessageAction": "SUPPRESS",
		"UserAttributes": []obj{{"Name": "email", "Value": address}, {"Name": "email_verified", "Value": "true"}}}))
	f.ok(f.back("AdminSetUserPassword", obj{"UserPoolId": devPool, "Username": address, "Password": pw, "Permanent": true}))
	f.ok(f.app("ForgotPassword", obj{"ClientId": devClient, "Username": address}))
	right := f.text(address)
	confirm := obj{"ClientId": devClient, "Username": address, "ConfirmationCode": f.wrong(right), "Password": f.password("new password by mail")}
	f.refused(f.app("ConfirmForgotPassword", confirm), "CodeMismatchException")
	confirm["ConfirmationCode"] = right
	f.ok(f.app("ConfirmForgotPassword", confirm))
}
