// Amplify v6, unmodified: the endpoint is the only setting that differs from an app on AWS.
import { Amplify } from 'aws-amplify';
import { fetchAuthSession, signOut } from 'aws-amplify/auth';
import { cognitoUserPoolsTokenProvider } from 'aws-amplify/auth/cognito';
import { endpoint } from './env.js';

// Where Amplify keeps its tokens; a browser has localStorage for it.
const kept = new Map();
const storage = {
  setItem: async (key, value) => void kept.set(key, value),
  getItem: async key => kept.get(key) ?? null,
  removeItem: async key => void kept.delete(key),
  clear: async () => kept.clear(),
};

/** Points Amplify at a pool, with nobody signed in. */
export async function configure({ poolId, clientId }) {
  Amplify.configure({
    Auth: {
      Cognito: { userPoolId: poolId, userPoolClientId: clientId, userPoolEndpoint: endpoint, loginWith: { phone: true } },
    },
  });
  cognitoUserPoolsTokenProvider.setKeyValueStorage(storage);
  await signOut();
  kept.clear();
}

/** Starts Amplify afresh, as on a new device: the server learns nothing of it. */
export const forget = () => kept.clear();

/** The refresh token that Amplify keeps. */
export const refreshToken = () => [...kept].find(([key]) => key.endsWith('.refreshToken'))?.[1];

/** The decoded claims of the signed-in user's tokens, and the tokens themselves. */
export async function tokens(options) {
  const { tokens: t } = await fetchAuthSession(options);
  return { access: t.accessToken.payload, id: t.idToken.payload, accessToken: t.accessToken.toString() };
}

/** What confirmSignIn takes to ask for another code instead of answering the challenge. */
export const resend = {
  challengeResponse: 'resend',
  options: { clientMetadata: { 'countersign:resend': 'true' } },
};
