"""Philox against the known answers of Random123 and against its plain twin."""

import numpy as np
import pytest

from pbits.kernels.philox import normals, uniforms
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


def test_normals_have_the_normal_moments():
    # Bounds of 5 standard errors on three moments: false alarm below 2e-6, and the seed is fixed.
    z = np.empty((50, 4000))
    normals(z, 3, 4, 0, 0, 0)
    count = z.size
    assert abs(z.mean()) < 5 / np.sqrt(count)
    assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / count)
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96 / count)
    assert abs(np.corrcoef(z[0], z[1])[0, 1]) < 5 / np.sqrt(z.shape[1])
