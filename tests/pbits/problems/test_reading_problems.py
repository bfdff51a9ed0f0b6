"""One call opens any known problem file, and says what is known otherwise."""

from pathlib import Path

import pytest

import pbits
from pbits.problems import MaxCut, TravelingSalesman, read

EXAMPLES = Path(pbits.__file__).parent / "problems" / "data"


def test_a_tsplib_file():
    problem = read(EXAMPLES / "capitals9.tsp")
    assert isinstance(problem, TravelingSalesman)
    assert problem.optimum == 6124


@pytest.mark.parametrize("name", ["toy.rud", "toy.mc", "toy.txt", "G1", "toy.graph"])
def test_a_rudy_file_by_suffix_or_by_its_first_line(tmp_path, name):
    (tmp_path / name).write_text("2 1\n1 2 3\n")
    problem = read(tmp_path / name)
    assert isinstance(problem, MaxCut)
    assert problem.weights.tolist() == [3]
    # A suffix that does not tell the format leaves it to the name.
    assert problem.name == ("toy" if name in ("toy.rud", "toy.mc") else f"Max-Cut of {name}")


def test_an_unknown_format_lists_the_known_ones_and_the_nearest(tmp_path):
    (tmp_path / "toy.tps").write_text("NAME : toy\n")
    with pytest.raises(ValueError, match=r"toy.tps has no known format; known are TSPLIB.*rudy.*Perhaps .tsp"):
        read(tmp_path / "toy.tps")


def test_a_missing_file_suggests_its_neighbour():
    with pytest.raises(FileNotFoundError, match=r"did you mean 'capitals9\.tsp'\?\. Built-in examples are"):
        read(EXAMPLES / "capital9.tsp")
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*qqqq'\. Built-in examples are capitals, "):
        read(EXAMPLES / "qqqq")


def test_a_folder_is_called_one(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder; name a file in it, such as '.*capitals9\.tsp'"):
        read(EXAMPLES)
    with pytest.raises(ValueError, match=r"is a folder; name a file: known are TSPLIB"):
        read(tmp_path)
