"""Two documents written by hand: an anneal with a refusal and an infeasible tour, and a sampling run."""

import copy
import json

import pytest


def ledger_row(item, count, unit, price, low, high, joules, evidence, source, note="", boundary="chip"):
    return {
        **{"item": item, "count": count, "count_low": count, "count_high": count, "unit": unit},
        **{"price": price, "low": low, "high": high},
        **{"joules": joules, "included_in": "", "evidence": evidence, "source": source},
        **{"locator": "Table IV" if source else "", "note": note, "boundary": boundary},
    }


def ledger(
    machine, boundary, joules, interval, rows, evidence, reasons=(), lower_bound=None, samples=4, without_idle=None
):
    return {
        **{"machine": machine, "boundary": boundary, "joules": joules, "interval": interval, "rows": rows},
        **{"lower_bound": joules if lower_bound is None else lower_bound, "evidence": evidence},
        **{"without_idle": without_idle, "full_batch": False},
        **{"per_sample": None if joules is None else joules / samples, "reasons": list(reasons)},
    }


UPDATE = ledger_row("update", 4000.0, "J", 7e-15, 2e-15, 2.1e-14, 2.8e-11, "simulated", "maker2026")
READ = ledger_row("read", 16.0, "J", 1.7e-12, 5e-13, 5e-12, 2.72e-11, "simulated", "maker2026")
FACTOR = ledger_row(
    "board factor", 5.52e-11, "1", 1.2, 1.1, 1.3, 1.104e-11, "assumed", "", "regulators, a guess", "board"
)
UNSTATED = {
    **ledger_row("power.idle", 0.5, "W", None, None, None, None, None, "", "published nowhere"),
    **{"count_low": 0.25, "count_high": 1.0},
}

SOURCES = {
    "maker2026": {
        **{"key": "maker2026", "authors": "A. Maker", "title": "A Chip <of> Many Bits", "year": 2026},
        **{"identifier": "arXiv:2600.00001", "read": "citing source: a repository"},
    }
}
NO_PRICES = "ideal states no prices"
NOT_CONVERGED = "the chains have not converged"


def quality(joules=None, low=None, high=None, at_least=None, *, boundary=None, evidence=None, reason=""):
    return {
        **{"joules": joules, "low": low, "high": high, "at_least": at_least, "boundary": boundary},
        **{"full_batch": False, "evidence": evidence, "reason": reason},
    }


ANNEAL = {
    **{"kind": "anneal", "steps": 1000, "n_samples": 1, "n_warmup": 0, "steps_per_sample": 1000, "beta": 3.0},
    **{"chains": 4, "beta_start": 0.1, "shape": "geometric"},
}
SAMPLING = {
    **{"kind": "sample", "steps": 1100, "n_samples": 1000, "n_warmup": 100, "steps_per_sample": 1, "beta": 2.0},
    "chains": 4,
}


def answer(text, feasible, objective, gap, share, violations=None):
    return {
        **{"best_energy": 12.5, "text": text, "feasible": feasible, "objective": objective, "gap": gap},
        **{"violations": violations or {}, "valid_fraction": share},
    }


def ran(machine, title, **fields):
    return {
        **{"machine": machine, "title": title, "refusal": [], "picture": None, "distance": None},
        **{"sampling": None, "device_time_s": None, "phases": {}, "wall_time_s": 0.25, "notes": {}},
        **{"counts": {"update": 4000.0, "read": 16.0}, "unchecked": [], "catalogue_date": None},
        **{"illustrative": False, "sources": {}},
        "trace": {
            "sweeps": [1, 2, 500, 1000],
            "mean": [90.0, 60.0, 20.0, 14.0],
            "lowest": [70.0, 50.0, 15.0, 12.5],
            "highest": [120.0, 80.0, 30.0, 20.0],
        },
        **fields,
    }


def ideal(**fields):
    unpriced = ledger("ideal", None, None, None, [], None, [NO_PRICES])
    return ran(
        "ideal",
        "Ideal machine",
        joules={
            **{"at_boundary": unpriced, "stated": unpriced, "per_sample": None},
            "quality": quality(reason=NO_PRICES),
        },
        **fields,
    )


def span(lane, phase, start, end, pieces):
    return {"lane": lane, "phase": phase, "start_s": start, "end_s": end, "busy_s": end - start, "pieces": pieces}


TIMELINE = {
    "buffers": 1,
    "device_time_s": 1.000035,
    "bottleneck": "programming",
    "frame_s": {"sampling": 1e-5, "read-out": 2.5e-5},
    "lanes": {
        "programming": {"busy_s": 1.0, "share": 0.999965, "pieces": 1, "saves_s": 1.0},
        "sampling": {"busy_s": 1e-5, "share": 1e-5, "pieces": 1000, "saves_s": 1e-5},
        "read-out": {"busy_s": 2.5e-5, "share": 2.5e-5, "pieces": 1, "saves_s": 2.5e-5},
    },
    "spans": [
        span("programming", "programming", 0.0, 1.0, 1),
        span("sampling", "sweeping", 1.0, 1.00001, 1000),
        span("read-out", "read-out", 1.00001, 1.000035, 1),
    ],
}


CITIES = {
    "kind": "tour",
    "coordinates": [[0.0, 0.0], [4.0, 0.5], [5.0, 3.0], [2.0, 4.0], [-1.0, 2.5]],
    "names": ["Alba", "Brno", "C$o$rk", "Delft", "<Essen>"],
    "tour": [0, 1, 2, 3, 4],
    "feasible": True,
    "caption": "Length 15.2 km",
}


def anneal():
    at = ledger("chip-a", "board", 6.624e-11, [2e-11, 2e-10], [UPDATE, READ, FACTOR], "assumed")
    own = ledger("chip-a", "chip", 5.52e-11, [1.6e-11, 1.64e-10], [UPDATE, READ], "simulated")
    gap = ledger(
        *("chip-b", "board", None, None, [UPDATE, UNSTATED], "simulated"),
        reasons=["the price of power.idle is not stated", "no uplift from chip to board is known for chip-b"],
        lower_bound=2.8e-11,
    )
    rows = [
        ideal(
            schedule=ANNEAL,
            answer=answer("15.2 km (+0.00 % from the best known); 75 %", True, 15.2, 0.0, 0.75),
            picture=CITIES,
        ),
        ran(
            "chip-a",
            "A chip & its board",
            schedule=ANNEAL,
            answer=answer("15.9 km (+4.61 % from the best known); 25 %", True, 15.9, 0.046, 0.25),
            picture={**CITIES, "tour": [0, 2, 1, 3, 4], "caption": "Length 15.9 km"},
            device_time_s=1.000035,
            phases={"programming": 1.0, "sweeping": 1e-5, "read-out": 2.5e-5},
            timeline=TIMELINE,
            joules={
                **{"at_boundary": at, "stated": own, "per_sample": 1.38e-11},
                "quality": quality(2.64e-10, 8e-11, 8e-10, boundary="board", evidence="assumed"),
            },
            notes={"update": "chromatic", "rounding": {"bits": 8, "largest_error": 0.002}},
            unchecked=["the cap on β|J| is not stated"],
            catalogue_date="2026-11-22",
            sources=SOURCES,
        ),
        ran(
            "chip-b",
            "A chip behind an embedding",
            schedule={**ANNEAL, "steps": 3000, "steps_per_sample": 3000},
            illustrative=True,
            answer=answer("infeasible; 0 %", False, None, None, 0.0, {"cities visited twice": 2, "slots": 0}),
            picture={**CITIES, "tour": None, "feasible": False, "caption": "2 cities visited twice"},
            device_time_s=None,
            phases={"programming": None, "sweeping": 2e-5},
            joules={
                **{"at_boundary": gap, "stated": gap, "per_sample": None},
                "quality": quality(boundary="board", evidence="simulated", reason="; ".join(gap["reasons"])),
            },
            notes={
                "embedding": {
                    "machine": "grid 468 × 576", "logical_sites": 16, "cells_used": 80,
                    "longest_chain": 5, "machine_degree": 16, "model_degree": 12,
                    "chain_strength": 2.5, "chain_break_fraction": 0.031,
                }
            },
        ),
        {
            "machine": "grid-c",
            "title": "A small grid",
            "refusal": ["the model has 16 sites and the machine 9", "12 neighbours | the machine wires 4"],
        },
    ]  # fmt: skip
    return {
        "schema": "pbits-comparison/1",
        "title": "Five cities",
        "model": {"kind": "IsingModel", "sites": 16, "fingerprint": "0123abcd" * 4},
        "problem": {"name": "Five cities", "sense": "min", "unit": "km", "optimum": 15.2},
        "schedule": ANNEAL,
        "seed": 7,
        "boundary": "board",
        "boundary_note": "board: as asked for",
        "uplifts": {"chip-a": {"board": "× 1.2"}},
        "metric": "joules per solution",
        "goal": 15.2,
        "verdict": "Five cities: 3 of 4 machines ran (grid-c refused); best answer 15.2 km.",
        "rows": rows,
        "ratios": [
            {"a": "ideal", "b": "chip-a", "value": None, "low": None, "high": None, "boundary": None,
             "evidence": None, "reason": NO_PRICES},
            {"a": "chip-a", "b": "chip-b", "value": 0.0031, "low": 2e-4, "high": 0.04, "boundary": "board",
             "evidence": "assumed", "reason": ""},
        ],
    }  # fmt: skip


def sampling():
    states = [[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]
    exact = [0.24, 0.01, 0.24, 0.01, 0.24, 0.01, 0.01, 0.24]

    def distance(sampled, value):
        return {
            "kind": "total variation to the exact law of the model as posed",
            **{"value": value, "floor": 0.01, "sampled": sampled, "exact": exact, "states": states},
            **{"faithful": True if value < 0.015 else None, "mapping": 0.0123, "clock": 0.0, "sampling": 0.00777},
        }

    def sampled_by(tau):
        return {
            **{"worst": "site 2", "worst_ess": 4000 / tau, "worst_tau_int": tau, "worst_r_hat": 1.002},
            **{"converged": tau < 10, "warnings": [] if tau < 10 else ["too few <effective> samples"]},
        }

    own = ledger("chip-a", "chip", 5.52e-9, [1.6e-9, 1.64e-8], [UPDATE, READ], "simulated", samples=4000)
    return {
        "schema": "pbits-comparison/1",
        "title": "An AND gate",
        "model": {"kind": "IsingModel", "sites": 3, "fingerprint": "feedbeef" * 4},
        "problem": None,
        "schedule": SAMPLING,
        "seed": 11,
        "boundary": None,
        "boundary_note": "none can be stated for all machines",
        "uplifts": {},
        "metric": "joules per effective sample",
        "goal": None,
        "verdict": "An AND gate: 2 of 2 machines ran; 1 of 2 match the exact law.",
        "rows": [
            ideal(
                schedule=SAMPLING,
                answer=answer(None, None, None, None, None),
                distance=distance([0.245, 0.01, 0.235, 0.012, 0.238, 0.01, 0.01, 0.24], 0.006),
                sampling=sampled_by(2.0),
                picture={
                    "kind": "images", "shape": [2, 2],
                    "panels": [
                        {"label": "stored", "values": [1, -1, 1, -1]},
                        {"label": "cue", "values": [1, 1, 1, -1]},
                        {"label": "recalled", "values": [-1, -1, -1, -1]},
                    ],
                },
            ),
            ran(
                "chip-a",
                "A chip",
                schedule=SAMPLING,
                answer=answer(None, None, None, None, None),
                distance=distance([0.14, 0.11, 0.14, 0.11, 0.14, 0.11, 0.11, 0.14], 0.41),
                sampling=sampled_by(20.0),
                device_time_s=2.2e-5,
                phases={"sweeping": 2e-5, "read-out": 2e-6},
                picture={
                    "kind": "estimate", "labels": ["age", "bmi"], "mean": [0.1, 2.0], "sd": [0.5, 0.25],
                    "exact_mean": [0.0, 2.1], "exact_sd": [0.5, 0.3],
                },
                joules={
                    "at_boundary": own, "stated": own, "per_sample": 1.38e-12,
                    "quality": quality(boundary="chip", evidence="simulated", reason=NOT_CONVERGED),
                },
                sources=SOURCES,
            ),
        ],
        "ratios": [],
    }  # fmt: skip


@pytest.fixture(scope="session")
def originals():
    """Both documents, to be left as they are."""
    # Through JSON, so that parts which they share become parts of their own.
    return json.loads(json.dumps([anneal(), sampling()]))


@pytest.fixture(name="anneal")
def anneal_document(originals):
    return copy.deepcopy(originals[0])


@pytest.fixture(name="sampling")
def sampling_document(originals):
    return copy.deepcopy(originals[1])
