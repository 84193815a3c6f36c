// Triggers that an honest author writes, and what they do when they are told to fail: by environment, not by user.
exports.handler = async (event) => {
  const [name] = event.triggerSource.split('_');
  if ((process.env.FAIL ?? '').split(',').includes(name)) throw new Error(`${name} is closed`);
  if (name === 'DefineAuthChallenge') event.response = event.request.session.length ? { failAuthentication: true } : { challengeName: 'CUSTOM_CHALLENGE' };
  if (name === 'CreateAuthChallenge') event.response = { publicChallengeParameters: { question: 'the word?' }, privateChallengeParameters: { answer: 'x' }, challengeMetadata: 'WORD' };
  if (name === 'VerifyAuthChallengeResponse') event.response.answerCorrect = false;
  if (name === 'CustomMessage') event.response.smsMessage = 'Own text: ' + event.request.codeParameter;
  return event;
};
