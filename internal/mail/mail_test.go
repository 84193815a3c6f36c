package mail

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
)

var _ provider.Provider = (*Sender)(nil)

const canary = "739154" // the code in every message; it must never be in an error

func message() provider.Message {
	return provider.Message{
		ID: "0199", IdempotencyKey: "key", Channel: provider.Email, To: "ada@example.com", Subject: "Votre code ✓",
		Text: "Bonjour,\n\nvotre code est " + canary + ".\n.\nà bientôt\n", Code: canary,
	}
}

func sender(t *testing.T, s *server, change func(*Config)) *Sender {
	t.Helper()
	c := Config{
		Host: "127.0.0.1", Port: s.addr.Port, From: "Example Ltd <no-reply@example.net>", RootCAs: s.roots, Timeout: 5 * time.Second,
		Now: func() time.Time { return time.Date(2026, 11, 21, 9, 41, 0, 0, time.UTC) },
	}
	if change != nil {
		change(&c)
	}
	out, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func signedIn(c *Config) { c.Username, c.Password = "user", secret.New("hunter2") }

func TestSend(t *testing.T) {
	for name, test := range map[string]struct {
		implicit bool
		change   func(*Config)
	}{
		"starttls": {false, signedIn},
		"implicit": {true, func(c *Config) { signedIn(c); c.TLS = Implicit }},
		"none":     {false, func(c *Config) { c.TLS = None }},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &server{}, test.implicit)
			send := sender(t, s, test.change)
			r, err := send.Send(t.Context(), message())
			if err != nil {
				t.Fatal(err)
			}
			if name != "none" && (s.auth != "\x00user\x00hunter2" || !s.secured) {
				t.Errorf("signed in with %q, secured %v", s.auth, s.secured)
			}
			checkMessage(t, s.messages[0], r)
			if !slices.Contains(s.commands, "MAIL FROM:<no-reply@example.net> BODY=8BITMIME") || !slices.Contains(s.commands, "RCPT TO:<ada@example.com>") {
				t.Errorf("%q", s.commands)
			}
			if again, err := send.Send(t.Context(), message()); err != nil || again != r {
				t.Errorf("the same message has two ids: %v, %v, %v", r, again, err)
			}
		})
	}
}

func checkMessage(t *testing.T, raw string, r provider.Receipt) {
	t.Helper()
	got, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	for header, want := range map[string]string{
		"From": `"Example Ltd" <no-reply@example.net>`, "To": "<ada@example.com>", "Auto-Submitted": "auto-generated",
		"Date": "Sat, 21 Nov 2026 09:41:00 +0000", "Message-Id": "<" + r.ProviderID + ">", "User-Agent": "", "X-Mailer": "",
	} {
		if h := got.Header.Get(header); h != want {
			t.Errorf("%s: %q", header, h)
		}
	}
	if subject != "Votre code ✓" || !strings.HasSuffix(r.ProviderID, "@example.net") {
		t.Errorf("subject %q, id %q", subject, r.ProviderID)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
	if text := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || text != message().Text {
		t.Errorf("body %q, %v", text, err)
	}
}

func TestErrorClasses(t *testing.T) {
	const address = "ada@example.com" // servers repeat it; we must not
	for name, test := range map[string]struct {
		answers map[string]string
		change  func(*server)
		want    provider.Class
	}{
		"unknown recipient":    {map[string]string{"RCPT": "550 5.1.1 <" + address + ">: no such user"}, nil, provider.ClassPermanent},
		"greylisted":           {map[string]string{"RCPT": "450 4.2.0 <" + address + ">: later"}, nil, provider.ClassRetryable},
		"relay denied":         {map[string]string{"RCPT": "554 5.7.1 <" + address + ">: relay access denied"}, nil, provider.ClassMisconfigured},
		"sender refused":       {map[string]string{"MAIL": "550 5.1.0 sender rejected"}, nil, provider.ClassMisconfigured},
		"closing":              {map[string]string{"MAIL": "421 4.3.2 too many"}, nil, provider.ClassThrottled},
		"closing at once":      {map[string]string{"GREETING": "421 too many"}, nil, provider.ClassThrottled},
		"full":                 {map[string]string{".": "452 4.3.1 full"}, nil, provider.ClassRetryable},
		"content refused":      {map[string]string{".": "554 5.6.0 no"}, nil, provider.ClassPermanent},
		"data refused":         {map[string]string{"DATA": "451 4.3.0 no"}, nil, provider.ClassRetryable},
		"no answer":            {map[string]string{".": ""}, nil, provider.ClassAmbiguous},
		"cut before":           {map[string]string{"RCPT": ""}, nil, provider.ClassRetryable},
		"cut at the greeting":  {map[string]string{"GREETING": ""}, nil, provider.ClassRetryable},
		"cut while signing in": {map[string]string{"AUTH": ""}, nil, provider.ClassRetryable},
		"wrong password":       {map[string]string{"AUTH": "535 5.7.8 no"}, nil, provider.ClassMisconfigured},
		"sign in later":        {map[string]string{"AUTH": "454 4.7.0 later"}, nil, provider.ClassRetryable},
		"no starttls":          {nil, func(s *server) { s.noTLS = true }, provider.ClassMisconfigured},
		"starttls refused":     {map[string]string{"STARTTLS": "502 no"}, nil, provider.ClassMisconfigured},
		"no auth":              {nil, func(s *server) { s.noAuth = true }, provider.ClassMisconfigured},
		"unknown authority":    {nil, func(s *server) { s.roots = x509.NewCertPool() }, provider.ClassMisconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &server{answers: test.answers}, false)
			if test.change != nil {
				test.change(s)
			}
			_, err := sender(t, s, signedIn).Send(t.Context(), message())
			if err == nil {
				t.Fatal("no error")
			}
			if class, _ := provider.ClassOf(err); class != test.want {
				t.Errorf("%v is %s, want %s", err, class, test.want)
			}
			for _, no := range []string{address, canary, "hunter2"} {
				if strings.Contains(err.Error(), no) {
					t.Errorf("%q is in the error: %v", no, err)
				}
			}
		})
	}
}

// What the server says after its 250 is no matter: the message is handed over.
func TestDeliveredIsDelivered(t *testing.T) {
	s := serve(t, &server{answers: map[string]string{"QUIT": ""}}, false)
	if _, err := sender(t, s, nil).Send(t.Context(), message()); err != nil {
		t.Error(err)
	}
}

func TestDeadlines(t *testing.T) {
	for _, where := range []string{"GREETING", "EHLO", "RCPT", "."} {
		s := serve(t, &server{answers: map[string]string{where: "hang"}}, false)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		start := time.Now()
		_, err := sender(t, s, nil).Send(ctx, message())
		cancel()
		if took := time.Since(start); err == nil || took > 3*time.Second {
			t.Errorf("%s: %v after %v", where, err, took)
			continue
		}
		want := provider.ClassRetryable
		if where == "." {
			want = provider.ClassAmbiguous
		}
		if class, _ := provider.ClassOf(err); class != want {
			t.Errorf("%s: %v is %s", where, err, class)
		}
	}
	send := sender(t, &server{addr: &net.TCPAddr{Port: 1}}, func(c *Config) {
		c.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("refused by the rules")
		}
	})
	if _, err := send.Send(t.Context(), message()); err == nil {
		t.Error("sent without a connection")
	} else if class, _ := provider.ClassOf(err); class != provider.ClassRetryable {
		t.Errorf("%v is %s", err, class)
	}
}

// A stranger's address or subject must not become a header, a command or a second recipient.
func TestInjectionIsRefused(t *testing.T) {
	s := serve(t, &server{}, false)
	send := sender(t, s, nil)
	for name, change := range map[string]func(*provider.Message){
		"subject":         func(m *provider.Message) { m.Subject = "Hi\r\nBcc: eve@example.com" },
		"subject LF":      func(m *provider.Message) { m.Subject = "Hi\nBcc: eve@example.com" },
		"subject NEL":     func(m *provider.Message) { m.Subject = "Hi\u0085Bcc: eve@example.com" },
		"subject length":  func(m *provider.Message) { m.Subject = strings.Repeat("x", maxSubject+1) },
		"recipient":       func(m *provider.Message) { m.To = "ada@example.com\r\nRCPT TO:<eve@example.com>" },
		"two recipients":  func(m *provider.Message) { m.To = "ada@example.com, eve@example.com" },
		"display name":    func(m *provider.Message) { m.To = "Ada <ada@example.com>" },
		"angle brackets":  func(m *provider.Message) { m.To = "<ada@example.com>" },
		"number":          func(m *provider.Message) { m.To = "+12025550123" },
		"nobody":          func(m *provider.Message) { m.To = "" },
		"long recipient":  func(m *provider.Message) { m.To = strings.Repeat("a", maxAddress) + "@example.com" },
		"sender":          func(m *provider.Message) { m.From = "a@example.com>\r\nDATA" },
		"sender is no id": func(m *provider.Message) { m.From = "COUNTERSGN" },
		"long text":       func(m *provider.Message) { m.Text = strings.Repeat("x", maxText+1) },
		"channel":         func(m *provider.Message) { m.Channel = provider.SMS },
	} {
		m := message()
		change(&m)
		_, err := send.Send(t.Context(), m)
		if err == nil {
			t.Errorf("%s: sent", name)
			continue
		}
		if class, _ := provider.ClassOf(err); class != provider.ClassPermanent || strings.Contains(err.Error(), "eve") {
			t.Errorf("%s: %v is %s", name, err, class)
		}
	}
	if len(s.commands) != 0 {
		t.Errorf("the server heard %q", s.commands)
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Host: "smtp.example.com", From: "a@example.com"}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"host": func(c *Config) { c.Host = "" }, "from": func(c *Config) { c.From = "nobody" }, "from header": func(c *Config) { c.From = "a@example.com\r\nX: y" },
		"port": func(c *Config) { c.Port = 70000 }, "mode": func(c *Config) { c.TLS = "maybe" }, "in clear": func(c *Config) { c.TLS = None },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzCompose(f *testing.F) {
	f.Add("ada@example.com", "Subject")
	f.Add("a\"b\"@example.com", "=?utf-8?q?x?=")
	f.Add("ada@example.com\r\nX: y", "a\r\nBcc: b@c")
	send, err := New(Config{Host: "localhost", From: "a@example.com"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, to, subject string) {
		m := message()
		m.To, m.Subject = to, subject
		msg, _, err := send.compose(m)
		if err != nil {
			return
		}
		var raw strings.Builder
		if _, err := msg.WriteTo(&raw); err != nil {
			t.Fatal(err)
		}
		got, err := netmail.ReadMessage(strings.NewReader(raw.String()))
		if err != nil {
			t.Fatalf("%q: %v", raw.String(), err)
		}
		for header := range got.Header {
			if !slices.Contains([]string{"Date", "Mime-Version", "Message-Id", "Auto-Submitted", "X-Auto-Response-Suppress", "Subject", "From", "To", "Content-Type", "Content-Transfer-Encoding"}, header) {
				t.Errorf("%q and %q made the header %q", to, subject, header)
			}
		}
		if rcpts, err := msg.GetRecipients(); err != nil || len(rcpts) != 1 {
			t.Errorf("recipients %q, %v", rcpts, err)
		}
	})
}

// What a pool wrote as HTML is shown as such; everything else is text.
func TestSendHTML(t *testing.T) {
	s := serve(t, &server{}, false)
	m := message()
	m.HTML, m.Text = true, "<p>"+canary+"</p>"
	if _, err := sender(t, s, func(c *Config) { c.TLS = None }).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got, err := netmail.ReadMessage(strings.NewReader(s.messages[0]))
	if err != nil {
		t.Fatal(err)
	}
	if kind := got.Header.Get("Content-Type"); kind != "text/html; charset=UTF-8" {
		t.Error(kind)
	}
}
