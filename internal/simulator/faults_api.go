package simulator

import (
	"errors"
	"net/http"
)

// getFaults answers GET /simulator/faults: the list of rules with their counters.
func (h *handler) getFaults(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, h.Inbox.Faults())
}

// putFaults answers PUT /simulator/faults, a JSON list of rules that replaces the one before.
func (h *handler) putFaults(w http.ResponseWriter, r *http.Request) {
	var list []Fault
	if !readJSON(w, r, &list) {
		return
	}
	if err := h.Inbox.SetFaults(list); err != nil {
		if f, ok := errors.AsType[*FaultError](err); ok {
			badRequest(w, f.Field, f.Problem)
			return
		}
		badRequest(w, "", err.Error())
		return
	}
	h.getFaults(w, r)
}

// deleteFaults answers DELETE /simulator/faults: all goes well again.
func (h *handler) deleteFaults(w http.ResponseWriter, _ *http.Request) {
	_ = h.Inbox.SetFaults(nil) // no rule, nothing wrong
	w.WriteHeader(http.StatusNoContent)
}
