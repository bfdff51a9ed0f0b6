"""The stochastic Landau–Lifshitz–Gilbert equation of single-domain magnets, many side by side.

Gilbert's equation ṁ = −γ m×(B + b) + α m×ṁ − γ m×(m×τ), with the field B = F + Km (K diagonal), white thermal
noise b and a damping-like spin torque τ, is solved for ṁ:

    ṁ = −γ' m × [P + m × Q],    P = B + b − ατ,    Q = α(B + b) + τ,    γ' = γ/(1 + α²).

Heun's method takes the same noise in the predictor and the corrector, so that it converges to the solution in the
sense of Stratonovich, in which |m| = 1 is conserved. All fields are angles: γ' times the step times teslas.
Normal numbers are those of `normals`: counter (magnet // 2, axis, step mod 2³², step // 2³²).
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.jit import inlined, kernel, part
from pbits.kernels.philox import normals

_LOW = np.int64(0xFFFFFFFF)


@inlined
def _turn(mx, my, mz, kx, ky, kz, fx, fy, fz, tx, ty, tz, alpha):
    """(P + m × Q) × m, which is the change of m in one step of Euler's."""
    bx = fx + kx * mx
    by = fy + ky * my
    bz = fz + kz * mz
    qx = alpha * bx + tx
    qy = alpha * by + ty
    qz = alpha * bz + tz
    cx = bx - alpha * tx + my * qz - mz * qy
    cy = by - alpha * ty + mz * qx - mx * qz
    cz = bz - alpha * tz + mx * qy - my * qx
    return cy * mz - cz * my, cz * mx - cx * mz, cx * my - cy * mx


@part
def _step(m, pushes, noise, alpha):
    """One step of Heun's of all magnets."""
    for i in range(m.shape[1]):
        mx = m[0, i]
        my = m[1, i]
        mz = m[2, i]
        kx = pushes[0, i]
        ky = pushes[1, i]
        kz = pushes[2, i]
        tx = pushes[6, i]
        ty = pushes[7, i]
        tz = pushes[8, i]
        spread = pushes[9, i]
        fx = pushes[3, i] + spread * noise[0, i]
        fy = pushes[4, i] + spread * noise[1, i]
        fz = pushes[5, i] + spread * noise[2, i]
        ax, ay, az = _turn(mx, my, mz, kx, ky, kz, fx, fy, fz, tx, ty, tz, alpha)
        bx, by, bz = _turn(mx + ax, my + ay, mz + az, kx, ky, kz, fx, fy, fz, tx, ty, tz, alpha)
        ux = mx + 0.5 * (ax + bx)
        uy = my + 0.5 * (ay + by)
        uz = mz + 0.5 * (az + bz)
        # The plain operator would test for zero, and not vectorise.
        scale = np.divide(1.0, np.sqrt(ux * ux + uy * uy + uz * uz))
        m[0, i] = ux * scale
        m[1, i] = uy * scale
        m[2, i] = uz * scale


@kernel
def heun(seen, m, pushes, alpha, steps, key0, key1, magnet0, step0):
    """Move magnets and look at them every so many steps.

    Parameters
    ----------
    seen : (looks, 3, magnets) float64
        Filled with the directions after each `steps` steps.
    m : (3, magnets) float64, changed in place
        Unit vectors.
    pushes : (10, magnets) float64
        Rows 0-2: γ'Δt times the diagonal of K; 3-5: times F; 6-8: times τ; 9: times the standard deviation
        √(2αkT/(γµΔt)) of a component of the thermal field.
    alpha : float
    steps : int
        Steps from one look to the next.
    key0, key1 : uint32
    magnet0, step0 : int
        Absolute number of the first magnet (even) and of the first step.
    """
    noise = np.empty_like(m)
    t = step0
    for look in range(seen.shape[0]):
        for _ in range(steps):
            normals(noise, key0, key1, magnet0, t & _LOW, t >> 32)
            _step(m, pushes, noise, alpha)
            t += 1
        # An assignment of the whole array would take most of the compiler's time, for the text of an error.
        for axis in range(3):
            for i in range(m.shape[1]):
                seen[look, axis, i] = m[axis, i]
