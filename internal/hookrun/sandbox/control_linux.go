package sandbox

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The control socket carries, from the server, the plan (length, JSON) and later "g" for go; from the launcher "s" with its sockets, and at any time "e"
// with an error's text, after which it ends. Success is that execve closes it.
const (
	controlFD   = 3
	maxPlan     = 1 << 20
	maxFailure  = 1 << 10
	sayGo       = 'g'
	saySockets  = 's'
	sayFailure  = 'e'
	maxSockets  = 40
	scmAlign    = 8
	headerBytes = 4
)

// control is the server's end.
type control struct{ *net.UnixConn }

// newControl makes a socket pair; the file is the launcher's end.
func newControl() (control, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return control{}, nil, fmt.Errorf("sandbox: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "control")
	ours := os.NewFile(uintptr(fds[0]), "control")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return control{}, nil, fmt.Errorf("sandbox: %w", err)
	}
	return control{conn.(*net.UnixConn)}, theirs, nil
}

// until makes reads and writes fail when ctx ends.
func (c control) until(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
}

func (c control) sendPlan(p *plan) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if len(text) > maxPlan {
		return errors.New("sandbox: arguments and environment are too long")
	}
	_, err = c.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

// sockets receives what the launcher made.
func (c control) sockets() ([]int, error) {
	text := make([]byte, maxFailure)
	oob := make([]byte, unix.CmsgSpace(maxSockets*4))
	n, m, _, _, err := c.ReadMsgUnix(text, oob)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, io.ErrUnexpectedEOF
	case text[0] != saySockets:
		return nil, failure(text[:n])
	}
	messages, err := unix.ParseSocketControlMessage(oob[:m])
	if err != nil {
		return nil, err
	}
	var fds []int
	for i := range messages {
		more, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return fds, err
		}
		fds = append(fds, more...)
	}
	return fds, nil
}

// proceed lets the launcher become the program, and returns when it has.
func (c control) proceed() error {
	if _, err := c.Write([]byte{sayGo}); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(c, maxFailure))
	if err != nil {
		return err
	}
	if len(text) > 0 {
		return failure(text)
	}
	return nil
}

func failure(text []byte) error {
	if len(text) == 0 || text[0] != sayFailure {
		return errors.New("launcher answers something else")
	}
	return errors.New(string(text[1:]))
}

// The launcher's end, by plain system calls.

func receivePlan() (*plan, error) {
	var header [headerBytes]byte
	if err := readFull(header[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(header[:])
	if n > maxPlan {
		return nil, errors.New("plan too long")
	}
	text := make([]byte, n)
	if err := readFull(text); err != nil {
		return nil, err
	}
	p := new(plan)
	return p, json.Unmarshal(text, p)
}

func readFull(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Read(controlFD, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		b = b[n:]
	}
	return nil
}

func passSockets(fds []int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	if err := unix.Sendmsg(controlFD, []byte{saySockets}, rights, nil, 0); err != nil {
		return fmt.Errorf("pass sockets: %w", err)
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	return nil
}

// awaitGo returns when the server has done its part; it fails if the server is gone.
func awaitGo() error {
	var b [1]byte
	if err := readFull(b[:]); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

func sayFailed(err error) {
	text := append([]byte{sayFailure}, err.Error()...)
	unix.Write(controlFD, text[:min(len(text), maxFailure)])
}
