"""MQTT topic filters (MQTT 5 section 4.7)."""

from functools import lru_cache


@lru_cache(maxsize=65536)
def topic_matches(topic_filter: str, topic: str) -> bool:
    """Whether `topic` is one that `topic_filter` asks for; `+` stands for one level, a last `#` for all below."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    if given[0].startswith("$") and wanted[0] in ("+", "#"):
        return False
    for at, level in enumerate(wanted):
        if level == "#":
            return True
        if at >= len(given) or level not in ("+", given[at]):
            return False
    return len(wanted) == len(given)
