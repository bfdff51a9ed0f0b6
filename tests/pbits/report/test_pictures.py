"""Every kind of picture is drawn, in pages and in files."""

import tracemalloc

import numpy as np
import pytest

from pbits.problems import HopfieldMemory, MaxCut, TravelingSalesman
from pbits.report import pictures

RING = [(k, (k + 1) % 12) for k in range(12)]
SAMPLES = {
    "tour": {
        "kind": "tour", "coordinates": [[0, 0], [1, 0], [1, 1]], "tour": [0, 1, 2], "names": ["a", "b", "c"],
        "feasible": True, "caption": "three",
    },
    "images": {"kind": "images", "shape": [2, 2], "panels": [{"label": "one", "values": [1, -1, 1, -1]}]},
    "estimate": {"kind": "estimate", "labels": ["x"], "mean": [1.0], "sd": [0.1]},
    "graph": {"kind": "graph", "edges": RING, "groups": [0, 1] * 6, "marked": [True] + [False] * 11},
    "grid": {"kind": "grid", "cells": [["1", "2"], ["3", "4"]], "given": [[True, False]] * 2, "blocks": [1, 2]},
}  # fmt: skip


@pytest.mark.parametrize("kind", pictures.PICTURES)
def test_each_kind_is_an_image_with_a_text(kind):
    assert set(SAMPLES) == set(pictures.PICTURES)
    drawn = pictures.to_svg(SAMPLES[kind], "k")
    assert drawn.startswith("<svg")
    assert 'aria-label="' in drawn
    assert drawn == pictures.to_svg(SAMPLES[kind], "k")


def test_digits_and_edges_are_in_the_picture():
    assert all(f">{digit}<" in pictures.to_svg(SAMPLES["grid"], "k") for digit in "1234")
    graph = pictures.to_svg(SAMPLES["graph"], "k")
    # One edge is marked, and one a vertex crosses to the other group.
    assert graph.count(pictures.ALARM) == 1


def test_reals_are_drawn_in_greys():
    picture = {"kind": "images", "shape": [2, 2], "panels": [{"label": "one", "values": [0.5, -1, 0.25, 0]}]}
    assert "data:image/png" in pictures.to_svg(picture, "k")
    assert "data:image/png" not in pictures.to_svg(SAMPLES["images"], "k")


def test_a_large_graph_is_drawn_as_a_matrix():
    rng = np.random.default_rng(5)
    edges = rng.integers(0, 1000, size=(3000, 2)).tolist()
    groups = rng.integers(0, 2, size=1000).tolist()
    assert "adjacency matrix" in pictures.to_svg({"kind": "graph", "edges": edges, "groups": groups}, "k")


def test_a_tour_of_tens_of_thousands_of_cities_is_drawn():
    n = 20_000
    points = np.random.default_rng(5).random((n, 2))
    tracemalloc.start()
    drawn = pictures.to_svg({"kind": "tour", "coordinates": points, "tour": list(range(n)), "feasible": True}, "k")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert drawn.startswith("<svg")
    assert peak < 4e8


def test_vertices_of_a_path_lie_in_its_order():
    n = 80
    places = pictures._spread_out(n, np.array([(k, k + 1) for k in range(n - 1)]))
    along = places[:, 0] - 0.06 * np.cos(2 * np.pi * np.arange(n) / n)
    assert (np.diff(along) > 0).all() or (np.diff(along) < 0).all()


@pytest.mark.parametrize(
    ("problem", "state", "kind"),
    [
        (MaxCut(12, RING), [1, -1] * 6, "graph"),
        (HopfieldMemory([[1, 1, -1, -1]], shape=(2, 2)), [1, 1, -1, -1], "images"),
        (TravelingSalesman.from_coordinates([[0, 0], [1, 0], [1, 1]]), [1, -1, -1, 1], "tour"),
    ],
)
def test_problems_give_pictures_that_can_be_drawn(problem, state, kind):
    found = problem.solution([state], problem.to_model().energy([state]))
    picture = problem.picture(found)
    assert picture["kind"] == kind
    pictures.to_svg(picture, "k")
