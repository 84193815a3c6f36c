package srp

import (
	"context"
	"crypto/rand"
	"math/big"
)

// Ephemeral is the server's half of one exchange. It is used for one answer to one client.
type Ephemeral struct {
	// Secret is b, 32 random bytes. It goes into the sealed secret block and nowhere else.
	Secret []byte
	// B is (k·v + g^b) mod N, which the client gets (see Hex).
	B *big.Int
}

// Pair is a secret b and its g^b mod N, for one exchange. The zero Pair is not valid.
type Pair struct {
	secret []byte
	power  *big.Int
}

// NewPair makes a pair; it costs one exponentiation.
func NewPair() Pair {
	b := make([]byte, SecretSize)
	rand.Read(b) // never fails
	return Pair{b, powG(new(big.Int).SetBytes(b))}
}

// Server opens an exchange for the user with that verifier. It takes microseconds; ErrVerifier is its only error but for
// ErrExchange, which has a chance of 1 in 2^3072.
func (p Pair) Server(verifier []byte) (*Ephemeral, error) {
	v, err := parseVerifier(verifier)
	if err != nil {
		return nil, err
	}
	public := v.Mul(v, groupK)
	public.Add(public, p.power).Mod(public, groupN)
	if public.Sign() == 0 {
		return nil, ErrExchange
	}
	return &Ephemeral{Secret: p.secret, B: public}, nil
}

// NewServer is NewPair and Server in one, for where no Precomputer is at hand.
func NewServer(verifier []byte) (*Ephemeral, error) { return NewPair().Server(verifier) }

// Precomputer keeps a bounded number of pairs ready, so that a sign-in need not wait for g^b. Each pair is handed out once.
// A nil Precomputer works and computes each pair when asked.
type Precomputer struct {
	pairs chan Pair
	done  chan struct{}
}

// New returns a Precomputer that holds up to size pairs (about 500 bytes each); size below 1 counts as 1.
func New(size int) *Precomputer {
	return &Precomputer{pairs: make(chan Pair, max(size, 1)), done: make(chan struct{})}
}

// Start begins to fill the pool in one goroutine of its own, which ends with ctx. It must be called at most once;
// without it every Take computes.
func (p *Precomputer) Start(ctx context.Context) {
	go func() {
		defer close(p.done)
		for ctx.Err() == nil {
			select {
			case p.pairs <- NewPair():
			case <-ctx.Done():
			}
		}
	}()
}

// Done is closed when the goroutine of Start has ended.
func (p *Precomputer) Done() <-chan struct{} { return p.done }

// Take returns a pair that nobody else has: a ready one, else one computed now. It never waits.
func (p *Precomputer) Take() Pair {
	if p == nil {
		return NewPair()
	}
	select {
	case pair := <-p.pairs:
		return pair
	default:
		return NewPair()
	}
}
