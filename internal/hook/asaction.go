package hook

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/form"
)

// The parts of a require of a module with its version in the name.
const (
	anyQuote   = "['\"`]"
	namePart   = "[^@/'\"`\\s]+"
	anyVersion = "[^/'\"`\\s]+"
	anyFile    = "[^'\"`\\s]*"
)

// versioned is such a require: require('ipaddr.js@1.9.0'), require("@scope/name@1.2.3/file").
var versioned = form.New(`\brequire\(\s*(` + anyQuote + `)((?:@` + namePart + `/)?` + namePart + `)@(` +
	anyVersion + `)((?:/` + anyFile + `)?)(` + anyQuote + `)\s*\)`)

// HookAsAction returns the action that does what the hook does; nothing is stored. The hook's text stands in it as it is, but that versions in
// require become dependencies, and is called with a context made of the event.
func (s *Service) HookAsAction(ctx context.Context, poolID, id string) (*AsAction, error) {
	row, d, err := s.row(ctx, poolID, kindHook, id)
	if err != nil {
		return nil, err
	}
	if !runs(row.Trigger) {
		return nil, fault.New(fault.UnsupportedOperation).WithPublic("Only hooks of %s have an action of the same form here.", SendPhoneMessage)
	}
	out := &AsAction{Name: row.Name, Trigger: TriggerRef{ID: SendPhoneMessage}, Dependencies: slices.Clone(d.Dependencies)}
	if err := judgeTrigger(&out.Trigger); err != nil {
		return nil, err
	}
	for _, secret := range d.Secrets {
		out.Secrets = append(out.Secrets, secret.Name)
	}
	text := unversioned(d.Code, func(name, version string) {
		if !slices.ContainsFunc(out.Dependencies, func(d Dependency) bool { return d.Name == name }) {
			out.Dependencies = append(out.Dependencies, Dependency{Name: name, Version: version})
		}
	})
	out.Code = actionOfHook(row.Name, text)
	return out, nil
}

// unversioned takes versions out of the names in require, and tells of each.
func unversioned(text string, found func(name, version string)) string {
	re := versioned()
	return re.ReplaceAllStringFunc(text, func(m string) string {
		p := re.FindStringSubmatch(m)
		if p[1] != p[5] {
			return m
		}
		found(p[2], p[3])
		return "require(" + p[1] + p[2] + p[4] + p[1] + ")"
	})
}

// actionOfHook wraps the text of a hook. The text is a function body of its own, so that its names and its "use strict" are its own, and begins on a line
// of its own.
func actionOfHook(name, text string) string {
	return fmt.Sprintf(hookAction, strings.NewReplacer("\n", " ", "\r", " ", "*/", "* /").Replace(name), strings.TrimRight(text, "\n"))
}

const hookAction = `/* The hook "%s" as an action of the trigger send-phone-message. */
const hook = { exports: {} };

(function (module, exports) {
%s
})(hook, hook.exports);

function contextOf(event) {
  const options = event.message_options;
  const client = event.client || {};
  const request = event.request || {};
  return {
    factor_type: "second",
    message_type: options.message_type,
    action: options.action,
    language: String(request.language || "en").split(/[,;]/)[0].trim() || "en",
    code: options.code,
    ip: request.ip || "",
    user_agent: request.user_agent || "",
    request: { ip: request.ip || "" },
    client_id: client.client_id,
    name: client.name,
    client_metadata: client.metadata || {},
    client: { client_id: client.client_id, name: client.name, client_metadata: client.metadata || {} },
    user: event.user,
    webtask: { secrets: event.secrets },
  };
}

exports.onExecuteSendPhoneMessage = async (event) => {
  const send = hook.exports;
  const { recipient, text } = event.message_options;
  await new Promise((resolve, reject) => {
    send(recipient, text, contextOf(event), (error) => {
      if (error) reject(error instanceof Error ? error : new Error(error.message || String(error)));
      else resolve();
    });
  });
};
`
