// Package phone holds telephone numbers in their E.164 form and says what can be known of one without asking anybody.
//
// Parse accepts exactly ^\+[1-9]\d{1,14}$ (ITU-T E.164) and nothing else: no spaces, no "00", no trunk "(0)", no
// digits of other scripts. Whether a number exists in its numbering plan (Valid), what kind of line it is (Line),
// and whether it was set aside for films and manuals (Fictional) are separate questions, because
// the fictional numbers of every tutorial are well-formed but not valid.
//
// Invariants:
//   - a Number is either the zero value (none) or a well-formed E.164 number; numbers compare with ==;
//   - LineKey is the same for every accepted spelling of one line, and LineKey of a LineKey is itself;
//   - package fmt and log/slog print the masked form. The number itself comes out of String and MarshalText alone,
//     so that "%v" in an error or a log line cannot betray it.
//
// The tables in fictional.go and linekey.go carry the date on which they were last reviewed. Line keys are stored, so a
// row of that table may be added but never changed: a changed key would split an account's counters.
// No function does input or output. Metadata of numbering plans comes from github.com/nyaruka/phonenumbers.
package phone
