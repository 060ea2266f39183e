"""Exact thresholds for noise that adds and deletes pixels with probabilities of their own."""

from __future__ import annotations

import math
from fractions import Fraction

from pytest_robustness.certificates.thresholds import convolved, exact_share, least_share
from pytest_robustness.errors import check_number


def sparse_thresholds(
    p_plus: Fraction | str | float,
    p_minus: Fraction | str | float,
    added: int,
    deleted: int,
    *,
    p: Fraction | str | float = Fraction(1, 2),
) -> list[list[Fraction]]:
    """Return the exact thresholds of the sparse noise of Bojchevski et al. (ICML 2020, arXiv:2008.12952).

    The noise turns a pixel 0 into 1 with probability p+, and a pixel 1 into 0 with probability p-. A class whose
    probability under the noise is greater than ``thresholds[a][d]`` at a binary image x has a probability greater than
    `p` at every image x' that has a pixels more, and lacks d, and no smaller number does this for every classifier.

    Of the pixels in which x and x' differ, let m be those of the a that stay 0 and those of the d that stay 1, as in x.
    The ratio of the likelihoods from x and from x' is a constant times ``((1 - p+) (1 - p-) / (p+ p-))^m``, and with
    the coefficients of z^m ::

        from x:   (p+ + (1 - p+) z)^a (p- + (1 - p-) z)^d
        from x':  ((1 - p-) + p- z)^a ((1 - p+) + p+ z)^d

    the threshold is collected from the greatest m downwards, or from m = 0 upwards where p+ + p- > 1.

    Parameters
    ----------
    p_plus, p_minus : Fraction, int, str or float
        p+ and p-, in [0, 1]. A float means the decimal that it prints as.
    added, deleted : int
        Largest number of pixels that are 0 in x and 1 in x', and the other way round; >= 0.
    p : Fraction, int, str or float, optional
        In (0, 1): the probability to be kept, 1/2 for a majority.

    Returns
    -------
    list of list of Fraction, shape (added + 1, deleted + 1)
        Never falling along either axis. Where p+ = p- it is ``l0_thresholds(1 - p_plus, a + d)[a + d]``.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.
    """
    plus, minus = exact_share(p_plus, "p_plus", ends=True), exact_share(p_minus, "p_minus", ends=True)
    share = exact_share(p, "p")
    check_number("added", added, minimum=0, whole=True)
    check_number("deleted", deleted, minimum=0, whole=True)
    unit = math.lcm(plus.denominator, minus.denominator)
    rise, fall = int(plus * unit), int(minus * unit)
    stay_0, stay_1 = unit - rise, unit - fall
    order = -1 if rise + fall <= unit else 1
    here, there, thresholds = [1], [1], []
    for a in range(int(added) + 1):
        if a:
            here, there = convolved(here, (rise, stay_0)), convolved(there, (stay_1, fall))
        row, from_x, from_other = [], here, there
        for d in range(int(deleted) + 1):
            if d:
                from_x, from_other = convolved(from_x, (fall, stay_1)), convolved(from_other, (stay_0, rise))
            row.append(least_share(from_x[::order], from_other[::order], share))
        thresholds.append(row)
    return thresholds
