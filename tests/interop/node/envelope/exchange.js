// Encrypts and decrypts for envelope_test.go with Amazon's own Encryption SDK: a request a line on standard input, an answer a line on
// standard output. Bytes are base64.
import { createInterface } from 'node:readline'
import {
  AlgorithmSuiteIdentifier, buildClient, CommitmentPolicy, RawAesKeyringNode, RawAesWrappingSuiteIdentifier
} from '@aws-crypto/client-node'

const bytes = s => Buffer.from(s, 'base64')

function keyring ({ namespace, name, key }) {
  return new RawAesKeyringNode({
    keyNamespace: namespace,
    keyName: name,
    // The library wants an isolated buffer: it zeroes what it owns.
    unencryptedMasterKey: new Uint8Array(bytes(key)),
    // Without it the context is sorted by locale, which no other implementation does; it shows with keys beyond ASCII only.
    utf8Sorting: true,
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING
  })
}

async function answer (r) {
  const { encrypt, decrypt } = buildClient(CommitmentPolicy[r.policy])
  if (r.op === 'encrypt') {
    const { result } = await encrypt(keyring(r), bytes(r.plaintext), {
      suiteId: r.suite, encryptionContext: r.context, frameLength: 4096
    })
    return { message: result.toString('base64') }
  }
  const { plaintext, messageHeader } = await decrypt(keyring(r), bytes(r.message))
  return {
    plaintext: plaintext.toString('base64'),
    suite: messageHeader.suiteId,
    name: AlgorithmSuiteIdentifier[messageHeader.suiteId],
    context: { ...messageHeader.encryptionContext }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const out = await answer(JSON.parse(line)).catch(e => ({ error: String(e && e.message) }))
  process.stdout.write(JSON.stringify(out) + '\n')
}
