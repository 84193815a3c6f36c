package main

import (
	"errors"
	"path/filepath"
	"strings"

	"countersign/internal/senderfunc"
)

// lambdaCmd is also what runs when the program is named bootstrap, as Lambda's provided.al2023 wants it.
type lambdaCmd struct{}

// Help implements kong.HelpProvider.
func (lambdaCmd) Help() string {
	return `A pool of Amazon Cognito calls it for each text: it decrypts the code with AWS KMS and sends the text through your accounts with SMS
services, one after the other until one takes it, or posts it to your webhook, signed.

  make lambda                        writes dist/countersign-lambda-arm64.zip and -amd64.zip
  aws lambda create-function ...     --runtime provided.al2023 --handler bootstrap --zip-file fileb://dist/countersign-lambda-arm64.zip

Its environment: KEY_ID, the ARN of the pool's KMS key (several: separated by commas); PROVIDERS, the names of accounts in their order
(main,spare), and for each PROVIDER_MAIN_KIND, PROVIDER_MAIN_FROM, PROVIDER_MAIN_SENDERS (GB=Acme,US=+12065550100) and the settings of its kind
(PROVIDER_MAIN_AUTH_TOKEN); or WEBHOOK_URL and WEBHOOK_SECRET;
TEXT_AUTHENTICATION, TEXT_VERIFICATION and TEXT_INVITATION for texts of your own, with {####} where the code goes;
REQUIRE_COMMITMENT=true for pools whose codes have key commitment. All steps: docs/lambda.md`
}

// Run answers the Lambda Runtime API until the program is ended.
func (lambdaCmd) Run(a *app) error {
	var names []string
	for _, kv := range a.env {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	err := senderfunc.Main(a.ctx, a.getenv, a.stdout, names...)
	if err == nil {
		return nil
	}
	errs := each(err)
	errs[len(errs)-1] = hint(errs[len(errs)-1], "see countersign lambda --help")
	return errors.Join(errs...)
}

// argsOf are the program's arguments; under the name bootstrap it is the sender function.
func argsOf(osArgs []string) []string {
	if len(osArgs) == 1 && filepath.Base(osArgs[0]) == "bootstrap" {
		return []string{"lambda"}
	}
	return osArgs[1:]
}
