"""Train the networks of mfrd.compress on pictures that no table or test measures, and write mfrd/coding/pictures.npz.

    python benchmarks/train_pictures.py --walls FOLDER --anew --stages 3      from nothing: so the package's were made
    python benchmarks/train_pictures.py --walls FOLDER                        from the networks that are there

Crops of the pictures below, at steps drawn at random, are coded with the networks of the stage before; what the coder
saw of each coefficient, and what it chose, is what the next networks learn. Needs torch (2.14 it was, on two cores,
where it takes an hour; other machines round sums otherwise and find other weights of the same worth), scikit-learn,
mahotas, and a folder of photographs, each used a third in size: from Debian's packages mate-backgrounds 1.26.0-1, as
mate_NAME.jpg, those of backgrounds/mate/nature, and plasma-workspace-wallpapers 5.27.5-2, as NAME.jpg or NAME.png, of
each of wallpapers/NAME the largest file. Never here: the pictures that benchmarks/rivals.py measures.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from mfrd.coding import contexts, networks, pictures, wavelet

SEED = 17
SIDE = 256  # of a crop
IDLE = 0.12  # the share kept of coefficients among zeros, each with the weight 1 / IDLE
QUIET = 14  # features below which a coefficient is among zeros
HIDDEN = {"m": (192, 96), "s": (96, 48)}
DIRECTIONS = 32  # of the signed features, to magnitudes
BATCH, RATE = 4096, 2e-3
WIDTH, DEPTH, PEAK = 32, 6, 3e-3  # planes and layers of the filter, and its rate of learning
PATCHES, PATCH, EDGE = 12, 64, DEPTH + 1  # squares a step, their side, and the samples around them that the filter sees
SKIMAGE = (
    "coffee.png rocket.jpg brick.png grass.png gravel.png hubble_deep_field.jpg ihc.png motorcycle_left.png".split()
)
TARGET = Path(pictures.__file__).with_name("pictures.npz")


def shrunk(plane: np.ndarray, by: int) -> np.ndarray:
    h, w = (size // by * by for size in plane.shape)
    return np.rint(plane[:h, :w].reshape(h // by, by, w // by, by).mean(axis=(1, 3)))


def sources(walls: list[Path]) -> list[np.ndarray]:
    """Planes of the pictures to learn from."""
    import mahotas
    import skimage
    import sklearn

    data = {package: Path(package.__file__).parent for package in (skimage, mahotas, sklearn)}
    paths = [(data[skimage] / "data" / name, 1) for name in SKIMAGE] + [(data[skimage] / "data/retina.jpg", 2)]
    paths += [(data[skimage] / "data" / name, 1) for name in ("color.png", "cell.png")]
    paths += [(data[sklearn] / "datasets/images/flower.jpg", 1)]
    demos = data[mahotas] / "demos/data"
    paths += [(demos / "luispedro.jpg", 1), (demos / "lena.jpg", 1), (demos / "nuclear.png", 2)]
    paths += [(demos / "DepartmentStore.jpg", 2)]
    paths += [(path, 3) for folder in walls for path in sorted(folder.iterdir())]
    found = []
    for path, by in paths:
        picture = np.asarray(Image.open(path).convert("RGB"), float)
        found += [shrunk(picture[..., channel], by) for channel in ((0, 1) if by == 1 else (1,))]
    return found


def page(rng: np.random.Generator, shape: tuple[int, int] = (SIDE, 384)) -> np.ndarray:
    """A page of random letters, blurred, lit from one side, with noise."""
    fonts = sorted((Path(matplotlib.__file__).parent / "mpl-data/fonts/ttf").glob("DejaVu*.ttf"))
    image, y, size = Image.new("L", shape[::-1], 255), int(rng.integers(10)), int(rng.integers(9, 30))
    font = ImageFont.truetype(str(fonts[rng.integers(len(fonts))]), size)
    while y < shape[0]:
        text = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ,.0123456789       "), 80))
        ImageDraw.Draw(image).text((int(rng.integers(20)), y), text, fill=0, font=font)
        y += int(size * rng.uniform(1.1, 1.8))
    ink = gaussian_filter(np.asarray(image, float), rng.uniform(0.3, 1.2))
    light = 1 + sum(
        rng.uniform(-0.4, 0.4) * axis for axis in np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    )
    noisy = (60 * rng.random() + ink * rng.uniform(0.4, 0.8)) * light / light.max() + rng.normal(
        0, rng.uniform(0, 4), shape
    )
    return np.clip(np.rint(noisy), 0, 255)


def crops(rng: np.random.Generator, count: int, walls: list[Path]) -> Iterator[np.ndarray]:
    """Yields crops, one in six a page, some halved in size, turned and mirrored."""
    planes = sources(walls)
    for number in range(count):
        plane = page(rng) if number % 6 == 5 else planes[rng.integers(len(planes))]
        if rng.random() < 0.25 and min(plane.shape) > 2 * SIDE:
            plane = shrunk(plane, 2)
        top, left = (rng.integers(max(1, size - SIDE + 1)) for size in plane.shape)
        plane = plane[top : top + SIDE, left : left + SIDE]
        plane = plane.T if rng.random() < 0.5 else plane
        yield np.ascontiguousarray(plane[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))])


def coded(picture: np.ndarray, rng: np.random.Generator) -> tuple[list, np.ndarray, tuple]:
    """(what the encoder saw, decoded picture, base steps and mask) at steps drawn at random."""
    (h, w), mask = picture.shape, np.zeros(picture.shape, bool)
    top, left = rng.integers(h // 2), rng.integers(w // 2)
    mask[top : top + h // 2, left : left + w // 2] = True
    outer = np.exp(rng.uniform(np.log(6), np.log(90)))
    inner = outer / np.exp(rng.uniform(0, 2))
    unit = 2.0**-8
    low, bands = wavelet.analyse_picture(picture / unit)
    side = pictures.Encoder(low, bands, pictures.PRICE)
    side.seen = []
    steps = pictures.steps_of(wavelet.energies(mask), wavelet.energies(~mask), inner / unit, outer / unit)
    found = pictures.walk(side, steps, networks.model()) * unit
    return side.seen, found, (inner, outer, mask)


def gathered(count: int, walls: list[Path], seed: int) -> tuple[list, list]:
    """For each phase what magnitudes are learned from, and what signs: arrays of one length, the weight the last.

    Magnitudes: (features, signed features, diagonal, k, Q, weight); signs: (signed features, diagonal, column, minus,
    weight).
    """
    rng = np.random.default_rng(seed)
    sizes, signs = ([[] for _ in contexts.PHASES] for _ in range(2))
    for picture in crops(rng, count, walls):
        for phase, diagonal, features, signed, k, Q, minus in coded(picture, rng)[0]:
            near = features[:, : -contexts.LEVELS - contexts.ORIENTATIONS - contexts.WIDE]
            busy = (near.max(axis=1) >= QUIET) | (k > 0)
            keep = busy | (rng.random(len(k)) < IDLE)
            weight = np.where(busy, 1, 1 / IDLE)[keep].astype(np.float32)
            signed, turned, sized = signed.astype(np.int8), np.full(len(k), diagonal), np.minimum(k, 255)
            kept = [each[keep] for each in (features.astype(np.uint8), signed, turned, sized.astype(np.uint8), Q)]
            sizes[phase].append((*kept, weight))
            some = k > 0
            which = (np.minimum(k[some], contexts.SIGNS) - 1).astype(np.uint8)
            signs[phase].append((signed[some], turned[some], which, minus[some], np.ones(some.sum(), np.float32)))
    return tuple([tuple(map(np.concatenate, zip(*found))) for found in kind] for kind in (sizes, signs))


class Layers(torch.nn.Module):
    """A network that learns: of magnitudes, with directions, or of signs."""

    def __init__(self, name: str, features: int, signed: int) -> None:
        super().__init__()
        self.odd = name == "s"
        inputs = 2 * signed if self.odd else features + DIRECTIONS
        sizes = (inputs, *HIDDEN[name], contexts.SIGNS if self.odd else 2 * contexts.FLAGS)
        self.steps = torch.nn.ModuleList([torch.nn.Linear(a, b, bias=not self.odd) for a, b in zip(sizes, sizes[1:])])
        self.directions = None if self.odd else torch.nn.Linear(2 * signed, DIRECTIONS, bias=False)

    def forward(self, features: torch.Tensor, signed: torch.Tensor, diagonal: torch.Tensor) -> torch.Tensor:
        """Logits of features as bytes, signed ones, and whether they are of a diagonal band."""
        turned = signed.float() * diagonal[:, None]
        both = torch.cat([signed.float() - turned, turned], dim=1)
        if self.directions is None:
            x = both / 32
        else:
            along = torch.log2(1 + 2 * self.directions(both).abs()) / 2  # sums in eighths, sixteenths of an octave / 32
            x = torch.cat([features.float() / 32, along.clamp(0, 8)], dim=1)
        for layer in self.steps[:-1]:
            x = layer(x).clamp(-8 if self.odd else 0, 8)
        return self.steps[-1](x)


def resumed(layers: Layers, start: dict[str, np.ndarray]) -> None:
    """Put the weights of the same network into the layers."""
    with torch.no_grad():
        for at, layer in enumerate(layers.steps):
            layer.weight.copy_(torch.from_numpy(start[f"W{at}"].T / networks.SCALE))
            if layer.bias is not None:
                layer.bias.copy_(torch.from_numpy(start[f"b{at}"] / (32 * networks.SCALE)))
        if layers.directions is not None:
            layers.directions.weight.copy_(torch.from_numpy(start["V"].T / networks.SCALE))


def trained(name: str, data: tuple, epochs: int, start: dict[str, np.ndarray]) -> Layers:
    """One network, from the weights of another on, or from nothing."""
    *inputs, k, second, weight = map(torch.from_numpy, data)
    features, signed, diagonal = inputs if name == "m" else (None, *inputs)
    torch.manual_seed(SEED)
    layers = Layers(name, 0 if features is None else features.shape[1], signed.shape[1])
    if start:
        resumed(layers, start)
    steps, batch = epochs * max(1, len(k) // BATCH), min(BATCH, len(k))
    optimiser = torch.optim.Adam(layers.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1, pct_start=0.1)
    flags, every = torch.arange(contexts.FLAGS), torch.arange(batch)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    for epoch in range(epochs):
        order, losses, begun = torch.randperm(len(k)), [], time.process_time()
        for at in range(0, len(k) - batch + 1, batch):
            i = order[at : at + batch]
            z = layers(features if features is None else features[i], signed[i], diagonal[i])
            value, other = k[i].long(), second[i].long()
            if name == "s":
                loss = entropy(z[every, value], other.float(), reduction="none")
            else:
                z = z.view(batch, 2, contexts.FLAGS)[every, other]
                loss = entropy(z, (value[:, None] > flags).float(), reduction="none")
                loss = (loss * (value[:, None] >= flags)).sum(1)
            loss = (loss * weight[i]).sum() / weight[i].sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item() / np.log(2))
        print(
            f"{name} {len(k)} samples, epoch {epoch}: {np.mean(losses):.5f} bits, {time.process_time() - begun:.0f} s",
            flush=True,
        )
    return layers


def integers(layers: Layers, name: str) -> dict[str, np.ndarray]:
    """Weights and biases as networks.Model takes them."""
    found = {}
    for at, layer in enumerate(layers.steps):
        found[f"{name}W{at}"] = np.rint(layer.weight.detach().numpy().T * networks.SCALE).astype(np.int16)
        bias = np.zeros(layer.out_features) if layer.bias is None else layer.bias.detach().numpy()
        found[f"{name}b{at}"] = np.rint(bias * 32 * networks.SCALE).astype(np.int32)
    if layers.directions is not None:
        found[f"{name}V"] = np.rint(layers.directions.weight.detach().numpy().T * networks.SCALE).astype(np.int16)
    return found


def filtered(
    stored: dict[str, np.ndarray], count: int, walls: list[Path], seed: int, steps: int
) -> dict[str, np.ndarray]:
    """Weights of the filter: of the squared error that it leaves, a share of what it finds, equal for all patches.

    From crops that the networks `stored` code.
    """
    networks._held[:] = [networks.Model(stored)]
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng, layers = np.random.default_rng(seed), torch.nn.ModuleList()
    pairs = [(found, np.where(mask, *base), picture) for picture, found, (*base, mask) in decoded(count, walls, rng)]
    for inputs, outputs, taps in ((1, WIDTH, 5), *[(WIDTH, WIDTH, 3)] * (DEPTH - 2), (WIDTH, 1, 3)):
        layers.append(torch.nn.Conv2d(inputs, outputs, taps))
    optimiser = torch.optim.Adam(layers.parameters(), lr=PEAK)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, total_steps=steps + 1, pct_start=0.05)
    for step in range(steps):
        x, D, y = (torch.from_numpy(np.stack(each)[:, None]).float() for each in zip(*patches(pairs, rng)))
        first = layers[0].weight - layers[0].weight.mean((1, 2, 3), keepdim=True)
        at = torch.nn.functional.conv2d(x - x.mean((2, 3), keepdim=True), first) / D[:, :, 2:-2, 2:-2]
        at = (at + layers[0].bias[:, None, None]).clamp(0, 8)
        for layer in layers[1:-1]:
            at = layer(at).clamp(0, 8)
        inner = slice(EDGE, -EDGE)
        missing = ((y - x) / D)[:, :, inner, inner]
        before, after = ((each**2).mean((1, 2, 3)) for each in (missing, layers[-1](at).clamp(-0.5, 0.5) - missing))
        loss = (after / (before + 0.002)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            print(f"filter, step {step + 1}: {loss.item():.4f} of the squared error", flush=True)
    weights = [layer.weight.detach().numpy().transpose(2, 3, 1, 0) for layer in layers]
    weights[0] = weights[0] - weights[0].mean((0, 1, 2))
    found = {f"fW{at}": np.rint(W * networks.SCALE).astype(np.int16) for at, W in enumerate(weights)}
    found["fW0"][2, 2, 0] -= found["fW0"].sum((0, 1, 2))  # rounded taps sum to zero again
    scales = (32, *[32 * networks.SCALE] * (DEPTH - 1))
    biases = (np.rint(layer.bias.detach().numpy() * scale).astype(np.int32) for layer, scale in zip(layers, scales))
    return found | {f"fb{at}": b for at, b in enumerate(biases)}


def decoded(count: int, walls: list[Path], rng: np.random.Generator) -> Iterator[tuple]:
    """Yields (picture, decoded, (D_in, D_out, mask)) of crops."""
    for picture in crops(rng, count, walls):
        yield picture, *coded(picture, rng)[1:]


def patches(pairs: list, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
    """Yields PATCHES times (decoded, base steps, picture): squares and EDGE samples around them, turned, mirrored."""
    whole = PATCH + 2 * EDGE
    fit = [pair for pair in pairs if min(pair[0].shape) >= whole]
    for _ in range(PATCHES):
        planes = fit[rng.integers(len(fit))]
        top, left = (int(rng.integers(size - whole + 1)) for size in planes[0].shape)
        turns, mirror = int(rng.integers(4)), rng.random() < 0.5
        cut = [plane[top : top + whole, left : left + whole] for plane in planes]
        yield tuple(np.rot90(plane.T if mirror else plane, turns).copy() for plane in cut)


def nothing() -> dict[str, np.ndarray]:
    """Networks that say of everything that it is as likely as not, and a filter that changes nothing."""
    none = np.zeros((0, 0), np.int64)
    around = contexts.Surroundings(np.zeros((1, 1), np.int64), none, [none, none], np.ones((2, 2), np.int64), 0, 0)
    found: dict[str, np.ndarray] = {}
    for phase in range(len(contexts.PHASES)):
        planes = around.planes(phase)
        for name in "ms":
            layers = Layers(name, around.magnitudes(phase, planes).shape[1], len(planes))
            for weight in layers.parameters():
                torch.nn.init.zeros_(weight)
            found |= integers(layers, f"{name}{phase}")
    taps = ((5, 1, WIDTH), *[(3, WIDTH, WIDTH)] * (DEPTH - 2), (3, WIDTH, 1))
    found |= {f"fW{at}": np.zeros((size, size, a, b), np.int16) for at, (size, a, b) in enumerate(taps)}
    return found | {f"fb{at}": np.zeros(b, np.int32) for at, (_, _, b) in enumerate(taps)}


def squash() -> np.ndarray:
    """Probabilities out of 2^16 of the logits 0, 1 / 256, ..., 11, rounded correctly."""
    exact = (Decimal(1 << 16) / (1 + (Decimal(-z) / networks.HALF).exp()) for z in range(networks.MOST_LOGIT + 1))
    return np.array([min(65535, int(p.to_integral_value())) for p in exact], np.uint16)


def part(stored: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """One network of what is stored, by its own names."""
    return {key.removeprefix(name): value for key, value in stored.items() if key.startswith(name)}


def without(stored: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """What is stored but one network."""
    return {key: value for key, value in stored.items() if not key.startswith(name)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--crops", type=int, default=600, help="of the last stage; of earlier ones fewer")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--walls", type=Path, nargs="*", default=[], help="folders of photographs")
    parser.add_argument("--anew", action="store_true", help="from nothing, not from the networks that are there")
    parser.add_argument("--stages", type=int, default=1, help="of coding crops, and learning from what was coded")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="msf", help="m: magnitudes, s: signs, f: the filter")
    parser.add_argument("--steps", type=int, default=6000, help="of the filter")
    parser.add_argument("--to", type=Path, default=TARGET)
    options = parser.parse_args()
    torch.set_num_threads(1)
    stored = (nothing() if options.anew else dict(np.load(TARGET))) | {"squash": squash()}
    kinds = sorted(set(options.only) & set("ms"))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as beside:
        for stage in range(options.stages):
            count, seed = options.crops * (stage + 1) ** 2 // options.stages**2, options.seed + stage
            if "f" in options.only and stage == options.stages - 1:  # from what the networks so far decode
                filters = beside.submit(filtered, stored, count * 2 // 3, options.walls, options.seed, options.steps)
            networks._held[:] = [networks.Model(stored)]
            begun = time.process_time()
            gatherings = dict(zip("ms", gathered(count, options.walls, seed))) if kinds else {}
            print(f"stage {stage}: {count} crops gathered in {time.process_time() - begun:.0f} s", flush=True)
            for name in kinds:
                for phase in range(len(contexts.PHASES)):
                    key, data = f"{name}{phase}", gatherings[name][phase]
                    gatherings[name][phase] = ()  # so that memory is free again
                    start = {} if options.anew and not stage else part(stored, key)
                    stored = without(stored, key) | integers(trained(name, data, options.epochs, start), key)
            np.savez_compressed(options.to, **stored)
        if "f" in options.only:
            stored = without(stored, "f") | filters.result()
    np.savez_compressed(options.to, **stored)
