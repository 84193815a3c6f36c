package smpp

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// minPause and maxPause bound the time between two attempts to connect; it doubles, and is drawn from its upper half.
	minPause, maxPause = 2 * time.Second, 60 * time.Second
	// connectWait is how long a send waits for a connection that is being made.
	connectWait = 5 * time.Second
)

var errConnecting = errors.New("no connection to the message centre yet")

// keeper keeps one session, and makes a new one when it ends.
type keeper struct {
	// connect makes a bound session.
	connect func(ctx context.Context) (*session, error)
	// fatal says that a refusal is not worth hurrying after.
	fatal func(error) bool
	log   *slog.Logger

	stop context.CancelFunc
	once sync.Once
	done chan struct{}

	mu sync.Mutex
	// session is nil while there is none; err is why the last attempt failed, nil while the first is under way and after a session ended.
	session *session
	err     error
	closed  bool
	changed chan struct{}
}

func newKeeper(connect func(context.Context) (*session, error), fatal func(error) bool, log *slog.Logger) *keeper {
	return &keeper{connect: connect, fatal: fatal, log: log, done: make(chan struct{}), changed: make(chan struct{})}
}

// start begins to keep a session, once.
func (k *keeper) start() {
	k.once.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		k.mu.Lock()
		k.stop = cancel
		k.mu.Unlock()
		go k.keep(ctx)
	})
}

// get returns the session, after waiting for the one that is being made. Errors: why there is none, errConnecting, errClosed.
func (k *keeper) get(ctx context.Context) (*session, error) {
	k.start()
	limit := time.NewTimer(connectWait)
	defer limit.Stop()
	for {
		k.mu.Lock()
		s, err, changed := k.session, k.err, k.changed
		if k.closed {
			err = errClosed
		}
		k.mu.Unlock()
		if err != nil || s != nil {
			return s, err
		}
		select {
		case <-changed:
		case <-limit.C:
			return nil, errConnecting
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (k *keeper) set(s *session, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.session, k.err = s, err
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *keeper) keep(ctx context.Context) {
	defer close(k.done)
	pause := minPause
	for ctx.Err() == nil {
		s, err := k.connect(ctx)
		if err != nil {
			k.set(nil, err)
			if ctx.Err() == nil {
				k.log.Warn("smpp: not bound", "error", err)
			}
			if k.fatal(err) {
				pause = maxPause
			}
		} else {
			up := time.Now()
			k.set(s, nil)
			k.log.Info("smpp: bound")
			select {
			case <-s.dead:
				k.set(nil, nil)
				k.log.Warn("smpp: connection lost", "error", s.why())
			case <-ctx.Done():
				k.set(nil, errClosed)
			}
			s.close()
			if time.Since(up) >= minPause { // not one that ends as soon as it is bound
				pause = minPause
			}
		}
		sleep(ctx, jittered(pause))
		pause = min(2*pause, maxPause)
	}
}

// close ends the session and waits for its end.
func (k *keeper) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.once.Do(func() { close(k.done) }) // it never started
	k.mu.Lock()
	stop := k.stop
	k.mu.Unlock()
	if stop != nil {
		stop()
	}
	<-k.done
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// jittered is between half of d and d, so that a restarted centre is not met by everybody at once.
func jittered(d time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return d/2 + time.Duration(binary.BigEndian.Uint64(b[:])%uint64(d/2))
}
