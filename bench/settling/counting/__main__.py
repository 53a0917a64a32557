"""Compile the counting issuer and keep the result beside its source."""

import json

from bench.settling.counting import ARTIFACT, compile_source

ARTIFACT.write_text(json.dumps(compile_source(), indent=1) + "\n")
