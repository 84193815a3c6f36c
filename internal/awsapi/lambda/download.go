package lambda

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/function"
)

// downloads is the path of packages: below a date of the API, so that it comes to this handler, and no path of the API.
const downloads = "/2015-03-31/code/"

// downloadScope keeps links apart from pagination tokens, which the same key seals.
var downloadScope = wire.PageScope{Operation: "lambda.Code"}

// location is a link to a function's package, which whoever has it may follow for downloadTime. It is built on a declared base URL.
func (h *Handler) location(ctx context.Context, i *function.Info) (string, error) {
	until := strconv.FormatInt(h.c.Now().Add(downloadTime).Unix(), 10)
	token, err := h.c.Pages.Seal(downloadScope, []byte(until+":"+i.Artifact))
	if err != nil {
		return "", err
	}
	return h.baseURL(wire.Info(ctx).Host) + downloads + token + "/" + url.PathEscape(i.Name) + ".zip", nil
}

// baseURL returns the declared base URL whose host is that of the request, else the first. What the request says is looked up, not used.
func (h *Handler) baseURL(host string) string {
	for _, base := range h.c.BaseURLs {
		if _, own, ok := strings.Cut(base, "://"); ok && strings.EqualFold(strings.TrimSuffix(own, "/"), host) {
			return strings.TrimSuffix(base, "/")
		}
	}
	return strings.TrimSuffix(h.c.BaseURLs[0], "/")
}

// downloadToken returns the token of a request for a package.
func downloadToken(r *http.Request) (string, bool) {
	rest, ok := strings.CutPrefix(r.URL.Path, downloads)
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "", false
	}
	token, _, _ := strings.Cut(rest, "/")
	return token, true
}

// download answers with a package. The request is not signed: its token was sealed here for a caller who might read the code.
func (h *Handler) download(a *answer, r *http.Request, token string) {
	a.info.Operation = "DownloadCode"
	if wire.ForeignOrigin(r) {
		h.writeError(r.Context(), a, fault.New(fault.OriginForbidden))
		return
	}
	artifact, err := h.openToken(token)
	if err != nil {
		h.writeError(r.Context(), a, err)
		return
	}
	p, err := h.c.Functions.Package(r.Context(), artifact)
	if err != nil {
		h.writeError(r.Context(), a, err)
		return
	}
	defer p.Close()
	a.status = http.StatusOK
	header := a.w.Header()
	header.Set("Content-Type", "application/zip")
	header.Set("Content-Disposition", "attachment")
	header.Set("Cache-Control", "private, no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Amzn-Requestid", a.info.ID)
	http.ServeContent(a.w, r, "", time.Time{}, io.NewSectionReader(p, 0, p.Size()))
}

func (h *Handler) openToken(token string) (artifact string, err error) {
	content, err := h.c.Pages.Open(downloadScope, token)
	if err != nil {
		return "", fault.New(fault.AccessDenied).WithPublic("The link is not one of this server.")
	}
	until, artifact, _ := strings.Cut(string(content), ":")
	if seconds, err := strconv.ParseInt(until, 10, 64); err != nil || !h.c.Now().Before(time.Unix(seconds, 0)) {
		return "", fault.New(fault.AccessDenied).WithPublic("The link has expired; GetFunction gives a new one.")
	}
	return artifact, nil
}
