"""Percentiles of lists and of histograms; pure."""

import math
from collections.abc import Mapping, Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0…1) of them do not exceed; NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def between(before: Mapping[float, float], after: Mapping[float, float]) -> dict[float, float]:
    """Return the cumulated counts that came to a histogram between two looks."""
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}


def histogram_percentile(cumulated: Mapping[float, float], share: float) -> float:
    """Return the upper bound of the bucket in which the percentile lies; NaN of an empty one."""
    total = max(cumulated.values(), default=0.0)
    if not total:
        return math.nan
    return min(bound for bound, count in cumulated.items() if count >= share * total)
