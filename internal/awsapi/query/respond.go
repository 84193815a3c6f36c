package query

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"countersign/internal/awsapi/wire"
)

func (h *Handler) writeResult(w http.ResponseWriter, op *Operation, out any, id string) {
	var b writer
	b.root(op.Name+"Response", h.c.Namespace)
	if op.result != "" {
		b.open(op.result)
		b.members(out)
		b.close(op.result)
	}
	b.open("ResponseMetadata")
	b.text("RequestId", id)
	b.close("ResponseMetadata")
	b.close(op.Name + "Response")
	write(w, &b, http.StatusOK, id)
}

// refusedHeader tells whoever watches the requests (front.RefusedHeader) operation, name and sentence of an error; it does not leave the server.
const refusedHeader = "X-Countersign-Refused"

// maxRefused bounds the sentence in refusedHeader, in bytes.
const maxRefused = 512

func (h *Handler) writeReport(w http.ResponseWriter, operation string, rep *report, id string) {
	w.Header().Set(refusedHeader, strings.TrimSpace(operation+" "+rep.code)+": "+wire.HeaderText(cut(rep.message, maxRefused)))
	if h.c.Dev && rep.hint != "" {
		w.Header().Set("X-Countersign-Hint", wire.HeaderText(rep.hint))
	}
	kind := "Sender"
	if rep.status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	var b writer
	b.root("ErrorResponse", h.c.Namespace)
	b.open("Error")
	b.text("Type", kind)
	b.text("Code", rep.code)
	b.text("Message", rep.message)
	for _, name := range slices.Sorted(maps.Keys(rep.members)) {
		b.text(name, fmt.Sprint(rep.members[name]))
	}
	b.close("Error")
	b.text("RequestId", id)
	b.close("ErrorResponse")
	write(w, &b, rep.status, id)
}

func write(w http.ResponseWriter, b *writer, status int, id string) {
	h := w.Header()
	h.Set("Content-Type", "text/xml")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Amzn-Requestid", id)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may be gone
}
