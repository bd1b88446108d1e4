"""Timings of the compressors: python benchmarks/compressors.py. Each line is the best of three runs."""

import time

import numpy as np

import mfrd

SAMPLES = 4_000_000


def best(action, runs=3):
    """(seconds of the fastest run, its result)."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - start)
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


def codecs():
    line, plane = report_source(), mfrd.grid(-8, 8, 40, 2)
    square = mfrd.Source(plane, np.full(1600, 1 / 1600))
    scattered = mfrd.Source(np.random.default_rng(0).normal(size=(500, 2)), np.full(500, 1 / 500))
    cases = [(f"1-D, D = {D:g}", mfrd.ecsq(line, D).deterministic()) for D in (0.6, 0.1, 0.02)]
    cases += [("2-D grid", mfrd.uniform_quantiser(square, 4.0))]
    cases += [("2-D scattered", mfrd.uniform_quantiser(scattered, 1.0))]
    for name, encoder in cases:
        codec, rng = mfrd.Codec(encoder), np.random.default_rng(0)
        letters = rng.choice(len(encoder.source.p), SAMPLES, p=encoder.source.p)
        samples = encoder.source.x[letters]
        there, data = best(lambda: codec.encode(samples))
        back, _ = best(lambda: codec.decode(data))
        rate, entropy = 8 * len(data) / SAMPLES, codec.cross_entropy(samples)
        print(
            f"codec {name:14s} {len(codec.codebook):4d} codewords   encode {SAMPLES / there / 1e6:6.1f}, "
            f"decode {SAMPLES / back / 1e6:6.1f} million samples/s   {rate:.5f} bits ({rate / entropy - 1:+.3%})"
        )


if __name__ == "__main__":
    quantisers()
    codecs()
