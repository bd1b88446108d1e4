"""Encoders with a region of their own, one file of two qualities: results/region_maps.json, pictures of rivals.py.

Of the encoders that install from the index, two take a map of quantiser offsets: x264 and x265, by the regions of
interest that FFmpeg's filter `addroi` hangs on a frame. Each writes one frame, grey, its quality (crf) and the
region's offset searched for so that both targets are met at the fewest bytes, messages of the encoder (SEI) taken
out. No map was found in the interfaces of the others: those of libjpeg, libjxl, libavif and libheif have none, OpenJPEG
shifts a whole component, SVT-AV1 and libvpx in FFmpeg's wheel write the same bytes with a region and without. Needs
the extra `rivals`.

    python benchmarks/region_maps.py            all pictures
    python benchmarks/region_maps.py camera     some, kept beside the others that results/region_maps.json holds
"""

import json
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from rivals import MAIN, PICTURES, decibels

RESULTS = Path(__file__).resolve().parents[1] / "results/region_maps.json"
TICK = Fraction(1, 25)
QUIET = "aq-mode=1:log-level=0"
ENCODERS = {  # encoder, decoder, options, type of a NAL unit that says nothing of the picture
    "H.264 (x264)": ("libx264", "h264", {"x264-params": QUIET}, lambda first: first & 31 == 6),
    "H.265 (x265)": ("libx265", "hevc", {"x265-params": f"info=0:{QUIET}"}, lambda first: first >> 1 == 39),
}
QUALITIES, OFFSETS = np.arange(51, 4, -0.25), -np.arange(0, 0.6, 0.01)  # crf; of 51, the region's
NEAR = 1  # steps of either about what bisection finds


def packets_of(picture: np.ndarray, box: tuple[int, int, int, int], name: str, crf: float, offset: float) -> list:
    """Packets of a picture (H, W) whose rectangle is coded finer by an offset."""
    height, width = picture.shape
    top, bottom, left, right = box
    graph = av.filter.Graph()
    steps = [
        graph.add("buffer", f"video_size={width}x{height}:pix_fmt=gray:time_base={TICK}:range=pc"),
        graph.add("addroi", f"x={left}:y={top}:w={right - left}:h={bottom - top}:qoffset={offset:.4f}"),
        graph.add("buffersink"),
    ]
    for one, other in zip(steps, steps[1:]):
        one.link_to(other)
    graph.configure()
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="gray")
    frame.pts, frame.time_base, frame.color_range = 0, TICK, 2
    graph.push(frame)
    encoder, _, options, _ = ENCODERS[name]
    context = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt, context.time_base, context.color_range = (
        width,
        height,
        "gray",
        TICK,
        2,
    )
    context.options = {"preset": "placebo", "tune": "psnr", "crf": f"{crf:g}"} | options
    return [*context.encode(graph.pull()), *context.encode(None)]


def bare(packets: list, name: str) -> bytes:
    """The bytes of packets without messages."""
    units = b"".join(map(bytes, packets)).split(b"\0\0\1")
    spare = ENCODERS[name][3]
    return b"".join(b"\0\0\1" + unit for unit in units[1:] if not spare(unit[0]))


def shown(data: bytes, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The picture (H, W) of bare bytes."""
    context = av.CodecContext.create(ENCODERS[name][1], "r")
    frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    plane = frames[0].planes[0]
    return np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[: shape[0], : shape[1]]


def one_file(picture: np.ndarray, box: tuple[int, int, int, int], name: str) -> dict:
    """Bytes, seconds and qualities of the fewest bytes found that meet both targets."""
    mask = np.zeros(picture.shape, bool)
    mask[box[0] : box[1], box[2] : box[3]] = True
    tried: dict[tuple[int, int], tuple[int, float, float, float]] = {}

    def at(q: int, o: int) -> tuple[int, float, float, float]:
        if (q, o) not in tried:
            begun = time.process_time()
            data = bare(packets_of(picture, box, name, QUALITIES[q], OFFSETS[o]), name)
            seconds = time.process_time() - begun
            decoded = shown(data, name, picture.shape)
            tried[q, o] = len(data), decibels(decoded, picture, mask), decibels(decoded, picture, ~mask), seconds
        return tried[q, o]

    q = o = 0
    for _ in range(2):  # either alone, given the other
        q = first(lambda each: at(each, o)[2] >= MAIN[1], len(QUALITIES))
        o = first(lambda each: at(q, each)[1] >= MAIN[0], len(OFFSETS))
    for each in range(max(0, q - NEAR), min(len(QUALITIES), q + NEAR + 1)):
        for other in range(max(0, o - NEAR), min(len(OFFSETS), o + NEAR + 1)):
            at(each, other)
    good = [each for each in tried.values() if each[1] >= MAIN[0] and each[2] >= MAIN[1]]
    if not good:
        raise ValueError(f"{name} met {MAIN[0]} and {MAIN[1]} dB nowhere; expected it to: widen QUALITIES or OFFSETS")
    size, inside, outside, seconds = min(good)
    return {"bytes": size, "seconds": seconds, "inside_dB": inside, "outside_dB": outside}


def first(met: Callable[[int], bool], count: int) -> int:
    """The first of so many at which a condition that comes to hold and stays so holds, the last where it never does."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if met(middle) else (middle + 1, high)
    return low


if __name__ == "__main__":
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"pictures": {}}
    for name in sys.argv[1:] or PICTURES:
        load, box = PICTURES[name]
        picture = np.ascontiguousarray(load(), np.uint8)
        results["pictures"][name] = {each: one_file(picture, box, each) for each in ENCODERS}
        print(name, {each: row["bytes"] for each, row in results["pictures"][name].items()}, flush=True)
        ordered = {each: results["pictures"][each] for each in PICTURES if each in results["pictures"]}
        results |= {"inside_dB": MAIN[0], "outside_dB": MAIN[1], "encoders": list(ENCODERS), "pictures": ordered}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
