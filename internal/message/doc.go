// Package message turns templates into the texts that people receive, and says what a text costs.
//
// A template is plain text with the placeholders of Cognito: {####} for the code or temporary password, {username}, and
// {##words##} in an e-mail that confirms by link. Validate applies the limits of each kind when a template is
// stored; Render fills it; WithOrigin adds the line that lets a browser fill the code in; Segments counts parts as the
// networks do (3GPP TS 23.038 and 23.040), Transliterate spares some.
//
// A text bears the brand of the pool and goes to a number that a stranger may have typed. So what a user sets is cut by
// Clean before it is rendered, and callers leave it out (an empty Username) until the number is verified. The
// Trusted path is for names that no stranger chose.
//
// Auth0's texts are a second dialect (PhoneKind): Liquid templates with Auth0's variables, per kind and with a spoken form, in PhoneCache,
// ValidatePhone and PreviewPhone. The same rules hold: values that users set pass through Clean, and are not given until the number is
// verified; the languages of a request count only where they are language tags.
//
// Invariants:
//   - values are never expanded again: a username of "{####}" does not show the code twice;
//   - an untrusted value adds at most 24 characters, none of which a telephone would turn into a link;
//   - no error repeats a code, a name or a template.
package message
