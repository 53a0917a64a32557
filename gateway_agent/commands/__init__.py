"""What the command line does besides running: look at a line, a meter, a configuration, a key, a spool; say what is wrong.

Every command takes where its words go first or last: any callable that takes a line, or a `cli_text.Terminal`.
"""

from gateway_agent.commands.keys import create_key, show_key
from gateway_agent.commands.reading import MeterSilent, read_once

__all__ = ["MeterSilent", "create_key", "read_once", "show_key"]
