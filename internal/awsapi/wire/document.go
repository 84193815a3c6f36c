package wire

import "encoding/json"

// Document is a member that holds any JSON value, kept as it came. Nil is absent.
type Document = json.RawMessage
