exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const notification = event.notification;
  const voice = notification.delivery_method === "voice";
  const message = {
    to: notification.recipient,
    text: voice ? notification.as_voice : notification.as_text,
    voice,
    code: notification.code,
    language: String(notification.locale || "").replace("_", "-"),
    from: notification.from,
  };
  try {
    await send(message, event.secrets);
  } catch (error) {
    if (error.permanent) api.notification.drop(error.message);
    else api.notification.retry(error.message);
  }
};
