package lambda

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestVersionsAndAliases(t *testing.T) {
	h := start(t)
	h.create("f")
	c, f := h.client("OWNER"), aws.String("f")
	one, err := c.PublishVersion(t.Context(), &sdk.PublishVersionInput{FunctionName: f, Description: aws.String("first")})
	check(t, err)
	equal(t, "version", *one.Version, "1")
	equal(t, "ARN", *one.FunctionArn, "arn:aws:lambda:us-local-1:000000000000:function:f:1")
	equal(t, "description", *one.Description, "first")
	two, err := c.UpdateFunctionCode(t.Context(), &sdk.UpdateFunctionCodeInput{FunctionName: f, Publish: true, ZipFile: zipped(t, map[string]string{"index.js": "2"})})
	check(t, err)
	equal(t, "version", *two.Version, "2")
	var seen []string
	pages := sdk.NewListVersionsByFunctionPaginator(c, &sdk.ListVersionsByFunctionInput{FunctionName: f, MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		p, err := pages.NextPage(t.Context())
		check(t, err)
		for _, v := range p.Versions {
			seen = append(seen, *v.Version)
		}
	}
	equal(t, "versions", len(seen), 3)
	equal(t, "the first", seen[0], "$LATEST")

	live, err := c.CreateAlias(t.Context(), &sdk.CreateAliasInput{FunctionName: f, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	check(t, err)
	equal(t, "alias", *live.AliasArn, "arn:aws:lambda:us-local-1:000000000000:function:f:live")
	_, err = c.CreateAlias(t.Context(), &sdk.CreateAliasInput{FunctionName: f, Name: aws.String("live"), FunctionVersion: aws.String("2")})
	refused[*types.ResourceConflictException](t, err, "live")
	got, err := c.GetFunctionConfiguration(t.Context(), &sdk.GetFunctionConfigurationInput{FunctionName: f, Qualifier: aws.String("live")})
	check(t, err)
	equal(t, "version of the alias", *got.Version, "1")
	moved, err := c.UpdateAlias(t.Context(), &sdk.UpdateAliasInput{FunctionName: f, Name: aws.String("live"), FunctionVersion: aws.String("2"), RevisionId: live.RevisionId,
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"1": 0.25}}})
	check(t, err)
	equal(t, "version", *moved.FunctionVersion, "2")
	equal(t, "weight", moved.RoutingConfig.AdditionalVersionWeights["1"], 0.25)
	_, err = c.UpdateAlias(t.Context(), &sdk.UpdateAliasInput{FunctionName: f, Name: aws.String("live"), RevisionId: live.RevisionId})
	refused[*types.PreconditionFailedException](t, err, "Revision")
	list, err := c.ListAliases(t.Context(), &sdk.ListAliasesInput{FunctionName: f})
	check(t, err)
	equal(t, "aliases", len(list.Aliases), 1)
	_, err = c.GetAlias(t.Context(), &sdk.GetAliasInput{FunctionName: f, Name: aws.String("live")})
	check(t, err)
	_, err = c.DeleteAlias(t.Context(), &sdk.DeleteAliasInput{FunctionName: f, Name: aws.String("live")})
	check(t, err)
	_, err = c.GetAlias(t.Context(), &sdk.GetAliasInput{FunctionName: f, Name: aws.String("live")})
	refused[*types.ResourceNotFoundException](t, err, "")
}

// The permission as the documentation of the custom sender prints it, and the one that a pool needs.
func TestPermissions(t *testing.T) {
	h := start(t)
	arn := h.create("f").FunctionArn
	c := h.client("OWNER")
	_, err := c.GetPolicy(t.Context(), &sdk.GetPolicyInput{FunctionName: arn})
	refused[*types.ResourceNotFoundException](t, err, "")
	added, err := c.AddPermission(t.Context(), &sdk.AddPermissionInput{
		FunctionName: arn, StatementId: aws.String("CognitoLambdaInvokeAccess"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("cognito-idp.amazonaws.com"),
	})
	check(t, err)
	var statement struct {
		Sid, Effect, Action, Resource string
		Principal                     struct{ Service string }
	}
	check(t, json.Unmarshal([]byte(*added.Statement), &statement))
	equal(t, "sid", statement.Sid, "CognitoLambdaInvokeAccess")
	equal(t, "effect", statement.Effect, "Allow")
	equal(t, "principal", statement.Principal.Service, "cognito-idp.amazonaws.com")
	equal(t, "resource", statement.Resource, *arn)
	_, err = c.AddPermission(t.Context(), &sdk.AddPermissionInput{
		FunctionName: arn, StatementId: aws.String("CognitoLambdaInvokeAccess"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("cognito-idp.amazonaws.com"),
	})
	refused[*types.ResourceConflictException](t, err, "CognitoLambdaInvokeAccess")
	_, err = c.AddPermission(t.Context(), &sdk.AddPermissionInput{
		FunctionName: arn, StatementId: aws.String("pool"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("cognito-idp.amazonaws.com"),
		SourceArn: aws.String("arn:aws:cognito-idp:us-local-1:000000000000:userpool/us-local-1_countersign"), SourceAccount: aws.String(account),
	})
	check(t, err)
	policy, err := c.GetPolicy(t.Context(), &sdk.GetPolicyInput{FunctionName: arn})
	check(t, err)
	var document struct{ Statement []json.RawMessage }
	check(t, json.Unmarshal([]byte(*policy.Policy), &document))
	equal(t, "statements", len(document.Statement), 2)
	_, err = c.RemovePermission(t.Context(), &sdk.RemovePermissionInput{FunctionName: arn, StatementId: aws.String("pool"), RevisionId: aws.String("00000000-0000-0000-0000-000000000000")})
	refused[*types.PreconditionFailedException](t, err, "Revision")
	for _, sid := range []string{"pool", "CognitoLambdaInvokeAccess"} {
		_, err = c.RemovePermission(t.Context(), &sdk.RemovePermissionInput{FunctionName: arn, StatementId: &sid})
		check(t, err)
	}
	_, err = c.GetPolicy(t.Context(), &sdk.GetPolicyInput{FunctionName: arn})
	refused[*types.ResourceNotFoundException](t, err, "")
}

func TestTagsAndConcurrency(t *testing.T) {
	h := start(t)
	arn := h.create("f").FunctionArn
	c, f := h.client("OWNER"), aws.String("f")
	_, err := c.TagResource(t.Context(), &sdk.TagResourceInput{Resource: arn, Tags: map[string]string{"a": "1", "b c": "2"}})
	check(t, err)
	_, err = c.UntagResource(t.Context(), &sdk.UntagResourceInput{Resource: arn, TagKeys: []string{"b c", "none"}})
	check(t, err)
	tags, err := c.ListTags(t.Context(), &sdk.ListTagsInput{Resource: arn})
	check(t, err)
	if len(tags.Tags) != 1 || tags.Tags["a"] != "1" {
		t.Errorf("tags %v", tags.Tags)
	}
	_, err = c.ListTags(t.Context(), &sdk.ListTagsInput{Resource: aws.String(*arn + ":$LATEST")})
	refused[*types.InvalidParameterValueException](t, err, "aliases and versions")

	none, err := c.GetFunctionConcurrency(t.Context(), &sdk.GetFunctionConcurrencyInput{FunctionName: f})
	check(t, err)
	if none.ReservedConcurrentExecutions != nil {
		t.Errorf("reserved %d", *none.ReservedConcurrentExecutions)
	}
	put, err := c.PutFunctionConcurrency(t.Context(), &sdk.PutFunctionConcurrencyInput{FunctionName: f, ReservedConcurrentExecutions: aws.Int32(0)})
	check(t, err)
	equal(t, "reserved", *put.ReservedConcurrentExecutions, 0)
	_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: f})
	refused[*types.TooManyRequestsException](t, err, "")
	got, err := c.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: f})
	check(t, err)
	equal(t, "shown", *got.Concurrency.ReservedConcurrentExecutions, 0)
	_, err = c.DeleteFunctionConcurrency(t.Context(), &sdk.DeleteFunctionConcurrencyInput{FunctionName: f})
	check(t, err)
	_, err = c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: f})
	check(t, err)
}
