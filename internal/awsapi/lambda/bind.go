package lambda

import (
	"net/http"
	"net/url"
	"reflect"
	"strconv"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/fault"
)

// source is where members outside of the body's object come from.
type source struct {
	labels map[string]string
	query  url.Values
	header http.Header
	body   []byte
}

// fill sets the members of the structure that in points to which live outside of the body's object.
func (s *source) fill(fields []api.Field, in any) error {
	v := reflect.ValueOf(in).Elem()
	for _, f := range fields {
		var values []string
		switch f.In {
		case api.InURI:
			values = []string{s.labels[f.Name]}
		case api.InQuery:
			values = s.query[f.Name]
		case api.InHeader:
			values = s.header.Values(f.Name)
		case api.InPayload:
			v.FieldByName(f.Member).SetBytes(s.body)
			continue
		}
		if len(values) > 0 {
			if err := set(v.FieldByName(f.Member), f.Name, values); err != nil {
				return err
			}
		}
	}
	return nil
}

// set writes the first value, or all of them to a list.
func set(v reflect.Value, name string, values []string) error {
	switch p := v.Addr().Interface().(type) {
	case **string:
		*p = &values[0]
	case **int64:
		n, err := strconv.ParseInt(values[0], 10, 64)
		if err != nil {
			return fault.Invalidf(name, "The value of %s must be an integer.", name)
		}
		*p = &n
	case **bool:
		b, err := strconv.ParseBool(values[0])
		if err != nil {
			return fault.Invalidf(name, "The value of %s must be true or false.", name)
		}
		*p = &b
	case *[]string:
		*p = values
	default:
		return fault.Internalf("member %s of type %s cannot come from the request line", name, v.Type())
	}
	return nil
}

// result is an answer of an operation.
type result struct {
	status int
	header map[string]string
	// payload is the body in place of out, if raw.
	payload []byte
	raw     bool
	out     any
}

// divide sorts the members of an output into status, headers, payload and the body's object.
func divide(r api.Route, out any) *result {
	res := &result{status: r.Status, out: out}
	if len(r.Output) == 0 {
		return res
	}
	v := reflect.ValueOf(out).Elem()
	for _, f := range r.Output {
		member := v.FieldByName(f.Member)
		switch f.In {
		case api.InPayload:
			res.payload, res.raw = member.Bytes(), true
		case api.InStatus:
			if !member.IsNil() {
				res.status = int(member.Elem().Int())
			}
		case api.InHeader:
			if !member.IsNil() {
				if res.header == nil {
					res.header = make(map[string]string, 3)
				}
				res.header[f.Name] = member.Elem().String()
			}
		}
	}
	return res
}
