"""The TSPLIB reader, against published optima and against files broken in every way."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from pbits.problems import read_tour, read_tsplib

DATA = Path(os.environ.get("PBITS_DATA", "data")) / "tsplib"
needs_data = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="PBITS_DATA has no tsplib folder"),
]

# TSPLIB95's published optima.
OPTIMA = {
    "ulysses16": 6859,
    "bays29": 2020,
    "att48": 10628,
    "berlin52": 7542,
    "st70": 675,
    "kroA100": 21282,
    "pcb442": 50778,
    "pr1002": 259045,
    "pr2392": 378032,
}

PLANE = """NAME : toy
TYPE : TSP
COMMENT : four points
DIMENSION : 4
EDGE_WEIGHT_TYPE : EUC_2D
NODE_COORD_SECTION
1 0 0
2 0 3
3 4 3
4 4 0
EOF
"""
EXPLICIT = """NAME: toy
TYPE: TSP
DIMENSION: 4
EDGE_WEIGHT_TYPE: EXPLICIT
EDGE_WEIGHT_FORMAT: {layout}
EDGE_WEIGHT_SECTION
{numbers}
EOF
"""
TOUR = "NAME : toy\nTYPE : TOUR\nDIMENSION : 4\nTOUR_SECTION\n1 3\n2 4\n-1\nEOF\n"
MATRIX = np.array([[0, 1, 2, 3], [1, 0, 4, 5], [2, 4, 0, 6], [3, 5, 6, 0]])


@pytest.fixture
def write(tmp_path):
    def _write(text, name="toy.tsp"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return _write


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs_data) for name in OPTIMA])
def test_published_optimal_tours_have_their_published_length(name):
    instance = read_tsplib(DATA / f"{name}.tsp")
    tour = read_tour(DATA / f"{name}.opt.tour")
    assert instance.tour_length(tour) == OPTIMA[name]
    order = np.array(tour)
    assert instance.distances[order, np.roll(order, -1)].sum() == OPTIMA[name]


def shortest_tour_length(D):
    """Held and Karp's dynamic programme over subsets of the cities 1 … n−1."""
    n = len(D)
    masks = np.arange(2 ** (n - 1))
    sizes = np.array([mask.bit_count() for mask in masks.tolist()])
    best = np.full((len(masks), n - 1), 2**30, dtype=np.int32)
    best[2 ** np.arange(n - 1), np.arange(n - 1)] = D[0, 1:]
    for size in range(1, n - 1):
        layer = masks[sizes == size]
        for city in range(n - 1):
            without = layer[(layer >> city & 1) == 0]
            best[without | 1 << city, city] = (best[without] + D[1:, city + 1].astype(np.int32)).min(axis=1)
    return int((best[-1] + D[1:, 0]).min())


@pytest.mark.parametrize(
    ("name", "optimum"),
    [
        pytest.param("burma14", 3323, marks=needs_data),
        pytest.param("gr17", 2085, marks=needs_data),
        pytest.param("gr21", 2707, marks=[*needs_data, pytest.mark.slow]),
    ],
)
def test_instances_without_a_published_tour_have_the_published_optimum(name, optimum):
    assert shortest_tour_length(read_tsplib(DATA / f"{name}.tsp").distances) == optimum


@pytest.mark.parametrize(
    ("name", "n"), [pytest.param(*pair, marks=needs_data) for pair in (("rl5915", 5915), ("pla33810", 33810))]
)
def test_a_large_instance_is_read_without_its_matrix(name, n):
    instance = read_tsplib(DATA / f"{name}.tsp")
    assert instance.coordinates.shape == (n, 2)
    assert instance.tour_length(range(n)) > 0
    with pytest.raises(ValueError, match=f"{n} cities; its distance matrix would take .* GB"):
        _ = instance.distances


def test_plane_distances_and_header(write):
    instance = read_tsplib(write(PLANE))
    assert (instance.name, instance.comment, instance.n) == ("toy", "four points", 4)
    assert instance.distances.tolist() == [[0, 3, 5, 4], [3, 0, 4, 5], [5, 4, 0, 3], [4, 5, 3, 0]]
    assert instance.distances.dtype == np.int64
    assert not instance.distances.flags.writeable
    assert instance.tour_length((0, 2, 1, 3)) == 18


@pytest.mark.parametrize(("kind", "expected"), [("EUC_2D", 1), ("CEIL_2D", 2), ("ATT", 1)])
def test_rounding_of_each_distance(write, kind, expected):
    # √2 rounds to 1 and up to 2; √(2/10) = 0.447 rounds to 0, falls short, and so becomes 1
    text = PLANE.replace("EUC_2D", kind).replace("2 0 3", "2 1 1")
    assert read_tsplib(write(text)).distance(0, 1) == expected


def test_geographical_distances_along_a_meridian(write):
    text = PLANE.replace("EUC_2D", "GEO").replace("2 0 3", "2 90.00 0")
    assert read_tsplib(write(text)).distance(0, 1) == int(6378.388 * 3.141592 / 2 + 1)
    # DDD.MM: thirty minutes are half a degree
    text = PLANE.replace("EUC_2D", "GEO").replace("2 0 3", "2 -0.30 0")
    assert read_tsplib(write(text)).distance(0, 1) == int(6378.388 * 3.141592 / 360 + 1)


@pytest.mark.parametrize(
    ("layout", "numbers"),
    [
        ("FULL_MATRIX", "0 1 2 3 1 0 4 5\n2 4 0 6 3 5 6 0"),
        ("FULL_MATRIX", "99 1 2 3\n1 99 4 5\n2 4 99 6\n3 5 6 99"),
        ("UPPER_ROW", "1 2 3\n4 5\n6"),
        ("LOWER_ROW", "1 2 4 3 5 6"),
        ("UPPER_DIAG_ROW", "0 1 2 3 0 4 5 0 6 0"),
        ("LOWER_DIAG_ROW", "0\n1 0\n2 4 0\n3 5 6 0"),
        # Written column by column: of the upper triangle column 2 first, of the lower one column 1.
        ("UPPER_COL", "1\n2 4\n3 5 6"),
        ("LOWER_COL", "1 2 3\n4 5\n6"),
        ("UPPER_DIAG_COL", "0\n1 0\n2 4 0\n3 5 6 0"),
        ("LOWER_DIAG_COL", "0 1 2 3\n0 4 5\n0 6\n0"),
    ],
)
def test_explicit_layouts(write, layout, numbers):
    instance = read_tsplib(write(EXPLICIT.format(layout=layout, numbers=numbers)))
    assert np.array_equal(instance.distances, MATRIX)
    assert instance.coordinates is None


def test_display_data_become_coordinates(write):
    text = EXPLICIT.format(layout="UPPER_ROW", numbers="1 2 3 4 5 6")
    text = text.replace("EOF", "DISPLAY_DATA_SECTION\n1 0 0\n2 0 3\n3 4 3\n4 4 0\nEOF")
    assert read_tsplib(write(text)).coordinates.tolist() == [[0, 0], [0, 3], [4, 3], [4, 0]]


def test_windows_lines_byte_order_mark_and_missing_eof_are_read(write):
    text = b"\xef\xbb\xbf" + PLANE.replace("EOF\n", "").replace("\n", "\r\n").encode()
    assert read_tsplib(write(text)).tour_length(range(4)) == 14


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("TYPE : TSP", "TYPE : ATSP", r"toy.tsp, line 2: .*ATSP, expected TSP; .*doubled"),
        ("TYPE : TSP", "TYPE : TOUR", "line 2: .*read_tour"),
        ("TYPE : TSP\n", "", "toy.tsp has no TYPE"),
        ("DIMENSION : 4\n", "", "toy.tsp has no DIMENSION"),
        ("DIMENSION : 4", "DIMENSION : four", "line 4: found 'four', expected a finite number"),
        ("DIMENSION : 4", "DIMENSION : 2", "line 4: found '2', expected the number of cities"),
        ("DIMENSION : 4", "DIMENSION : 1e12", "line 10: .*has 4 cities, expected 1000000000000"),
        ("DIMENSION : 4", "DIMENSION :", "line 4: DIMENSION has no value"),
        ("DIMENSION : 4", "DIMENSION : 4\nDIMENSION : 5", "line 5: a second DIMENSION"),
        ("DIMENSION", "DIMENSON", r"line 4: .*expected a TSPLIB keyword \(perhaps DIMENSION\)"),
        ("EUC_2D", "EUC_3D", "line 5: found EDGE_WEIGHT_TYPE EUC_3D, expected EUC_2D"),
        ("EDGE_WEIGHT_TYPE : EUC_2D\n", "", "toy.tsp has no EDGE_WEIGHT_TYPE"),
        (
            "NODE_COORD_SECTION\n1 0 0\n2 0 3\n3 4 3\n4 4 0\n",
            "",
            "toy.tsp has no NODE_COORD_SECTION; it ends with line 6, 'EOF'",
        ),
        (
            PLANE[PLANE.index("NODE_COORD") :],
            "\n",
            "no NODE_COORD_SECTION; it ends with line 5, 'EDGE_WEIGHT_TYPE : EUC_2D': is it cut short",
        ),
        ("4 4 0\n", "", "line 9: NODE_COORD_SECTION has 3 cities, expected 4"),
        ("4 4 0", "4 4 0\n5 1 1", "line 11: .*has 5 cities, expected 4"),
        ("4 4 0", "4 4", "line 10: found '4 4', expected a city and its two coordinates"),
        ("4 4 0", "4 4 x", "line 10: found 'x', expected a finite number"),
        ("4 4 0", "4 4 nan", "line 10: found 'nan'"),
        ("4 4 0", "3 4 0", "line 10: city 3 a second time"),
        ("4 4 0", "9 4 0", "line 10: found city 9, expected 1 to 4"),
        ("4 4 0", "0 4 0", "line 10: found '0', expected a city"),
        ("EOF", "FIXED_EDGES_SECTION", "line 11: found 'FIXED_EDGES_SECTION', expected"),
    ],
)
def test_broken_coordinate_files_are_refused_by_line(write, old, new, message):
    assert old in PLANE
    with pytest.raises(ValueError, match=message):
        read_tsplib(write(PLANE.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("layout", "numbers", "message"),
    [
        ("UPPER_ROW", "1 2 3\n4 5", "line 8: EDGE_WEIGHT_SECTION has 5 numbers, expected 6"),
        ("UPPER_ROW", "1 2 3 4 5 6 7", "line 7: .*has 7 numbers, expected 6"),
        ("UPPER_ROW", "", "line 6: .*has 0 numbers"),
        ("LOWER_DIAG_COL", "1 2 3 4 5 6", r"has 6 numbers, expected 10 \(LOWER_DIAG_COL of 4 cities\)"),
        ("UPPER_ROW", "1 2 3\n4 -5 6", "line 8: found '-5', expected a distance"),
        ("UPPER_ROW", "1 2 3\n4 5.5 6", "line 8: found '5.5', expected a distance"),
        ("UPPER_ROW", "1 2 3\n4 nan 6", "line 8: found 'nan'"),
        ("UPPER_ROW", "1 2 3\n4 1e30 6", "line 8: found '1e30'"),
        ("FULL_MATRIX", "0 1 2 3 1 0 4 5 2 4 0 6 3 5 7 0", "city 3 to 4 is 6 but back 7"),
        ("FULL", "1", "line 5: found EDGE_WEIGHT_FORMAT FULL, expected FULL_MATRIX"),
    ],
)
def test_broken_explicit_files_are_refused_by_line(write, layout, numbers, message):
    with pytest.raises(ValueError, match=message):
        read_tsplib(write(EXPLICIT.format(layout=layout, numbers=numbers)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "toy.tsp is empty"),
        (b"\n \n", "toy.tsp is empty"),
        (b"\x89PNG\x00\xff", "toy.tsp is not a text"),
    ],
)
def test_files_without_text_are_refused(write, data, message):
    with pytest.raises(ValueError, match=message):
        read_tsplib(write(data))


def test_every_truncation_is_refused_or_complete(write):
    whole = PLANE.index("4 4 0") + len("4 4 0")
    for stop in range(whole - 1):
        with pytest.raises(ValueError, match=r"toy\.tsp"):
            read_tsplib(write(PLANE[:stop]))
    assert read_tsplib(write(PLANE[:whole])).n == 4


def test_a_tour_is_read_from_zero(write):
    assert read_tour(write(TOUR)) == (0, 2, 1, 3)
    assert read_tour(write(TOUR.replace("DIMENSION : 4\n", ""))) == (0, 2, 1, 3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("-1\nEOF\n", "", "line 6: the tour stops without -1"),
        ("2 4", "2", "lists 3 cities, 3 of them distinct; expected each of 1 to 4"),
        ("2 4", "2 2", "lists 4 cities, 3 of them distinct"),
        ("2 4", "2 x", "line 6: found 'x'"),
        ("2 4", "2 0", "line 6: found '0', expected a city"),
        ("TYPE : TOUR", "TYPE : TSP", "line 2: found TYPE TSP, expected TOUR"),
        ("TOUR_SECTION\n1 3\n2 4\n-1\n", "", "toy.tsp has no TOUR_SECTION"),
    ],
)
def test_broken_tours_are_refused(write, old, new, message):
    with pytest.raises(ValueError, match=message):
        read_tour(write(TOUR.replace(old, new, 1)))


def test_a_tour_must_fit_the_instance(write):
    instance = read_tsplib(write(PLANE))
    for wrong in ((0, 1, 2), (0, 1, 2, 2), (1, 2, 3, 4)):
        with pytest.raises(ValueError, match="each of the cities 0 to 3 once"):
            instance.tour_length(wrong)


def test_held_karp_agrees_with_enumeration():
    D = np.random.default_rng(5).integers(1, 50, (7, 7))
    D = D + D.T
    tours = [(0, *rest) for rest in itertools.permutations(range(1, 7))]
    assert shortest_tour_length(D) == min(sum(D[a, b] for a, b in zip(t, (*t[1:], 0))) for t in tours)
