// The KMS by hand: AWS Signature Version 4 over https, without any module.
const crypto = require('node:crypto'), https = require('node:https');

const hash = (s) => crypto.createHash('sha256').update(s).digest('hex');
const mac = (key, s) => crypto.createHmac('sha256', key).update(s).digest();

exports.kms = (operation, input) => new Promise((ok, no) => {
  const region = process.env.AWS_REGION, host = `kms.${region}.amazonaws.com`, body = JSON.stringify(input);
  const at = new Date().toISOString().replace(/[-:]|\.\d{3}/g, ''), day = at.slice(0, 8), scope = `${day}/${region}/kms/aws4_request`;
  const headers = { 'content-type': 'application/x-amz-json-1.1', host, 'x-amz-date': at, 'x-amz-target': `TrentService.${operation}` };
  if (process.env.AWS_SESSION_TOKEN) headers['x-amz-security-token'] = process.env.AWS_SESSION_TOKEN;
  const names = Object.keys(headers).sort();
  const request = ['POST', '/', '', ...names.map((n) => `${n}:${headers[n]}`), '', names.join(';'), hash(body)].join('\n');
  const key = [day, region, 'kms', 'aws4_request'].reduce(mac, 'AWS4' + process.env.AWS_SECRET_ACCESS_KEY);
  const signature = mac(key, ['AWS4-HMAC-SHA256', at, scope, hash(request)].join('\n')).toString('hex');
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${process.env.AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  const q = https.request({ host, method: 'POST', path: '/', headers }, (res) => {
    let text = '';
    res.on('data', (d) => (text += d)).on('end', () => {
      const out = JSON.parse(text);
      if (res.statusCode === 200) return ok(out);
      no(Object.assign(new Error(text), { code: out.__type }));
    });
  });
  q.on('error', no).end(body);
});
