"""What every package may use: errors, redaction, retries, user code, interrupts. It imports none of them."""
