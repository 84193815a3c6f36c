// Texts by Mitto. It cannot make calls with your code.
//
// Secrets: MITTO_API_KEY, and MITTO_SENDER, the name (3 to 11 characters) or number that texts come from.
async function send(message, secrets) {
  if (message.voice) throw permanent("Mitto sends texts only: switch voice off, or choose another provider for it.");
  const body = {
    from: message.from || need(secrets, "MITTO_SENDER"),
    to: message.to.replace(/\D/g, ""),
    text: message.text,
    type: "auto",
  };
  const headers = { "x-mitto-api-key": need(secrets, "MITTO_API_KEY"), "content-type": "application/json" };
  const answer = await post("https://rest.mittoapi.com/sms.json", headers, JSON.stringify(body));
  // HTTP 200 is no success yet: response code 0 alone is.
  const data = answer.data || {};
  if (answer.status !== 200 || data.responseCode !== 0) {
    throw refused("Mitto", answer, data.responseText && `${data.responseText} [${data.responseCode}]`);
  }
  return data.id;
}
