// Texts by Amazon SNS. It cannot make calls.
//
// Secrets: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of a user that may do sns:Publish, AWS_REGION. Optional: AWS_SNS_SENDER_ID,
// the name that the text comes from, where the country allows one.
const crypto = require("crypto");

async function send(message, secrets) {
  if (message.voice) throw permanent("Amazon SNS sends texts only: switch voice off, or choose another provider for it.");
  const region = need(secrets, "AWS_REGION");
  const fields = {
    Action: "Publish",
    Version: "2010-03-31",
    PhoneNumber: message.to,
    Message: message.text,
    "MessageAttributes.entry.1.Name": "AWS.SNS.SMS.SMSType",
    "MessageAttributes.entry.1.Value.DataType": "String",
    "MessageAttributes.entry.1.Value.StringValue": "Transactional",
  };
  const sender = message.from || optional(secrets, "AWS_SNS_SENDER_ID");
  if (sender) {
    fields["MessageAttributes.entry.2.Name"] = /^\+?\d+$/.test(sender) ? "AWS.MM.SMS.OriginationNumber" : "AWS.SNS.SMS.SenderID";
    fields["MessageAttributes.entry.2.Value.DataType"] = "String";
    fields["MessageAttributes.entry.2.Value.StringValue"] = sender;
  }
  const body = new URLSearchParams(fields).toString();
  const host = `sns.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
  const answer = await post(`https://${host}/`, signed(host, region, body, secrets), body);
  const id = /<MessageId>([^<]+)<\/MessageId>/.exec(answer.text);
  if (answer.status !== 200 || !id) {
    const words = /<Message>([^<]*)<\/Message>/.exec(answer.text);
    throw refused("Amazon SNS", answer, words && words[1]);
  }
  return id[1];
}

// signed returns the headers of a request signed by Signature Version 4.
function signed(host, region, body, secrets) {
  const type = "application/x-www-form-urlencoded; charset=utf-8";
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${time.slice(0, 8)}/${region}/sns/aws4_request`;
  const names = "content-type;host;x-amz-date";
  const sha256 = (text) => crypto.createHash("sha256").update(text).digest("hex");
  const hmac = (key, text) => crypto.createHmac("sha256", key).update(text).digest();
  const canonical = ["POST", "/", "", `content-type:${type}`, `host:${host}`, `x-amz-date:${time}`, "", names, sha256(body)].join("\n");
  let key = "AWS4" + need(secrets, "AWS_SECRET_ACCESS_KEY");
  for (const part of scope.split("/")) key = hmac(key, part);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n")).toString("hex");
  const credential = `${need(secrets, "AWS_ACCESS_KEY_ID")}/${scope}`;
  return {
    "content-type": type,
    "x-amz-date": time,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}
