// A hook as people write it. MODE says what is wrong with it.
module.exports = async (recipient, text, context, cb) => {
  const { RECEIVER, MODE } = context.webtask.secrets;
  if (MODE === 'crash') process.exit(1);
  const res = await fetch(RECEIVER, { method: 'POST', body: JSON.stringify({ to: recipient, code: context.code }) });
  if (res.status !== 200) return cb(new Error(`the provider answered ${res.status}`));
  cb(null, { MessageID: 'm' });
};
