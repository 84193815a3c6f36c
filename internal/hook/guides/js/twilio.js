// Texts and calls by Twilio: Programmable Messaging and Voice.
//
// Secrets: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, and TWILIO_PHONE_NUMBER, the number (+1…), short code or name that texts come from; calls
// come from a number. Optional: TWILIO_MESSAGING_SERVICE_SID (MG…), which chooses the sender of texts itself.
async function send(message, secrets) {
  const account = need(secrets, "TWILIO_ACCOUNT_SID");
  const fields = new URLSearchParams({ To: message.to });
  const from = message.from || optional(secrets, "TWILIO_PHONE_NUMBER");
  let resource = "Messages";
  if (message.voice) {
    resource = "Calls";
    fields.set("From", from || need(secrets, "TWILIO_PHONE_NUMBER"));
    fields.set("Twiml", twiml(message));
    fields.set("Timeout", "30"); // seconds of ringing
  } else {
    fields.set("Body", message.text);
    const service = optional(secrets, "TWILIO_MESSAGING_SERVICE_SID");
    if (service && !message.from) fields.set("MessagingServiceSid", service);
    else fields.set("From", from || need(secrets, "TWILIO_PHONE_NUMBER"));
  }
  const url = `https://api.twilio.com/2010-04-01/Accounts/${encodeURIComponent(account)}/${resource}.json`;
  const answer = await post(url, { authorization: basic(account, need(secrets, "TWILIO_AUTH_TOKEN")) }, fields);
  const data = answer.data || {};
  if (answer.status !== 201 || !data.sid || data.error_code) {
    throw refused("Twilio", answer, data.message && `${data.message} [${data.code}]`);
  }
  return data.sid;
}

// twiml says the text, whose digits have dots between them so that they are read one by one.
function twiml(message) {
  const text = message.text.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const language = /^[a-z]{2}-[A-Z]{2}$/.test(message.language || "") ? ` language="${message.language}"` : "";
  return `<Response><Pause length="1"/><Say${language}>${text}</Say></Response>`;
}
