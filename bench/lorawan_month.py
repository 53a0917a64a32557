"""Airtime of a LoRaWAN device over a simulated month with a tenth of all frames lost, at each data rate of EU868.

Beside it what one signed frame per reading (86 bytes) would take, without any repair; at data rates 0 to 2 such a frame
does not even fit. Every reading must be verified within five days and no 24 hours may have more than 30 s on the air,
or there is no figure. The gate is the airtime per day that the wire format promises.
"""

import statistics

from bench.measuring import Figure
from gateway_agent.lorawan.airtime import airtime_us
from gateway_agent.lorawan.scheduler import DAILY_BUDGET_US
from standalone.lora_month import SETTLE_DAYS, MonthOptions, MonthResult, simulate

NAME = "lorawan_month"
SEEDS = (1, 2, 3, 4, 5)
DAYS = 30
LOSS = 0.1
READINGS_PER_DAY = 96
SIGNED_READING_BYTES = 86
PROMISED_S = (21.3, 15.4, 13.4, 8.3, 9.7, 10.6)
"""Seconds of airtime per day by data rate (docs/wire-format.md)."""


def _checked(result: MonthResult, options: MonthOptions) -> MonthResult:
    """`result`, if nothing is missing or wrong in it. Raises AssertionError."""
    where = f"data rate {options.data_rate}, seed {options.seed}"
    if result.wrong:
        raise AssertionError(f"{where}: {result.wrong[0]}")
    if result.verified != result.readings or result.latest_verified_days > SETTLE_DAYS:
        raise AssertionError(f"{where}: {result.verified} of {result.readings} readings were verified in time")
    if result.airtime_s_busiest * 1e6 > DAILY_BUDGET_US:
        raise AssertionError(f"{where}: {result.airtime_s_busiest:.1f} s on the air within 24 hours")
    return result


def run() -> list[Figure]:
    """Seconds of airtime per day, the mean of the seeds, for each data rate."""
    figures = []
    print("  DR  seed  s/day  busiest 24 h  verified  latest, days  frames  lost  downlinks")
    for data_rate, promised_s in enumerate(PROMISED_S):
        results = []
        for seed in SEEDS:
            options = MonthOptions(data_rate, seed, DAYS, LOSS)
            each = _checked(simulate(options), options)
            results.append(each)
            print(
                f"  {data_rate:2}  {seed:4}  {each.airtime_s_per_day:5.1f}  {each.airtime_s_busiest:12.1f}"
                f"  {each.verified:8}  {each.latest_verified_days:12.1f}  {each.uplinks:6}  {each.lost:4}  {each.downlinks:9}"
            )
        baseline_s = READINGS_PER_DAY * airtime_us(SIGNED_READING_BYTES, data_rate) / 1e6
        figures.append(
            Figure(
                f"{NAME}_dr{data_rate}",
                statistics.mean(each.airtime_s_per_day for each in results),
                "s of airtime/day",
                "one signed frame per reading, 86 B, no repair",
                baseline_s,
                baseline_s / promised_s,
                less_is_better=True,
            )
        )
    return figures
