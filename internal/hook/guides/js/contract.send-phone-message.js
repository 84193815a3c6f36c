exports.onExecuteSendPhoneMessage = async (event) => {
  const options = event.message_options;
  const message = {
    to: options.recipient,
    text: options.text,
    voice: options.message_type === "voice",
    code: options.code,
    language: String(event.request.language || "").split(/[,;]/)[0], // the browser's first
  };
  await send(message, event.secrets);
};
