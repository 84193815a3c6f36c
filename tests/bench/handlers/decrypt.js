// The handler of docs/custom-sms-sender.md; in place of a provider, a file that the load command reads.
const { buildClient, CommitmentPolicy, KmsKeyringNode } = require('@aws-crypto/client-node');
const b64 = require('base64-js');
const { decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT);
const keyring = new KmsKeyringNode({ generatorKeyId: process.env.KEY_ID, keyIds: [process.env.KEY_ID] });
const file = require('fs').openSync(`${process.env.TMPDIR}/arrived`, 'a');
exports.handler = async (event) => {
  const { plaintext, messageHeader } = await decrypt(keyring, b64.toByteArray(event.request.code));
  if (messageHeader.encryptionContext['userpool-id'] !== event.userPoolId) throw new Error('another pool');
  const at = performance.timeOrigin + performance.now();
  require('fs').writeSync(file, `${event.request.userAttributes.phone_number} ${at} ${plaintext}\n`);
};
