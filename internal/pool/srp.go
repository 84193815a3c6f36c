package pool

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"time"

	"github.com/google/uuid"

	"countersign/internal/fault"
	"countersign/internal/srp"
	"countersign/internal/store"
)

// secretBlockLife is how long a client may take from PASSWORD_VERIFIER to its proof; clockSkew how far its TIMESTAMP may be off.
const (
	secretBlockLife = 3 * time.Minute
	clockSkew       = 5 * time.Minute
	blockAudience   = "secret_block"
)

// secretBlock is the whole state of USER_SRP_AUTH, sealed: clients answer PASSWORD_VERIFIER without a Session.
type secretBlock struct {
	ID       string    `json:"i"`
	ClientID string    `json:"c"`
	Wire     string    `json:"w"`
	UserID   string    `json:"u,omitempty"`
	Subject  string    `json:"s"`
	Name     string    `json:"n"`
	I        string    `json:"id"`
	A        string    `json:"A"`
	B        string    `json:"B"`
	Secret   []byte    `json:"b"`
	Until    time.Time `json:"t"`
	Epoch    int64     `json:"e"`
	// Chain and Session bind the block to a USER_AUTH session.
	Session string `json:"ses,omitempty"`
}

// marshal returns the block as JSON with spaces behind it, up to a length that depends on the typed name alone: the block of a name
// that nobody has holds less, and must not be told by that.
func (b *secretBlock) marshal() ([]byte, error) {
	raw, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	name, err := json.Marshal(b.Name)
	if err != nil {
		return nil, err
	}
	// Two numbers of 768 digits, ids and the frame; the name stands in Name and, where users choose it, in I.
	const rest = 2*768 + 640
	return append(raw, bytes.Repeat([]byte(" "), max(0, rest+2*len(name)-len(raw)))...), nil
}

// spentMark is spent in the Write of an answer. A nil mark spends nothing.
type spentMark struct {
	mark  []byte
	until time.Time
}

func (m *spentMark) spend(ctx context.Context, tx *unit) error {
	if m == nil {
		return nil
	}
	first, err := tx.Challenges().Spend(ctx, m.mark, m.until)
	if err == nil && !first {
		return fault.New(fault.WrongCredentials)
	}
	return err
}

// beginSRP answers SRP_A with PASSWORD_VERIFIER. d is set inside USER_AUTH, which wants a
// Session, and h is the challenge that asked for the proof, if one did. A name that nobody has, and a user
// without a verifier, get an exchange that no password can complete, the same salt every time.
func (s *Service) beginSRP(ctx context.Context, t *tenant, c Caller, a *account, srpA string, h *held, d *signIn) (*AuthResult, error) {
	if err := s.unknown(t, a); err != nil {
		return nil, err
	}
	if srpA == "" {
		return nil, fault.Invalidf("SRP_A", "Missing required parameter SRP_A")
	}
	A, err := srp.ParseA(srpA)
	if err != nil {
		return nil, fault.Invalidf("SRP_A", "SRP_A is not a public value of the 3072-bit group in hexadecimal")
	}
	salt, verifier, username, err := s.verifierOf(ctx, t, a)
	if err != nil {
		return nil, err
	}
	eph, err := s.SRP.Take().Server(verifier)
	if err != nil {
		return nil, fault.Internalf("srp: %w", err)
	}
	b := secretBlock{
		ID: uuid.NewString(), ClientID: t.client.ID, Wire: c.Wire, Subject: a.subject, Name: a.name, I: username,
		A: srp.Hex(A), B: srp.Hex(eph.B), Secret: eph.Secret, Until: s.now().Add(secretBlockLife),
	}
	if a.user != nil {
		b.UserID = a.user.ID
	}
	out := &AuthResult{Challenge: kindPasswordVerifier, Parameters: map[string]string{
		"SALT": new(big.Int).SetBytes(salt).Text(16), "SRP_B": b.B, "USERNAME": username, "USER_ID_FOR_SRP": username,
	}}
	var o *opened
	if d != nil {
		chain := ""
		if h != nil {
			chain = h.Chain
		}
		if o, err = s.openFor(t, c, a, kindPasswordVerifier, chain, *d); err != nil {
			return nil, err
		}
		out.Session, b.Session = o.handle, o.row.ID
		err = s.write(ctx, func(tx *unit) error {
			if err := tx.spend(ctx, h, s.now()); err != nil {
				return err
			}
			return tx.Challenges().InsertChallenge(ctx, o.row)
		})
		if err != nil {
			return nil, err
		}
	}
	if b.Epoch, err = s.epoch(ctx); err != nil {
		return nil, err
	}
	raw, err := b.marshal()
	if err != nil {
		return nil, err
	}
	sealed, err := s.Keys.SealToken(ctx, t.pool.ID, blockAudience, raw)
	out.Parameters["SECRET_BLOCK"] = base64.StdEncoding.EncodeToString(sealed)
	return out, err
}

func (s *Service) epoch(ctx context.Context) (n int64, err error) {
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		n, err = tx.Epoch(ctx)
		return err
	})
	return n, err
}

// verifierOf returns salt and verifier of an account, or made-up ones that stay the same.
func (s *Service) verifierOf(ctx context.Context, t *tenant, a *account) (salt, verifier []byte, username string, err error) {
	u := a.user
	if u != nil && len(u.SealedVerifier) > 0 {
		v, err := s.Keys.OpenRecord(ctx, t.pool.ID, "users", u.ID, "verifier", u.SealedVerifier)
		return u.SRPSalt, v, u.Username, err
	}
	if username, err = s.fakeUsername(ctx, t, a); err != nil {
		return nil, nil, "", err
	}
	if salt, err = s.Keys.Lookup(ctx, t.pool.ID, "fake salt", a.nameKey); err != nil {
		return nil, nil, "", err
	}
	for i := range 12 {
		h, err := s.Keys.Lookup(ctx, t.pool.ID, "fake verifier", a.nameKey, string(rune('a'+i)))
		if err != nil {
			return nil, nil, "", err
		}
		more := sha256.Sum256(h)
		verifier = append(verifier, more[:]...)
	}
	verifier[0] &= 0x7f // below N
	return salt[:16], verifier, username, nil
}

// shownUsername is the username in answers about an account that may have none: the user's, or a made-up one.
func (s *Service) shownUsername(ctx context.Context, t *tenant, a *account) (string, error) {
	if a.user != nil {
		return a.user.Username, nil
	}
	return s.fakeUsername(ctx, t, a)
}

// fakeUsername is what USER_ID_FOR_SRP shows for a name that nobody has: the name itself where users choose theirs, else a UUID that
// stays the same.
func (s *Service) fakeUsername(ctx context.Context, t *tenant, a *account) (string, error) {
	if a.user != nil {
		return a.user.Username, nil
	}
	if len(t.cfg.UsernameAttributes) == 0 && !isPhone(a.name) && !isEmail(a.name) {
		return a.name, nil
	}
	h, err := s.Keys.Lookup(ctx, t.pool.ID, "fake sub", a.nameKey)
	if err != nil {
		return "", err
	}
	id := uuid.UUID(h[:16])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id.String(), nil
}

// proveSRP judges the answer to PASSWORD_VERIFIER. Every defect is the same "Incorrect username or password.".
func (s *Service) proveSRP(ctx context.Context, t *tenant, c Caller, in RespondInput) (*AuthResult, error) {
	wrong := fault.New(fault.WrongCredentials)
	r := in.Responses
	raw, err := decodeBlock(r["PASSWORD_CLAIM_SECRET_BLOCK"])
	if err != nil {
		return nil, wrong
	}
	plain, err := s.Keys.OpenToken(ctx, t.pool.ID, blockAudience, raw)
	if err != nil {
		return nil, wrong
	}
	var b secretBlock
	if err := json.Unmarshal(plain, &b); err != nil {
		return nil, fault.Internalf("secret block: %w", err)
	}
	epoch, err := s.epoch(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	if b.ClientID != t.client.ID || b.Wire != c.Wire || b.Epoch != epoch || !now.Before(b.Until) {
		return nil, wrong
	}
	at, err := srp.ParseTimestamp(r["TIMESTAMP"])
	if err != nil || at.Before(now.Add(-clockSkew)) || at.After(now.Add(clockSkew)) {
		return nil, wrong.WithHint("TIMESTAMP is missing, malformed or more than five minutes off the server's clock.")
	}
	if r["DEVICE_KEY"] != "" {
		// No device is remembered here; clients drop theirs and repeat without it, with this same block.
		return nil, fault.New(fault.ResourceNotFound).WithPublic("Device does not exist.")
	}
	h, d, err := s.srpSession(ctx, t, c, &b, in.Session)
	if err != nil {
		return nil, err
	}
	a, err := s.find(ctx, t, c, b.Name)
	if err != nil {
		return nil, err
	}
	if (a.user == nil && b.UserID != "") || (a.user != nil && a.user.ID != b.UserID) {
		return nil, wrong
	}
	if err := s.Store.Read(ctx, func(tx store.Tx) error { return s.guard.Check(ctx, tx, s.try(t, a, "password")) }); err != nil {
		return nil, err
	}
	ok, err := s.checkProof(ctx, t, a, &b, raw, r)
	if err != nil {
		return nil, err
	}
	mark, err := s.Keys.Lookup(ctx, t.pool.ID, "spent block", b.ID)
	if err != nil {
		return nil, err
	}
	return s.settlePassword(ctx, t, c, a, ok, nil, h, &spentMark{mark, b.Until}, d)
}

// srpSession returns the USER_AUTH session that the block belongs to, if it belongs to one.
func (s *Service) srpSession(ctx context.Context, t *tenant, c Caller, b *secretBlock, session string) (*held, signIn, error) {
	if b.Session == "" {
		return nil, signIn{Name: b.Name}, nil
	}
	h, _, err := s.holdUser(ctx, t, c, session, kindPasswordVerifier)
	if err != nil {
		return nil, signIn{}, err
	}
	if h.ID != b.Session {
		return nil, signIn{}, fault.New(fault.SessionInvalid)
	}
	return h, h.data, nil
}

func (s *Service) checkProof(ctx context.Context, t *tenant, a *account, b *secretBlock, block []byte, r map[string]string) (bool, error) {
	_, verifier, username, err := s.verifierOf(ctx, t, a)
	if err != nil {
		return false, err
	}
	A, err := srp.ParseA(b.A)
	if err != nil {
		return false, fault.Internalf("secret block: %w", err)
	}
	B, ok := new(big.Int).SetString(b.B, 16)
	if !ok {
		return false, fault.Internalf("secret block: B")
	}
	key, err := srp.Key(A, b.Secret, B, verifier)
	if err != nil {
		return false, nil
	}
	want := srp.Signature(key, srp.PoolName(t.pool.ID), username, block, r["TIMESTAMP"])
	got, err := base64.StdEncoding.DecodeString(r["PASSWORD_CLAIM_SIGNATURE"])
	named := r["USERNAME"] == b.I || t.isName(a, r["USERNAME"])
	return hmac.Equal(got, want) && err == nil && named && username == b.I && a.user != nil, nil
}

// decodeBlock accepts both alphabets of base64, as clients use both.
func decodeBlock(s string) ([]byte, error) {
	if len(s) > 8192 {
		return nil, hex.ErrLength
	}
	if raw, err := base64.StdEncoding.DecodeString(s); err == nil {
		return raw, nil
	}
	return base64.URLEncoding.DecodeString(s)
}
