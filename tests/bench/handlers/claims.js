// PreTokenGeneration V2_0: one claim more in either token.
exports.handler = async (event) => {
  const claims = { claimsToAddOrOverride: { bench: 'yes' } };
  event.response = { claimsAndScopeOverrideDetails: { idTokenGeneration: claims, accessTokenGeneration: claims } };
  return event;
};
