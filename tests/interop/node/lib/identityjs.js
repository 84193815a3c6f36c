// amazon-cognito-identity-js with promises in place of its callbacks.
import { AuthenticationDetails, CognitoUser, CognitoUserPool } from 'amazon-cognito-identity-js';
import { endpoint } from './env.js';

/** The pool as an app configures it: the endpoint is the only setting that differs from AWS. */
export const userPool = ({ poolId, clientId }) => new CognitoUserPool({ UserPoolId: poolId, ClientId: clientId, endpoint });

export const userOf = (Pool, Username) => new CognitoUser({ Username, Pool });

/** Runs a method that takes a Node callback. */
export const call = run => new Promise((resolve, reject) => run((err, value) => (err ? reject(err) : resolve(value))));

/** Runs a method that takes an object of callbacks, and says which was called: its step, and what it brought. */
export const ask = run => new Promise((resolve, reject) => {
  const challenge = (step, params) => resolve({ step, params });
  run({
    onSuccess: value => resolve({ step: 'DONE', value }),
    onFailure: reject,
    mfaRequired: challenge,
    totpRequired: challenge,
    selectMFAType: challenge,
    mfaSetup: challenge,
    customChallenge: params => resolve({ step: 'CUSTOM_CHALLENGE', params }),
    newPasswordRequired: (attributes, required) => resolve({ step: 'NEW_PASSWORD_REQUIRED', attributes, required }),
    inputVerificationCode: data => resolve({ step: 'CODE_SENT', data }),
    associateSecretCode: secret => resolve({ step: 'SECRET', secret }),
  });
});

/** Signs in with a password: by SRP, or by the flow named. */
export function authenticate(user, Password, flow) {
  if (flow) user.setAuthenticationFlowType(flow);
  const details = new AuthenticationDetails({ Username: user.getUsername(), Password });
  return ask(callbacks => user.authenticateUser(details, callbacks));
}
