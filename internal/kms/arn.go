package kms

import (
	"strings"

	"countersign/internal/fault"
	"countersign/internal/form"
)

var (
	idForm    = form.New(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	aliasForm = form.New(`^alias/[a-zA-Z0-9/_-]{1,250}$`)
)

const (
	aliasPrefix = "alias/"
	// awsAliases are those of keys that AWS manages, of which there are none here.
	awsAliases = "alias/aws/"
	// maxRef is the length of the longest reference to a key (KMS API reference, KeyId).
	maxRef = 2048
)

func (s *Service) arn(region, resource string) string {
	return "arn:aws:kms:" + region + ":" + s.c.Account + ":" + resource
}

func (s *Service) keyARN(region, id string) string { return s.arn(region, "key/"+id) }

// reference is a key as a request names it: id or alias is set.
type reference struct{ region, id, alias string }

// parse reads an id, an ARN, an alias or an alias's ARN. A foreign region or account is not found.
func (s *Service) parse(region, name string) (reference, error) {
	if len(name) > maxRef {
		return reference{}, fault.Invalidf("KeyId", "KeyId is too long.")
	}
	resource := name
	if strings.HasPrefix(name, "arn:") {
		p := strings.SplitN(name, ":", 6)
		if len(p) != 6 || p[1] != "aws" || p[2] != "kms" || p[4] != s.c.Account || p[3] == "" || region != "" && p[3] != region {
			return reference{}, unknown(name)
		}
		region = p[3]
		var ok bool
		if resource, ok = strings.CutPrefix(p[5], "key/"); !ok && !strings.HasPrefix(p[5], aliasPrefix) {
			return reference{}, unknown(name)
		}
	}
	switch {
	case region == "":
	case idForm.MatchString(resource):
		return reference{region: region, id: resource}, nil
	case aliasForm.MatchString(resource):
		return reference{region: region, alias: resource}, nil
	}
	return reference{}, unknown(name)
}

// unknown is the error of a key that is not there.
func unknown(name string) *fault.Error {
	return fault.New(fault.ResourceNotFound).WithField(strings.ToValidUTF8(name[:min(len(name), 256)], "")).
		WithHint("see the keys and aliases of this region: aws kms list-aliases")
}
