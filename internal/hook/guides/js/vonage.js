// Texts by Vonage's SMS API, calls by its Voice API.
//
// Secrets: VONAGE_API_KEY, VONAGE_API_SECRET, and VONAGE_FROM_NUMBER, the number or name that messages come from. For calls also
// VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (the PEM file of an application with Voice).
const crypto = require("crypto");

// What fits into the alphabet of texts; all else must be sent as unicode, or arrives as question marks.
const plain = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà\f^{}\\[~\]|€]*$/;

async function send(message, secrets) {
  const from = message.from || need(secrets, "VONAGE_FROM_NUMBER");
  const to = message.to.replace(/\D/g, "");
  return message.voice ? call(message, to, from, secrets) : text(message, to, from, secrets);
}

async function text(message, to, from, secrets) {
  const fields = new URLSearchParams({
    api_key: need(secrets, "VONAGE_API_KEY"),
    api_secret: need(secrets, "VONAGE_API_SECRET"),
    from: from.replace(/^\+/, ""),
    to,
    text: message.text,
    type: plain.test(message.text) ? "text" : "unicode",
  });
  const answer = await post("https://rest.nexmo.com/sms/json", {}, fields);
  // HTTP 200 is no success yet: each part has a status, and "0" alone is good.
  const parts = (answer.data && answer.data.messages) || [];
  const bad = parts.find((part) => part.status !== "0");
  if (answer.status !== 200 || parts.length === 0 || bad) {
    const error = refused("Vonage", answer, bad && `${bad["error-text"]} [${bad.status}]`);
    if (bad && (bad.status === "1" || bad.status === "5")) error.permanent = false; // throttled, or an error of theirs
    throw error;
  }
  return parts[0]["message-id"];
}

async function call(message, to, from, secrets) {
  const application = need(secrets, "VONAGE_APPLICATION_ID");
  const now = Math.floor(Date.now() / 1000);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = encode({ application_id: application, iat: now, exp: now + 60, jti: crypto.randomUUID() });
  const head = `${encode({ alg: "RS256", typ: "JWT" })}.${claims}`;
  const key = need(secrets, "VONAGE_PRIVATE_KEY").replace(/\\n/g, "\n"); // where the line breaks were lost on the way
  let signature;
  try {
    signature = crypto.sign("sha256", Buffer.from(head), key).toString("base64url");
  } catch {
    throw permanent("VONAGE_PRIVATE_KEY is no private key in PEM form.");
  }
  const talk = { action: "talk", text: message.text };
  if (/^[a-z]{2}-[A-Z]{2}$/.test(message.language || "")) talk.language = message.language;
  const body = { to: [{ type: "phone", number: to }], from: { type: "phone", number: from.replace(/\D/g, "") }, ncco: [talk] };
  const headers = { authorization: `Bearer ${head}.${signature}`, "content-type": "application/json" };
  const answer = await post("https://api.nexmo.com/v1/calls", headers, JSON.stringify(body));
  const data = answer.data || {};
  if (answer.status !== 201 || !data.uuid) throw refused("Vonage", answer, data.error_title || data.title);
  return data.uuid;
}
