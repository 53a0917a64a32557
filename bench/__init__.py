"""Benches: each measures the product and a baseline in the same run and holds their ratio to a gate."""
