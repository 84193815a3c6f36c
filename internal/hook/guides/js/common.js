// need returns a secret that must be set.
function need(secrets, name) {
  if (!secrets[name]) throw permanent(`The secret ${name} is not set.`);
  return secrets[name];
}

// optional returns a secret that may be set.
function optional(secrets, name) {
  return Object.hasOwn(secrets, name) ? secrets[name] : undefined;
}

// permanent is an error that trying again cannot mend.
function permanent(message) {
  return Object.assign(new Error(message), { permanent: true });
}

// refused is the error of an answer that is no success.
function refused(provider, answer, words) {
  const message = `${provider} refused the message: ${words || answer.text.slice(0, 200) || "no reason given"} (HTTP ${answer.status})`;
  const passing = answer.status === 408 || answer.status === 429 || answer.status >= 500;
  return passing ? new Error(message) : permanent(message);
}

// post returns status, text and, if the text is JSON, data.
async function post(url, headers, body) {
  let status, text;
  try {
    const response = await fetch(url, { method: "POST", headers, body, redirect: "error", signal: AbortSignal.timeout(10000) });
    status = response.status;
    text = await response.text();
  } catch (error) {
    throw new Error(`No answer from ${new URL(url).host}: ${(error.cause && error.cause.message) || error.message}`);
  }
  let data = null;
  try {
    data = JSON.parse(text);
  } catch {
    // not JSON: the caller looks for what it needs, and does not find it
  }
  return { status, text, data };
}
