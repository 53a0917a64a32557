"""The gateway agent as a process: `python -m gateway_agent COMMAND`. The commands are in `cli`."""

import sys

from community.runtime.lifecycle import run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.system_clock import SystemClock
from gateway_agent.app import build
from gateway_agent.cli import EXIT_CONFIGURATION, EXIT_KEY, EXIT_NO_ANSWER, guarded, parser, perform, settings_for
from gateway_agent.clock_state import WatchedHostClock, host_probes

__all__ = ["EXIT_CONFIGURATION", "EXIT_KEY", "EXIT_NO_ANSWER", "main"]


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    options = parser().parse_args(arguments)
    is_running = options.action == "run"
    configure_logging("gateway_agent", level="INFO" if is_running else "CRITICAL")
    clock = SystemClock()

    def work() -> int:
        if is_running:
            settings = settings_for(options)
            host_clock = WatchedHostClock(clock, host_probes(clock, settings.time_server))
            return run_until_stopped(lambda: build(settings, clock, host_clock))
        return perform(options, clock)

    return guarded(work, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
