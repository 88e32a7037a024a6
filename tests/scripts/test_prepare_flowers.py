"""Flowers from their official archive, here a tiny one made by the test."""

from __future__ import annotations

import sys
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from typer.testing import CliRunner

from bagbench.problems import flowers_images
from bagbench.problems.datasets import load_data_set
from bagbench.problems.errors import FileProblem, InvalidArgument, MissingExtra, UnknownName
from bagbench.problems.flowers_images import content_sum
from bagbench.scripts.prepare_flowers import FILTERS, prepare, prepare_flowers

Image = pytest.importorskip("PIL.Image")

COLOURS = {1: (250, 10, 20), 2: (30, 240, 60), 80: (5, 5, 5), 81: (120, 130, 140), 1360: (20, 30, 250)}
"""Of the photographs in the tiny archive, by number: two of the first category, its last, the next, the very last."""
SPLITS = {"trn1": [[81, 1]], "val1": [[2]], "tst1": [[1360, 80]], "trn2": [[2]], "val2": [[1]], "tst2": [[81]]}


@pytest.fixture
def archive(empty_folder: Path) -> Path:
    """Photographs of 60 x 40 pixels, each of one colour, but white on the left."""
    path = empty_folder / "17flowers.tgz"
    with tarfile.open(path, "w:gz") as file:
        for number, colour in COLOURS.items():
            photograph = Image.new("RGB", (60, 40), colour)
            photograph.paste((255, 255, 255), (0, 0, 30, 40))
            content = BytesIO()
            photograph.save(content, "JPEG", quality=100, subsampling=0)
            member = tarfile.TarInfo(f"jpg/image_{number:04d}.jpg")
            member.size = len(content.getvalue())
            file.addfile(member, BytesIO(content.getvalue()))
    return path


@pytest.fixture
def splits(empty_folder: Path) -> Path:
    path = empty_folder / "datasplits.mat"
    savemat(path, SPLITS)
    return path


@pytest.mark.parametrize("resampling", FILTERS)
def test_images_are_scaled_and_labelled_in_the_order_of_the_split(archive: Path, splits: Path, resampling: str) -> None:
    arrays = prepare(archive, splits, split=1, resampling=resampling)
    expected = {"train": ([81, 1], [1, 0]), "val": ([2], [0]), "test": ([1360, 80], [16, 0])}
    for part, (numbers, categories) in expected.items():
        assert arrays[f"y_{part}"].tolist() == categories
        images = arrays[f"x_{part}"]
        assert images.shape == (len(numbers), 16, 16, 3)
        assert images.dtype == np.uint8
        right = np.array([COLOURS[number] for number in numbers])[:, None, None]
        assert (np.abs(images[:, :, 12:].astype(int) - right) <= 3).all()  # JPEG is not exact
        assert (images[:, :, :4] >= 252).all()


def test_other_split_is_another_choice(archive: Path, splits: Path) -> None:
    arrays = prepare(archive, splits, split=2, resampling="box")
    assert [arrays[f"y_{part}"].tolist() for part in ("train", "val", "test")] == [[0], [0], [1]]


def run(*words: object) -> str:
    import typer

    app = typer.Typer()
    app.command()(prepare_flowers)
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).output


def test_command_says_that_other_pixels_will_be_refused_and_they_are(
    archive: Path, splits: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = empty_folder / "flowers17_16px.npz"
    text = run(archive, splits, out)
    assert "these are not the published images" in text
    assert "will refuse them; try another --filter or --split" in text
    monkeypatch.setenv("BAGBENCH_DATA", str(empty_folder))
    load_data_set.cache_clear()
    with pytest.raises(FileProblem, match=f"^{out} is not what was published, and results on other images cannot be"):
        load_data_set("flowers")


def test_command_says_when_the_pixels_are_the_published_ones(
    archive: Path, splits: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = content_sum(prepare(archive, splits, split=1, resampling="lanczos"))
    for module in (flowers_images, sys.modules[prepare_flowers.__module__]):
        monkeypatch.setattr(module, "SHA256", published)
    out = empty_folder / "flowers17_16px.npz"
    assert f"{out}: these are the published images" in run(archive, splits, out, "--filter", "lanczos")
    monkeypatch.setenv("BAGBENCH_DATA", str(empty_folder))
    load_data_set.cache_clear()
    assert load_data_set("flowers").test.labels.tolist() == [16, 0]
    load_data_set.cache_clear()
    assert "these are not the published images" in run(archive, splits, out)  # bicubic


def test_wrong_choices_are_refused(archive: Path, splits: Path) -> None:
    with pytest.raises(InvalidArgument, match="^--split is 4: expected 1, 2 or 3$"):
        prepare(archive, splits, split=4, resampling="box")
    with pytest.raises(UnknownName, match="^unknown filter 'cubic': expected one of .*; did you mean 'bicubic'"):
        prepare(archive, splits, split=1, resampling="cubic")


def test_foreign_files_are_refused(archive: Path, splits: Path, empty_folder: Path) -> None:
    with pytest.raises(FileProblem, match=f"^{splits} is not the official datasplits.mat: 'trn3'$"):
        prepare(archive, splits, split=3, resampling="box")
    with pytest.raises(FileProblem, match=f"^{archive} is not the official datasplits.mat: "):
        prepare(archive, archive, split=1, resampling="box")
    with pytest.raises(FileProblem, match=f"^{splits} is not the official 17flowers.tgz: "):
        prepare(splits, splits, split=1, resampling="box")
    savemat(splits, {**SPLITS, "val1": [[3]]})
    with pytest.raises(FileProblem, match=f"^{archive} is not the official 17flowers.tgz: 'image_0003.jpg'$"):
        prepare(archive, splits, split=1, resampling="box")
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(FileProblem, match=f"^{archive} is (not the official|damaged)"):
        prepare(archive, splits, split=1, resampling="box")
    with pytest.raises(FileNotFoundError):
        prepare(empty_folder / "nowhere.tgz", splits, split=1, resampling="box")


def test_photograph_that_is_none_is_refused(splits: Path, empty_folder: Path) -> None:
    path = empty_folder / "others.tgz"
    with tarfile.open(path, "w:gz") as file:
        for number in COLOURS:
            member = tarfile.TarInfo(f"jpg/image_{number:04d}.jpg")
            member.size = 4
            file.addfile(member, BytesIO(b"text"))
    with pytest.raises(FileProblem, match=f"^{path} is damaged: cannot identify image file"):
        prepare(path, splits, split=1, resampling="box")


def test_without_pillow_the_extra_is_named(archive: Path, splits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"^scaling images needs pillow, which is not installed: .*\[data\]'$"):
        prepare(archive, splits, split=1, resampling="box")
