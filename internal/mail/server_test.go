package mail

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a small SMTP server (RFC 5321) that answers as it is told.
type server struct {
	addr *net.TCPAddr
	// answers replaces the answer to a command by its first word; "" cuts the connection, "hang" says nothing.
	answers map[string]string
	noTLS   bool
	noAuth  bool
	roots   *x509.CertPool

	mu       sync.Mutex
	commands []string
	messages []string
	auth     string
	secured  bool
}

// serve starts the server on loopback. The certificate is the one of net/http/httptest, good for 127.0.0.1.
func serve(t *testing.T, s *server, implicit bool) *server {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	config := &tls.Config{Certificates: web.TLS.Certificates}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(web.Certificate())
	web.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().(*net.TCPAddr)
	var open sync.WaitGroup
	t.Cleanup(func() { l.Close(); open.Wait() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				if implicit {
					conn = tls.Server(conn, config)
				}
				s.talk(conn, config, implicit)
			})
		}
	}()
	return s
}

func (s *server) talk(conn net.Conn, config *tls.Config, secured bool) {
	lines := bufio.NewReader(conn)
	say := func(word, text string) bool {
		if other, ok := s.answers[word]; ok {
			text = other
		}
		if text == "hang" {
			_, _ = lines.ReadString('\n') // until the other side gives up
			return false
		}
		if text == "" {
			return false
		}
		_, err := conn.Write([]byte(text + "\r\n"))
		return err == nil
	}
	if !say("GREETING", "220 test ESMTP") {
		return
	}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.note(&s.commands, line)
		word, rest, _ := strings.Cut(line, " ")
		switch word = strings.ToUpper(word); word {
		case "EHLO":
			text := "250-test\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES"
			if !secured && !s.noTLS {
				text += "\r\n250-STARTTLS"
			}
			if secured && !s.noAuth {
				text += "\r\n250-AUTH LOGIN PLAIN"
			}
			if !say(word, text+"\r\n250 HELP") {
				return
			}
		case "STARTTLS":
			if !say(word, "220 go") {
				return
			}
			conn = tls.Server(conn, config)
			lines, secured = bufio.NewReader(conn), true
		case "AUTH":
			_, proof, _ := strings.Cut(rest, " ")
			raw, _ := base64.StdEncoding.DecodeString(proof)
			s.mu.Lock()
			s.auth, s.secured = string(raw), secured
			s.mu.Unlock()
			if !say(word, "235 2.7.0 welcome") {
				return
			}
		case "DATA":
			if !say(word, "354 go") {
				return
			}
			if strings.HasPrefix(s.answers[word], "4") || strings.HasPrefix(s.answers[word], "5") {
				continue
			}
			s.note(&s.messages, readData(lines))
			if !say(".", "250 2.0.0 queued") {
				return
			}
		case "QUIT":
			say(word, "221 bye")
			return
		default:
			if !say(word, "250 2.1.0 fine") {
				return
			}
		}
	}
}

func readData(lines *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return b.String()
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

func (s *server) note(list *[]string, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, line)
}
