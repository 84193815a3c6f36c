// Texts and calls by Infobip.
//
// Secrets: INFOBIP_API_KEY. Optional: INFOBIP_BASE_URL, your account's own address (https://….api.infobip.com, shown in the portal);
// INFOBIP_SENDER, the name or number that messages come from.
async function send(message, secrets) {
  const base = (optional(secrets, "INFOBIP_BASE_URL") || "https://api.infobip.com").replace(/^(?!https?:)/, "https://").replace(/\/+$/, "");
  const headers = { authorization: `App ${need(secrets, "INFOBIP_API_KEY")}`, "content-type": "application/json", accept: "application/json" };
  const to = message.to.replace(/\D/g, "");
  const from = message.from || optional(secrets, "INFOBIP_SENDER") || undefined;
  let path = "/sms/3/messages";
  let body = { messages: [{ sender: from, destinations: [{ to }], content: { text: message.text } }] };
  if (message.voice) {
    path = "/tts/3/single";
    body = { to, from, text: message.text, language: (message.language || "en").slice(0, 2).toLowerCase() };
  }
  const answer = await post(base + path, headers, JSON.stringify(body));
  // HTTP 200 is no success yet: the status of the message tells. Groups 0, 1 and 3 are accepted, pending and delivered.
  const first = answer.data && answer.data.messages && answer.data.messages[0];
  if (answer.status !== 200 || !first || !first.status || ![0, 1, 3].includes(first.status.groupId)) {
    throw refused("Infobip", answer, infobipWords(answer.data, first));
  }
  return first.messageId;
}

function infobipWords(data, first) {
  if (first && first.status) return `${first.status.description} [${first.status.name}]`;
  if (!data) return "";
  const old = data.requestError && data.requestError.serviceException;
  return old ? `${old.text} [${old.messageId}]` : data.errorCode && `${data.description} [${data.errorCode}]`;
}
