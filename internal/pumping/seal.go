package pumping

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// A sealed range is sealedRange, and the nonce and the digits under a keystream of the pool's, in base64. The row of a message holds the last four digits in
// clear; with the range it would hold the number.
const (
	sealedRange = "x"
	nonceLength = 8
	maxRange    = 16
)

var rangeCode = base64.RawURLEncoding

// Seal makes a mark fit to be kept with its message: nobody without the pool's key can tell the range from it, nor whether two are of one range. Errors are
// those of Config.Hash.
func (d *Detector) Seal(ctx context.Context, poolID, mark string) (string, error) {
	m, ok := parseMark(mark)
	if !ok || m.prefix == "" || len(m.prefix) > maxRange {
		m.prefix = ""
		if !ok {
			return "", nil
		}
		return m.String(), nil
	}
	var box [nonceLength + maxRange]byte
	_, _ = rand.Read(box[:nonceLength]) // never fails
	copy(box[nonceLength:], m.prefix)
	if err := d.mask(ctx, poolID, box[:]); err != nil {
		return "", err
	}
	m.prefix = sealedRange + rangeCode.EncodeToString(box[:])
	return m.String(), nil
}

// Open undoes Seal; a mark that is not sealed stays as it is. Errors are those of Config.Hash.
func (d *Detector) Open(ctx context.Context, poolID, sealed string) (string, error) {
	m, ok := parseMark(sealed)
	text, is := strings.CutPrefix(m.prefix, sealedRange)
	if !ok || !is {
		return sealed, nil
	}
	box, err := rangeCode.DecodeString(text)
	if err != nil || len(box) != nonceLength+maxRange {
		return "", nil
	}
	if err := d.mask(ctx, poolID, box); err != nil {
		return "", err
	}
	m.prefix = field(strings.TrimRight(string(box[nonceLength:]), "\x00"))
	return m.String(), nil
}

// mask puts the keystream over what follows the nonce, or takes it away.
func (d *Detector) mask(ctx context.Context, poolID string, box []byte) error {
	h, err := d.c.Hash(ctx, poolID, "pumping mark", string(box[:nonceLength]))
	stream := sha256.Sum256([]byte(h))
	subtle.XORBytes(box[nonceLength:], box[nonceLength:], stream[:maxRange])
	return err
}
