// Texts and calls by TeleSign: SMS and Voice.
//
// Secrets: TELESIGN_CUSTOMER_ID, TELESIGN_API_KEY. Optional: TELESIGN_HOST, rest-api.telesign.com for accounts of the standard plan (default
// rest-ww.telesign.com); TELESIGN_SENDER_ID.
async function send(message, secrets) {
  const fields = new URLSearchParams({
    phone_number: message.to.replace(/\D/g, ""),
    message: message.text,
    message_type: message.code ? "OTP" : "ARN",
  });
  const sender = message.from || optional(secrets, "TELESIGN_SENDER_ID");
  if (sender && !message.voice) fields.set("sender_id", sender);
  const url = `https://${optional(secrets, "TELESIGN_HOST") || "rest-ww.telesign.com"}/v1/${message.voice ? "voice" : "messaging"}`;
  const key = basic(need(secrets, "TELESIGN_CUSTOMER_ID"), need(secrets, "TELESIGN_API_KEY"));
  const answer = await post(url, { authorization: key }, fields);
  // HTTP 200 is no success yet: the status tells. 29x and 203 are on the way, 200 is delivered; 10x are the same for calls.
  const status = (answer.data && answer.data.status) || {};
  const good = message.voice ? [100, 103, 105] : [200, 203, 290, 291, 292, 295];
  if (answer.status !== 200 || !good.includes(status.code)) {
    throw refused("TeleSign", answer, status.description && `${status.description} [${status.code}]`);
  }
  return answer.data.reference_id;
}
