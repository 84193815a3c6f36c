package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"

	maxAuthorization = 8 << 10
	maxQuery         = 16 << 10
	maxParameters    = 128
	maxSignedHeaders = 64
	maxKeyID         = 128
	maxScopePart     = 64
	// maxExpires is the longest life of a presigned request.
	maxExpires = 7 * 24 * time.Hour
	// defaultExpires is the life of a presigned request that does not say.
	defaultExpires = 15 * time.Minute
)

// signature is a parsed signature: everything that the request claims, nothing verified.
type signature struct {
	accessKeyID           string
	date, region, service string
	signedHeaders         []string // lower case, sorted, without duplicates
	mac                   [32]byte
	time                  time.Time
	timeText              string
	presigned             bool
	expires               time.Duration // presigned only
	query                 string        // canonical, without X-Amz-Signature
}

func wrong(public string) error {
	return (&fault.Error{Code: fault.SignatureWrong}).WithPublic("%s", public)
}

// parse reads the signature of r, in either form.
func parse(r *http.Request) (*signature, error) {
	params, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	auth := r.Header.Values("Authorization")
	_, presigned := params.get("X-Amz-Signature")
	switch {
	case len(auth) == 0 && !presigned:
		return nil, fault.New(fault.Unauthenticated)
	case len(auth) > 0 && presigned, len(auth) > 1:
		return nil, wrong("Only one form of signature is allowed")
	}
	s := &signature{presigned: presigned}
	if presigned {
		err = s.parsePresigned(params)
	} else {
		err = s.parseHeader(r, auth[0])
	}
	if err != nil {
		return nil, err
	}
	s.query = params.canonical()
	return s, nil
}

// parseHeader reads "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...", in any order.
func (s *signature) parseHeader(r *http.Request, auth string) error {
	rest, ok := strings.CutPrefix(auth, algorithm+" ")
	if !ok || len(auth) > maxAuthorization {
		return wrong("The Authorization header must use " + algorithm)
	}
	fields := make(map[string]string, 3)
	for part := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := fields[k]; !ok || twice || len(fields) == 3 {
			return wrong("The Authorization header is malformed")
		}
		fields[k] = v
	}
	for _, k := range []string{"Credential", "SignedHeaders", "Signature"} {
		if fields[k] == "" {
			return wrong("Authorization header requires '" + k + "' parameter.")
		}
	}
	dates := r.Header.Values("X-Amz-Date")
	if len(dates) != 1 {
		return wrong("Authorization header requires existence of one 'X-Amz-Date' header.")
	}
	return s.fill(fields["Credential"], fields["SignedHeaders"], fields["Signature"], dates[0])
}

func (s *signature) parsePresigned(p params) error {
	var values [5]string
	for i, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date"} {
		v, ok := p.get(name)
		if !ok || p.count(name) != 1 {
			return wrong("AWS query-string parameters must include one '" + name + "'.")
		}
		values[i] = v
	}
	if values[0] != algorithm {
		return wrong("X-Amz-Algorithm must be " + algorithm)
	}
	s.expires = defaultExpires
	if v, ok := p.get("X-Amz-Expires"); ok {
		if s.expires, ok = seconds(v); !ok || s.expires > maxExpires || p.count("X-Amz-Expires") != 1 {
			return wrong("X-Amz-Expires must be between 1 and 604800 seconds.")
		}
	}
	return s.fill(values[1], values[2], values[3], values[4])
}

func seconds(s string) (time.Duration, bool) {
	if len(s) == 0 || len(s) > 6 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return time.Duration(n) * time.Second, n > 0
}

// fill checks the parts that both forms share.
func (s *signature) fill(credential, signed, mac, date string) error {
	parts := strings.Split(cut(credential, 5*maxKeyID), "/")
	if len(parts) != 5 || parts[4] != terminator || !plain(parts[0], maxKeyID) || !plain(parts[2], maxScopePart) || !plain(parts[3], maxScopePart) {
		return wrong("Credential must have the form <access key id>/<date>/<region>/<service>/aws4_request.")
	}
	s.accessKeyID, s.date, s.region, s.service = parts[0], parts[1], parts[2], parts[3]
	t, err := time.Parse(timeFormat, date)
	if err != nil || t.Format(timeFormat) != date {
		return wrong("The date must be in ISO-8601 'basic format', like 20060102T150405Z.")
	}
	if t.Format(dateFormat) != s.date {
		return wrong("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
	}
	s.time, s.timeText = t, date
	if !decodeHex(&s.mac, mac) {
		return wrong("The signature is not a hexadecimal SHA-256 value.")
	}
	s.signedHeaders = strings.Split(signed, ";")
	if len(s.signedHeaders) > maxSignedHeaders {
		return wrong("Too many signed headers.")
	}
	for i, h := range s.signedHeaders {
		if !headerName(h) || i > 0 && s.signedHeaders[i-1] >= h {
			return wrong("SignedHeaders must be lower-case header names in order.")
		}
	}
	if !s.signs("host") {
		return wrong("'host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

func (s *signature) signs(header string) bool {
	_, ok := slices.BinarySearch(s.signedHeaders, header)
	return ok
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// plain accepts key ids, regions and services.
func plain(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func headerName(s string) bool {
	if s == "" || len(s) > maxKeyID {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func decodeHex(dst *[32]byte, s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range dst {
		hi, lo := nibble(s[2*i]), nibble(s[2*i+1])
		if hi < 0 || lo < 0 {
			return false
		}
		dst[i] = byte(hi<<4 | lo)
	}
	return true
}

// nibble knows lower case only, as signers write it.
func nibble(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// params are decoded query parameters in the order of the request.
type params []param

type param struct{ name, value string }

func parseQuery(raw string) (params, error) {
	if raw == "" {
		return nil, nil
	}
	if len(raw) > maxQuery {
		return nil, wrong("The query string is too long.")
	}
	var out params
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		k, v, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if err1 != nil || err2 != nil || len(out) == maxParameters {
			return nil, wrong("The query string is malformed.")
		}
		out = append(out, param{name, value})
	}
	return out, nil
}

func (p params) get(name string) (string, bool) {
	for _, q := range p {
		if q.name == name {
			return q.value, true
		}
	}
	return "", false
}

func (p params) count(name string) (n int) {
	for _, q := range p {
		if q.name == name {
			n++
		}
	}
	return n
}

// canonical is the canonical query string: encoded, sorted, without the signature.
func (p params) canonical() string {
	list := make([]param, 0, len(p))
	for _, q := range p {
		if q.name != "X-Amz-Signature" {
			list = append(list, param{escape(q.name, false), escape(q.value, false)})
		}
	}
	slices.SortFunc(list, func(a, b param) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var b strings.Builder
	for i, q := range list {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(q.name)
		b.WriteByte('=')
		b.WriteString(q.value)
	}
	return b.String()
}

// escape is AWS's UriEncode: everything but A-Z a-z 0-9 - . _ ~ (and / within paths) becomes %XX.
func escape(s string, path bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 || path && c == '/' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}
