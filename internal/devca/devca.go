package devca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	// CertFile and KeyFile are the names in the data folder.
	CertFile = "ca.pem"
	KeyFile  = "ca-key.pem"

	caLife = 10 * 365 * 24 * time.Hour
	// leafLife stays under the 398 days that browsers accept.
	leafLife = 90 * 24 * time.Hour
	backdate = time.Hour
)

// CA is a local certificate authority.
type CA struct {
	// Path is where the certificate lies.
	Path string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Open reads the authority of folder, or makes one if there is none, it has expired, or its key was readable by others.
func Open(folder string, now time.Time) (*CA, error) {
	ca, err := read(folder, now)
	if err == nil || !errors.Is(err, errMakeNew) {
		return ca, err
	}
	return create(folder, now)
}

var errMakeNew = errors.New("devca: a new authority is needed")

func read(folder string, now time.Time) (*CA, error) {
	certPath, keyPath := filepath.Join(folder, CertFile), filepath.Join(folder, KeyFile)
	info, err := os.Stat(keyPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errMakeNew
	}
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, errMakeNew
	}
	certPEM, err1 := os.ReadFile(certPath)
	keyPEM, err2 := os.ReadFile(keyPath)
	if err := errors.Join(err1, err2); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, errMakeNew
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || now.Add(leafLife).After(pair.Leaf.NotAfter) {
		return nil, errMakeNew
	}
	return &CA{Path: certPath, cert: pair.Leaf, key: key}, nil
}

func create(folder string, now time.Time) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	t := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"Countersign development CA"}, CommonName: "Countersign development CA " + host},
		NotBefore:    now.Add(-backdate), NotAfter: now.Add(caLife),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true,
		// Names that no public site has: RFC 6761 and RFC 6762, ICANN's .internal, Docker's own, and ours.
		PermittedDNSDomains: []string{"localhost", "test", "local", "internal", "countersign"},
		PermittedIPRanges:   privateNetworks(),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	ca := &CA{Path: filepath.Join(folder, CertFile), cert: cert, key: key}
	if err := replace(filepath.Join(folder, KeyFile), "PRIVATE KEY", pkcs8, 0o600); err != nil {
		return nil, err
	}
	return ca, replace(ca.Path, "CERTIFICATE", der, 0o644)
}

// replace writes a file whole or not at all.
func replace(path, kind string, der []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".ca-*")
	if err != nil {
		return err
	}
	err = pem.Encode(tmp, &pem.Block{Type: kind, Bytes: der})
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// privateNetworks are loopback and the private ranges (RFC 1918, RFC 4193, RFC 3927).
func privateNetworks() []*net.IPNet {
	var out []*net.IPNet
	for _, s := range []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7"} {
		_, n, _ := net.ParseCIDR(s)
		out = append(out, n)
	}
	return out
}

// Certificate returns a fresh server certificate for names, which are host names or addresses, with localhost and the
// loopback addresses always among them. A name that the authority may not sign for is an error.
func (c *CA) Certificate(now time.Time, names ...string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost", "*.localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else if n != "localhost" {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, c.cert, key.Public(), c.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: c.Pool(), CurrentTime: now}); err != nil {
		return nil, fmt.Errorf("the development CA signs only for localhost, private addresses and names under .test, .local and .internal: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, c.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// Pool returns a pool that trusts this authority alone.
func (c *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.cert)
	return p
}

// Fingerprint is the SHA-256 of the certificate in hexadecimal, first 16 digits: enough for people to compare.
func (c *CA) Fingerprint() string {
	sum := sha256.Sum256(c.cert.Raw)
	return hex.EncodeToString(sum[:8])
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f // positive: RFC 5280, section 4.1.2.2
	return new(big.Int).SetBytes(b)
}
