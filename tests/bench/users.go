package main

import (
	"fmt"
	"sync"
)

// Users are numbered from 0. Every tenth has SMS MFA, the others may sign in with a code alone (the two do not combine).
const mfaEvery = 10

// srpUsers of those with MFA have a verifier of their own, which takes a modular power each; all others carry one verifier
// of the right size that no password fits.
const srpUsers = 400

// userPassword is everybody's.
const userPassword = "Measure-twice-1"

// userSet is a pool of the seeded database.
type userSet struct {
	alg          string
	pool, client string
	// first is the number of user 0 in the numbering plan; n is the number of users, a multiple of mfaEvery.
	first, n int

	mu   sync.Mutex
	busy map[int]bool
	// turn counts the users handed out; sent the texts caused so far, by kind of user.
	turn int
	sent map[kind]int
}

// user is one of a set.
type user struct{ index, number int }

// phone is a German mobile number. Nothing is ever sent to it: the receiver is our own.
func (u user) phone() string { return fmt.Sprintf("+49151%08d", u.number) }

// network is the address that the user's requests come from, one each: limits count by network.
func (u user) network() string {
	return fmt.Sprintf("10.%d.%d.%d", u.number>>16&255, u.number>>8&255, u.number&255)
}

// kind is what a workload needs of a user.
type kind int

const (
	byCode kind = iota // no second factor
	withMFA
	withSRP // has MFA and a verifier of its own
)

// count is how many users of a kind the set has.
func (s *userSet) count(k kind) int {
	switch k {
	case byCode:
		return s.n - s.n/mfaEvery
	case withMFA:
		return s.n / mfaEvery
	}
	return min(s.n/mfaEvery, srpUsers)
}

// at is the i-th user of a kind.
func (s *userSet) at(k kind, i int) user {
	index := i * mfaEvery
	if k == byCode {
		index = i/(mfaEvery-1)*mfaEvery + 1 + i%(mfaEvery-1)
	}
	return user{index, s.first + index}
}

// scatter is prime and larger than any number of users: its multiples visit each user once before they begin again, far
// from one another in the indexes.
const scatter = 2654435761

// take lends a user that nobody else works with. The function gives it back.
func (s *userSet) take(k kind) (u user, back func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		s.turn++
		u = s.at(k, s.turn*scatter%s.count(k))
		if !s.busy[u.index] {
			break
		}
	}
	s.busy[u.index] = true
	return u, func() {
		s.mu.Lock()
		delete(s.busy, u.index)
		s.mu.Unlock()
	}
}

// sendsEach is how many texts a user may cause: the guard allows 20 an hour.
const sendsEach = 18

// note counts a text; left is how many more the users of the kind may cause.
func (s *userSet) note(k kind) {
	s.mu.Lock()
	s.sent[k.texts()]++
	s.mu.Unlock()
}

func (s *userSet) left(k kind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count(k)*sendsEach - s.sent[k.texts()]
}

// texts is the kind that a kind's texts are counted under: users with a verifier are among those with MFA.
func (k kind) texts() kind {
	if k == withSRP {
		return withMFA
	}
	return k
}

// newSets describes the pools of a database for n users: one that signs with RS256 and has them all, one that signs with
// ES256 and has at most 2,000.
func newSets(n int) map[string]*userSet {
	set := func(alg, id string, first, n int) *userSet {
		return &userSet{alg: alg, pool: "us-bench-1_" + id, client: "benchclient" + id, first: first, n: max(n/mfaEvery*mfaEvery, mfaEvery), busy: map[int]bool{}, sent: map[kind]int{}}
	}
	return map[string]*userSet{"RS256": set("RS256", "rsa", 0, n), "ES256": set("ES256", "ecdsa", 50_000_000, min(n, 2000))}
}
