package smsvoice

import (
	"slices"
	"testing"

	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/fault"
)

// What an operation answers is declared in the model, or common to all services.
func TestExceptionsAreDeclared(t *testing.T) {
	table := Errors()
	for _, op := range api.Operations {
		if len(op.Errors) == 0 {
			continue // not served
		}
		for _, c := range fault.Codes() {
			s, own := errorOf(op.Name, fault.New(c))
			if !own {
				s = table[c]
			}
			if !slices.Contains(op.Errors, s.Name) && !slices.Contains(commonErrors, s.Name) {
				t.Errorf("%s does not declare %s, which %s answers", op.Name, s.Name, c)
			}
		}
	}
}
