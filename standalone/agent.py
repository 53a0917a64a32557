"""A gateway agent on the shared clock: `python -m standalone.agent CONFIG CLOCK`. The agent itself knows no replay."""

import sys
from pathlib import Path

from community.runtime.lifecycle import run_until_stopped
from community.runtime.logs import configure_logging
from gateway_agent.app import build
from gateway_agent.settings import load_settings
from standalone.replay_clock import ReplayClock

if __name__ == "__main__":
    configure_logging("gateway_agent")
    sys.exit(run_until_stopped(lambda: build(load_settings(Path(sys.argv[1])), ReplayClock(Path(sys.argv[2])))))
