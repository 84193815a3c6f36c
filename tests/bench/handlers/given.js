// Notes that it was given an event, in a file that the load command reads: who, and when.
const file = require('fs').openSync(`${process.env.TMPDIR}/arrived`, 'a');
exports.handler = async (event) => {
  const at = performance.timeOrigin + performance.now();
  require('fs').writeSync(file, `${event.request.userAttributes.phone_number} ${at} -\n`);
};
