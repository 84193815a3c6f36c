package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"countersign/internal/secret"
)

// EnvPrefix begins the names of environment variables.
const EnvPrefix = "COUNTERSIGN_"

// field is one setting.
type field struct {
	path  string
	value reflect.Value
}

// EnvName returns the environment variable of a path.
func EnvName(path string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// fields lists the settings of c in order.
func fields(c *Config) []field { return walk(nil, "", reflect.ValueOf(c).Elem()) }

func walk(out []field, prefix string, v reflect.Value) []field {
	for i := range v.NumField() {
		path := prefix + v.Type().Field(i).Tag.Get("yaml")
		f := v.Field(i)
		if f.Kind() == reflect.Struct && f.Type() != reflect.TypeFor[secret.String]() {
			out = walk(out, path+".", f)
			continue
		}
		out = append(out, field{path, f})
	}
	return out
}

// set gives a setting a value from the environment or a flag.
func (f field) set(text string) error {
	v := f.value
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetInt(int64(n))
	case reflect.Slice:
		var list []string
		for s := range strings.SplitSeq(text, ",") {
			if s = strings.TrimSpace(s); s != "" {
				list = append(list, s)
			}
		}
		v.Set(reflect.ValueOf(list))
	default:
		panic("config: no way to set " + f.path)
	}
	return nil
}

// Paths lists every setting, for help.
func Paths() []string {
	var out []string
	for _, f := range fields(new(Config)) {
		out = append(out, f.path)
	}
	return out
}
