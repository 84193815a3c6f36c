package main

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/hooktry"
	"countersign/internal/script"
	"countersign/phone"
)

// hookCmd is for hooks and actions on this machine; no server is needed.
type hookCmd struct {
	New hookNewCmd `cmd:"" help:"Write a hook for a provider, ready to be filled in."`
	Run hookRunCmd `cmd:"" help:"Run a hook or action once, without a server: texts go to simulated phones."`
}

type hookRunCmd struct {
	File       string        `arg:"" help:"The script. - is standard input."`
	To         string        `help:"The number that the text is for." placeholder:"E164" default:"+12025550123"`
	Text       string        `help:"The text. Default: a sentence with the code." placeholder:"TEXT"`
	Code       string        `help:"The code. Default: six random digits." placeholder:"DIGITS"`
	Voice      bool          `help:"As a call."`
	Enrollment bool          `help:"For an enrolment. Default: for a second factor."`
	Input      string        `help:"A JSON file with the whole input, in place of the flags above. - is standard input." placeholder:"FILE"`
	Secret     []string      `help:"A secret as NAME=VALUE; NAME alone takes the value of the environment variable of that name." placeholder:"NAME=VALUE" sep:"none"`
	Secrets    string        `help:"A file with one NAME=VALUE on each line." placeholder:"FILE" type:"path"`
	Module     []string      `help:"An npm module, with a version if it matters: aws-sdk, axios@1.7.0." placeholder:"NAME[@VERSION]" sep:"none"`
	Kind       string        `help:"What the script is: hook, send-phone-message, custom-phone-provider, post-login, rule. Default: what it exports says." placeholder:"KIND" enum:",hook,send-phone-message,custom-phone-provider,post-login,rule" default:""`
	Real       bool          `help:"Let it reach the real providers, which may cost money. Default: they are simulated."`
	AllowYoung bool          `name:"allow-young" help:"Consent to modules that were released within the last seven days."`
	Registry   string        `help:"Where modules come from." placeholder:"URL"`
	Isolation  string        `help:"Least isolation that it may run under: full, strong, weak, none. Default: what this machine offers." placeholder:"LEVEL" enum:",full,strong,weak,none" default:""`
	Timeout    time.Duration `help:"The limit of the run, at most 20s." default:"20s"`
}

const maxScript = 1 << 20

func (c *hookRunCmd) Run(a *app) error {
	o, err := c.options(a)
	if err != nil {
		return err
	}
	if o.Launcher, err = launcherPath(); err != nil {
		return err
	}
	res, err := hooktry.Run(a.ctx, *o)
	if err != nil {
		return c.explained(err)
	}
	view := viewOf(c, res)
	if a.json {
		err = a.printJSON(view)
	} else {
		err = view.print(a.stdout)
	}
	if err == nil && !view.Success {
		return errors.New("the script did not succeed")
	}
	return err
}

// explained is a refused build in a sentence, with what to do.
func (c *hookRunCmd) explained(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Public == "" {
		return err
	}
	switch f.Code {
	case fault.ConfirmationNeeded:
		return hint(errors.New(f.Public), "if you trust them: --allow-young")
	case fault.ModuleRefused, fault.ModulesUnavailable, fault.ScriptInvalid:
		if f.Code == fault.ModuleRefused && f.Field != "" { // a module that the script requires and nobody named
			return hint(errors.New(f.Public), "countersign hook run %s --module %s, and a version as in --module NAME@1.2.3 if it matters", printable(c.File), printable(f.Field))
		}
		if f.Hint != "" {
			return hint(errors.New(f.Public), "%s", f.Hint)
		}
		return errors.New(f.Public)
	}
	return err
}

func (c *hookRunCmd) options(a *app) (*hooktry.Options, error) {
	code, err := readFile(a, c.File)
	if err != nil {
		return nil, err
	}
	o := &hooktry.Options{
		Kind: script.Kind(c.Kind), Code: code, File: filepath.Base(c.File), Real: c.Real, AllowYoung: c.AllowYoung, Registry: c.Registry, Timeout: c.Timeout,
		Isolation:    sandbox.Level(c.Isolation),
		Dependencies: map[string]string{}, Log: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Progress: func(s string) {
			if !a.json {
				fmt.Fprintln(a.stderr, s)
			}
		},
	}
	if c.File == "-" {
		o.File = "hook.js"
	}
	if c.Timeout <= 0 || c.Timeout > script.Timeout {
		return nil, errors.New("--timeout is at most 20s")
	}
	o.Kind = cmp.Or(o.Kind, kindOf(code))
	for _, m := range c.Module {
		name, version := m, "latest"
		if at := strings.LastIndexByte(m, '@'); at > 0 {
			name, version = m[:at], m[at+1:]
		}
		o.Dependencies[name] = version
	}
	if o.Secrets, err = c.secrets(a); err != nil {
		return nil, err
	}
	return o, c.body(a, o)
}

// kindOf tells what a script is by what it exports.
func kindOf(code string) script.Kind {
	for export, kind := range map[string]script.Kind{
		"onExecuteSendPhoneMessage": script.SendPhoneMessage, "onExecuteCustomPhoneProvider": script.CustomPhoneProvider, "onExecutePostLogin": script.PostLogin,
	} {
		if strings.Contains(code, export) {
			return kind
		}
	}
	if !strings.Contains(code, "exports") && strings.Contains(strings.TrimSpace(code), "function") && strings.Contains(code, "callback(") {
		return script.Rule
	}
	return script.Hook
}

func readFile(a *app, name string) (string, error) {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxScript+1))
	if err == nil && len(raw) > maxScript {
		err = fmt.Errorf("%s is larger than 1 MiB", name)
	}
	return string(raw), err
}

func (c *hookRunCmd) secrets(a *app) (map[string]string, error) {
	out := map[string]string{}
	if c.Secrets != "" {
		text, err := readFile(a, c.Secrets)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(strings.NewReader(text))
		lines.Buffer(nil, maxScript)
		for n := 1; lines.Scan(); n++ {
			line := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines.Text()), "export "))
			if line == "" || line[0] == '#' {
				continue
			}
			name, value, ok := strings.Cut(line, "=")
			if !ok {
				return nil, fmt.Errorf("%s:%d: want NAME=VALUE", c.Secrets, n)
			}
			out[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	for _, s := range c.Secret {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			if value = a.getenv(name); value == "" {
				return nil, hint(fmt.Errorf("the secret %s has no value", printable(name)), "give it as %s=VALUE, or set the environment variable %s", printable(name), printable(name))
			}
		}
		out[name] = value
	}
	return out, nil
}

// body makes the input of the script's kind.
func (c *hookRunCmd) body(a *app, o *hooktry.Options) error {
	if c.Input != "" {
		text, err := readFile(a, c.Input)
		if err == nil && !json.Valid([]byte(text)) {
			err = fmt.Errorf("%s is not JSON", c.Input)
		}
		o.Body = json.RawMessage(text)
		return err
	}
	if c.Code == "" {
		n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
		if err != nil {
			return err
		}
		c.Code = fmt.Sprintf("%06d", n)
	}
	if _, err := phone.Parse(c.To); err != nil {
		return hint(fmt.Errorf("--to %q is not a phone number in E.164 form", c.To), "for example +12025550123")
	}
	spoken := c.Code
	if c.Voice { // as templates spell it, so that digits are read one by one
		spoken = strings.Join(strings.Split(c.Code, ""), ".")
	}
	c.Text = cmp.Or(c.Text, spoken+" is your code.")
	m, t := c.message()
	switch o.Kind {
	case script.Hook:
		o.Body = script.HookBody(m, t)
	case script.SendPhoneMessage:
		o.Body = script.SendPhoneMessageEvent(m, t)
	case script.CustomPhoneProvider:
		o.Body = script.CustomPhoneProviderEvent(m, t)
	case script.PostLogin:
		o.Body = script.PostLoginEvent(c.login(m))
	default:
		o.Body = script.RuleInput(c.login(m))
	}
	return nil
}

func (c *hookRunCmd) message() (*facts.Message, script.Text) {
	t := script.Text{To: c.To, Body: c.Text, Code: c.Code, Channel: "sms"}
	if c.Voice {
		t.Channel = "voice"
	}
	m := &facts.Message{
		Purpose: facts.SecondFactor, Language: "en",
		Request: facts.Request{IP: "192.0.2.1", UserAgent: "countersign hook run", Method: "POST", Hostname: "localhost", Language: "en"},
		Client:  facts.Client{ID: "example-client", Name: "Example", Metadata: map[string]string{}},
		User:    &facts.User{ID: "auth0|example", Name: "Ann Example", Email: "ann@example.com", EmailVerified: true, Phone: c.To},
		Tenant:  facts.Tenant{ID: "example", FriendlyName: "Example"},
	}
	if c.Enrollment {
		m.Purpose = facts.Enroll
	}
	return m, t
}

func (c *hookRunCmd) login(m *facts.Message) *facts.Login {
	return &facts.Login{
		User: *m.User, Client: m.Client, Request: m.Request, Tenant: m.Tenant, Protocol: "oauth2-password", Scopes: []string{"openid"}, Methods: []string{"pwd"},
		Connection: facts.Connection{ID: "con_example", Name: "Username-Password-Authentication", Strategy: "auth0"},
	}
}
