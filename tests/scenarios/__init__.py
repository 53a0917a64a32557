"""Situations of the books and what reconciliation says of each."""
