package receipt

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/store"
)

const (
	// priced is the State of a receipt that tells a price and nothing else.
	priced = "priced"
	// maxFile bounds a file of prices, in bytes, maxRows its lines.
	maxFile = 8 << 20
	maxRows = 100_000
)

// total is what a message costs by its receipts: the sum over the parts and attempts that a price was told for. A file wins over a service, the later over
// the earlier; amounts in another currency are left out.
func total(receipts []*store.Receipt, currency string) int64 {
	type part struct {
		cost int64
		file bool
	}
	parts := map[string]part{}
	for _, r := range receipts {
		if !r.Authentic || r.Cost <= 0 || r.Currency != currency {
			continue
		}
		if file := r.Source == Imported; file || !parts[r.ProviderID].file {
			parts[r.ProviderID] = part{r.Cost, file}
		}
	}
	var sum int64
	for _, p := range parts {
		sum += p.cost
	}
	return sum
}

// Import settles messages by a file of true prices: CSV with a header that names provider_id, price and currency, in any order; other columns are ignored,
// lines of one id are added up. A price is a decimal number, whose sign is ignored. It returns how many messages are settled by the file; ids that are
// not known are passed over, and a file that was imported before changes nothing. Errors: fault.InvalidParameter with the line.
func (s *Service) Import(ctx context.Context, poolID, account string, file []byte) (int, error) {
	rows, err := readPrices(file)
	if err != nil {
		return 0, err
	}
	now := s.c.Now().UTC()
	var reports []report
	for _, p := range rows {
		r := report{poolID: poolID, account: account, source: Imported, authentic: true}
		r.row = store.Receipt{
			Account: account, ProviderID: p.id, State: priced, VendorCode: formatMicros(p.micros) + " " + p.currency, Source: Imported, Authentic: true,
			Cost: p.micros, Currency: p.currency, ReceivedAt: now,
		}
		reports = append(reports, r)
	}
	n := 0
	for from := 0; from < len(reports); from += chunk {
		done, err := s.importChunk(ctx, reports[from:min(from+chunk, len(reports))])
		if err != nil {
			return n, err
		}
		n += done
	}
	return n, nil
}

// importChunk is applyChunk without waiting for messages that are not there.
func (s *Service) importChunk(ctx context.Context, reports []report) (int, error) {
	n := 0
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		n = 0
		for i := range reports {
			o, err := s.one(context.WithoutCancel(ctx), tx, &reports[i])
			if err != nil {
				return err
			}
			if !o.unknown && !o.early {
				n++
			}
		}
		return nil
	})
	return n, err
}

// price is a line of a file of prices.
type price struct {
	id, currency string
	micros       int64
}

// readPrices reads a whole file before anything is written.
func readPrices(file []byte) ([]price, error) {
	if len(file) > maxFile {
		return nil, fault.Invalidf("csv", "The file is larger than 8 MiB.")
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\ufeff"))))
	r.ReuseRecord, r.FieldsPerRecord = true, -1
	head, err := r.Read()
	if err != nil {
		return nil, fault.Invalidf("csv", "The file has no header that names provider_id, price and currency.")
	}
	columns := map[string]int{}
	for i, name := range head {
		columns[strings.ToLower(strings.TrimSpace(name))] = i
	}
	id, ok1 := columns["provider_id"]
	amount, ok2 := columns["price"]
	cur, ok3 := columns["currency"]
	if !ok1 || !ok2 || !ok3 {
		return nil, fault.Invalidf("csv", "The header must name provider_id, price and currency.")
	}
	var out []price
	seen := map[[2]string]int{}
	for line := 2; ; line++ {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil || len(record) <= max(id, amount, cur) || len(out) >= maxRows {
			return nil, fault.Invalidf("csv", "Line %d cannot be read, or there are more than %d.", line, maxRows)
		}
		p := price{id: short(record[id], maxID), currency: strings.ToUpper(strings.TrimSpace(record[cur]))}
		micros, ok := parseMicros(strings.TrimSpace(record[amount]))
		if p.micros = micros; !ok || p.id == "" || !currency(p.currency) {
			return nil, fault.Invalidf("csv", "Line %d: an id, a decimal number and a currency of three letters are expected.", line)
		}
		key := [2]string{strings.Clone(p.id), p.currency}
		if i, again := seen[key]; again {
			out[i].micros = min(out[i].micros+p.micros, maxPrice)
			continue
		}
		seen[key] = len(out)
		p.id = key[0]
		out = append(out, p)
	}
}

// parseMicros reads a decimal number in millionths; what is finer is cut off.
func parseMicros(s string) (int64, bool) {
	s = strings.TrimPrefix(s, "-")
	whole, places, point := strings.Cut(s, ".")
	if whole == "" || point && places == "" || len(s) > 32 || strings.Trim(whole+places, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+(places + "000000")[:6], 10, 64)
	return n, err == nil && n <= maxPrice
}

// formatMicros is the reverse of parseMicros.
func formatMicros(micros int64) string {
	digits := strconv.FormatInt(micros, 10)
	if len(digits) < 7 {
		digits = strings.Repeat("0", 7-len(digits)) + digits
	}
	at := len(digits) - 6
	return strings.TrimSuffix(strings.TrimRight(digits[:at]+"."+digits[at:], "0"), ".")
}
