// Codes by Twilio Verify, as a text or a call. Verify has words of its own: your template is not used, the code is.
//
// Secrets: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, and TWILIO_VERIFY_SERVICE_SID (VA…), the service, for which Twilio must have allowed custom codes.
async function send(message, secrets) {
  const account = need(secrets, "TWILIO_ACCOUNT_SID");
  const service = need(secrets, "TWILIO_VERIFY_SERVICE_SID");
  if (!/^VA/.test(service)) throw permanent("TWILIO_VERIFY_SERVICE_SID must be the id of a Verify service, which begins with VA.");
  if (!message.code) throw permanent("Twilio Verify sends codes only, and this message has none.");
  const fields = new URLSearchParams({ To: message.to, Channel: message.voice ? "call" : "sms", CustomCode: message.code });
  const locale = /^[a-z]{2}/.exec(message.language || "");
  if (locale) fields.set("Locale", locale[0]);
  const url = `https://verify.twilio.com/v2/Services/${encodeURIComponent(service)}/Verifications`;
  const answer = await post(url, { authorization: basic(account, need(secrets, "TWILIO_AUTH_TOKEN")) }, fields);
  const data = answer.data || {};
  if (answer.status !== 201 || !data.sid || data.status !== "pending") {
    throw refused("Twilio Verify", answer, data.message && `${data.message} [${data.code}]`);
  }
  return data.sid;
}
