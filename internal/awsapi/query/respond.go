package query

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

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

func (h *Handler) writeReport(w http.ResponseWriter, rep *report, id string) {
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
