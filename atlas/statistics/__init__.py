"""Statistics over orders and seeds: intervals, comparisons, variance components, rank correlations.

Every function gives a frozen value, or `Undefined` with the reason. scipy is imported when a function is called, so
that the command line stays quick.
"""

from __future__ import annotations

from atlas.statistics.comparison import Comparison, compare, corrected, holm
from atlas.statistics.components import Components, variance_components
from atlas.statistics.interval import FEWEST, Interval, Mean, mean_bootstrap, mean_t
from atlas.statistics.precedence import Precedence, precedence_effects
from atlas.statistics.quantile import over_orders, quantile_interval, share_of
from atlas.statistics.ranks import RankCorrelation, rank_correlation
from atlas.statistics.sampling import sampling_error
from atlas.statistics.shrinkage import shrunk_means

__all__ = [
    "Comparison",
    "Components",
    "FEWEST",
    "Interval",
    "Mean",
    "Precedence",
    "RankCorrelation",
    "compare",
    "corrected",
    "holm",
    "mean_bootstrap",
    "mean_t",
    "over_orders",
    "precedence_effects",
    "quantile_interval",
    "rank_correlation",
    "sampling_error",
    "share_of",
    "shrunk_means",
    "variance_components",
]
