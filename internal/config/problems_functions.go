package config

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Isolations are the levels of functions.isolation, best first.
var Isolations = []string{"full", "strong", "weak", "none"}

func (j *judge) functions() {
	f := j.c.Functions
	if f.Isolation != "" && !slices.Contains(Isolations, f.Isolation) {
		j.add("functions.isolation", "use one of "+strings.Join(Isolations, ", "), "%q is not a level", f.Isolation)
	}
	if f.Node != "" {
		if info, err := os.Stat(f.Node); err != nil || info.IsDir() {
			j.add("functions.node", "name the node program, or leave it out for the one on the PATH", "%s is not a program", f.Node)
		}
	}
	if f.Memory < 0 || f.Memory > 0 && f.Memory < 128 {
		j.add("functions.memory", "at least 128 (MiB)", "%d MiB is too little for one worker", f.Memory)
	}
	if f.MaxMemory < 0 || f.MaxMemory > 10240 || f.MaxMemory > 0 && f.MaxMemory < 128 {
		j.add("functions.max_memory", "128 to 10240 (MiB)", "%d MiB is out of range", f.MaxMemory)
	}
	if f.Storage < 0 || f.Storage > 0 && f.Storage < 50 {
		j.add("functions.storage", "at least 50 (MiB)", "%d MiB is too little for one package", f.Storage)
	}
	j.remote(f)
	for _, a := range f.Egress.Allow {
		if err := egressRule(a); err != "" {
			j.add("functions.egress.allow", "for example api.example.com:8443 or 10.1.2.3:25", "%q %s", a, err)
		}
	}
	for _, h := range f.Egress.Only {
		if !hostPattern(h) {
			j.add("functions.egress.only", "for example api.twilio.com or *.twilio.com", "%q is not a host name", h)
		}
	}
}

// remoteForm is the ARN of a function, of which * and ? may stand for parts.
var remoteForm = regexp.MustCompile(`^arn:aws[a-z-]*:lambda:[a-z0-9*?-]+:[0-9*?]+:function:[a-zA-Z0-9_*?-]+(:[a-zA-Z0-9_$*?-]+)?$`)

func (j *judge) remote(f Functions) {
	const example = "for example arn:aws:lambda:eu-west-1:123456789012:function:sms-*"
	if f.Remote && len(f.RemoteAllow) == 0 {
		j.add("functions.remote_allow", example, "pools may call functions in AWS, but which ones is not said")
	}
	for _, a := range f.RemoteAllow {
		if !remoteForm.MatchString(a) {
			j.add("functions.remote_allow", example, "%q is not the ARN of a function, nor a pattern of one", a)
		}
	}
}

// egressRule says what is wrong with "host:port" or "network:port", or nothing.
func egressRule(s string) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		if i := strings.LastIndexByte(s, ':'); i > 0 && strings.Contains(s, "/") {
			host, port = s[:i], s[i+1:]
		} else {
			return "is not host:port"
		}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "has no port"
	}
	if _, err := netip.ParsePrefix(host); err == nil {
		return ""
	}
	if _, err := netip.ParseAddr(host); err == nil || hostPattern(host) {
		return ""
	}
	return "names no host"
}

func hostPattern(s string) bool {
	s = strings.TrimPrefix(s, "*.")
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func (j *judge) aws() {
	a, f, k := j.c.AWS, j.c.Functions, j.c.KMS
	if k.Provider != "" && k.Provider != "built-in" && k.Provider != "aws" {
		j.add("kms.provider", "use built-in or aws", "%q is unknown", k.Provider)
	}
	if a.Chain && a.AccessKeyID != "" {
		j.add("aws.chain", "keep one of the two", "chain and access_key_id are both set")
	}
	if (a.AccessKeyID != "") != (!a.SecretAccessKey.IsZero() || a.SecretAccessKeyFile != "") {
		j.add("aws.access_key_id", "an access key has an id and a secret (secret_access_key or secret_access_key_file)", "one half of the key is missing")
	}
	if !a.SecretAccessKey.IsZero() && a.SecretAccessKeyFile != "" {
		j.add("aws.secret_access_key", "keep one of the two", "secret_access_key and secret_access_key_file are both set")
	}
	if a.SecretAccessKeyFile != "" {
		j.privateFile("aws.secret_access_key_file", a.SecretAccessKeyFile)
	}
	used := f.Remote || k.Provider == "aws"
	if used && a.AccessKeyID == "" && !a.Chain && (j.env("AWS_ACCESS_KEY_ID") == "" || j.env("AWS_SECRET_ACCESS_KEY") == "") {
		j.add("aws.access_key_id", "set a key, or chain: true for what the AWS SDK finds", "AWS is to be called, but there are no credentials")
	}
}

// hooks judges the section of user code in Auth0's forms.
func (j *judge) hooks() {
	h := j.c.Hooks
	if h.Registry != "" {
		if u, err := url.Parse(h.Registry); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
			j.add("hooks.registry", "for example https://registry.npmjs.org", "%q is not an https URL without credentials", h.Registry)
		}
	}
	if d := h.Timeout; d != nil && (*d < Duration(time.Second) || *d > Duration(20*time.Second)) {
		j.add("hooks.timeout", "1s to 20s", "%s is out of range", time.Duration(*d))
	}
	if h.Memory != 0 && (h.Memory < 128 || h.Memory > 4096) {
		j.add("hooks.memory", "128 to 4096 (MiB)", "%d MiB is out of range", h.Memory)
	}
}

// PoolsByURL are Pools by base URL.
func (c *Config) PoolsByURL() map[string]string {
	out := map[string]string{}
	for _, p := range c.Pools {
		if at := strings.LastIndexByte(p, '='); at > 0 {
			out[strings.TrimSpace(p[:at])] = strings.TrimSpace(p[at+1:])
		}
	}
	return out
}

func (j *judge) pools() {
	const example = "for example https://id.example.com=eu-central-1_AbC123"
	known := slices.Concat(j.c.BaseURLs, j.c.Admin.BaseURLs)
	for _, p := range j.c.Pools {
		base, pool, ok := strings.Cut(p, "=")
		base, pool = strings.TrimSpace(base), strings.TrimSpace(pool)
		switch {
		case !ok || !strings.Contains(pool, "_"):
			j.add("pools", example, "%q does not name a base URL and a pool", p)
		case !slices.Contains(known, base):
			j.add("pools", "name it in base_urls or admin.base_urls as well", "%s is not among the declared base URLs", base)
		}
	}
}
