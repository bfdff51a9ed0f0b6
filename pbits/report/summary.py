"""What was found in all, and how sure that is, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pbits.report.quantities import times


def summary(documents: Sequence[Mapping[str, Any]]) -> str:
    """One sentence over all comparisons of a report.

    It counts who ran, who answered well, and on how many ratios of joules the stated ranges agree about the winner;
    it names the clearest of those, and says how many totals are unknown.
    """
    rows = [row for document in documents for row in document["rows"]]
    ran = [row for row in rows if not row["refusal"]]
    tasks = f"{len(documents)} problems" if len(documents) > 1 else "one problem"
    head = f"In all, {len(ran)} of {len(rows)} runs of {tasks} were possible"
    wrong = sum(_fell_short(row) for row in ran)
    if wrong:
        head += f" ({wrong} fell short: infeasible, or further from the exact law than chance allows)"
    ratios = [(ratio, document) for document in documents for ratio in document["ratios"] if ratio["value"] is not None]
    sure = [(ratio, document) for ratio, document in ratios if _at_least(ratio) > 1]
    if not ratios:
        return f"{head}; no ratio of joules can be stated at a common boundary."
    tail = f"on {len(sure)} of the {len(ratios)} ratios of joules the stated ranges agree who needs less"
    if sure:
        ratio, document = max(sure, key=lambda pair: _at_least(pair[0]))
        less, more = (ratio["a"], ratio["b"]) if ratio["value"] < 1 else (ratio["b"], ratio["a"])
        tail += (
            f", most clearly that {less} needs at least {times(_at_least(ratio))} times fewer than {more} for "
            f"“{document['title']}” at the {ratio['boundary']} (weakest evidence: {ratio['evidence']})"
        )
    return f"{head}; {tail}."


def _at_least(ratio: Mapping[str, Any]) -> float:
    """By what factor one needs less than the other at the near end of the range; not above 1 where it is open."""
    low, high = ratio["low"], ratio["high"]
    return max(low or 0.0, 1 / high if high else 0.0)


def _fell_short(row: Mapping[str, Any]) -> bool:
    distance = row["distance"]
    # None is no verdict: the chains have not converged.
    return row["answer"]["feasible"] is False or (distance is not None and distance["faithful"] is False)
