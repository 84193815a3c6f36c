package password

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"countersign/internal/fault"
)

func TestHashVerify(t *testing.T) {
	h := New(1, 0)
	ctx := t.Context()
	const pw = " Ünï correct horse\x00battery "
	encoded, err := h.Hash(ctx, pw)
	if err != nil || !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%q, %v", encoded, err)
	}
	again, _ := h.Hash(ctx, pw)
	if again == encoded {
		t.Error("the salt is not fresh")
	}
	if ok, rehash, err := h.Verify(ctx, encoded, pw); !ok || rehash || err != nil {
		t.Errorf("right password: %v %v %v", ok, rehash, err)
	}
	for _, wrong := range []string{"", pw[1:], pw + " ", strings.TrimSpace(pw), strings.Repeat("x", MaxBytes+1)} {
		if ok, rehash, err := h.Verify(ctx, encoded, wrong); ok || rehash || err != nil {
			t.Errorf("wrong password: %v %v %v", ok, rehash, err)
		}
	}
	if _, err := h.Hash(ctx, strings.Repeat("x", MaxBytes+1)); fault.CodeOf(err) != fault.PasswordPolicy {
		t.Errorf("overlong password: %v", err)
	}
}

// Foreign hashes, made by Python's hashlib and crypt, or from the argon2 reference implementation's tests.
var foreign = []struct{ name, encoded, password string }{
	{"argon2id", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"},
	{"argon2i", "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG", "password"},
	{"bcrypt 2a", "$2a$04$abcdefghijklmnopqrstuugZ4cCtXYvT3AWc2gHnp4bhaIZgm6TGC", "secret-1"},
	{"bcrypt 2b", "$2b$04$abcdefghijklmnopqrstuugZ4cCtXYvT3AWc2gHnp4bhaIZgm6TGC", "secret-1"},
	{"bcrypt 2y", "$2y$04$abcdefghijklmnopqrstuugZ4cCtXYvT3AWc2gHnp4bhaIZgm6TGC", "secret-1"},
	{"scrypt", "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$sNbJUnG0DtWpF5dtWlnXULeD2/2yzwLCq9jwnej6S10", "secret-1"},
	{"pbkdf2", "$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$1Nukmi3esqOozMdSNB+FfXSaBvdEAw9eWjeeGjUIC0k", "secret-1"},
	{"pbkdf2 passlib", "$pbkdf2-sha512$1000$................$37u91Sb2bMiaGFjS1vMe9M3B2w9hqdsBzsyzGV4oBb4W5eoiTPA2Oyv7ENsJS4wk1g5mInUiwUsCbKAxG5y/NA", "secret-1"},
	{"django", "pbkdf2_sha256$1000$salty$b62yLfqHnSnz82G1vFtc9IVtsGVdHSmOXvUuz1P9EVk=", "secret-1"},
}

func TestForeign(t *testing.T) {
	h := New(1, 0)
	for _, f := range foreign {
		if err := Check(f.encoded); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if ok, rehash, err := h.Verify(t.Context(), f.encoded, f.password); !ok || !rehash || err != nil {
			t.Errorf("%s: ok %v, rehash %v, %v", f.name, ok, rehash, err)
		}
		if ok, rehash, err := h.Verify(t.Context(), f.encoded, f.password+"x"); ok || rehash || err != nil {
			t.Errorf("%s, wrong password: ok %v, rehash %v, %v", f.name, ok, rehash, err)
		}
	}
}

func TestRefusedEncodings(t *testing.T) {
	const salt, hash = "AAECAwQFBgcICQoLDA0ODw", "sNbJUnG0DtWpF5dtWlnXULeD2/2yzwLCq9jwnej6S10"
	tail := "$" + salt + "$" + hash
	for name, encoded := range map[string]string{
		"empty": "", "text": "secret", "unknown": "$md5$x$y$z", "crypt": "$6$abc$def", "dollars": "$$$$$$",
		"argon memory": "$argon2id$v=19$m=131073,t=1,p=1" + tail, "argon passes": "$argon2id$v=19$m=19456,t=1000,p=1" + tail,
		"argon lanes": "$argon2id$v=19$m=19456,t=2,p=17" + tail, "argon zero": "$argon2id$v=19$m=19456,t=0,p=1" + tail,
		"argon small": "$argon2id$v=19$m=7,t=2,p=1" + tail, "argon version": "$argon2id$v=16$m=19456,t=2,p=1" + tail,
		"argon order": "$argon2id$v=19$t=2,m=19456,p=1" + tail, "argon2d": "$argon2d$v=19$m=19456,t=2,p=1" + tail,
		"argon overflow": "$argon2id$v=19$m=9223372036854775807,t=2,p=1" + tail,
		"no hash":        "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$", "short hash": "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$AAAA",
		"no salt": "$argon2id$v=19$m=19456,t=2,p=1$$" + hash, "padding": "$argon2id$v=19$m=19456,t=2,p=1" + tail + "=",
		"newline":     "$argon2id$v=19$m=19456,t=2,p=1" + tail + "\n",
		"bcrypt cost": "$2b$15$abcdefghijklmnopqrstuugZ4cCtXYvT3AWc2gHnp4bhaIZgm6TGC",
		"bcrypt low":  "$2b$03$abcdefghijklmnopqrstuugZ4cCtXYvT3AWc2gHnp4bhaIZgm6TGC",
		"bcrypt 2x":   "$2x$04$abcdefghijklmnopqrstuugZ4cCtXYvT3AWc2gHnp4bhaIZgm6TGC",
		"bcrypt sign": "$2b$+4$abcdefghijklmnopqrstuugZ4cCtXYvT3AWc2gHnp4bhaIZgm6TGC",
		"bcrypt cut":  "$2b$04$abcdefghijklmnopqrstuugZ4cCtXYvT3AWc2gHnp4bhaIZgm6TG",
		"scrypt N":    "$scrypt$ln=21,r=1,p=1" + tail, "scrypt memory": "$scrypt$ln=18,r=8,p=1" + tail,
		"scrypt work": "$scrypt$ln=17,r=8,p=2" + tail, "scrypt huge": "$scrypt$ln=1,r=9999999,p=9999999" + tail,
		"scrypt ln 0": "$scrypt$ln=0,r=8,p=1" + tail,
		"pbkdf2 cost": "$pbkdf2-sha256$i=2000001" + tail, "pbkdf2 zero": "$pbkdf2-sha256$i=0" + tail,
		"pbkdf2 length": "$pbkdf2-sha256$i=1000,l=31" + tail, "pbkdf2 octal": "$pbkdf2-sha256$i=01000" + tail,
		"django cost":  "pbkdf2_sha256$2000001$salty$b62yLfqHnSnz82G1vFtc9IVtsGVdHSmOXvUuz1P9EVk=",
		"django short": "pbkdf2_sha256$1000$salty$b62y", "django salt": "pbkdf2_sha256$1000$$b62yLfqHnSnz82G1vFtc9IVtsGVdHSmOXvUuz1P9EVk=",
		"long": "$2b$04$" + strings.Repeat("a", 600),
	} {
		if err := Check(encoded); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s was taken", name)
		}
		if ok, rehash, err := New(1, 0).Verify(t.Context(), encoded, ""); ok || rehash || !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v %v %v", name, ok, rehash, err)
		}
	}
}

func TestNeedsRehash(t *testing.T) {
	current := encode(Strong, make([]byte, saltSize), make([]byte, hashSize))
	for encoded, want := range map[string]bool{
		current: true,
		encode(Strong, make([]byte, saltSize), make([]byte, 16)): false,
		encode(Strong, make([]byte, 8), make([]byte, hashSize)):  false,
		strings.Replace(current, "t=2", "t=3", 1):                false,
		strings.Replace(current, "m=19456", "m=19455", 1):        false,
		strings.Replace(current, "p=1", "p=2", 1):                false,
		strings.Replace(current, "argon2id", "argon2i", 1):       false,
	} {
		if s, err := parse(encoded); err != nil || (s.cost == Strong) != want {
			t.Errorf("%s: current %v, %v", encoded, s.cost == Strong, err)
		}
	}
}

func TestDummy(t *testing.T) {
	h := New(1, 0)
	if s, err := parse(h.dummy); err != nil || s.cost != Strong {
		t.Errorf("the stand-in is not like a hash of ours: %v", err)
	}
	if err := h.Dummy(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if New(1, 0).dummy == h.dummy {
		t.Error("the stand-in is fixed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Dummy(ctx, "x"); fault.CodeOf(err) != fault.Overloaded || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestBounds fills the slots by hand, so that nothing depends on how long a hash takes.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(2, 3)
		for range 2 {
			if err := h.acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		errs := make(chan error, 3)
		for i := range 3 {
			wg.Go(func() {
				c := t.Context()
				if i == 0 {
					c = ctx
				}
				err := h.acquire(c)
				errs <- err
				if err == nil {
					h.release()
				}
			})
		}
		synctest.Wait()
		if working, waiting := h.Busy(); working != 2 || waiting != 3 {
			t.Errorf("%d working, %d waiting", working, waiting)
		}
		_, _, err := h.Verify(t.Context(), h.dummy, "x")
		if e := fault.Of(err); e.Code != fault.Overloaded || e.RetryAfter <= 0 {
			t.Errorf("beyond the queue: %v", err)
		}
		if _, err := h.Hash(t.Context(), "x"); fault.CodeOf(err) != fault.Overloaded {
			t.Errorf("beyond the queue: %v", err)
		}
		cancel()
		if err := <-errs; !errors.Is(err, context.Canceled) || fault.CodeOf(err) != fault.Overloaded {
			t.Errorf("cancelled while waiting: %v", err)
		}
		h.release()
		for range 2 {
			if err := <-errs; err != nil {
				t.Errorf("after the queue moved: %v", err)
			}
		}
		wg.Wait()
		h.release()
		if working, waiting := h.Busy(); working != 0 || waiting != 0 {
			t.Errorf("at the end %d working, %d waiting", working, waiting)
		}
	})
}

func TestNewDefaults(t *testing.T) {
	h := New(0, -1)
	if cap(h.slots) < 1 || h.queue != 0 {
		t.Errorf("workers %d, queue %d", cap(h.slots), h.queue)
	}
}

func FuzzCheck(f *testing.F) {
	for _, v := range foreign {
		f.Add(v.encoded)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		s, err := parse(encoded)
		if err != nil {
			return
		}
		if s.bcrypt == nil && (len(s.want) < minHash || s.derive == nil) {
			t.Fatalf("%q parses without a hash", encoded)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := New(0, 0)
	for b.Loop() {
		_, _ = h.Hash(b.Context(), "Corr3ct-Horse-Battery!")
	}
}

func BenchmarkVerify(b *testing.B) {
	h := New(0, 0)
	encoded, _ := h.Hash(b.Context(), "Corr3ct-Horse-Battery!")
	for b.Loop() {
		_, _, _ = h.Verify(b.Context(), encoded, "Corr3ct-Horse-Battery!")
	}
}
