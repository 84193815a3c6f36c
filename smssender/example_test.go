package smssender_test

import (
	"context"
	"fmt"

	"countersign/smssender"
)

// text stands for the provider that sends.
func text(_ context.Context, to, text string) error {
	_, err := fmt.Println(to, text)
	return err
}

func ExampleStart() {
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
