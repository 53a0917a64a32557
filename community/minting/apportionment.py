"""The exact split of a settlement over the holders of shares: what the issuer contract computes, to the base unit."""

from collections.abc import Sequence

from community.units import TokenAmount, WattHours, base_units


def apportion(energy: WattHours, weights: Sequence[int]) -> tuple[TokenAmount, ...]:
    """The base units of each holder, in the order of the share table; they add up to `energy` exactly.

    Holder i gets floor(energy x 10^15 x w_i / sum(w)); the last one takes the rest, less than n base units more than
    his share. Deterministic and without carried state. Raises ValueError without weights, or for one below 1.
    """
    if not weights or any(weight < 1 for weight in weights):
        raise ValueError("an apportionment needs holders, each with a weight of at least 1")
    whole = base_units(energy)
    total = sum(weights)
    parts = [TokenAmount(whole * weight // total) for weight in weights[:-1]]
    return (*parts, TokenAmount(whole - sum(parts)))
