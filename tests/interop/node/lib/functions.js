// Functions made by the old AWS SDK for JavaScript, in packages that are written here.
import { randomUUID } from 'node:crypto';
import { deflateRawSync, gzipSync } from 'node:zlib';
import Lambda from 'aws-sdk/clients/lambda.js';
import { endpoint, region } from './env.js';

process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';
const lambda = new Lambda({ endpoint, region, accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', maxRetries: 0 });

/** A zip archive with one file (PKWARE's APPNOTE, 4.3). */
function zip(name, text) {
  const [path, data] = [Buffer.from(name), Buffer.from(text)];
  const packed = deflateRawSync(data);
  const common = Buffer.alloc(26); // what local and central header share, from "version needed" on
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(8, 4);
  common.writeUInt16LE(0x21, 8); // 1980-01-01
  common.writeUInt32LE(gzipSync(data).readUInt32LE(gzipSync(data).length - 8), 10); // gzip ends with CRC and length
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(path.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, path, packed]);
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\0'), common, Buffer.alloc(14), path]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

/** Makes a function of a handler's source, which pools may call, and returns its ARN. */
export async function makeFunction(source) {
  const { FunctionArn } = await lambda.createFunction({
    FunctionName: `js-${randomUUID()}`, Runtime: 'nodejs20.x', Handler: 'index.handler', Timeout: 10,
    Role: 'arn:aws:iam::000000000000:role/any', Code: { ZipFile: zip('index.js', `exports.handler = ${source}`) },
  }).promise();
  await lambda.addPermission({
    FunctionName: FunctionArn, StatementId: 'cognito', Action: 'lambda:InvokeFunction', Principal: 'cognito-idp.amazonaws.com',
  }).promise();
  return FunctionArn;
}
