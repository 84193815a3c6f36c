package adminapi

import (
	"context"
	"strconv"
	"time"

	"countersign/internal/access"
	"countersign/internal/ratecard"
	"countersign/internal/store"
	"countersign/phone"
)

// User is a line of the list of users: without attributes, and with the number masked.
type User struct {
	Sub       string    `json:"sub"`
	Username  string    `json:"username" doc:"Masked if it is a number or an address."`
	Status    string    `json:"status"`
	Enabled   bool      `json:"enabled"`
	Number    string    `json:"phone_number,omitempty" doc:"Masked."`
	Verified  bool      `json:"phone_number_verified,omitempty"`
	MFA       bool      `json:"mfa,omitempty" doc:"A second factor is on."`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Rate is a row of a rate card.
type Rate struct {
	Account  string     `json:"account" doc:"An account's name or kind, or *."`
	Country  string     `json:"country" doc:"ISO 3166, or *."`
	Channel  string     `json:"channel" doc:"sms, voice or *."`
	Price    string     `json:"price" doc:"Of one segment or call."`
	Currency string     `json:"currency"`
	From     *time.Time `json:"from,omitempty" doc:"The first day on which it holds; absent: ever."`
}

type (
	usersInput struct {
		Pool string `path:"pool" maxLength:"128"`
		ListQuery
	}
	usersOutput struct {
		Body struct {
			Users []User `json:"users"`
			Next  string `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
	rateRowsOutput struct {
		Body struct {
			Rates []Rate `json:"rates"`
			Next  string `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
		}
	}
)

func (s *server) registerUserList() {
	register(s, "GET", "/pools/{pool}/users", "users.read", "List users, without their attributes",
		func(in *usersInput) access.Resource { return onPool(in.Pool) }, s.listUsers)
}

func userList() listing[User] {
	return listing[User]{name: "users", natural: []string{"sub"}, limit: 50, key: func(u User) string { return u.Sub }, fields: []field[User]{
		textBy("sub", func(u User) string { return u.Sub }), textBy("username", func(u User) string { return u.Username }),
		textBy("status", func(u User) string { return u.Status }), textBy("phone_number", func(u User) string { return u.Number }),
		flagBy("enabled", func(u User) bool { return u.Enabled }), flagBy("phone_number_verified", func(u User) bool { return u.Verified }),
		flagBy("mfa", func(u User) bool { return u.MFA }),
		timeBy("created_at", func(u User) time.Time { return u.CreatedAt }), timeBy("updated_at", func(u User) time.Time { return u.UpdatedAt }),
	}}
}

func (s *server) listUsers(ctx context.Context, in *usersInput) (*usersOutput, error) {
	if err := s.poolExists(ctx, in.Pool); err != nil {
		return nil, err
	}
	p, err := userList().understand(in.ListQuery, "", in.Pool)
	if err != nil {
		return nil, err
	}
	q := store.UserQuery{PoolID: in.Pool}
	if status := p.take("status", ""); status != "" {
		q.Field, q.Value = "status", status
	}
	out := &usersOutput{}
	out.Body.Users, out.Body.Next, err = p.read(func(_, after string, limit int) (list []User, err error) {
		q.After, q.Limit = after, limit
		err = s.Store.Read(ctx, func(tx store.Tx) error {
			rows, err := tx.Users().ListUsers(ctx, q)
			list = views(rows, userView)
			return err
		})
		return list, err
	})
	return out, err
}

func userView(u *store.User) User {
	return User{
		Sub: u.ID, Username: maskedName(u.Username), Status: string(u.Status), Enabled: u.Enabled, Number: maskedName(u.Attributes["phone_number"]),
		Verified: u.Attributes["phone_number_verified"] == strconv.FormatBool(true), MFA: u.MFA.SMS || u.MFA.TOTP || u.MFA.Email || len(u.MFA.Phones) > 0,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

// maskedName masks what is a number or an e-mail address.
func maskedName(name string) string {
	if n, err := phone.Parse(name); err == nil {
		return n.Mask()
	}
	for i, r := range name {
		if r == '@' && i > 0 {
			return name[:1] + "***" + name[i:]
		}
	}
	return name
}

func rateList() listing[Rate] {
	return listing[Rate]{
		name: "rates", key: func(r Rate) string {
			return r.Account + "\x00" + r.Country + "\x00" + r.Channel + "\x00" + maybe(r.From).Format(time.DateOnly)
		},
		fields: []field[Rate]{
			textBy("account", func(r Rate) string { return r.Account }), textBy("country", func(r Rate) string { return r.Country }),
			textBy("channel", func(r Rate) string { return r.Channel }), textBy("currency", func(r Rate) string { return r.Currency }),
			numberBy("price", func(r Rate) float64 { return decimal(r.Price) }), timeBy("from", func(r Rate) time.Time { return maybe(r.From) }),
		},
	}
}

func (s *server) listRates(ctx context.Context, in *ofPoolListInput) (*rateRowsOutput, error) {
	p, err := rateList().understand(in.ListQuery, "", in.Pool)
	if err != nil {
		return nil, err
	}
	card, err := s.getRates(ctx, &ofPoolInput{Pool: in.Pool})
	if err != nil {
		return nil, err
	}
	out := &rateRowsOutput{}
	out.Body.Rates = []Rate{}
	if card.Body.CSV == "" {
		return out, nil
	}
	c, err := ratecard.Parse([]byte(card.Body.CSV))
	out.Body.Rates, out.Body.Next = p.page(views(c.Rows(), func(r ratecard.Row) Rate {
		return Rate{r.Account, r.Country, r.Channel, Amount(r.Micros), r.Currency, moment(r.From)}
	}))
	return out, err
}
