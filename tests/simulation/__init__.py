"""Simulations over days, repeatable by seed."""
