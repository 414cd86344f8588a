"""Common to all packages: errors, redaction, retries, digests, texts, user code, interrupts; imports no other."""
