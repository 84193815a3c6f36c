package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signer signs calls of the Lambda API.
var (
	signer      = v4.NewSigner()
	credentials = aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secretAccessKey}
)

// invokeFunction calls a function and waits for its answer (Invoke, RequestResponse).
func (c *conn) invokeFunction(name, payload string) error {
	path := "/2015-03-31/functions/" + name + "/invocations"
	r, err := http.NewRequest(http.MethodPost, "http://"+c.address+path, nil)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(payload))
	if err := signer.SignHTTP(context.Background(), credentials, r, hex.EncodeToString(sum[:]), "lambda", region, time.Now()); err != nil {
		return err
	}
	head := "User-Agent: countersign-bench\r\nX-Forwarded-Proto: http\r\nX-Amz-Date: " + r.Header.Get("X-Amz-Date") + "\r\nAuthorization: " + r.Header.Get("Authorization") + "\r\n"
	status, answer, err := c.post(path, head, []byte(payload))
	if err == nil && (status != http.StatusOK || string(answer) != "null") {
		err = fmt.Errorf("call of Invoke: %d %.300s", status, answer)
	}
	return err
}

// event is about as large as the event of a trigger.
var event = `{"version":"1","triggerSource":"Bench","request":{"padding":"` + strings.Repeat("A", 800) + `"},"response":{}}`

// invokeWarm calls the same function again and again.
func invokeWarm(*target, *userSet) operation {
	return func(c *conn) (time.Duration, error) {
		began := time.Now()
		err := c.invokeFunction(emptyNode.name, event)
		return time.Since(began), err
	}
}

// invokeCold calls each function once.
func invokeCold(*target, *userSet) operation {
	var next atomic.Int64
	return func(c *conn) (time.Duration, error) {
		n := int(next.Add(1)) - 1
		if n >= coldCalls {
			return 0, errors.New("all functions are warm")
		}
		began := time.Now()
		err := c.invokeFunction(coldNode.function(n), event)
		return time.Since(began), err
	}
}

// refreshClaims is refresh for a pool whose tokens a function adds to.
func refreshClaims(t *target, s *userSet) operation {
	list := t.signedIn(s.alg)
	return func(c *conn) (time.Duration, error) {
		ss := list[rand.IntN(len(list))]
		began := time.Now()
		a, err := c.initiate(s, ss.u, "REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": ss.refresh}, "")
		took := time.Since(began)
		if err == nil && !claims(a.AuthenticationResult.AccessToken) {
			err = errors.New("the access token lacks the function's claim")
		}
		return took, err
	}
}

func claims(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	return err == nil && strings.Contains(string(b), `"bench":"yes"`)
}
