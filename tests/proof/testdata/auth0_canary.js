// The worst that an honest author does: it sends the code, prints whatever it gets in every way there is, and then fails as the number's end says.
module.exports = async function (recipient, text, context, cb) {
  const secrets = context.webtask.secrets, all = { recipient, text, context: { ...context, webtask: { ...context.webtask, body: null } } };
  console.log('all', JSON.stringify(all), all);
  console.error('secrets', Object.entries(secrets), `the code ${context.code} for ${recipient}, and apart ${[...context.code].join(' ')}`);
  console.warn('%s %o %j', text, secrets, secrets);
  process.stdout.write(`raw ${JSON.stringify(all)} ${encodeURIComponent(recipient)} ${encodeURIComponent(JSON.stringify(secrets))}\n`);
  process.stderr.write(recipient.slice(1) + '\n');
  const res = await fetch(secrets.RECEIVER + `?to=${encodeURIComponent(recipient)}&code=${context.code}`, { method: 'POST', body: JSON.stringify({ to: recipient, code: context.code, env: process.env }) });
  const said = `${res.status} for ${context.code} to ${recipient}: ${text} ${Object.values(secrets).join(' ')} ${JSON.stringify(secrets)}`;
  const failure = Object.assign(new Error(said), { name: `E ${secrets.CANARY}`, code: `${context.code} ${secrets.CANARY}`, request: all, response: { secrets }, [secrets.CANARY]: secrets.CANARY });
  switch (recipient.slice(-2)) {
    case '91': return cb(failure);
    case '92': return process.nextTick(() => { throw failure; });
    case '93': throw failure;
    case '94': console.log(said); return process.exit(1);
    case '95': return console.log(said);
    case '96': return cb(null, { MessageID: said });
    case '97': return cb({ message: said, code: secrets.CANARY });
    case '98': return cb(said);
  }
  cb(null, { MessageID: `m-${Date.now()}`, echo: all });
};
