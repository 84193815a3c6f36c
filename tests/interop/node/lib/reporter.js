// A reporter for node:test that prints one JSON line for each test, for the Go side to read.
// A suite counts only when it failed by itself, not because a test in it did.
const counts = ({ details }) => details.type !== 'suite' || (details.error && details.error.failureType !== 'subtestsFailed');

const words = error => {
  const cause = error?.cause ?? error;
  return cause?.stack ?? String(cause?.message ?? cause);
};

export default async function* report(source) {
  const path = []; // names of the open suites, by nesting
  for await (const event of source) {
    const { name, nesting, details } = event.data;
    if (event.type === 'test:start') path.length = nesting, path[nesting] = name;
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    if (!counts(event.data)) continue;
    path.length = nesting;
    yield `${JSON.stringify({
      name: [...path, name].join('/'), ok: event.type === 'test:pass', ms: details.duration_ms, skipped: event.data.skip !== undefined,
      error: event.type === 'test:fail' ? words(details.error) : undefined,
    })}\n`;
  }
}
