package envelope

import "testing"

func BenchmarkEncrypt(b *testing.B) {
	k := rawKey(b, "k")
	for _, s := range suites {
		b.Run(s.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustEncrypt(b, s, k, poolContext, []byte("123456"))
			}
		})
	}
}

func BenchmarkDecrypt(b *testing.B) {
	k := rawKey(b, "k")
	for _, s := range suites {
		m := mustEncrypt(b, s, k, poolContext, []byte("123456"))
		b.Run(s.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Decrypt(b.Context(), k, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Ten times what is needed would mean that something is parsed or hashed twice.
func TestAllocations(t *testing.T) {
	k := rawKey(t, "k")
	for s, limit := range map[Suite]float64{AES: 80, AESSigned: 200, Committed: 100, CommittedSigned: 200} {
		m := mustEncrypt(t, s, k, poolContext, []byte("123456"))
		encrypt := testing.AllocsPerRun(20, func() { mustEncrypt(t, s, k, poolContext, []byte("123456")) })
		decrypt := testing.AllocsPerRun(20, func() {
			if _, _, err := Decrypt(t.Context(), k, m); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %.0f to encrypt, %.0f to decrypt", s, encrypt, decrypt)
		if encrypt >= limit || decrypt >= limit {
			t.Errorf("%s: %.0f allocations to encrypt, %.0f to decrypt, limit %.0f", s, encrypt, decrypt, limit)
		}
	}
}
