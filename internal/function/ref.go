package function

import (
	"strings"

	"countersign/internal/fault"
	"countersign/internal/form"
)

// Latest is the qualifier of the unpublished version.
const Latest = "$LATEST"

const (
	maxName      = 64
	maxQualifier = 128
	maxReference = 256
)

var (
	nameForm      = form.New(`^[a-zA-Z0-9_-]{1,64}$`)
	regionForm    = form.New(`^[a-z][a-z0-9-]{0,31}$`)
	accountForm   = form.New(`^[0-9]{12}$`)
	partitionForm = form.New(`^aws[a-zA-Z-]*$`)
	numberForm    = form.New(`^[0-9]{1,18}$`)
	aliasForm     = form.New(`^[a-zA-Z0-9_-]{1,128}$`)
)

// Ref names a function, or a version or alias of it.
type Ref struct {
	Region, Name string
	// Qualifier is empty or "$LATEST" for the unpublished version, a version's number, or an alias.
	Qualifier string
}

// ARN returns the ARN of what is named, in the partition aws, as "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]".
func (r Ref) ARN(account string) string {
	arn := "arn:aws:lambda:" + r.Region + ":" + account + ":function:" + r.Name
	if r.Qualifier != "" {
		arn += ":" + r.Qualifier
	}
	return arn
}

// Unqualified returns the function itself.
func (r Ref) Unqualified() Ref { r.Qualifier = ""; return r }

func (r Ref) latest() bool { return r.Qualifier == "" || r.Qualifier == Latest }

func (r Ref) numbered() bool { return numberForm.MatchString(r.Qualifier) }

// validate judges the parts of a Ref that somebody built.
func (r Ref) validate() error {
	if !nameForm.MatchString(r.Name) {
		return fault.Invalidf("FunctionName", "The function name must have 1 to %d letters, digits, hyphens and underscores.", maxName)
	}
	if !regionForm.MatchString(r.Region) {
		return fault.Invalidf("FunctionName", "The region of the function is not one.")
	}
	if !r.latest() && !aliasForm.MatchString(r.Qualifier) {
		return fault.Invalidf("Qualifier", "The qualifier is neither $LATEST nor a version nor an alias.")
	}
	return nil
}

// Reference is a parsed name of a function, which may be hosted elsewhere.
type Reference struct {
	Ref
	// Partition is "aws" where none was given.
	Partition, Account string
}

// ParseReference parses the forms that the Lambda API takes (API reference, Invoke, FunctionName): NAME, ACCOUNT:function:NAME,
// REGION:ACCOUNT:function:NAME and the ARN, each with :QUALIFIER or without. Region and account replace what text does not name.
// The error is fault.InvalidParameter.
func ParseReference(text, region, account string) (Reference, error) {
	r := Reference{Ref: Ref{Region: region}, Partition: "aws", Account: account}
	bad := func() (Reference, error) {
		return Reference{}, fault.Invalidf("FunctionName", "The function is named by its name, a partial ARN or its ARN.")
	}
	if text == "" || len(text) > maxReference {
		return bad()
	}
	parts := strings.Split(text, ":")
	if parts[0] == "arn" {
		if len(parts) < 7 || len(parts) > 8 || !partitionForm.MatchString(parts[1]) || parts[2] != "lambda" || parts[5] != "function" {
			return bad()
		}
		r.Partition = parts[1]
		parts = parts[3:]
	}
	if len(parts) >= 4 && parts[2] == "function" && accountForm.MatchString(parts[1]) {
		r.Region, parts = parts[0], parts[1:]
		if !regionForm.MatchString(r.Region) {
			return bad()
		}
	}
	if len(parts) >= 3 && parts[1] == "function" {
		r.Account, parts = parts[0], parts[2:]
		if !accountForm.MatchString(r.Account) {
			return bad()
		}
	} else if len(parts) >= 2 && parts[0] == "function" {
		parts = parts[1:]
	}
	if len(parts) > 2 {
		return bad()
	}
	r.Name = parts[0]
	if len(parts) == 2 {
		if r.Qualifier = parts[1]; r.Qualifier == "" || len(r.Qualifier) > maxQualifier {
			return bad()
		}
	}
	if err := r.validate(); err != nil {
		return Reference{}, err
	}
	return r, nil
}

// ParseRef parses the name of a function hosted here, for a call in a region. A qualifier given beside the name must not
// contradict the one in it. A function of another account or region is fault.ResourceNotFound, as on Lambda.
func (s *Service) ParseRef(region, text, qualifier string) (Ref, error) {
	r, err := ParseReference(text, region, s.c.Account)
	if err != nil {
		return Ref{}, err
	}
	if qualifier != "" {
		if r.Qualifier != "" && r.Qualifier != qualifier {
			return Ref{}, fault.Invalidf("Qualifier", "The derived qualifier from the function name does not match the specified qualifier.")
		}
		r.Qualifier = qualifier
		if err := r.validate(); err != nil {
			return Ref{}, err
		}
	}
	if r.Region != region {
		return Ref{}, &fault.Error{Code: fault.ResourceNotFound, Field: text,
			Public: "Functions from '" + r.Region + "' are not reachable in this region ('" + region + "')"}
	}
	if !s.hosts(r.Account) {
		return Ref{}, s.notFound(r.Ref)
	}
	return r.Ref, nil
}

// notFound is the error for what does not exist.
func (s *Service) notFound(r Ref) error {
	arn := r.ARN(s.c.Account)
	return &fault.Error{Code: fault.ResourceNotFound, Field: arn, Public: "Function not found: " + arn}
}
