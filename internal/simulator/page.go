package simulator

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strings"
	"sync"

	"countersign/internal/ui"
)

//go:embed templates
var templateFiles embed.FS

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(ui.Parse(templateFiles, nil, "templates/*.html"))
})

// maxQuery bounds what the list is searched for, in bytes.
const maxQuery = 100

// page answers GET /simulator/. The script asks for the same page again when something changed and takes over what differs.
func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	q := request{mail: values.Get("tab") == "mail", query: values.Get("q")}
	if len(q.query) > maxQuery {
		q.query = q.query[:maxQuery]
	}
	if to, problem := party(values.Get("to")); problem == "" {
		q.to, q.mail = to, strings.Contains(to, "@")
	}
	v := h.buildView(q)
	v.Sandbox = h.inSandbox(r)
	v.Head = ui.NewHead("Simulator", assetsPath, "simulator")
	var out bytes.Buffer
	if err := pageTemplate().ExecuteTemplate(&out, "simulator", v); err != nil {
		h.Logger.ErrorContext(r.Context(), "simulator: page", "error", err)
		writeError(w, http.StatusInternalServerError, "internal_error", "the page could not be rendered; the server's log says why", "")
		return
	}
	v.Head.SetHeaders(w.Header())
	_, _ = out.WriteTo(w) // the reader is gone; there is nobody to tell
}
