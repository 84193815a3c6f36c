// A hook that tells which version of it runs.
module.exports = async (recipient, text, context, cb) => {
  await fetch(context.webtask.secrets.RECEIVER, { method: 'POST', body: JSON.stringify({ to: recipient, code: context.code, trigger_source: 'VERSION' }) });
  cb();
};
