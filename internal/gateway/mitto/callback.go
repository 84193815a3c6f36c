package mitto

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// maxFields bounds what is read of a callback.
const maxFields = 64

var errUnreadable = errors.New("mitto: the callback is no receipt and no text")

// Signed returns false: Mitto does not sign.
func (p *Provider) Signed() bool { return false }

// ReadCallback reads a receipt or a text that came in, whatever its form.
func (p *Provider) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	f, err := fieldsOf(c)
	if err != nil {
		return nil, provider.Reply{}, err
	}
	if status := f.first("deliverystatus", "status", "dlrstatus", "stat"); status != "" {
		n, err := p.receipt(f, status)
		return []provider.Notice{n}, provider.Reply{}, err
	}
	text, from := f.first("text", "message", "body", "content"), number(f.first("from", "sender", "originator", "msisdn"))
	if text == "" || from == "" {
		return nil, provider.Reply{}, errUnreadable
	}
	in := &provider.Inbound{From: from, To: exchange.Short(f.first("to", "recipient", "destination"), 40), Text: exchange.Short(text, 1600)}
	return []provider.Notice{{ID: exchange.Short(f.first("messageid", "id"), 100), At: f.at(), Inbound: in}}, provider.Reply{}, nil
}

// fields are those of a callback by their names in lower case, without separators.
type fields map[string]string

func (f fields) first(names ...string) string {
	for _, n := range names {
		if v := strings.TrimSpace(f[n]); v != "" {
			return v
		}
	}
	return ""
}

func (p *Provider) receipt(f fields, status string) (provider.Notice, error) {
	state, reason, ok := stateOf(status)
	n := provider.Notice{
		ProviderID: exchange.Short(f.first("messageid", "id", "smsid"), 100), Reference: exchange.Short(f.first("reference", "ref"), 100),
		State: state, Reason: reason, At: f.at(), VendorCode: exchange.Short(f.first("errorcode", "error", "err"), 40),
		Text: p.x.Clean(cmp.Or(f.first("errordescription", "errormessage", "errortext"), status), provider.Message{}),
	}
	if !ok || n.ProviderID == "" && n.Reference == "" {
		return provider.Notice{}, errUnreadable
	}
	if parts, err := strconv.Atoi(f.first("parts", "messageparts", "smscount")); err == nil && parts > 0 && parts < 256 {
		n.Segments = parts
	}
	if network := f.first("mccmnc", "network"); strings.Trim(network, "0123456789") == "" && len(network) >= 5 && len(network) <= 6 {
		n.Network = network
	}
	return n, nil
}

// at is when it happened; zero if it is not said in a form that names its zone.
func (f fields) at() time.Time {
	at, err := time.Parse(time.RFC3339Nano, f.first("timestamp", "datetime", "date", "deliverytime", "deliverydate"))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// fieldsOf gathers query and body; the body wins.
func fieldsOf(c provider.Callback) (fields, error) {
	f := fields{}
	if c.URL != nil {
		f.addQuery(c.URL.RawQuery)
	}
	kind, _, _ := mime.ParseMediaType(http.Header(c.Header).Get("Content-Type"))
	body := bytes.TrimSpace(c.Body)
	switch {
	case len(body) == 0:
	case bytes.HasPrefix(body, []byte("{")):
		var all map[string]any
		if d := json.NewDecoder(bytes.NewReader(body)); !decode(d, &all) {
			return nil, errUnreadable
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			switch v := all[name].(type) {
			case string:
				f.add(name, v)
			case json.Number:
				f.add(name, v.String())
			}
		}
	case kind == "application/x-www-form-urlencoded" || kind == "" || kind == "text/plain":
		f.addQuery(string(body))
	default:
		return nil, errUnreadable
	}
	return f, nil
}

func decode(d *json.Decoder, v any) bool {
	d.UseNumber()
	return d.Decode(v) == nil && !d.More()
}

func (f fields) addQuery(raw string) {
	values, _ := url.ParseQuery(raw) // what can be read of it
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f.add(name, values.Get(name))
	}
}

func (f fields) add(name, value string) {
	name = strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(name))
	if len(f) < maxFields && len(name) <= 40 {
		f[name] = value
	}
}

// number is a number in E.164 form, "" if it is none.
func number(s string) string {
	s = strings.TrimPrefix(s, "+")
	if len(s) < 7 || len(s) > 15 || s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return "+" + s
}
