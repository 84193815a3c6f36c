// Where the server under test is. The Go side sets these; the defaults fit a plain `countersign dev`.

/** Base URL of every surface, without a trailing slash. */
export const endpoint = (process.env.COUNTERSIGN_URL ?? 'http://localhost:7446').replace(/\/$/, '');

/** The same server over https, under the local CA named by NODE_EXTRA_CA_CERTS. */
export const httpsEndpoint = (process.env.COUNTERSIGN_HTTPS_URL ?? 'https://localhost:7447').replace(/\/$/, '');

/** What `countersign dev` starts with. */
export const devPool = { poolId: 'us-local-1_countersign', clientId: 'countersigndevclient' };

export const region = 'us-local-1';
