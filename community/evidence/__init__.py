"""The evidence bundle: everything that somebody who trusts nobody needs, in one file."""
