"""Whatever bytes a file has, it is prepared or refused with a reason: nothing crashes, hangs or fills the memory."""

import gzip
import time
import tracemalloc
import warnings
from collections import Counter

import joblib
import nibabel
import numpy as np
import pytest
from scans import AFFINE, scan_of

from alphagan.preparation.quality import QualityError
from alphagan.preparation.resample import prepare_scan
from alphagan.settings.sections import Prepare

SETTINGS = Prepare(size=16, min_brain_ml=0, max_saturated=1.0)
SHAPE = (12, 14, 10)
MOST_S = 5.0
# Of a file of a few kilobytes. One in 10 000 asks for more than 512 MiB: nibabel reserves what a header extension says
# of its own length, 2 GiB at most, before it finds the file shorter, and refuses it; that memory is never written.
MOST_BYTES, USUAL_BYTES = 2**31, 2**29
KINDS = {
    "a.nii": nibabel.Nifti1Image,
    "a.nii.gz": nibabel.Nifti1Image,
    "b.nii": nibabel.Nifti2Image,
    "a.img": nibabel.Spm99AnalyzeImage,
    "a.mgz": nibabel.MGHImage,
    "a.mgh": nibabel.MGHImage,
}
HEADERS = {nibabel.Nifti1Image: 352, nibabel.Nifti2Image: 544, nibabel.Spm99AnalyzeImage: 348, nibabel.MGHImage: 284}
NASTY = [0, 1, 0x7F, 0x80, 0xFF]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Content of one small brain in each format."""
    folder = tmp_path_factory.mktemp("whole")
    grid = sum((axis / (n - 1) - 0.5) ** 2 for axis, n in zip(np.indices(SHAPE), SHAPE, strict=True))
    brain = np.where(grid < 0.2, 100 + 60 * np.random.default_rng(0).random(SHAPE), 0).astype(np.float32)
    contents = {}
    for name, kind in KINDS.items():
        nibabel.save(kind(brain, AFFINE), folder / name)
        for path in sorted(folder.glob(f"{name.split('.')[0]}.*")):
            content = path.read_bytes()
            contents[name, path.suffix] = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
            path.unlink()
    return contents


def mutate(content, n_header, rng):
    """Bytes of the header or the body changed, taken out, put in, or the end cut off."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(0, min(n_header, len(content)) if rng.random() < 0.8 else len(content)))
        way = rng.random()
        if way < 0.5:
            content[place] = rng.choice(NASTY) if rng.random() < 0.5 else rng.integers(256)
        elif way < 0.8:
            width = int(rng.choice([2, 4, 8]))
            content[place : place + width] = rng.bytes(width)
        elif way < 0.9:
            content[place : place + 1] = rng.bytes(int(rng.integers(0, 4)))
        else:
            del content[max(1, place) :]
        if len(content) < 2:
            break
    return bytes(content)


def tried(whole, folder, seed):
    """What became of one mutated file: "" or the reason it was refused for; and seconds."""
    rng = np.random.default_rng(seed)
    name = list(KINDS)[seed % len(KINDS)]
    parts = [key for key in whole if key[0] == name]
    damaged = parts[int(rng.integers(len(parts)))]
    for key in parts:
        content = mutate(whole[key], HEADERS[KINDS[name]], rng) if key == damaged else whole[key]
        path = (folder / name).with_suffix(key[1]) if len(parts) > 1 else folder / name
        if name.endswith(("gz", "mgz")):
            content = gzip.compress(content, 1)
            if rng.random() < 0.2:  # or what packs it is damaged
                content = mutate(content, len(content), rng)
        path.write_bytes(content)
    start = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prepared = prepare_scan(scan_of(folder / name), SETTINGS)
    except QualityError as refusal:
        assert "\n" not in str(refusal) and ": " in str(refusal)
        return str(refusal), time.monotonic() - start
    assert prepared.cube.shape == (16, 16, 16) and np.isfinite(prepared.affine).all()
    assert np.isfinite(prepared.intensity).all()
    return "", time.monotonic() - start


def all_tried(whole, folder, seeds):
    """What became of each mutated file: "" or the reason, seconds, and the most memory, in bytes."""
    folder.mkdir()
    found = []
    tracemalloc.start()
    try:
        for seed in seeds:
            tracemalloc.reset_peak()
            try:
                reason, seconds = tried(whole, folder, seed)
            except QualityError:
                raise
            except Exception as error:
                raise AssertionError(f"file of seed {seed}: {type(error).__name__}: {error}") from error
            found.append((reason, seconds, tracemalloc.get_traced_memory()[1]))
            assert found[-1][2] < USUAL_BYTES or "failed to read extension content" in reason, (seed, reason)
    finally:
        tracemalloc.stop()
    return found


@pytest.mark.parametrize("n", [60, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_headers_and_bodies_are_refused_or_prepared(whole, tmp_path, n):
    halves = (joblib.delayed(all_tried)(whole, tmp_path / str(half), range(half, n, 2)) for half in (0, 1))
    found = [file for half in joblib.Parallel(n_jobs=2 if n > 1000 else 1)(halves) for file in half]
    assert len(found) == n
    reasons, (slowest, most) = Counter(file[0].partition(":")[0] for file in found), np.max([f[1:] for f in found], 0)
    print(f"{n} files: {dict(sorted(reasons.items()))}; slowest {slowest:.1f} s, at most {most / 2**20:.0f} MiB")
    assert slowest < MOST_S and most < MOST_BYTES
    assert {"", "unreadable"} <= set(reasons)
