package token

// Forgotten drops the verified tokens.
func (k *Keys) Forgotten() { k.verified = newCache(k.c.MaxVerified) }

// Remembered is the number of verified tokens in memory.
func (k *Keys) Remembered() int { return k.verified.len() }
