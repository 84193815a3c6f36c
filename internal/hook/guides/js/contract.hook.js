module.exports = function (recipient, text, context, cb) {
  const message = {
    to: recipient,
    text,
    voice: context.message_type === "voice",
    code: context.code,
    language: context.language,
  };
  send(message, context.webtask.secrets).then((id) => cb(null, { MessageID: id }), cb);
};
