// Package config is the configuration of `countersign serve`: one YAML file, overridden by the environment, overridden
// by flags. It reads, judges and prints; it opens no database and no listener.
//
// Each setting has a path ("sender.webhook.url"), which is also its name in the environment
// (COUNTERSIGN_SENDER_WEBHOOK_URL) and in the flag --set (sender.webhook.url=...). Lists are comma-separated there.
//
// Invariants:
//   - unknown keys are refused, with their line;
//   - Problems names everything that is wrong or unsafe at once, each with what to do about it;
//   - what is printed never holds a secret.
package config
