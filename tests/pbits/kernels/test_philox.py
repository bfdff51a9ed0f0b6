"""Philox against the known answers of Random123 and against its plain twin."""

import os
import subprocess
import sys

import numpy as np
import pytest

from pbits.kernels.philox import cosine_of_turn, minus_two_log, normal_paths, normals, uniforms
from pbits.reference import twins

# kat_vectors of the Random123 distribution, philox4x32 with 10 rounds.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF,) * 4,
        (0xFFFFFFFF,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_twin_gives_the_known_answers(counter, key, words):
    assert twins.philox(counter, key) == words


@pytest.mark.parametrize("chain0", [0, 4, 400])
def test_kernels_equal_their_twins(chain0):
    key = (np.uint32(0xDEADBEEF), np.uint32(17))
    u, z = np.empty((3, 7)), np.empty((3, 7))
    uniforms(u, *key, chain0, 5, 2)
    normals(z, *key, chain0, 5, 2)
    for site in range(3):
        for chain in range(7):
            assert u[site, chain] == twins.uniform(key, chain0 + chain, site, 5, 2)
            assert z[site, chain] == pytest.approx(twins.normal(key, chain0 + chain, site, 5, 2), abs=1e-14)


# Every power of two and its neighbours, both ends, and the words where the logarithm or the cosine is smallest.
EDGES = sorted({min(max(2**k + d, 0), 2**32 - 1) for k in range(33) for d in range(-3, 4)})
WORDS = np.concatenate([EDGES, 3 * 2**30 + np.arange(-9, 9), np.random.default_rng(0).integers(0, 2**32, 200_000)])


def test_the_logarithm_and_the_cosine_are_right_to_the_last_places():
    u = (WORDS + np.longdouble(0.5)) / 2**32
    log, cosine = -2 * np.log(u), np.cos(2 * np.longdouble("3.14159265358979323846") * u)
    found_log, found_cosine = (f.py_func(WORDS.astype(float)) for f in (minus_two_log, cosine_of_turn))
    assert (np.abs(found_log / log - 1) < 3e-16).all()
    assert (np.abs(found_cosine - cosine) < 4e-16).all()
    # A coefficient that is off by 1e-14 would not pass.
    assert np.abs(found_log * (1 + 1e-14) / log - 1).max() > 3e-16


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (700, 1), (2, 600), (130, 5), (257, 2)])
def test_tiles_do_not_show(shape):
    key = (np.uint32(5), np.uint32(6))
    sites, chains = shape
    u, z = np.empty(shape), np.empty(shape)
    uniforms(u, *key, 8, 3, 1)
    normals(z, *key, 8, 3, 1)
    for site in {0, sites // 2, sites - 1}:
        for chain in {0, chains // 2, chains - 1}:
            assert u[site, chain] == twins.uniform(key, 8 + chain, site, 3, 1)
            assert z[site, chain] == pytest.approx(twins.normal(key, 8 + chain, site, 3, 1), abs=1e-14)
    for first in range(0, chains, 2):
        part = np.empty((sites, min(2, chains - first)))
        normals(part, *key, 8 + first, 3, 1)
        np.testing.assert_array_equal(part, z[:, first : first + 2])


@pytest.mark.parametrize("shape", [(1, 300, 3), (5, 2, 7), (2, 1, 600)])
def test_paths_hold_the_normals_of_their_steps(shape):
    chains, steps, sites = shape
    paths, z = np.empty(shape), np.empty((sites, chains))
    normal_paths(paths, 5, 6, 4, 9, 2)
    for step in range(steps):
        normals(z, 5, 6, 4, 9 + step, 2)
        np.testing.assert_array_equal(paths[:, step], z.T)


def test_normals_have_the_normal_moments():
    # Bounds of 5 standard errors on three moments: false alarm below 2e-6, and the seed is fixed.
    z = np.empty((50, 4000))
    normals(z, 3, 4, 0, 0, 0)
    count = z.size
    assert abs(z.mean()) < 5 / np.sqrt(count)
    assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / count)
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96 / count)
    assert abs(np.corrcoef(z[0], z[1])[0, 1]) < 5 / np.sqrt(z.shape[1])


@pytest.mark.slow
def test_normals_are_the_same_bits_on_a_plainer_processor():
    work = "import numpy as np; from pbits.kernels.philox import normals; z = np.empty((70, 9)); "
    work += "normals(z, 1, 2, 0, 0, 0); print(z.tobytes().hex())"
    plain = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}
    told = [
        subprocess.run([sys.executable, "-c", work], env=os.environ | extra, capture_output=True, text=True, check=True)
        for extra in ({}, plain)
    ]
    assert told[0].stdout == told[1].stdout
