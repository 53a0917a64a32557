"""The schema's history, applied by `python -m community.store migrate`; serving processes never change the schema."""
