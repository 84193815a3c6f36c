// Texts and calls by Esendex (UK and Europe).
//
// Secrets: ESENDEX_ACCOUNT (EX…), ESENDEX_USERNAME (your e-mail address), ESENDEX_PASSWORD (the API password). Optional: ESENDEX_SENDER.
async function send(message, secrets) {
  const item = { to: message.to.replace(/\D/g, ""), body: message.text, type: message.voice ? "Voice" : "SMS" };
  const from = message.from || optional(secrets, "ESENDEX_SENDER");
  if (from) item.from = from.replace(/^\+/, "");
  if (message.voice) {
    const languages = ["en-GB", "en-AU", "es-ES", "fr-FR", "de-DE"];
    const wanted = message.language || "en-GB";
    item.lang = languages.find((l) => l === wanted) || languages.find((l) => l.startsWith(wanted.slice(0, 2))) || "en-GB";
  }
  const headers = {
    authorization: basic(need(secrets, "ESENDEX_USERNAME"), need(secrets, "ESENDEX_PASSWORD")),
    "content-type": "application/json",
    accept: "application/json",
  };
  const body = JSON.stringify({ accountreference: need(secrets, "ESENDEX_ACCOUNT"), messages: [item] });
  const answer = await post("https://api.esendex.com/v1.0/messagedispatcher", headers, body);
  const batch = (answer.data && answer.data.batch) || {};
  const header = (batch.messageheaders || [])[0] || {};
  const id = header.id || batch.batchid;
  if (answer.status !== 200 || !id) throw refused("Esendex", answer);
  return id;
}
