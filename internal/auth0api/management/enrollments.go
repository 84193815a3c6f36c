package management

import (
	"context"
	"encoding/base32"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"countersign/internal/auth0api/wire"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

func enrollmentRoutes() []route {
	return []route{
		{"GET", "/users/{id}/enrollments", "read:users read:user_idp_tokens", (*api).listEnrollments, "the first confirmed one"},
		{"GET", "/guardian/enrollments/{id}", "read:guardian_enrollments", (*api).getEnrollment, "ids are those of /users/{id}/enrollments"},
		{"DELETE", "/guardian/enrollments/{id}", "delete:guardian_enrollments", (*api).deleteEnrollment, "the user is told"},
		{"POST", "/guardian/enrollments/ticket", "create:guardian_enrollment_tickets", (*api).createTicket,
			"user_id, factor, allow_multiple_enrollments; send the link yourself"},
	}
}

// enrollmentBody is an enrolment on the wire. The two calls that show one differ in names.
type enrollmentBody struct {
	ID         string `json:"id"`
	Status     string `json:"status"`
	Type       string `json:"type,omitempty"`
	AuthMethod string `json:"auth_method,omitempty"`
	Name       string `json:"name"`
	Identifier string `json:"identifier,omitempty"`
	Phone      string `json:"phone_number,omitempty"`
	EnrolledAt string `json:"enrolled_at,omitempty"`
	LastAuth   string `json:"last_auth,omitempty"`
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// enrollmentID names a user's enrolment without the user: "dev_<id>_<user>". The original looks them up; here the id says whose it is.
func enrollmentID(userID, factorID string) string {
	u, err := uuid.Parse(userID)
	if err != nil {
		return factorID
	}
	return factorID + "_" + lowerBase32.EncodeToString(u[:])
}

// ofEnrollment is the reverse of enrollmentID; false for what is none.
func ofEnrollment(id string) (userID, factorID string, ok bool) {
	at := strings.LastIndexByte(id, '_')
	if at < 0 || len(id) > 100 {
		return "", "", false
	}
	raw, err := lowerBase32.DecodeString(id[at+1:])
	if err != nil || len(raw) != 16 {
		return "", "", false
	}
	return uuid.UUID(raw).String(), id[:at], true
}

func enrollmentOf(userID string, f *pool.ManagedFactor, masked bool, created time.Time) enrollmentBody {
	m := methodOf(f, masked, created)
	b := enrollmentBody{
		ID: enrollmentID(userID, f.ID), Status: "pending", Name: m.Name, Identifier: m.Email, Phone: m.Phone, LastAuth: m.LastAuth, EnrolledAt: m.EnrolledAt,
	}
	if f.Confirmed {
		b.Status = "confirmed"
	}
	switch f.Kind {
	case pool.FactorPhone:
		b.Type, b.AuthMethod, b.Identifier = "sms", f.Preferred, m.Phone
	case pool.FactorOTP:
		b.Type, b.AuthMethod = "authenticator", "authenticator"
	default:
		b.Type, b.AuthMethod = f.Kind, f.Kind
	}
	return b
}

// enrollments are a user's factors.
func (a *api) enrollments(ctx context.Context, r *Request, userID string) ([]enrollmentBody, error) {
	u, err := a.readUser(ctx, r.PoolID, userID)
	if err != nil {
		return nil, err
	}
	list, err := a.Pools.Factors(ctx, r.Caller, r.PoolID, userID)
	if err != nil {
		return nil, err
	}
	masked, err := a.masks(ctx, r.PoolID)
	if err != nil {
		return nil, err
	}
	out := make([]enrollmentBody, len(list))
	for i := range list {
		out[i] = enrollmentOf(userID, &list[i], masked, u.CreatedAt)
	}
	return out, nil
}

func (a *api) listEnrollments(ctx context.Context, r *Request) (int, any, error) {
	id, err := a.userID(r)
	if err != nil {
		return 0, nil, err
	}
	list, err := a.enrollments(ctx, r, id)
	if err != nil {
		return 0, nil, err
	}
	for _, e := range list {
		if e.Status == "confirmed" {
			return http.StatusOK, []enrollmentBody{e}, nil
		}
	}
	return http.StatusOK, []enrollmentBody{}, nil
}

func errNoEnrollment() error {
	return wire.Errorf(http.StatusNotFound, "enrollment_not_found", "The enrollment does not exist.")
}

// noEnrollment words what the id names and is not there.
func noEnrollment(err error) error {
	switch fault.CodeOf(err) {
	case fault.UserNotFound, fault.MfaMethodNotFound:
		return errNoEnrollment()
	}
	return err
}

func (a *api) getEnrollment(ctx context.Context, r *Request) (int, any, error) {
	userID, _, ok := ofEnrollment(r.Param("id"))
	if !ok {
		return 0, nil, errNoEnrollment()
	}
	list, err := a.enrollments(ctx, r, userID)
	if err != nil {
		return 0, nil, noEnrollment(err)
	}
	for _, e := range list {
		if e.ID == r.Param("id") {
			return http.StatusOK, e, nil
		}
	}
	return 0, nil, errNoEnrollment()
}

func (a *api) deleteEnrollment(ctx context.Context, r *Request) (int, any, error) {
	userID, factorID, ok := ofEnrollment(r.Param("id"))
	if !ok {
		return 0, nil, errNoEnrollment()
	}
	return http.StatusNoContent, nil, noEnrollment(a.Pools.RemoveFactor(ctx, r.Caller, r.PoolID, userID, factorID))
}

// ticketPage is where the holder of a ticket enrols a phone (package authentication).
const ticketPage = "/mfa/ticket?ticket="

func (a *api) createTicket(ctx context.Context, r *Request) (int, any, error) {
	f, err := r.Fields()
	if err != nil {
		return 0, nil, err
	}
	userID := value(f.Text("user_id", wire.Rule{Title: "user_id for the enrollment ticket", Required: true, Min: 1, Max: 300}))
	f.Text("email", wire.Rule{Max: 254})
	f.Text("email_locale", wire.Rule{Max: 35})
	send, more := value(f.Bool("send_mail", wire.Rule{})), value(f.Bool("allow_multiple_enrollments", wire.Rule{}))
	f.Text("factor", wire.Rule{Title: "The factor to enroll", OneOf: []string{"phone"}})
	if err := f.Done(); err != nil {
		return 0, nil, err
	}
	if send {
		return 0, nil, wire.Errorf(http.StatusBadRequest, "operation_not_supported", "This server does not mail tickets: send ticket_url to the user yourself.")
	}
	u, err := uuid.Parse(userIDOf(userID))
	if err != nil {
		return 0, nil, fault.New(fault.UserNotFound)
	}
	base, err := a.pageBase(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	ticket, err := a.Pools.EnrollmentTicket(ctx, r.Caller, r.PoolID, u.String(), more)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]string{"ticket_id": ticket, "ticket_url": base + ticketPage + url.QueryEscape(ticket)}, nil
}

// pageBase is the base URL of the page behind a ticket.
func (a *api) pageBase(ctx context.Context, r *Request) (string, error) {
	if a.PageURLOf != nil {
		if u := a.PageURLOf(r.HTTP); u != "" {
			return u, nil
		}
	}
	p, err := a.Pools.GetPool(ctx, r.PoolID)
	if err != nil {
		return "", err
	}
	return a.base(r, p.Config.BaseURL), nil
}
