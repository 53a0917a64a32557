"""The signer's no."""


class Refusal(Exception):
    """The request is not signed. The text is a sentence for the person who reads the reply and the audit."""
