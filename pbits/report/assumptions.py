"""What a page needs to recompute a ratio of two accounts: their formulas, and each number they name once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

# What the page computes with; the rest of an input is text beside its slider.
_NUMBERS = ("value", "low", "high", "unit", "group", "least", "most")


def of_comparison(document: Mapping[str, Any], anchor: str) -> dict[str, Any] | None:
    """What the page needs to vary the assumptions under a comparison.

    The pair that the verdict names comes first, as a ratio above 1.

    Returns
    -------
    dict or None
        None where no ratio of it can be computed again: a file of an older version, or machines that are not divided.
    """
    ran = {row["machine"]: row["joules"]["quality"] for row in document["rows"] if not row["refusal"]}
    shared = _Shared()
    accounts = {name: shared.tree(found["account"]) for name, found in ran.items() if found.get("account")}
    pairs = [_told(ratio, ran, shared) for ratio in document["ratios"]]
    sound = [ratio for ratio, pair in zip(document["ratios"], pairs) if not pair["reason"]]
    if not sound:
        return None
    return _section(
        anchor,
        shared,
        machines=list(ran),
        accounts=accounts,
        ratio=_above_one(_of_the_verdict(sound, document["verdict"])),
        pairs=pairs,
        claimed=None,
        what=document["metric"],
    )


def of_claim(document: Mapping[str, Any], anchor: str) -> dict[str, Any] | None:
    """What the page needs to vary the assumptions under a claim, rival ÷ machine; None where nothing is computed."""
    account, ratio = document["account"], document["ratio"]
    if not account or not ratio:
        return None
    shared = _Shared()
    over = "rival" if document["absolute"] is None else "claimed"
    pair = {"a": over, "b": "machine", "reason": "", "boundary": document["boundary"]}
    pair |= {name: ratio[name] for name in ("value", "low", "high")}
    return _section(
        anchor,
        shared,
        machines=[],
        accounts={},
        ratio={**pair, "tornado": document["tornado"], "probability": ratio["probability"]},
        pairs=[{**pair, "above": ratio["probability"], "parts": _parts(shared.tree(account))}],
        claimed=document["claimed"],
        what="joules",
        unit="J" if document["absolute"] is None else document["absolute"]["unit"],
    )


class _Shared:
    """Inputs of several accounts. One of the same key and content is one; another of the same key gets a new key."""

    def __init__(self) -> None:
        self.inputs: dict[str, dict[str, Any]] = {}

    def tree(self, account: Mapping[str, Any]) -> Any:
        """The formula of an account over the shared inputs."""
        return _renamed(account["tree"], {one["key"]: self._key(one) for one in account["inputs"]})

    def _key(self, one: Mapping[str, Any]) -> str:
        key, k = one["key"], 1
        while key in self.inputs and self.inputs[key] != {**one, "key": key}:
            k += 1
            key = f"{one['key']}_{k}"
        self.inputs[key] = {**one, "key": key}
        return key


def _section(
    anchor: str,
    shared: _Shared,
    *,
    machines: Sequence[str],
    accounts: Mapping[str, Any],
    ratio: Mapping[str, Any],
    pairs: Sequence[Mapping[str, Any]],
    claimed: float | None,
    what: str,
    unit: str = "J",
) -> dict[str, Any]:
    a, b = ratio["a"], ratio["b"]
    parts = next(pair.get("parts") or [accounts[a], accounts[b]] for pair in pairs if {pair["a"], pair["b"]} == {a, b})
    # 0 has no logarithm, so no slider.
    sliding = [one for one in shared.inputs.values() if one["value"] > 0]
    shares = {key: swing["share"] for swing in ratio.get("tornado", ()) for key in swing["keys"]}
    return {
        **{"anchor": anchor, "ratio": ratio, "claimed": claimed, "what": what, "machines": machines},
        "shown": {name for part in parts for name in _names(part)},
        "uncertain": sorted(
            (one for one in sliding if one["low"] < one["high"]), key=lambda one: -shares.get(one["key"], 0.0)
        ),
        "exact": [one for one in sliding if one["low"] == one["high"]],
        "data": _embedded(
            {
                "inputs": {key: {name: one[name] for name in _NUMBERS} for key, one in shared.inputs.items()},
                **{"accounts": accounts, "pairs": pairs, "pair": [a, b], "claimed": claimed, "unit": unit},
            }
        ),
    }


def _embedded(data: Any) -> Markup:
    """JSON for a script element, which no text in it can end."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _renamed(tree: Any, names: Mapping[str, str]) -> Any:
    if isinstance(tree, str):
        return names[tree]
    return [tree[0], *(_renamed(operand, names) for operand in tree[1:])] if isinstance(tree, list) else tree


def _names(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, list):
        for operand in tree[1:]:
            yield from _names(operand)


def _parts(tree: Any) -> list[Any]:
    """The two sides of a ratio."""
    return tree[1:] if isinstance(tree, list) and tree[0] == "/" else [tree, 1.0]


def _told(ratio: Mapping[str, Any], ran: Mapping[str, Mapping[str, Any]], shared: _Shared) -> dict[str, Any]:
    """What the document says of a pair: the ratio, and the accounts it divides where they are not those of the rows."""
    a, b, boundary = ratio["a"], ratio["b"], ratio["boundary"]
    pair = {"a": a, "b": b, "reason": ratio["reason"], "boundary": boundary}
    if ratio["value"] is None:
        return pair
    parts = _parts(shared.tree(ratio["account"])) if ratio.get("account") else None
    if parts is None and any(not ran[name].get("account") or ran[name]["boundary"] != boundary for name in (a, b)):
        return pair | {"reason": "the file says how large it is, but not how it was computed; compare the two again"}
    below = ratio.get("probability_below_1")
    pair |= {name: ratio[name] for name in ("value", "low", "high")}
    return pair | {"above": None if below is None else 1 - below, "parts": parts}


def _of_the_verdict(ratios: Sequence[Mapping[str, Any]], verdict: str) -> Mapping[str, Any]:
    """The ratio of the machines that the verdict names, else the clearest."""

    def clarity(ratio: Mapping[str, Any]) -> tuple[int, float]:
        apart = max(ratio["low"] or 0.0, 1 / ratio["high"] if ratio["high"] else 0.0)
        return (ratio["a"] in verdict) + (ratio["b"] in verdict), apart

    return max(ratios, key=clarity)


def _above_one(ratio: Mapping[str, Any]) -> Mapping[str, Any]:
    """The ratio as one above 1, turned over where it is not."""
    below = ratio.get("probability_below_1")
    if ratio["value"] >= 1:
        return {**ratio, "probability": None if below is None else 1 - below}
    over = {"low": "high", "high": "low", "value": "value"}
    turned = {name: None if ratio[other] is None else 1 / ratio[other] for name, other in over.items()}
    swings = [{**one, "low": 1 / one["low"], "high": 1 / one["high"]} for one in ratio.get("tornado", ())]
    return {**ratio, **turned, "a": ratio["b"], "b": ratio["a"], "tornado": swings, "probability": below}
