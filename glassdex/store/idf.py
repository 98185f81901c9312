"""Inverse document frequency as the engines compute it, free of their rounding.

The form of BM25 that never turns negative: ln(1 + (N - n + 0.5) / (n + 0.5)) for an index that
n of the N points with that vector have.
"""

import math


def inverse_document_frequency(points: int, containing: int) -> float:
    """The factor for an index that `containing` of `points` vectors have, unrounded."""
    return math.log1p((points - containing + 0.5) / (containing + 0.5))


def significant(value: float, digits: int = 6) -> float:
    """`value` rounded to `digits` significant decimal digits."""
    return float(f"{value:.{digits - 1}e}")


def recovered(measured: float, points: int) -> float:
    """The exact factor behind one that was measured in single precision, rounded to 6 digits.

    Rounding alone would not make engines agree: a value next to a rounding boundary falls to
    either side. The number of points that have the index is whole, so it is solved for and
    the factor computed anew. Where the two disagree (an engine that counts per shard, or still
    counts deleted points) the measured factor stands.
    """
    containing = round((points + 1) / math.exp(measured) - 0.5)
    exact = inverse_document_frequency(points, max(containing, 0))
    return significant(exact if math.isclose(exact, measured, rel_tol=1e-6) else measured)
