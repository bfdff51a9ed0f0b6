"""Factoring: a multiplier of p-bits run backwards."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator

from numpy.typing import ArrayLike

from pbits.problems.gates import Circuit, CircuitProblem, multiplier

MAX_BITS = 32


class Factoring(CircuitProblem):
    """The factors of an odd composite number: an array multiplier whose product is clamped to it.

    A state decodes to the numbers on the inputs, the smaller first, whatever its gates say. It is feasible where
    their product is N, and its score then is 1. At energy 0 every gate holds, so the product is right. 1 · N is no
    answer, because neither input is as wide as N; the lowest bits of the inputs are clamped to 1, N being odd.

    How likely a chain is to end at the factors depends on the widths more than on anything else; see
    docs/how-to/invertible_logic.md for rates.

    Parameters
    ----------
    N : int
        Odd and not prime, up to 32 bits. Success has been measured up to 16.
    bits_x, bits_y : int, optional
        Widths of the inputs. By default wide enough whatever the factors are: ⌊N/3⌋ fits x and ⌊√N⌋ fits y. Where
        both factors are known to have half the bits, ``bits_x = bits_y`` of as many is much easier.
    presolve : bool
        Whether wires that follow from the clamped ones, gate by gate (`Circuit.implied`), are clamped too: the lowest
        cells, and the high ones where the inputs together are wider than N.
    copy : bool
        Whether gates have p-bits of their own, joined by copies, so that no p-bit has many neighbours.

    Attributes
    ----------
    circuit : Circuit
        With the words x, y and product.

    Raises
    ------
    ValueError
        For a number that is even, prime, too large or below 9, and for widths that hold no pair of factors.

    Examples
    --------
    >>> import pbits
    >>> problem = pbits.problems.Factoring(143)
    >>> answer = pbits.run(problem, "ideal", seed=1).solution
    >>> answer.feasible, answer.value
    (True, (11, 13))
    """

    sense = "max"
    goal = 1.0
    unit = "factorisation"

    def __init__(
        self,
        N: int,
        bits_x: int | None = None,
        bits_y: int | None = None,
        presolve: bool = True,
        copy: bool = False,
        name: str | None = None,
    ):
        self.N = operator.index(N)
        _check_number(self.N)
        wide, narrow = (self.N // 3).bit_length(), math.isqrt(self.N).bit_length()
        self.bits_x = wide if bits_x is None else operator.index(bits_x)
        self.bits_y = operator.index(bits_y) if bits_y is not None else narrow if bits_x is None else wide
        self._check_widths()
        self.circuit = Circuit()
        x, y = self.circuit.word("x", self.bits_x), self.circuit.word("y", self.bits_y)
        multiplier(self.circuit, x, y, self.circuit.word("product", self.bits_x + self.bits_y), copy=copy)
        super().__init__(
            self.circuit,
            {"product": self.N, x[0]: 1, y[0]: 1},
            presolve,
            name or f"factors of {self.N}, of {self.bits_x} and {self.bits_y} bits",
        )

    def _check_widths(self) -> None:
        least, most = 2, self.N.bit_length() - 1
        for label, bits in (("bits_x", self.bits_x), ("bits_y", self.bits_y)):
            if not least <= bits <= most:
                raise ValueError(
                    f"{label} is {bits}; expected {least} to {most}: an input as wide as {self.N} admits {self.N} × 1"
                )
        pairs = list(_factor_pairs(self.N))
        if not any(p.bit_length() <= self.bits_x and q.bit_length() <= self.bits_y for p, q in pairs):
            widths = ", ".join(f"{p.bit_length()} and {q.bit_length()}" for p, q in pairs if p <= q)
            raise ValueError(
                f"no factors of {self.N} fit {self.bits_x} and {self.bits_y} bits; its pairs need {widths}"
            )

    def decode(self, state: ArrayLike, repair: bool = False) -> tuple[int, int]:
        """The numbers on the two inputs, the smaller first."""
        low, high = sorted(self.number(state, word) for word in ("x", "y"))
        return low, high

    def score(self, answer: tuple[int, int]) -> float:
        """1 where the numbers multiply to N, else 0."""
        return float(answer[0] * answer[1] == self.N)

    def violations(self, state: ArrayLike) -> dict[str, int]:
        """ "product" → whether the numbers on the inputs do not multiply to N."""
        return {"product": int(not self.score(self.decode(state)))}


def _check_number(N: int) -> None:
    if N < 9:
        raise ValueError(f"N is {N}; the smallest odd number with factors is 9")
    if N.bit_length() > MAX_BITS:
        raise ValueError(f"N is {N}, of {N.bit_length()} bits; allowed are {MAX_BITS}")
    if N % 2 == 0:
        raise ValueError(
            f"N is {N}, which is even: take the factors 2 out, and factor {N // (N & -N)} if that is not prime"
        )
    if next(_factor_pairs(N), None) is None:
        raise ValueError(f"N is {N}, which is prime: it has no factors but 1 and itself")


def _factor_pairs(N: int) -> Iterator[tuple[int, int]]:
    """Factors of an odd N in both orders, without 1 and N. Only refusals look at them; the model does not."""
    for p in range(3, math.isqrt(N) + 1, 2):
        if N % p == 0:
            yield p, N // p
            yield N // p, p
