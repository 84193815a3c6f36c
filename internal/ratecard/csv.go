package ratecard

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/internal/fault"
)

// Bounds of a card.
const (
	// MaxBytes and MaxRows bound the CSV.
	MaxBytes = 1 << 20
	MaxRows  = 20_000
	// MaxPrice bounds the price of one segment or call, in millionths: a thousand.
	MaxPrice = 1000 * unit

	unit        = 1_000_000
	maxName     = 64
	maxProblems = 10
	dayForm     = "2006-01-02"
)

var columns = [...]string{"account", "country", "channel", "price", "currency", "from"}

// Parse reads a card. It returns a fault of kind Invalid whose public text names the first ten problems by line and column (of bytes, from 1).
func Parse(data []byte) (*Card, error) {
	if len(data) > MaxBytes {
		return nil, fault.Invalidf("csv", "The rate card is larger than %d bytes.", MaxBytes)
	}
	p := parser{r: csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))), seen: map[mark]int{}}
	p.r.FieldsPerRecord = -1
	p.r.ReuseRecord = true
	p.read()
	if len(p.problems) > 0 {
		return nil, fault.Invalidf("csv", "%s", strings.Join(p.problems, " "))
	}
	slices.SortFunc(p.rows, compare)
	return newCard(p.rows), nil
}

// mark is what must not be there twice.
type mark struct {
	key
	from int64
}

type parser struct {
	r        *csv.Reader
	rows     []Row
	seen     map[mark]int
	problems []string
}

func (p *parser) problem(line, column int, format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf("Line %d, column %d: %s.", line, column, fmt.Sprintf(format, args...)))
}

// at is a problem of a field of the present record.
func (p *parser) at(field int, format string, args ...any) {
	line, column := p.r.FieldPos(field)
	p.problem(line, column, format, args...)
}

func (p *parser) read() {
	for head := true; len(p.problems) < maxProblems; head = false {
		record, err := p.r.Read()
		switch bad, ok := errors.AsType[*csv.ParseError](err); {
		case err == io.EOF && head:
			p.problem(1, 1, "the header %s is missing", strings.Join(columns[:], ","))
			return
		case err == io.EOF:
			return
		case ok:
			p.problem(bad.Line, bad.Column, "a quote is out of place or missing")
			return // what follows cannot be told apart
		case err != nil:
			p.problem(1, 1, "it cannot be read")
			return
		case len(record) != len(columns):
			p.at(0, "%d fields instead of %d", len(record), len(columns))
		case head:
			p.header(record)
		case len(p.rows) >= MaxRows:
			p.at(0, "more than %d rows", MaxRows)
			return
		default:
			p.row(record)
		}
		if head && len(p.problems) > 0 {
			return
		}
	}
}

func (p *parser) header(record []string) {
	for i, want := range columns {
		if strings.ToLower(strings.TrimSpace(record[i])) != want {
			p.at(i, "the header must be %s", strings.Join(columns[:], ","))
			return
		}
	}
}

func (p *parser) row(record []string) {
	before := len(p.problems)
	r := Row{Account: p.account(record[0]), Country: p.country(record[1]), Channel: p.channel(record[2])}
	price, ok := ParsePrice(strings.TrimSpace(record[3]))
	if !ok {
		p.at(3, "a price is a decimal number from 0 to %d with up to six places, as 0.0079", MaxPrice/unit)
	}
	r.Micros, r.Currency = price, strings.ToUpper(strings.TrimSpace(record[4]))
	if !letters(r.Currency, 3) {
		p.at(4, "a currency has three letters, as USD")
	}
	if day := strings.TrimSpace(record[5]); day != "" {
		t, err := time.Parse(dayForm, day)
		if err != nil || t.Year() < 1 {
			p.at(5, "a day is written as 2026-01-31, or left out")
		}
		r.From = t
	}
	if len(p.problems) > before {
		return
	}
	line, _ := p.r.FieldPos(0)
	m := mark{key{r.Account, r.Country, r.Channel}, r.From.Unix()}
	if first, ok := p.seen[m]; ok {
		p.at(0, "the same account, country, channel and day as line %d", first)
		return
	}
	p.seen[m] = line
	p.rows = append(p.rows, r)
}

func (p *parser) account(s string) string {
	s = strings.TrimSpace(s)
	if s != All && !validName(s) {
		p.at(0, "an account is a name of up to %d letters, digits, dots, hyphens and underscores, a kind, or *", maxName)
	}
	return s
}

func (p *parser) country(s string) string {
	s = strings.ToUpper(strings.TrimSpace(s))
	if s != All && !letters(s, 2) {
		p.at(1, "a country has two letters, as DE, or is *")
	}
	return s
}

func (p *parser) channel(s string) string {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "sms", "voice", All:
	default:
		p.at(2, "a channel is sms, voice or *")
	}
	return s
}

func validName(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

func letters(s string, n int) bool {
	for _, c := range []byte(s) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(s) == n
}

// ParsePrice reads a price in millionths: digits, and up to six places after a point (more if they are zeros). No sign, no exponent.
func ParsePrice(s string) (micros int64, ok bool) {
	whole, places, point := strings.Cut(s, ".")
	if whole == "" || point && places == "" || len(s) > 32 || strings.Trim(whole+places, "0123456789") != "" {
		return 0, false
	}
	if len(places) > 6 {
		if strings.Trim(places[6:], "0") != "" {
			return 0, false
		}
		places = places[:6]
	}
	w, err := strconv.ParseInt(whole, 10, 32)
	if err != nil {
		return 0, false
	}
	f, _ := strconv.ParseInt(places+"000000"[len(places):], 10, 32)
	micros = w*unit + f
	return micros, micros <= MaxPrice
}

// FormatPrice writes millionths as ParsePrice reads them, without needless zeros.
func FormatPrice(micros int64) string {
	s := strconv.FormatInt(micros/unit, 10)
	if rest := micros % unit; rest != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%06d", rest), "0")
	}
	return s
}

// Format writes the card: the header, and the rows in order.
func (c *Card) Format() []byte {
	var b bytes.Buffer
	b.WriteString(strings.Join(columns[:], ",") + "\n")
	for _, r := range c.Rows() {
		from := ""
		if !r.From.IsZero() {
			from = r.From.Format(dayForm)
		}
		fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%s\n", r.Account, r.Country, r.Channel, FormatPrice(r.Micros), r.Currency, from)
	}
	return b.Bytes()
}
