"""What a traced transaction costs on Polygon, where cold storage is dearer than in Ethereum's schedule (PIP-88).

PIP-88 splits EIP-2929's cold storage cost of 2 100 gas: a cold SLOAD costs 5 460, a cold SSTORE 2 940 beside what it
writes. Changing a slot that is not empty costs 5 000 less the latter, 2 060 instead of 2 900.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

COLD: Final = 2_100
"""Of Ethereum, EIP-2929, for either."""
COLD_SLOAD: Final = 5_460
COLD_SSTORE: Final = 2_940
_SET: Final = 20_000
_CHANGE: Final = 5_000
_WARM: Final = 100
_SSTORE: Final[Mapping[int, int]] = {
    _WARM: 0,
    _SET: 0,
    _CHANGE - COLD: COLD - COLD_SSTORE,
    _CHANGE: 0,
    _WARM + COLD: COLD_SSTORE - COLD,
    _SET + COLD: COLD_SSTORE - COLD,
}
"""What an SSTORE costs more on Polygon, by what it costs in Ethereum: each case of EIP-2200 with EIP-2929 is its own sum."""


def surcharge(steps: Iterable[Mapping[str, Any]]) -> int:
    """Gas that a transaction costs more on Polygon, from the `structLogs` of `debug_traceTransaction`.

    Refunds are left out: a settlement empties no slot. Raises ValueError for a cost that the schedule does not know.
    """
    extra = 0
    for step in steps:
        cost = int(step["gasCost"])
        match step["op"]:
            case "SLOAD" if cost == COLD:
                extra += COLD_SLOAD - COLD
            case "SLOAD" if cost != _WARM:
                raise ValueError(f"no SLOAD costs {cost} gas")
            case "SSTORE":
                if cost not in _SSTORE:
                    raise ValueError(
                        f"no SSTORE costs {cost} gas; the transaction ran out of gas or the schedule is another"
                    )
                extra += _SSTORE[cost]
            case _:
                pass
    return extra
