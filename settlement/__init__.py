"""Settlement: decides what is minted, has it signed, sends it, and follows it until it is final. It alone owns nonces."""
