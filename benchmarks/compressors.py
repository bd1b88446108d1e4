"""Timings of the compressors: python benchmarks/compressors.py. Each line is the best of five runs.

Seconds are of processor time, all threads together, so that a busy machine says nearly what a quiet one does.
Set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1 for one core.
"""

import time

import numpy as np
from scipy.spatial import cKDTree

import mfrd
from mfrd.coding.nearest import nearest_letter
from mfrd.quantisers.cells import from_labels

SAMPLES = 4_000_000
PIECE = 1 << 14  # samples that the plain NumPy search compares at a time


def best(action, runs=5):
    """(seconds of the fastest run, its result)."""
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        result = action()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def report_source():
    return mfrd.bumps(mfrd.grid(-8, 8, 100), [0.25] * 3, [-5, -1, 2.5], [0.3, 0.6, 0.4], 1 / 64)


def quantisers():
    for n in (100, 200, 400):
        source = mfrd.bumps(mfrd.grid(-4, 4, n), [1], [0], [1])
        seconds, vertices = best(lambda: mfrd.ecsq_hull(source))
        print(f"ecsq_hull  n = {n:5d}            {seconds:8.3f} s   {len(vertices)} vertices")
    for n in (200, 1000, 2000):
        source = mfrd.bumps(mfrd.grid(-4, 4, n), [1], [0], [1])
        print(f"ecsq       n = {n:5d}            {best(lambda: mfrd.ecsq(source, 0.1), 1)[0]:8.3f} s")
    source = report_source()
    core = mfrd.Fidelity(0.02, on=abs(source.points) < 1, name="core")
    seconds, q = best(lambda: mfrd.ecvq(source, [mfrd.Fidelity(0.6), core]), 1)
    print(f"ecvq       n =   100, 2 budgets {seconds:8.3f} s   {q.rate:.6f} bits")
    plane = mfrd.grid(-8, 8, 40, 2)
    source = mfrd.bumps(plane, [1] * 4, [[-4, -4], [4, -4], [-4, 4], [4, 4]], [1] * 4, 0.1)
    core = mfrd.Fidelity(0.15, on=(plane**2).sum(axis=1) < 4, name="core")
    seconds, q = best(lambda: mfrd.ecvq(source, [mfrd.Fidelity(8.0), core]), 1)
    print(f"ecvq       n =  1600, 2 budgets {seconds:8.3f} s   {q.rate:.6f} bits")


def scattered_source(n, k):
    rng = np.random.default_rng(0)
    return mfrd.Source(rng.normal(size=(n, k)), rng.dirichlet(np.ones(n)))


def voronoi(source, m):
    """The encoder that sends each letter to the nearest of the first m letters."""
    return from_labels(source, cKDTree(source.x[:m]).query(source.x)[1])


def coder(m):
    """Bell-shaped masses on m codewords, the alphabet of a fine quantiser."""
    return mfrd.uniform_quantiser(mfrd.bumps(mfrd.grid(-4, 4, m), [1], [0], [1]), 8 / (m - 1), offset=-4)


def codecs():
    line, plane = report_source(), mfrd.grid(-8, 8, 40, 2)
    square = mfrd.Source(plane, np.full(1600, 1 / 1600))
    cases = [(f"1-D, D = {D:g}", mfrd.ecsq(line, D).deterministic()) for D in (0.6, 0.1, 0.02)]
    cases += [(f"1-D, {m} letters", coder(m)) for m in (2, 100, 300, 1000)]
    cases += [("2-D grid", mfrd.uniform_quantiser(square, 4.0))]
    for k, n, m in ((2, 500, 32), (2, 4000, 1000), (3, 500, 32), (3, 4000, 1000), (8, 2000, 256)):
        cases += [(f"{k}-D, {n} points", voronoi(scattered_source(n, k), m))]
    for name, encoder in cases:
        codec, rng = mfrd.Codec(encoder), np.random.default_rng(0)
        letters = rng.choice(len(encoder.source.p), SAMPLES, p=encoder.source.p)
        samples = encoder.source.x[letters]
        there, data = best(lambda: codec.encode(samples))
        back, _ = best(lambda: codec.decode(data))
        rate, entropy = 8 * len(data) / SAMPLES, codec.cross_entropy(samples)
        print(
            f"codec {name:16s} {len(codec.codebook):4d} codewords   encode {SAMPLES / there / 1e6:6.1f}, "
            f"decode {SAMPLES / back / 1e6:6.1f} million samples/s   {rate:.5f} bits ({rate / entropy - 1:+.3%})"
        )


def searches():
    """The nearest letter among scattered ones: the codec's search, a k-d tree, all distances in NumPy."""
    N = 1 << 20
    for k, n in ((2, 500), (3, 500), (3, 4000)):
        source, rng = scattered_source(n, k), np.random.default_rng(0)
        cell = np.arange(n, dtype=np.int32)
        search, tree = nearest_letter(source.x, cell, source.p), cKDTree(source.x)
        off = rng.normal(size=(N, k))
        for kind, samples in (("letters", source.x[rng.choice(n, N, p=source.p)]), ("others", off)):
            ours, found = best(lambda: search(samples))
            theirs, expected = best(lambda: tree.query(samples)[1])
            few = samples[: N >> 5]
            plain, nearest = best(
                lambda: np.concatenate(
                    [
                        mfrd.squared_error(few[at : at + PIECE], source.x).argmin(axis=1)
                        for at in range(0, len(few), PIECE)
                    ]
                )
            )
            assert (found == expected).all() and (found[: len(few)] == nearest).all()
            print(
                f"nearest of {n:4d} in {k}-D, {kind:8s} {N / ours / 1e6:6.1f} million samples/s   "
                f"k-d tree {N / theirs / 1e6:5.1f} ({theirs / ours:.1f} times), "
                f"all distances {len(few) / plain / 1e6:6.2f} ({32 * plain / ours:.0f} times)"
            )


if __name__ == "__main__":
    quantisers()
    codecs()
    searches()
