// Codes by TeleSign Verify, as a text or a call.
//
// Secrets: TELESIGN_CUSTOMER_ID, TELESIGN_API_KEY. Optional: TELESIGN_HOST, rest-api.telesign.com for accounts of the standard plan (default
// rest-ww.telesign.com).
async function send(message, secrets) {
  if (!message.code) throw permanent("TeleSign Verify sends codes only, and this message has none.");
  const fields = new URLSearchParams({ phone_number: message.to.replace(/\D/g, ""), verify_code: message.code });
  // The code's place in the text is marked, so that TeleSign reads digits as such. Without verify_code it would make a code of its own.
  const spelled = message.code.split("").join(".");
  const template = message.text.split(message.voice ? spelled : message.code).join("$$CODE$$");
  if (!template.includes("$$CODE$$")) throw permanent("The text does not hold the code.");
  fields.set(message.voice ? "tts_message" : "template", template);
  if (message.language) fields.set("language", message.language);
  const url = `https://${optional(secrets, "TELESIGN_HOST") || "rest-ww.telesign.com"}/v1/verify/${message.voice ? "call" : "sms"}`;
  const key = basic(need(secrets, "TELESIGN_CUSTOMER_ID"), need(secrets, "TELESIGN_API_KEY"));
  const answer = await post(url, { authorization: key }, fields);
  const status = (answer.data && answer.data.status) || {};
  const good = message.voice ? [100, 103, 105] : [200, 203, 290, 291, 292, 295];
  if (answer.status !== 200 || !good.includes(status.code)) {
    throw refused("TeleSign", answer, status.description && `${status.description} [${status.code}]`);
  }
  return answer.data.reference_id;
}
