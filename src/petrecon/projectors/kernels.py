"""Joseph's method in numba: one line tracer, and the four loops that use it.

An image is stored flat with a border of one zero voxel (in z only when the image has depth or a line leaves
the plane), batch last: (voxels, batch). Inside, a line is stepped plane by plane along its dominant axis;
each plane is sampled by (bi)linear interpolation in the other two axes and weighted by the step length. The
zero border replaces every bounds test, so lines that graze a face fade out linearly instead of being cut.
A plane stands for the slab of half a voxel to either side of it. Where a line ends inside a slab, the plane
counts with the part of the slab that the line covers: of a constant image a line sees its own length.

P. M. Joseph, "An improved algorithm for reprojecting rays through pixel images", IEEE TMI 1(3), 1982.
"""

from __future__ import annotations

import math

import numpy as np

from petrecon.projectors.compiled import njit, prange

_INSET = 1e-9  # voxels; keeps floor(u) + 1 inside the zero border in spite of rounding
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(inline="always")
def _trace(p, q, n, size, pz):  # type: ignore[no-untyped-def]
    """Follow the line from p to q through the bordered image.

    Returns the first and last plane i whose slabs the line crosses, the fractions of the slabs before and after
    them in which it ends, the coefficients of the sampling positions u = au + bu i, v = av + bv i, the strides of
    i, u and v, and the step length [mm]. Empty when last < first and both fractions are 0.
    """
    d0, d1, d2 = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    s2 = 1
    s1 = n[2] + 2 * pz
    s0 = (n[1] + 2) * s1
    # positions in units of voxels, counted from the border
    x0 = p[0] / size[0] + 0.5 * (n[0] + 1)
    x1 = p[1] / size[1] + 0.5 * (n[1] + 1)
    x2 = p[2] / size[2] + 0.5 * (n[2] - 1) + pz
    g0, g1, g2 = d0 / size[0], d1 / size[1], d2 / size[2]
    length = math.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
    a0, a1, a2 = abs(d0), abs(d1), abs(d2)
    if a1 >= a0 and a1 >= a2:
        first, last, xa, ga, step, sa = 1, n[1], x1, g1, size[1] * length / max(a1, 1e-300), s1
        xu, gu, nu, lu, su = x0, g0, n[0], 0, s0
        xv, gv, nv, lv, sv = x2, g2, n[2], pz - 1, s2
    elif a2 >= a0 and a2 >= a1:
        first, last, xa, ga, step, sa = pz, n[2] - 1 + pz, x2, g2, size[2] * length / a2, s2
        xu, gu, nu, lu, su = x0, g0, n[0], 0, s0
        xv, gv, nv, lv, sv = x1, g1, n[1], 0, s1
    else:
        first, last, xa, ga, step, sa = 1, n[0], x0, g0, size[0] * length / a0, s0
        xu, gu, nu, lu, su = x1, g1, n[1], 0, s1
        xv, gv, nv, lv, sv = x2, g2, n[2], pz - 1, s2
    if length == 0.0:
        return 1, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, sa, su, sv, 0.0
    bu, bv = gu / ga, gv / ga
    au, av = xu - bu * xa, xv - bv * xa
    if bv == 0.0 and abs(av - round(av)) < _INSET:
        av = float(round(av))
    start, stop = min(xa, xa + ga), max(xa, xa + ga)
    lo = max(float(first), math.floor(start + 0.5))
    hi = min(float(last), math.ceil(stop - 0.5))
    for a, b, low, high in (
        (au, bu, lu + _INSET, lu + nu + 1 - _INSET),
        (av, bv, lv + _INSET, lv + nv + 1 - _INSET),
    ):
        if b > 0.0:
            lo = max(lo, (low - a) / b)
            hi = min(hi, (high - a) / b)
        elif b < 0.0:
            lo = max(lo, (high - a) / b)
            hi = min(hi, (low - a) / b)
        elif a < low or a > high:
            hi = float(first) - 1.0  # lo is at least first; lo - 1 would be lo again for a huge lo
    if hi < lo:
        return 1, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, sa, su, sv, 0.0
    one, two, before, after = math.ceil(lo), math.floor(hi), 0.0, 0.0
    if one <= two and start > one - 0.5:
        before = min(stop, one + 0.5) - start
        one += 1
    if one <= two and stop < two + 0.5:
        after = stop - (two - 0.5)
        two -= 1
    return one, two, before, after, au, bu, av, bv, sa, su, sv, step


@njit(inline="always")
def _run(k, first, last, before, after):  # type: ignore[no-untyped-def]
    """Run k of 3 of a line's planes, and its weight: the one it begins in, those it crosses, the one it ends in."""
    if k == 0:
        return first - 1, first if before > 0.0 else first - 1, before
    if k == 1:
        return first, last + 1, 1.0
    return last + 1, last + 2 if after > 0.0 else last + 1, after


@njit(inline="always")
def _is_flat(av, bv):  # type: ignore[no-untyped-def]
    """Whether the line stays on the voxel centres of its third axis: two samples per plane, not four."""
    return bv == 0.0 and av == math.floor(av)


@njit(cache=True, parallel=True, fastmath=_FAST, error_model="numpy")
def forward_one(start, end, n, size, pz, image, out):  # type: ignore[no-untyped-def]
    """Line integrals [image unit · mm] of one image; image (voxels,), out (lines,)."""
    for r in prange(start.shape[0]):
        lo, hi, before, after, au, bu, av, bv, sa, su, sv, step = _trace(start[r], end[r], n, size, pz)
        total = 0.0
        flat = _is_flat(av, bv)
        base = int(av) * sv
        for part in range(3):
            one, two, weight = _run(part, lo, hi, before, after)
            run = 0.0
            if flat:
                for i in range(one, two):
                    u = au + bu * i
                    iu = int(u)
                    f = image.dtype.type(u - iu)
                    k = np.uint64(i * sa + iu * su + base)
                    a = image[k]
                    run += a + f * (image[k + np.uint64(su)] - a)
            else:
                for i in range(one, two):
                    u, v = au + bu * i, av + bv * i
                    iu, iv = int(u), int(v)
                    f, g = image.dtype.type(u - iu), image.dtype.type(v - iv)
                    k = np.uint64(i * sa + iu * su + iv * sv)
                    m = k + np.uint64(sv)
                    a = image[k] + f * (image[k + np.uint64(su)] - image[k])
                    b = image[m] + f * (image[m + np.uint64(su)] - image[m])
                    run += a + g * (b - a)
            total += weight * run
        out[r] = total * step


@njit(cache=True, parallel=True, fastmath=_FAST, error_model="numpy")
def forward_many(start, end, n, size, pz, image, out):  # type: ignore[no-untyped-def]
    """Line integrals of a block of images; image (voxels, batch), out (lines, batch)."""
    batch = image.shape[1]
    for r in prange(start.shape[0]):
        lo, hi, before, after, au, bu, av, bv, sa, su, sv, step = _trace(start[r], end[r], n, size, pz)
        row = out[r]
        for b in range(batch):
            row[b] = 0
        flat = _is_flat(av, bv)
        for part in range(3):
            one, two, weight = _run(part, lo, hi, before, after)
            length = weight * step
            for i in range(one, two):
                u, v = au + bu * i, av + bv * i
                iu, iv = int(u), int(v)
                k = np.uint64(i * sa + iu * su + iv * sv)
                f = u - iu
                if flat:
                    w0, w1 = image.dtype.type((1 - f) * length), image.dtype.type(f * length)
                    p0, p1 = image[k], image[k + np.uint64(su)]
                    for b in range(batch):
                        row[b] += w0 * p0[b] + w1 * p1[b]
                else:
                    g = v - iv
                    w0, w1 = image.dtype.type((1 - f) * (1 - g) * length), image.dtype.type(f * (1 - g) * length)
                    w2, w3 = image.dtype.type((1 - f) * g * length), image.dtype.type(f * g * length)
                    p0, p1 = image[k], image[k + np.uint64(su)]
                    p2, p3 = image[k + np.uint64(sv)], image[k + np.uint64(su + sv)]
                    for b in range(batch):
                        row[b] += w0 * p0[b] + w1 * p1[b] + w2 * p2[b] + w3 * p3[b]


@njit(cache=True, parallel=True, fastmath=_FAST, error_model="numpy")
def back_one(start, end, n, size, pz, sinogram, images):  # type: ignore[no-untyped-def]
    """Adjoint of `forward_one`: each thread adds its share of the lines to its own row of images."""
    threads, lines = images.shape[0], start.shape[0]
    for t in prange(threads):
        image = images[t]
        for r in range(t * lines // threads, (t + 1) * lines // threads):
            lo, hi, before, after, au, bu, av, bv, sa, su, sv, step = _trace(start[r], end[r], n, size, pz)
            whole = image.dtype.type(step * sinogram[r])
            flat = _is_flat(av, bv)
            for part in range(3):
                one, two, weight = _run(part, lo, hi, before, after)
                value = image.dtype.type(weight) * whole
                for i in range(one, two):
                    u, v = au + bu * i, av + bv * i
                    iu, iv = int(u), int(v)
                    k = np.uint64(i * sa + iu * su + iv * sv)
                    f = image.dtype.type(u - iu)
                    if flat:
                        image[k + np.uint64(su)] += f * value
                        image[k] += value - f * value
                    else:
                        g = image.dtype.type(v - iv)
                        upper = g * value
                        lower = value - upper
                        m = k + np.uint64(sv)
                        image[k + np.uint64(su)] += f * lower
                        image[k] += lower - f * lower
                        image[m + np.uint64(su)] += f * upper
                        image[m] += upper - f * upper


@njit(cache=True, parallel=True, fastmath=_FAST, error_model="numpy")
def back_many(start, end, n, size, pz, sinogram, images):  # type: ignore[no-untyped-def]
    """Adjoint of `forward_many`; sinogram (lines, batch), images (threads, voxels, batch)."""
    threads, lines, batch = images.shape[0], start.shape[0], sinogram.shape[1]
    for t in prange(threads):
        image = images[t]
        for r in range(t * lines // threads, (t + 1) * lines // threads):
            lo, hi, before, after, au, bu, av, bv, sa, su, sv, step = _trace(start[r], end[r], n, size, pz)
            row = sinogram[r]
            flat = _is_flat(av, bv)
            for part in range(3):
                one, two, weight = _run(part, lo, hi, before, after)
                length = weight * step
                for i in range(one, two):
                    u, v = au + bu * i, av + bv * i
                    iu, iv = int(u), int(v)
                    k = np.uint64(i * sa + iu * su + iv * sv)
                    f = u - iu
                    if flat:
                        w0, w1 = image.dtype.type((1 - f) * length), image.dtype.type(f * length)
                        p0, p1 = image[k], image[k + np.uint64(su)]
                        for b in range(batch):
                            p0[b] += w0 * row[b]
                            p1[b] += w1 * row[b]
                    else:
                        g = v - iv
                        w0, w1 = image.dtype.type((1 - f) * (1 - g) * length), image.dtype.type(f * (1 - g) * length)
                        w2, w3 = image.dtype.type((1 - f) * g * length), image.dtype.type(f * g * length)
                        p0, p1 = image[k], image[k + np.uint64(su)]
                        p2, p3 = image[k + np.uint64(sv)], image[k + np.uint64(su + sv)]
                        for b in range(batch):
                            p0[b] += w0 * row[b]
                            p1[b] += w1 * row[b]
                            p2[b] += w2 * row[b]
                            p3[b] += w3 * row[b]
