package lambda

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"

	"countersign/internal/fault"
)

const (
	// defaultBody bounds the bodies of most operations, in bytes.
	defaultBody = 1 << 20
	// maxInvoke and maxEvent bound the payloads of Invoke (Lambda quotas, Invocation payload: 6 MB synchronous, 1 MB asynchronous).
	maxInvoke = 6 << 20
	maxEvent  = 1 << 20
	// maxUpload bounds bodies with packages, as Lambda does: 50 MB of zip in base64, and the rest of the request.
	maxUpload = 70_167_211
	// invokeFunction is what Lambda calls Invoke in its sentences.
	invokeFunction = "InvokeFunction"
	// uploadTime is how long a client may take to send a package, slotWait how long it waits for its turn.
	uploadTime = 5 * time.Minute
	slotWait   = 10 * time.Second
)

// readBody reads the body of an operation. Bodies with packages wait for one of few slots; release gives it back.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, c *call, o *operation) (release func(), err error) {
	release = func() {}
	most := o.maxBody
	if most == 0 {
		most = defaultBody
	}
	if r.ContentLength > most {
		return nil, oversized(spoken(o.Name), most)
	}
	if o.zipPath != nil && (r.ContentLength < 0 || r.ContentLength > defaultBody) {
		if release, err = h.slot(r); err != nil {
			return nil, err
		}
		// Not every ResponseWriter can; httptest's cannot.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime))
	}
	c.body, err = readAll(r.Body, r.ContentLength, most)
	// The time to send a body is over, the time of the function is not: a deadline that passes cancels the request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	switch {
	case err != nil:
		release()
		return nil, &protocolError{badContent, "The request body could not be read"}
	case int64(len(c.body)) > most:
		release()
		return nil, oversized(spoken(o.Name), most)
	}
	return release, nil
}

func oversized(operation string, most int64) error {
	name := bodyTooLarge
	if operation == invokeFunction {
		name = tooLarge
	}
	return &protocolError{name, "Request must be smaller than " + strconv.FormatInt(most, 10) + " bytes for the " + operation + " operation"}
}

// spoken is the name of an operation as IAM has it.
func spoken(operation string) string {
	if operation == "Invoke" {
		return invokeFunction
	}
	return operation
}

func (h *Handler) slot(r *http.Request) (func(), error) {
	t := time.NewTimer(slotWait)
	defer t.Stop()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-t.C:
		return nil, fault.New(fault.RateExceeded).WithPublic("Too many packages are being uploaded at once, please try again.")
	}
}

// firstRead is what is allocated before anything came, in bytes: a length that a header claims costs nothing until a body follows.
const firstRead = 64 << 10

// readAll reads up to most+1 bytes. Where the length is known, the buffer is made once.
func readAll(body io.Reader, length, most int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(length, 0), firstRead)) + bytes.MinRead)
	if _, err := b.ReadFrom(io.LimitReader(body, firstRead)); err != nil || b.Len() < firstRead {
		return b.Bytes(), err
	}
	if length > firstRead {
		b.Grow(int(length-firstRead) + bytes.MinRead)
	}
	_, err := b.ReadFrom(io.LimitReader(body, most+1-firstRead))
	return b.Bytes(), err
}
