package smsaccount

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"countersign/internal/fault"
)

// Names of SNS's attributes (SNS API reference, SetSMSAttributes).
const (
	MonthlySpendLimit                 = "MonthlySpendLimit"
	DeliveryStatusIAMRole             = "DeliveryStatusIAMRole"
	DeliveryStatusSuccessSamplingRate = "DeliveryStatusSuccessSamplingRate"
	DefaultSenderID                   = "DefaultSenderID"
	DefaultSMSType                    = "DefaultSMSType"
	UsageReportS3Bucket               = "UsageReportS3Bucket"
)

// attribute is one of SNS's, and where it is kept.
type attribute struct {
	// json is its name in Settings.
	json string
	of   func(*Settings) *string
	// good judges a value that is not empty; rule says what would be right.
	good func(string) bool
	rule string
}

// jsonNames and wireNames are by which names errors call attributes.
const (
	jsonNames = iota
	wireNames
)

// attributes are SNS's. The map is not changed.
var attributes = map[string]attribute{
	MonthlySpendLimit: {"monthly_spend_limit", func(s *Settings) *string { return &s.MonthlySpendLimit }, goodLimit,
		"must be an amount of US dollars with at most two decimals"},
	DeliveryStatusIAMRole: {"delivery_status_iam_role", func(s *Settings) *string { return &s.DeliveryStatusIAMRole }, goodRole,
		"must be the ARN of an IAM role"},
	DeliveryStatusSuccessSamplingRate: {"delivery_status_success_sampling_rate", func(s *Settings) *string { return &s.DeliveryStatusSuccessSamplingRate },
		goodRate, "must be a whole number from 0 to 100"},
	DefaultSenderID: {"default_sender_id", func(s *Settings) *string { return &s.DefaultSenderID }, SenderID,
		"must be 1 to 11 letters, digits and hyphens, with at least one letter"},
	DefaultSMSType: {"default_sms_type", func(s *Settings) *string { return &s.DefaultSMSType },
		func(v string) bool { return v == Promotional || v == Transactional }, "must be Promotional or Transactional"},
	UsageReportS3Bucket: {"usage_report_s3_bucket", func(s *Settings) *string { return &s.UsageReportS3Bucket }, goodBucket,
		"must be the name of an S3 bucket"},
}

func goodLimit(v string) bool {
	_, cents, _ := strings.Cut(v, ".")
	micros, ok := dollars(v)
	return ok && len(cents) <= 2 && micros <= NoLimit*million
}

func goodRate(v string) bool {
	n, err := strconv.ParseUint(v, 10, 8)
	return err == nil && n <= 100
}

func goodRole(v string) bool {
	parts := strings.SplitN(v, ":", 6)
	return len(v) <= 2048 && len(parts) == 6 && parts[0] == "arn" && strings.HasPrefix(parts[1], "aws") && parts[2] == "iam" && parts[3] == "" &&
		len(parts[4]) == 12 && digits(parts[4]) && strings.HasPrefix(parts[5], "role/") && len(parts[5]) > len("role/") && printable(parts[5])
}

func goodBucket(v string) bool {
	const chars = "abcdefghijklmnopqrstuvwxyz0123456789.-"
	return len(v) >= 3 && len(v) <= 63 && strings.Trim(v, chars) == "" && strings.Trim(v, ".-") == v
}

// SenderID reports whether s has the form of a sender ID: 1 to 11 letters, digits and hyphens, at least one of them a letter (SNS developer guide, "Sending
// SMS messages").
func SenderID(s string) bool {
	letter := false
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			letter = true
		case '0' <= c && c <= '9', c == '-':
		default:
			return false
		}
	}
	return letter && len(s) <= 11
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// check judges settings. Errors: fault.InvalidParameter with the name of the first field at fault, spelt as names says.
func (in *Settings) check(names int) error {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		if v := *a.of(in); v != "" && !a.good(v) {
			if names == jsonNames {
				name = a.json
			}
			return fault.Invalidf(name, "%s %s.", name, a.rule)
		}
	}
	for _, kind := range spends {
		if v := *in.override(kind); v != nil && (*v < 0 || *v > NoLimit) {
			field := string(kind) + "_limit"
			return fault.Invalidf(field, "%s must be from 0 to %d US dollars.", field, NoLimit)
		}
	}
	if len(in.Pool) > 128 {
		return fault.New(fault.PoolNotFound).WithField("pool")
	}
	return nil
}

// Attributes returns the attributes of SNS that are set, and the spend limit that holds, by their names there.
func (s *Service) Attributes(ctx context.Context) (map[string]string, error) {
	set, err := s.Settings(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, a := range attributes {
		if v := *a.of(&set); v != "" {
			out[name] = v
		}
	}
	limit, limited, err := s.monthly(ctx, &set)
	if err == nil && limited && out[MonthlySpendLimit] == "" {
		out[MonthlySpendLimit] = strconv.FormatFloat(float64(limit)/million, 'f', 2, 64)
	}
	return out, err
}

// SetAttributes sets some attributes of SNS; an empty value takes one away. Errors: fault.InvalidParameter with the attribute's name as Field.
func (s *Service) SetAttributes(ctx context.Context, values map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, ok := attributes[name]; !ok {
			return fault.Invalidf(name, "There is no such attribute. Attributes are %s.", strings.Join(slices.Sorted(maps.Keys(attributes)), ", "))
		}
	}
	_, err := s.change(ctx, func(set *Settings) error {
		for name, v := range values {
			*attributes[name].of(set) = v
		}
		return set.check(wireNames)
	})
	return err
}
