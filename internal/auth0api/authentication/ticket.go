package authentication

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"countersign/internal/fault"
	"countersign/internal/ui"
)

//go:embed templates
var templateFiles embed.FS

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(ui.Parse(templateFiles, nil, "templates/*.html"))
})

// TicketPath is the page by which the holder of a ticket enrols a phone.
const TicketPath = "/mfa/ticket"

// TicketURL is the link that a user gets. base is a declared base URL without a slash at its end.
func TicketURL(base, ticket string) string {
	return base + TicketPath + "?ticket=" + url.QueryEscape(ticket)
}

const (
	assetsPath = "/mfa/assets/"
	// maxField bounds a form's field: tickets and oob_codes are far shorter.
	maxField = 4096
	// maxTicketForm bounds a form of the page, in bytes.
	maxTicketForm = 16 << 10
)

// ticketView is one state of the page. Step is number, code, done, or empty for a sentence alone.
type ticketView struct {
	Head    ui.Head
	Step    string
	Problem string
	// Action is where the forms go.
	Action                          string
	Ticket, Phone, Channel, OOBCode string
	// VoiceKey is pressed if the code comes by a call; empty: no call asks for one.
	VoiceKey string
	// Recovery is shown once.
	Recovery string
	status   int
}

// titles of the steps.
var titles = map[string]string{"number": "Add your phone", "code": "Type the code", "done": "Your phone was added"}

// ticketPages serves the page and its styles. It answers no CORS.
func (a *API) ticketPages() http.Handler {
	assets := ui.Assets(assetsPath)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, assetsPath) {
			assets.ServeHTTP(w, r)
			return
		}
		a.render(w, r, a.ticketPage(w, r))
	})
}

func (a *API) ticketPage(w http.ResponseWriter, r *http.Request) ticketView {
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	limit := a.limits.ticketPost
	if get {
		limit = a.limits.ticketGet
	}
	switch {
	case !get && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, HEAD, POST")
		return sentence(http.StatusMethodNotAllowed, "Not possible", "Open the link that you were sent.")
	case !a.take(w, r, limit):
		return sentence(http.StatusTooManyRequests, "Too many tries", "Wait a minute, then open the link again.")
	case a.PoolOf(r.Context()) == "":
		return deadTicket()
	case get:
		ticket := r.URL.Query().Get("ticket")
		if ticket == "" || len(ticket) > maxField {
			return deadTicket()
		}
		return ticketView{Step: "number", Ticket: ticket}
	case a.foreign(r):
		return sentence(http.StatusForbidden, "Not possible", "This form was sent from another site. Open the link that you were sent.")
	}
	return a.ticketForm(w, r)
}

// ticketForm takes a form: with a code it is the second one.
func (a *API) ticketForm(w http.ResponseWriter, r *http.Request) ticketView {
	r.Body = http.MaxBytesReader(w, r.Body, maxTicketForm)
	if err := r.ParseForm(); err != nil {
		return sentence(http.StatusBadRequest, "Not possible", "The form could not be read. Open the link that you were sent.")
	}
	v := ticketView{
		Ticket: field(r, "ticket"), Phone: dialled(field(r, "phone")), Channel: field(r, "channel"), OOBCode: field(r, "oob_code"),
		VoiceKey: twoDigits(field(r, "voice_key")),
	}
	if v.Channel != "voice" {
		v.Channel = "sms"
	}
	ctx, caller := r.Context(), a.caller(r)
	if v.OOBCode != "" {
		recovery, err := a.Flows.TicketConfirm(ctx, caller, v.Ticket, v.OOBCode, strings.ReplaceAll(field(r, "code"), " ", ""))
		if err != nil {
			return a.ticketProblem(r, v, "code", err)
		}
		v.Step, v.Recovery = "done", recovery
		return v
	}
	oob, key, err := a.Flows.TicketEnroll(ctx, caller, v.Ticket, v.Phone, v.Channel)
	if err != nil {
		return a.ticketProblem(r, v, "number", err)
	}
	v.Step, v.OOBCode, v.VoiceKey = "code", oob, key
	return v
}

// twoDigits returns what may be a key of a call, else nothing: the form may say anything.
func twoDigits(s string) string {
	if len(s) != 2 || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

func field(r *http.Request, name string) string {
	v := strings.TrimSpace(r.PostForm.Get(name))
	return v[:min(len(v), maxField)]
}

// dialled takes out what people put between digits, and writes the prefix of international calls as +.
func dialled(number string) string {
	number = strings.Map(func(c rune) rune {
		if strings.ContainsRune(" -./()\u00a0\u2011\u2013", c) {
			return -1
		}
		return c
	}, number)
	if rest, ok := strings.CutPrefix(number, "00"); ok {
		return "+" + rest
	}
	return number[:min(len(number), 40)]
}

func sentence(status int, title, text string) ticketView {
	return ticketView{Head: ui.Head{Title: title}, Problem: text, status: status}
}

// deadTicket has one wording for links that are old, used, cut or made up.
func deadTicket() ticketView {
	return sentence(http.StatusGone, "This link does not work any more", "It has expired, or it was used already. Ask whoever sent it for a new one.")
}

// problem is what a person reads about a fault, and at which step.
type problem struct {
	step string // empty: the step that was being taken
	text string
}

const (
	ticketManyTries = "That were too many tries. Wait for some minutes, then try again."
	ticketBadNumber = "This number cannot be used. Begin with a plus sign and the country code."
	ticketWrongCode = "That is not the code. Look at the newest message."
	ticketOldCode   = "The code has expired. Ask for a new one."
)

var problems = map[fault.Code]problem{
	fault.InvalidParameter: {text: ticketBadNumber}, fault.DestinationRefused: {text: ticketBadNumber},
	fault.ChallengeUnsupported: {"number", "Codes cannot be sent in that way here. Choose the other one."},
	fault.UnsupportedOperation: {"number", "Codes cannot be sent in that way here. Choose the other one."},
	fault.DeliveryFailed:       {"number", "The message could not be sent. Check the number, or try again in some minutes."},
	fault.AttemptLimit:         {text: ticketManyTries}, fault.RateExceeded: {text: ticketManyTries}, fault.Overloaded: {text: ticketManyTries},
	fault.CodeMismatch: {text: ticketWrongCode}, fault.ChallengeCodeMismatch: {text: ticketWrongCode},
	fault.CodeExpired: {"number", ticketOldCode}, fault.OOBCodeExpired: {"number", ticketOldCode}, fault.OOBCodeInvalid: {"number", ticketOldCode},
}

func (a *API) ticketProblem(r *http.Request, v ticketView, step string, err error) ticketView {
	f := fault.Of(err)
	if p, ok := problems[f.Code]; ok {
		if v.Step, v.Problem = step, p.text; p.step != "" {
			v.Step = p.step
		}
		v.status = answerTo(err, nil).status
		return v
	}
	switch f.Code {
	case fault.AlreadyEnrolled:
		return sentence(http.StatusConflict, "A phone has been added already", "There is nothing left to do here. You can close this page.")
	case fault.TooMany:
		return sentence(http.StatusConflict, "No room for another phone", "Remove one of your phones first, then ask for a new link.")
	}
	if f.Kind() != fault.Internal && f.Kind() != fault.Unavailable && f.Kind() != fault.Conflict {
		return deadTicket()
	}
	if f.Kind() == fault.Internal {
		a.Log.ErrorContext(r.Context(), "auth0 authentication: ticket page", "error", err)
	}
	return sentence(http.StatusInternalServerError, "Something went wrong", "This is not your fault. Try again in some minutes.")
}

func (a *API) render(w http.ResponseWriter, r *http.Request, v ticketView) {
	title := v.Head.Title
	if t := titles[v.Step]; t != "" {
		title = t
	}
	v.Head, v.Action = ui.NewPlainHead(title, assetsPath, "page"), TicketPath
	var out bytes.Buffer
	if err := pageTemplate().ExecuteTemplate(&out, "ticket", v); err != nil {
		a.Log.ErrorContext(r.Context(), "auth0 authentication: ticket page", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	v.Head.SetHeaders(w.Header())
	w.Header().Set("Referrer-Policy", "same-origin") // with no-referrer, browsers send the forms' Origin as null; the address stays in this origin
	if v.status != 0 {
		w.WriteHeader(v.status)
	}
	_, _ = out.WriteTo(w) // the reader is gone; there is nobody to tell
}
