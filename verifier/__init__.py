"""Whoever trusts nobody checks an evidence bundle here: no database, no server of ours, no network unless asked."""
