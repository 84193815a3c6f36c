package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// conn is one persistent HTTP connection, written by hand: net/http's client would cost as much as the server under test,
// on the same cores.
type conn struct {
	address string
	c       net.Conn
	r       *bufio.Reader
	buf     []byte
}

// exchangeTimeout bounds one request and its answer.
const exchangeTimeout = 20 * time.Second

func (c *conn) close() {
	if c.c != nil {
		c.c.Close()
		c.c = nil
	}
}

// post sends body to path and returns the answer. head are further header lines, each ended by CRLF. The answer is valid
// until the next call.
func (c *conn) post(path, head string, body []byte) (status int, answer []byte, err error) {
	if c.c == nil {
		if c.c, err = net.DialTimeout("tcp", c.address, 5*time.Second); err != nil {
			return 0, nil, err
		}
		c.r = bufio.NewReaderSize(c.c, 16<<10)
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	b := append(c.buf[:0], "POST "...)
	b = append(append(append(b, path...), " HTTP/1.1\r\nHost: "...), c.address...)
	b = append(append(b, "\r\n"...), head...)
	b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10)
	b = append(append(b, "\r\n\r\n"...), body...)
	c.buf = b
	c.c.SetDeadline(time.Now().Add(exchangeTimeout))
	if _, err = c.c.Write(b); err != nil {
		return 0, nil, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(res.Body)
	res.Body.Close()
	if err == nil && res.Close {
		c.close()
	}
	return res.StatusCode, answer, err
}

// cognito calls an operation of the user pool API as an end user at the address from, and decodes the answer into out.
func (c *conn) cognito(operation, from string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	head := "X-Amz-Target: AWSCognitoIdentityProviderService." + operation + "\r\nContent-Type: application/x-amz-json-1.1\r\n" +
		"User-Agent: countersign-bench\r\nX-Forwarded-Proto: http\r\nX-Forwarded-For: " + from + "\r\n"
	status, answer, err := c.post("/", head, body)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if status != http.StatusOK {
		var e struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		json.Unmarshal(answer, &e)
		return fmt.Errorf("%s: %d %s %s", operation, status, e.Type, e.Message)
	}
	return json.Unmarshal(answer, out)
}

// authAnswer is what InitiateAuth and RespondToAuthChallenge answer, as far as it is used here.
type authAnswer struct {
	ChallengeName        string
	Session              string
	ChallengeParameters  map[string]string
	AuthenticationResult struct {
		AccessToken, IdToken, RefreshToken string
	}
}

// expect turns an answer that is not the expected step into an error.
func (a *authAnswer) expect(challenge string) error {
	if a.ChallengeName != challenge {
		return fmt.Errorf("challenge %q, not %q", a.ChallengeName, challenge)
	}
	if challenge == "" && (a.AuthenticationResult.AccessToken == "" || a.AuthenticationResult.IdToken == "") {
		return fmt.Errorf("no tokens")
	}
	return nil
}

type initiateAuth struct {
	AuthFlow       string
	ClientId       string
	AuthParameters map[string]string
}

type respondToAuthChallenge struct {
	ChallengeName      string
	ClientId           string
	Session            string `json:",omitempty"`
	ChallengeResponses map[string]string
}

func (c *conn) initiate(p *userSet, u user, flow string, params map[string]string, want string) (*authAnswer, error) {
	var out authAnswer
	if err := c.cognito("InitiateAuth", u.network(), initiateAuth{flow, p.client, params}, &out); err != nil {
		return nil, err
	}
	return &out, out.expect(want)
}

func (c *conn) respond(p *userSet, u user, session, challenge string, responses map[string]string, want string) (*authAnswer, error) {
	var out authAnswer
	in := respondToAuthChallenge{challenge, p.client, session, responses}
	if err := c.cognito("RespondToAuthChallenge", u.network(), in, &out); err != nil {
		return nil, err
	}
	return &out, out.expect(want)
}
