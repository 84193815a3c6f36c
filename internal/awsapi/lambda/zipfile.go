package lambda

import (
	"bytes"
	"encoding/base64"
	"slices"

	"countersign/internal/fault"
)

// takeZip removes the package from the body of CreateFunction or UpdateFunctionCode and decodes it: the string at path is replaced by
// the empty one. A package of 50 MB is 67 MB of base64, and the JSON decoder would copy it twice more. Where the string is not found in
// this plain form (escapes, another case of the name), body comes back as it is, and the decoder does it all.
func takeZip(body []byte, path ...string) (rest, zip []byte, err error) {
	start, end := findString(body, 0, path)
	if end <= start || bytes.IndexByte(body[start:end], '\\') >= 0 {
		return body, nil, nil
	}
	zip = make([]byte, base64.StdEncoding.DecodedLen(end-start))
	n, err := base64.StdEncoding.Decode(zip, body[start:end])
	if err != nil {
		return nil, nil, fault.Invalidf("ZipFile", "Could not unzip uploaded file. Please check your file, then try to upload again.").
			WithHint("ZipFile is base64; with the AWS CLI, name the file as fileb://function.zip")
	}
	return slices.Concat(body[:start], body[end:]), zip[:n], nil
}

// findString returns where the content of the string at path begins and ends in the JSON object that begins at i; 0, 0 if it is not
// found. It judges no JSON.
func findString(b []byte, i int, path []string) (start, end int) {
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != '{' {
		return 0, 0
	}
	for i = skipSpace(b, i+1); i < len(b) && b[i] == '"'; i = skipSpace(b, i+1) {
		keyEnd := endOfString(b, i+1)
		key := b[i+1 : min(keyEnd, len(b))]
		i = skipSpace(b, keyEnd+1)
		if i >= len(b) || b[i] != ':' {
			return 0, 0
		}
		i = skipSpace(b, i+1)
		if string(key) == path[0] {
			switch {
			case len(path) > 1:
				return findString(b, i, path[1:])
			case i < len(b) && b[i] == '"':
				if end = endOfString(b, i+1); end < len(b) {
					return i + 1, end
				}
			}
			return 0, 0
		}
		if i = skipSpace(b, skipValue(b, i)); i >= len(b) || b[i] != ',' {
			return 0, 0
		}
	}
	return 0, 0
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// endOfString returns the index of the quote that ends the string whose content begins at i, or len(b).
func endOfString(b []byte, i int) int {
	for start := i; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		i += n
		escapes := 0
		for j := i - 1; j >= start && b[j] == '\\'; j-- {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
	}
	return len(b)
}

// skipValue returns the index behind the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = endOfString(b, i+1)
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}
