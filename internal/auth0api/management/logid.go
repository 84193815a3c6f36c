package management

import (
	"math/big"

	"github.com/google/uuid"
)

// logID shows the id of an event as the original does ids of its log: a long decimal number. It is the UUIDv7 as a number, which has 37 digits
// until the year 2232, so that the numbers sort as the events do.
func logID(eventID string) string {
	u, err := uuid.Parse(eventID)
	if err != nil {
		return eventID
	}
	return new(big.Int).SetBytes(u[:]).String()
}

// eventID is the reverse of logID; false for what is no id.
func eventID(logID string) (string, bool) {
	if len(logID) == 0 || len(logID) > 39 || logID[0] == '0' {
		return "", false
	}
	for i := range len(logID) {
		if logID[i] < '0' || logID[i] > '9' {
			return "", false
		}
	}
	n, ok := new(big.Int).SetString(logID, 10)
	if !ok || n.BitLen() > 128 {
		return "", false
	}
	var u uuid.UUID
	n.FillBytes(u[:])
	return u.String(), true
}
