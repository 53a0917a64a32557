"""Parts of the indexing bench: the chain, those who index it, and what their processes cost."""
