"""The signer: holds the private keys, believes nobody, and signs only what the evidence and its own journal allow."""
