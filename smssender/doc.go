// Package smssender writes an Amazon Cognito custom sender in Go: the function behind the triggers CustomSMSSender and
// CustomEmailSender.
//
//	func main() {
//		smssender.Start(smssender.Handler{
//			Keys: smssender.KeysFromEnv(),
//			Send: func(ctx context.Context, m smssender.Message) error {
//				if m.Trigger == smssender.AccountTakeOverNotification {
//					return nil
//				}
//				return text(ctx, m.Phone, "Your code is "+m.Code)
//			},
//		})
//	}
//
// The same binary runs as an AWS Lambda function (runtime provided.al2023, file name bootstrap) and as a function of Countersign.
//
// # What it takes care of
//
// An event is refused unless its type belongs to its trigger and its code was encrypted for the very pool that the event names, under
// one of the configured keys. Codes and temporary passwords come as plain text: the HTML escapes that AdminCreateUser's passwords
// carry are gone. A Message that is printed or marshalled shows neither code nor destination, and errors and panics of Send are
// stripped of both before they reach the function's log.
//
// Lambda calls such functions asynchronously, and again after an error: up to two times by default. Send returns nil for what must
// not be sent twice.
package smssender
