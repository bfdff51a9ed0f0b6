"""DIMACS files of clauses: cnf, and wcnf with weights, old and new."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from pbits.problems._files import number, read_lines, whole_number

EXPECTED = "DIMACS clauses: 'p cnf n m', then literals, each clause ended by 0"


@dataclass(frozen=True, kw_only=True)
class Formula:
    """The clauses of a file.

    Attributes
    ----------
    variables : int
    clauses : tuple of tuples of int
        Literals: v for variable v and −v for its negation, from 1.
    weights : tuple of float, or None
        Of a wcnf file, ∞ for a clause that must hold; None of a cnf file.
    """

    variables: int
    clauses: tuple[tuple[int, ...], ...]
    weights: tuple[float, ...] | None


def read_cnf(path: str | PathLike[str]) -> Formula:
    """The clauses of a DIMACS file: cnf, wcnf with "p wcnf n m [top]", or wcnf of 2022, without a p-line and with "h".

    Clauses may run over several lines; lines that begin with "c" are comments, and "%" ends the file.

    Raises
    ------
    ValueError
        For anything malformed, with file, line and what was expected.
    """
    file = Path(path).name
    lines = [
        (f"{file}, line {count}", line.split())
        for count, line in enumerate(read_lines(path, EXPECTED), start=1)
        if line.strip() and line.split()[0][0] != "c"
    ]
    if not lines:
        raise ValueError(f"{file} holds comments only; expected {EXPECTED}")
    where, header = lines[0]
    kind, n, m, top = "new", None, None, math.inf
    if header[0] == "p":
        kind, n, m, top = _header(header, where)
        lines = lines[1:]
    elif Path(path).suffix.lower() != ".wcnf" and not any(tokens[0] == "h" for _, tokens in lines):
        raise ValueError(
            f"{where}: found {' '.join(header)[:40]!r}, expected 'p cnf n m' first (weights: a .wcnf file)"
        )
    tokens = _tokens(lines)
    clauses: list[tuple[int, ...]] = []
    weights: list[float] = []
    for where, token in tokens:
        if kind == "cnf":
            clauses.append(_clause(token, where, tokens, n))
            continue
        hard = token == "h" and kind == "new"
        weight = math.inf if hard else number(token, where)
        if weight <= 0:
            raise ValueError(f"{where}: found the weight {token!r}, expected a positive one")
        weights.append(math.inf if weight >= top else weight)
        begin = next(tokens, None)
        if begin is None:
            raise ValueError(f"{where}: found the weight {token!r} and nothing after it, expected a clause")
        clauses.append(_clause(begin[1], begin[0], tokens, n))
    if m is not None and len(clauses) != m:
        raise ValueError(f"{file}: found {len(clauses)} clauses, expected {m} (its p-line)")
    if not clauses:
        raise ValueError(f"{file} holds no clauses; expected {EXPECTED}")
    largest = max((abs(literal) for clause in clauses for literal in clause), default=1)
    return Formula(
        variables=largest if n is None else n,
        clauses=tuple(clauses),
        weights=None if kind == "cnf" else tuple(weights),
    )


def write_cnf(
    path: str | PathLike[str], variables: int, clauses: Sequence[Sequence[int]], weights: Sequence[float] | None = None
) -> None:
    """Write a cnf file, or where there are weights a wcnf file in the form of 2022, with "h" for ∞."""
    rows = [] if weights is not None else [f"p cnf {variables} {len(clauses)}"]
    for k, clause in enumerate(clauses):
        before = [] if weights is None else ["h" if math.isinf(weights[k]) else f"{weights[k]:.17g}"]
        rows.append(" ".join([*before, *map(str, clause), "0"]))
    Path(path).write_text("\n".join(rows) + "\n", encoding="ascii")


def _header(header: list[str], where: str) -> tuple[str, int, int, float]:
    kind = header[1] if len(header) > 1 else ""
    if kind not in ("cnf", "wcnf") or len(header) not in ((4,) if kind == "cnf" else (4, 5)):
        raise ValueError(f"{where}: found {' '.join(header)[:40]!r}, expected 'p cnf n m' or 'p wcnf n m top'")
    n = whole_number(header[2], where, 1, "the number of variables")
    m = whole_number(header[3], where, 1, "the number of clauses")
    return kind, n, m, number(header[4], where) if len(header) == 5 else math.inf


def _tokens(lines: list[tuple[str, list[str]]]) -> Iterator[tuple[str, str]]:
    for where, tokens in lines:
        if tokens[0] == "%":
            return
        for token in tokens:
            yield where, token


def _clause(token: str, where: str, tokens: Iterator[tuple[str, str]], n: int | None) -> tuple[int, ...]:
    """The literals from this token up to the next 0."""
    literals: list[int] = []
    while token != "0":
        try:
            literal = int(token)
        except ValueError:
            raise ValueError(f"{where}: found {token!r}, expected a literal such as 3 or -3, or 0") from None
        if n is not None and abs(literal) > n:
            raise ValueError(f"{where}: found literal {literal}, expected variables 1 to {n}")
        literals.append(literal)
        following = next(tokens, None)
        if following is None:
            raise ValueError(f"{where}: found the end of the file inside a clause, expected 0")
        where, token = following
    if not literals:
        raise ValueError(f"{where}: found an empty clause, which nothing satisfies, expected a literal")
    return tuple(literals)
