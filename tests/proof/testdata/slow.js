// It tells the receiver that it has begun, and waits for the answer.
exports.handler = async (event) => {
  await fetch(process.env.RECEIVER, { method: 'POST', body: JSON.stringify({ to: event.to ?? event.request?.userAttributes?.phone_number }) });
  return { pid: process.pid, at: Date.now() };
};
