package simulator

import "net/http"

// sandboxed is the body of /simulator/sandbox.
type sandboxed struct {
	Enabled *bool `json:"enabled"`
}

// getSandbox answers GET /simulator/sandbox: whether the SMS account is in its sandbox.
func (h *handler) getSandbox(w http.ResponseWriter, r *http.Request) {
	if !h.hasSandbox(w) {
		return
	}
	on, err := h.Sandbox(r.Context())
	if err != nil {
		h.sandboxFailed(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, sandboxed{&on})
}

// putSandbox answers PUT /simulator/sandbox, and pages that are open show it at once.
func (h *handler) putSandbox(w http.ResponseWriter, r *http.Request) {
	var in sandboxed
	if !h.hasSandbox(w) || !readJSON(w, r, &in) {
		return
	}
	if in.Enabled == nil {
		badRequest(w, "enabled", "enabled must be true or false")
		return
	}
	if err := h.SetSandbox(r.Context(), *in.Enabled); err != nil {
		h.sandboxFailed(w, r, err)
		return
	}
	h.Inbox.touch()
	h.getSandbox(w, r)
}

func (h *handler) hasSandbox(w http.ResponseWriter) bool {
	if h.Sandbox != nil && h.SetSandbox != nil {
		return true
	}
	writeError(w, http.StatusNotImplemented, "not_implemented", "there is no SMS account here that could be in a sandbox", "")
	return false
}

func (h *handler) sandboxFailed(w http.ResponseWriter, r *http.Request, err error) {
	h.Logger.ErrorContext(r.Context(), "simulator: sandbox", "error", err)
	writeError(w, http.StatusInternalServerError, "internal_error", "the sandbox could not be asked; the server's log says why", "")
}

// inSandbox is what the page says. A page is shown whatever the sandbox answers.
func (h *handler) inSandbox(r *http.Request) bool {
	if h.Sandbox == nil {
		return false
	}
	on, err := h.Sandbox(r.Context())
	if err != nil {
		h.Logger.ErrorContext(r.Context(), "simulator: sandbox", "error", err)
	}
	return on && err == nil
}

// touch makes open pages load again, as if messages had been taken away.
func (b *Inbox) touch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch = b.nextID()
	b.wake()
}
