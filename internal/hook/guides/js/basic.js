// basic is the header of basic authentication.
function basic(user, password) {
  return "Basic " + Buffer.from(`${user}:${password}`).toString("base64");
}
