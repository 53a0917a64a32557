"""What a change of the schema means for those who use it."""

from graphql import build_schema, find_breaking_changes, find_dangerous_changes


def changes(before: str, after: str) -> list[str]:
    """Each change from one schema text to another that breaks clients, or may surprise them, as a sentence."""
    old, new = build_schema(before), build_schema(after)
    broken = [f"breaks clients: {each.description}" for each in find_breaking_changes(old, new)]
    return broken + [f"may surprise clients: {each.description}" for each in find_dangerous_changes(old, new)]
