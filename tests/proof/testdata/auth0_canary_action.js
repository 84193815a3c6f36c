// The same in the form of actions.
const say = (event, api) => {
  console.log('event', JSON.stringify(event), event, event.secrets);
  process.stdout.write(`raw ${JSON.stringify(event)} ${encodeURIComponent(JSON.stringify(event.secrets))}\n`);
  const m = event.message_options ?? event.notification ?? {}, said = `${m.code} ${m.recipient} ${m.text} ${Object.values(event.secrets).join(' ')} ${event.user?.email} ${event.user?.phone_number}`;
  return Object.assign(new Error(said), { name: `E ${event.secrets.CANARY}`, code: event.secrets.CANARY, event });
};
exports.onExecuteSendPhoneMessage = async (event, api) => {
  const m = event.message_options, failure = say(event, api);
  await fetch(event.secrets.RECEIVER, { method: 'POST', body: JSON.stringify({ to: m.recipient, code: m.code }) });
  if (m.recipient.endsWith('91')) throw failure;
};
exports.onExecutePostLogin = async (event, api) => {
  const failure = say(event, api);
  api.cache.set('k', event.secrets.CANARY);
  if (event.user.email?.startsWith('thrown')) throw failure;
  if (event.user.email?.startsWith('denied')) api.access.deny(failure.message);
};
