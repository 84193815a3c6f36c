// Sender is a custom SMS sender by package smssender, as its documentation shows it; text is Twilio's API.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"countersign/smssender"
)

func main() {
	smssender.Start(smssender.Handler{
		Keys: smssender.KeysFromEnv(),
		Send: func(ctx context.Context, m smssender.Message) error {
			if m.Trigger == smssender.AccountTakeOverNotification {
				return nil
			}
			return text(ctx, m.Phone, "Your code is "+m.Code)
		},
	})
}

func text(ctx context.Context, to, text string) error {
	form := url.Values{"To": {to}, "From": {"+12025550100"}, "Body": {text}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.twilio.com/2010-04-01/Accounts/AC0123/Messages.json", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("AC0123", "token")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("Twilio answered %s", res.Status)
	}
	return nil
}
