package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "countersign"

// rule says what a package may import: packages of ours (without the module's name), and modules of others.
type rule struct {
	name   string
	ours   string
	others string
}

// table has one row for each package, from the bottom up. "name/*" stands for the packages below name, too.
var table = []rule{
	// Vocabulary.
	{"internal/fault", "", ""},
	{"internal/secret", "", ""},
	{"phone", "", "github.com/nyaruka/phonenumbers"},
	{"internal/srp", "", ""},
	{"internal/totp", "internal/fault", ""},
	{"internal/password", "internal/fault", "golang.org/x/crypto"},
	{"internal/message", "internal/fault internal/liquid", ""},
	{"internal/egress", "", ""},
	{"internal/devca", "", ""},
	{"internal/sigv4", "internal/fault", ""},
	{"internal/ui", "", ""},
	{"internal/policy", "", ""},
	{"internal/tracing", "", "go.opentelemetry.io/otel"},
	{"internal/tracing/otlp", "internal/secret internal/tracing", "go.opentelemetry.io/otel"},
	{"internal/form", "", ""},
	{"internal/facts", "", ""},
	{"internal/recall", "", ""},
	{"internal/liquid", "internal/fault", ""},
	{"envelope", "", ""},
	{"internal/kmssdk", "envelope", "github.com/aws/aws-sdk-go-v2"},
	{"smssender", "envelope internal/kmssdk", "github.com/aws/aws-sdk-go-v2 github.com/aws/aws-lambda-go"},

	// Contracts.
	{"provider", "", ""},
	{"internal/store", "", ""},
	{"internal/runner", "", ""},
	{"internal/module", "", ""},

	// Adapters see contracts and vocabulary alone.
	{"internal/store/sqlstore", "internal/store", "modernc.org/sqlite github.com/jackc/pgx/v5"},
	{"internal/gateway/account", "provider internal/secret", ""},
	{"internal/gateway/exchange", "provider internal/secret internal/egress internal/tracing", ""},
	{"provider/providertest", "provider", "github.com/goccy/go-yaml"},
	{"internal/gateway/webhook", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", ""},
	{"internal/gateway/twilio", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", ""},
	{"internal/gateway/vonage", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", "github.com/go-jose/go-jose/v4"},
	{"internal/gateway/infobip", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", ""},
	{"internal/gateway/telesign", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", ""},
	{"internal/gateway/esendex", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", ""},
	{"internal/gateway/mitto", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", ""},
	{"internal/gateway/messagebird", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", "github.com/go-jose/go-jose/v4"},
	{"internal/gateway/plivo", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", ""},
	{"internal/gateway/sinch", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", ""},
	{"internal/gateway/smpp", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", ""},
	{"internal/gateway/smpp/smsc", "internal/gateway/smpp", ""},
	{"internal/gateway/awssms", "provider internal/egress internal/secret internal/message internal/gateway/account internal/gateway/exchange", "github.com/aws/aws-sdk-go-v2 github.com/aws/smithy-go"},
	{"internal/gateway", "provider internal/gateway/*", ""},
	{"internal/mail", "provider internal/secret", "github.com/wneessen/go-mail"},

	{"internal/gateway/awskms", "envelope internal/fault internal/kmssdk internal/trigger", "github.com/aws/aws-sdk-go-v2 github.com/aws/smithy-go"},
	{"internal/gateway/awslambda", "internal/fault internal/trigger", "github.com/aws/aws-sdk-go-v2 github.com/aws/smithy-go"},
	{"internal/hookrun/sandbox", "", "golang.org/x/sys"},
	{"internal/npm", "internal/egress internal/fault internal/hookrun internal/hookrun/sandbox internal/module internal/runner", "github.com/evanw/esbuild"},
	{"internal/hookrun", "internal/egress internal/hookrun/sandbox internal/runner", ""},

	// Decisions.
	{"internal/access", "internal/fault internal/secret internal/store", ""},
	{"internal/keyring", "internal/fault internal/secret internal/store", ""},
	{"internal/token", "internal/fault internal/secret internal/store", ""},
	{"internal/eventlog", "internal/fault internal/secret internal/store phone", ""},
	{"internal/otp", "internal/fault internal/keyring internal/store", ""},
	{"internal/guard", "internal/fault internal/store", ""},
	{"internal/delivery", "internal/tracing internal/eventlog internal/fault internal/secret internal/store phone provider", ""},
	{"internal/ratecard", "internal/fault internal/store", ""},
	{"internal/quota", "internal/fault internal/store", ""},
	{"internal/pumping", "internal/access internal/eventlog internal/fault internal/store", ""},
	{"internal/pumping/trace", "", ""},
	{"internal/pumping/trace/maketraces", "internal/pumping/trace", ""},
	{"internal/pumping/replay", "internal/eventlog internal/pumping internal/pumping/trace internal/store phone", ""},
	{"internal/screen", "internal/eventlog internal/fault internal/guard internal/pumping internal/quota internal/ratecard internal/recall internal/store phone", ""},
	{"internal/origination", "internal/access internal/eventlog internal/fault internal/recall internal/store phone", ""},
	{"internal/registration", "internal/eventlog internal/fault internal/liquid internal/message internal/recall internal/store phone", ""},
	{"internal/sandbox", "internal/access internal/delivery internal/eventlog internal/fault internal/keyring internal/otp internal/recall internal/store phone provider", ""},
	{"internal/smsaccount", "internal/access internal/delivery internal/eventlog internal/fault internal/keyring internal/message internal/optout internal/origination internal/recall internal/sandbox internal/store phone provider", ""},
	{"internal/routehealth", "internal/eventlog internal/store", ""},
	{"internal/optout", "internal/eventlog internal/fault internal/store phone", ""},
	{"internal/route", "internal/tracing internal/delivery internal/eventlog internal/fault internal/gateway/account internal/keyring internal/message internal/optout internal/ratecard internal/routehealth internal/secret internal/store phone provider", ""},
	{"internal/receipt", "internal/delivery internal/eventlog internal/fault internal/keyring internal/optout internal/route internal/routehealth internal/secret internal/store phone provider", ""},
	{"internal/canary", "internal/delivery internal/eventlog internal/fault internal/message internal/route internal/store phone provider", ""},
	{"internal/trigger", "envelope internal/fault provider", ""},
	{"internal/artifact", "internal/fault internal/runner internal/store", ""},
	{"internal/function", "internal/artifact internal/eventlog internal/fault internal/form internal/keyring internal/policy internal/runner internal/secret internal/store internal/trigger", "github.com/google/uuid"},
	{"internal/kms", "envelope internal/eventlog internal/fault internal/form internal/keyring internal/policy internal/store internal/trigger", "github.com/google/uuid"},
	{"internal/script", "internal/facts internal/form internal/runner internal/secret", ""},
	{"internal/hook/guides", "internal/facts internal/script", ""},
	{"internal/hook", "internal/artifact internal/delivery internal/eventlog internal/facts internal/fault internal/form internal/keyring internal/module internal/runner internal/script internal/secret " +
		"internal/store phone provider", "github.com/google/uuid"},
	{"internal/pool", "internal/delivery internal/eventlog internal/facts internal/fault internal/guard internal/keyring internal/message internal/otp " +
		"internal/password internal/registration internal/screen internal/secret internal/srp internal/store internal/token internal/totp internal/trigger phone provider", "github.com/google/uuid"},
	{"internal/simulator", "internal/ui phone provider", "github.com/google/uuid"},

	{"internal/poolfile", "internal/canary internal/origination internal/registration internal/route internal/screen internal/smsaccount", "github.com/goccy/go-yaml"},

	// Facades.
	{"internal/front", "internal/fault", ""},
	{"internal/awsapi/wire", "internal/access internal/fault internal/sigv4", ""},
	{"internal/awsapi/cognito/api", "internal/awsapi/wire", ""},
	{"internal/awsapi/cognito", "envelope internal/access internal/poolfile internal/awsapi/cognito/api internal/awsapi/wire internal/fault internal/password internal/pool " +
		"internal/message internal/store internal/token internal/trigger phone", ""},
	{"internal/awsapi/kms/api", "internal/awsapi/wire", ""},
	{"internal/awsapi/kms", "internal/access internal/awsapi/kms/api internal/awsapi/wire internal/fault internal/kms", ""},
	{"internal/awsapi/lambda/api", "internal/awsapi/wire", ""},
	{"internal/awsapi/lambda", "internal/access internal/awsapi/lambda/api internal/awsapi/wire internal/fault internal/function internal/runner", ""},
	{"internal/awsapi/sts", "internal/awsapi/wire internal/fault", ""},
	{"internal/awsapi/query", "internal/access internal/awsapi/wire internal/fault", ""},
	{"internal/awsapi/sns/api", "internal/awsapi/wire internal/awsapi/query", ""},
	{"internal/awsapi/sns", "internal/access internal/awsapi/query internal/awsapi/sns/api internal/awsapi/wire internal/fault internal/optout internal/origination internal/sandbox internal/smsaccount internal/store phone", ""},
	{"internal/awsapi/smsvoice/api", "internal/awsapi/wire", ""},
	{"internal/awsapi/smsvoice", "internal/access internal/awsapi/smsvoice/api internal/awsapi/wire internal/fault internal/optout internal/origination internal/registration internal/sandbox internal/smsaccount internal/store phone", ""},
	{"internal/oidc", "internal/fault internal/token", ""},
	{"internal/receiptapi", "internal/fault internal/receipt internal/route provider", ""},
	{"internal/auth0api/wire", "internal/access internal/fault", ""},
	{"internal/auth0api/authentication", "internal/access internal/auth0api/wire internal/fault internal/pool internal/ui phone", ""},
	{"internal/auth0api/management", "internal/access internal/auth0api/wire internal/eventlog internal/facts internal/fault internal/hook internal/liquid internal/message internal/module " +
		"internal/pool internal/script internal/secret internal/store phone provider", "github.com/google/uuid"},
	{"internal/adminapi", "internal/access internal/poolfile internal/origination internal/pumping internal/quota internal/registration internal/sandbox internal/screen internal/smsaccount internal/pool internal/canary internal/delivery internal/gateway/account internal/message internal/optout internal/ratecard internal/receipt internal/route internal/routehealth phone provider internal/eventlog internal/fault internal/function internal/keyring internal/secret internal/store internal/token",
		"github.com/danielgtaylor/huma/v2"},

	// Wiring.
	{"internal/config", "internal/front internal/secret", "github.com/goccy/go-yaml"},
	{"", "internal/* phone provider", "github.com/prometheus/client_golang"},
	{"internal/hooktry", "internal/hookrun internal/hookrun/sandbox internal/message internal/module internal/npm internal/runner internal/script internal/simulator", "github.com/google/uuid"},
	{"countersigntest", module, ""},
	{"internal/senderfunc", "internal/egress internal/gateway internal/gateway/account internal/message internal/secret phone provider smssender",
		"github.com/aws/aws-lambda-go github.com/google/uuid"},
	{"cmd/countersign-lambda", "internal/senderfunc", ""},
	{"cmd/countersign", module + " internal/poolfile internal/pumping internal/pumping/replay internal/screen internal/route internal/routehealth internal/tracing/* internal/gateway/* internal/access internal/adminapi internal/config internal/devca internal/egress internal/gateway/* internal/facts internal/fault internal/hook/guides internal/hookrun/sandbox internal/hooktry internal/module internal/npm internal/script internal/simulator phone " +
		"internal/keyring internal/mail internal/secret internal/senderfunc internal/store internal/store/sqlstore provider", "github.com/alecthomas/kong github.com/aws/aws-sdk-go-v2 github.com/goccy/go-yaml"},

	// Programs that make files of this tree, and what only tests use.
	{"internal/awsapi/gen", "", ""},
	{"internal/ui/build", "", "github.com/evanw/esbuild"},
	{"internal/archtest", "", ""},
	{"docs", "", ""},
	{"internal/browsertest", "", "github.com/chromedp/chromedp github.com/chromedp/cdproto"},
	{"internal/hookrun/hookruntest", "", ""},
	{"internal/keyring/keyringtest", "internal/keyring", ""},
	{"internal/srp/srptest", "internal/srp", ""},
	{"internal/store/storetest", "internal/store internal/store/sqlstore", "github.com/google/go-cmp github.com/jackc/pgx/v5"},
	{"internal/token/tokentest", "internal/token internal/keyring/keyringtest", ""},
	{"internal/kmssdk/fakekms", "", "github.com/aws/aws-sdk-go-v2"},
	{"internal/trigger/triggertest", "envelope internal/fault internal/trigger", ""},
	{"internal/pool/pooltest", "internal/* phone provider", ""},
	{"tests/*", "internal/* phone provider provider/providertest countersigntest " + module, "*"},
}

// serverSide are packages of the standard library that decisions and contracts must do without.
var (
	serverSide = []string{"net/http", "database/sql", "html/template"}
	lower      = []string{
		"internal/store", "internal/otp", "internal/guard", "internal/pool", "internal/delivery", "internal/tracing internal/eventlog", "internal/keyring",
		"internal/token", "internal/message", "internal/password", "internal/access", "internal/artifact", "internal/facts", "internal/module", "internal/script", "internal/hook", "internal/trigger", "internal/function", "internal/kms", "internal/runner",
		"provider", "phone", "internal/ratecard", "internal/routehealth", "internal/optout", "internal/route", "internal/receipt", "internal/canary",
		"internal/quota", "internal/pumping", "internal/screen", "internal/origination", "internal/registration", "internal/sandbox", "internal/smsaccount",
	}
)

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...")
	cmd.Stderr = io.Discard
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// ownName is the package without the module, "" for the root; ok is false for packages of others.
func ownName(path string) (string, bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

func covers(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/*"); ok {
		return name == prefix || strings.HasPrefix(name, prefix+"/")
	}
	if pattern == module {
		pattern = ""
	}
	return pattern == name
}

func ruleOf(name string) *rule {
	for i := range table {
		if table[i].name == name || (table[i].name != "" && covers(table[i].name, name)) {
			return &table[i]
		}
	}
	return nil
}

// allowed reports whether the arrow is in the table.
func (r *rule) allowed(path string) bool {
	if own, ok := ownName(path); ok {
		return slices.ContainsFunc(strings.Fields(r.ours), func(p string) bool { return covers(p, own) })
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(strings.Fields(r.others), func(m string) bool { return m == "*" || path == m || strings.HasPrefix(path, m+"/") })
}

func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t) {
		name, _ := ownName(p.ImportPath)
		r := ruleOf(name)
		if r == nil {
			t.Errorf("%s has no row in the table: where does it stand?", p.ImportPath)
			continue
		}
		seen[r.name] = true
		for _, imp := range p.Imports {
			if !r.allowed(imp) {
				t.Errorf("%s → %s: this arrow is not in the table", p.ImportPath, imp)
			}
		}
		if slices.Contains(lower, name) {
			for _, imp := range p.Imports {
				if slices.Contains(serverSide, imp) {
					t.Errorf("%s → %s: decisions and contracts know no server", p.ImportPath, imp)
				}
			}
		}
	}
	for _, r := range table {
		if !seen[r.name] {
			t.Errorf("the row %q is about no package", r.name)
		}
	}
}

// TestFacadesDoNotKnowEachOther guards the table itself: no row may open such an arrow.
func TestFacadesDoNotKnowEachOther(t *testing.T) {
	facades := []string{"internal/awsapi/cognito", "internal/awsapi/sts", "internal/awsapi/kms", "internal/awsapi/lambda", "internal/awsapi/sns", "internal/awsapi/smsvoice", "internal/oidc", "internal/auth0api/authentication", "internal/auth0api/management", "internal/adminapi", "internal/front",
		"internal/simulator"}
	forbidden := append(slices.Clone(facades), "internal/store/sqlstore", "internal/gateway/webhook", "internal/gateway/twilio", "internal/gateway/awskms", "internal/gateway/awslambda",
		"internal/hookrun", "internal/mail")
	for _, f := range facades {
		r := ruleOf(f)
		for _, other := range forbidden {
			if other != f && r.allowed(module+"/"+other) {
				t.Errorf("the table allows %s → %s", f, other)
			}
		}
	}
}
