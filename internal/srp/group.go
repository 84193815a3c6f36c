package srp

import (
	"crypto/sha256"
	"math/big"
)

// groupSize is the length of N in bytes, and so of every verifier.
const groupSize = 384

// N is the 3072-bit prime of RFC 5054, appendix A (group 15 of RFC 3526).
const nHex = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B" +
	"302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6" +
	"49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D" +
	"670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718" +
	"3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7D" +
	"B3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
	"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

// groupN, groupG and groupK are the group and its multiplier k = H(pad(N) | pad(g)). Nothing writes to them.
var (
	groupN = mustHex(nHex)
	groupG = big.NewInt(2)
	groupK = new(big.Int).SetBytes(hash(pad(groupN), pad(groupG)))
)

func mustHex(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic("srp: the group is not hexadecimal")
	}
	return n
}

// pad returns the shortest big-endian bytes of a non-negative n, with a zero byte in front where the top bit is set, as
// two's complement does; zero is one zero byte.
func pad(n *big.Int) []byte {
	return n.FillBytes(make([]byte, n.BitLen()/8+1))
}

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// powG returns g^e mod N.
func powG(e *big.Int) *big.Int { return new(big.Int).Exp(groupG, e, groupN) }
