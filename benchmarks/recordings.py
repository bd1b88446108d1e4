"""Recorded signals that ship inside packages, read from their files: nothing is imported from these packages.

    heartpy        a photoplethysmogram (PPG)          sktime          an ECG of MIT-BIH
    obspy          seismograms, one of three axes      vega_datasets   temperatures of San Francisco, a year by hours
and speech, where alsa-utils of a distribution lies in its place.
"""

import gzip
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SPEECH = Path("/usr/share/sounds/alsa/Front_Center.wav")


def lines(package: str, path: str) -> list[str]:
    """The lines of a text file of an installed package; raises ModuleNotFoundError where there is no such package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"no package {package}; expected it for its recordings: pip install -e '.[bench]', or '.[rivals]'"
        )
    data = Path(spec.submodule_search_locations[0], path).read_bytes()
    return (gzip.decompress(data) if path.endswith(".gz") else data).decode().splitlines()


def column(rows: list[str], at: int = 0) -> np.ndarray:
    """A column of numbers of rows parted by commas, (N,)."""
    return np.array([float(row.split(",")[at]) for row in rows])


def seismograms() -> np.ndarray:
    """Three axes of a station, (12000, 3)."""
    place = "signal/tests/data/loc_RJOB20050801145719850."
    return np.stack([column(lines("obspy", place + axis)) for axis in "zne"], axis=1)


def speech() -> np.ndarray:
    """A voice, (68545,)."""
    from scipy.io import wavfile

    if not SPEECH.is_file():
        raise ModuleNotFoundError(f"no file {SPEECH.name}; expected that of alsa-utils")
    return wavfile.read(SPEECH)[1].astype(float)


RECORDINGS: dict[str, Callable[[], np.ndarray]] = {
    "PPG": lambda: column(lines("heartpy", "data/data3.csv")[1:], 1),
    "speech": speech,
    "ECG": lambda: column(lines("sktime", "datasets/data/mitdb/mitdb.csv")[1:]),
    "seismogram KW1": lambda: column(
        lines("obspy", "signal/tests/data/BW.KW1._.EHZ.D.2011.090_downsampled.asc.gz")[:300_000]
    ),
    "seismogram RJOB, z": lambda: seismograms()[:, 0],
    "seismogram RJOB": seismograms,
    "temperatures": lambda: column(lines("vega_datasets", "_data/sf-temps.csv")[1:]),
}
