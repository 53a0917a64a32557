"""Identities, the coin addresses they hold, and their shares in energy sources."""
