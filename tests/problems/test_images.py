"""Images of flowers and fashion: found where they may be, checked, refused with a word on what to do."""

from __future__ import annotations

import gzip
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import md5, sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from bagbench.problems import datasets, downloads, fashion_images, flowers_images
from bagbench.problems.datasets import DATA_SETS, fetch_images, load_data_set
from bagbench.problems.downloads import Package, cache_folder, find_image_file
from bagbench.problems.errors import FileProblem, MissingExtra, UnknownName
from bagbench.problems.fashion_images import FILES, IdxFile, read_images, read_labels
from bagbench.problems.flowers_images import PARTS, content_sum, read_flowers, write_flowers


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Path]]:
    """Make three empty folders the only ones in which images may be."""
    made = {name: tmp_path / name for name in ("own", "debian", "cache")}
    for folder in made.values():
        folder.mkdir()
    monkeypatch.setenv("BAGBENCH_DATA", str(made["own"]))
    monkeypatch.setattr(downloads, "PACKAGES", {"fashion": Package(name="a-package", folder=made["debian"])})
    monkeypatch.setattr("pooch.os_cache", lambda project: made["cache"])
    load_data_set.cache_clear()
    yield made
    load_data_set.cache_clear()


@pytest.fixture
def idx(monkeypatch: pytest.MonkeyPatch) -> dict[IdxFile, bytes]:
    """Make up four small IDX files: 50 images to train on, 7 to test; take them for the published ones."""
    rng = np.random.default_rng(0)
    contents = {}
    for file in FILES:
        count = 50 if file.name.startswith("train") else 7
        values = rng.integers(0, 256, (count, 28, 28)) if file.header == 16 else np.arange(count) % 10
        content = bytes(file.header) + values.astype(np.uint8).tobytes()
        packed = gzip.compress(content, mtime=0)
        ours = file._replace(sha256=sha256(content).hexdigest(), md5=md5(packed).hexdigest())
        contents[ours] = content
    monkeypatch.setattr(fashion_images, "FILES", tuple(contents))
    for name, file in zip(("TRAIN_IMAGES", "TRAIN_LABELS", "TEST_IMAGES", "TEST_LABELS"), contents, strict=True):
        monkeypatch.setattr(datasets, name, file)
    return contents


@pytest.fixture
def arrays(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Make up a few small flowers; take them for the published ones."""
    rng = np.random.default_rng(1)
    made = {}
    for part, count in zip(PARTS, (34, 17, 17), strict=True):
        made[f"x_{part}"] = rng.integers(0, 256, (count, 16, 16, 3)).astype(np.uint8)
        made[f"y_{part}"] = (np.arange(count) % 17).astype(np.uint8)
    monkeypatch.setattr(flowers_images, "SHA256", content_sum(made))
    return made


# --- where ------------------------------------------------------------------------------------------------------------


def test_own_folder_comes_before_the_package_and_the_package_before_the_cache(folders: dict[str, Path]) -> None:
    for name in ("cache", "debian", "own"):
        (folders[name] / "f.gz").touch()
        assert find_image_file("fashion", ("f.gz", "f")) == folders[name] / "f.gz"
    (folders["own"] / "f.gz").rename(folders["own"] / "f")
    assert find_image_file("fashion", ("f.gz", "f")) == folders["own"] / "f"


def test_missing_file_names_the_places_and_what_brings_it(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        FileProblem,
        match=rf"^the images of 'fashion' are not on this machine: found no train-images-idx3-ubyte.gz or "
        rf"train-images-idx3-ubyte in BAGBENCH_DATA \({folders['own']}\), Debian's a-package \({folders['debian']}\), "
        rf"the user's cache \({folders['cache']}\); `apt-get install a-package` or `bagbench fetch fashion` brings "
        "them here, or name the folder that has them in BAGBENCH_DATA$",
    ):
        load_data_set("fashion")
    monkeypatch.delenv("BAGBENCH_DATA")
    with pytest.raises(
        FileProblem,
        match=r"^the images of 'flowers' are not on this machine: found no flowers17_16px.npz in BAGBENCH_DATA "
        rf"\(none\), the user's cache \({folders['cache']}\); `bagbench fetch flowers` brings them here, or name",
    ):
        load_data_set("flowers")


def test_without_pooch_there_is_no_cache_and_nothing_to_fetch_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(FileProblem, match=r"the user's cache \(none\)"):
        load_data_set("flowers")
    message = r"^`bagbench fetch` needs pooch, which is not installed: pip install 'bagbench\[data\]'$"
    for problem in ("flowers", "fashion"):
        with pytest.raises(MissingExtra, match=message):
            fetch_images(problem)


# --- what is in them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_compressed_or_not(
    packed: bool, folders: dict[str, Path], idx: dict[IdxFile, bytes]
) -> None:
    for file, content in idx.items():
        name = f"{file.name}.gz" if packed else file.name
        (folders["debian"] / name).write_bytes(gzip.compress(content) if packed else content)
    for file, content in idx.items():
        read = read_images(file) if file.header == 16 else read_labels(file)
        assert read.tobytes() == content[file.header :]
        assert not read.flags.writeable


def test_flowers_are_read_in_the_order_of_the_file(folders: dict[str, Path], arrays: dict[str, np.ndarray]) -> None:
    write_flowers(folders["own"] / "flowers17_16px.npz", arrays)
    data = load_data_set("flowers")
    for split, part in zip((data.train, data.validation, data.test), PARTS, strict=True):
        assert split.labels.tolist() == arrays[f"y_{part}"].tolist()
        assert split.images.dtype == np.float32
        exact = np.moveaxis(arrays[f"x_{part}"] / 255.0, 3, 1)
        np.testing.assert_array_equal(split.images, exact.astype(np.float32))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "foreign": lambda content: b"\x1f\x8bno such thing" * 10,
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused(
    damage: str, folders: dict[str, Path], arrays: dict[str, np.ndarray], idx: dict[IdxFile, bytes]
) -> None:
    flowers = folders["own"] / "flowers17_16px.npz"
    write_flowers(flowers, arrays)
    flowers.write_bytes(DAMAGES[damage](flowers.read_bytes()))
    message = "is damaged: .*; move it away, and `bagbench fetch {} brings the right one$"
    with pytest.raises(FileProblem, match=f"^{flowers} " + message.format("flowers`")):
        read_flowers()
    file, content = next(iter(idx.items()))
    packed = folders["own"] / f"{file.name}.gz"
    packed.write_bytes(DAMAGES[damage](gzip.compress(content)))
    expected = "sha256 of its content is" if damage == "empty" else message.format("fashion`")
    with pytest.raises(FileProblem, match=rf"^{packed} .*{expected}"):
        read_images(file)


def test_altered_files_are_refused_with_both_checksums(
    folders: dict[str, Path], arrays: dict[str, np.ndarray], idx: dict[IdxFile, bytes]
) -> None:
    message = (
        "^{} is not what was published, and results on other images cannot be compared: sha256 of its content is {}, "
    )
    message += "expected {}; move it away, and `bagbench fetch {}` brings the right one$"
    published = content_sum(arrays)
    arrays["x_val"][3, 2, 1, 0] ^= 1
    path = folders["own"] / "flowers17_16px.npz"
    write_flowers(path, arrays)
    with pytest.raises(FileProblem, match=message.format(path, content_sum(arrays), published, "flowers")):
        load_data_set("flowers")
    file, content = next(iter(idx.items()))
    altered = content[:-1] + bytes([content[-1] ^ 1])
    path = folders["own"] / f"{file.name}.gz"
    path.write_bytes(gzip.compress(altered))
    with pytest.raises(FileProblem, match=message.format(path, sha256(altered).hexdigest(), file.sha256, "fashion")):
        read_images(file)


def test_archive_with_an_array_less_is_refused(folders: dict[str, Path], arrays: dict[str, np.ndarray]) -> None:
    del arrays["y_val"]
    write_flowers(folders["own"] / "flowers17_16px.npz", arrays)
    with pytest.raises(FileProblem, match="flowers17_16px.npz is damaged: .*y_val.*; move it away"):
        read_flowers()


# --- downloads, from a server in this process -------------------------------------------------------------------------


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a folder in place of the publishers'."""
    folder = tmp_path / "server"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        for module in (fashion_images, flowers_images):
            monkeypatch.setattr(module, "URL", f"http://127.0.0.1:{running.server_port}/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield folder
        running.shutdown()


def publish_flowers(server: Path, arrays: dict[str, np.ndarray]) -> None:
    """Publish them as the reference implementation does: floats, and a column for each class."""
    for part in PARTS:
        np.save(server / f"x_{part}.npy", arrays[f"x_{part}"] / 255.0)
        np.save(server / f"y_{part}.npy", np.eye(17)[arrays[f"y_{part}"]])


def test_fetched_flowers_are_the_published_ones(
    server: Path, folders: dict[str, Path], arrays: dict[str, np.ndarray]
) -> None:
    publish_flowers(server, arrays)
    data = fetch_images("flowers")
    assert [path.name for path in folders["cache"].iterdir()] == ["flowers17_16px.npz"]
    assert data.test.labels.tolist() == arrays["y_test"].tolist()
    assert content_sum(read_flowers()) == content_sum(arrays)


def test_what_is_here_already_is_not_downloaded(folders: dict[str, Path], arrays: dict[str, np.ndarray]) -> None:
    write_flowers(folders["own"] / "flowers17_16px.npz", arrays)
    assert fetch_images("flowers") is load_data_set("flowers")
    assert not list(folders["cache"].iterdir())


def test_damaged_file_of_the_cache_is_replaced(
    server: Path, folders: dict[str, Path], arrays: dict[str, np.ndarray]
) -> None:
    (folders["cache"] / "flowers17_16px.npz").write_bytes(b"half a file")
    publish_flowers(server, arrays)
    assert fetch_images("flowers").test.labels.tolist() == arrays["y_test"].tolist()


def test_other_flowers_are_not_kept(server: Path, folders: dict[str, Path], arrays: dict[str, np.ndarray]) -> None:
    arrays["y_train"][0] = 5
    publish_flowers(server, arrays)
    with pytest.raises(FileProblem, match=r"^http://.*/ does not publish what it did: sha256 of the arrays is"):
        fetch_images("flowers")
    assert not list(folders["cache"].iterdir())


def test_fetched_fashion_is_the_published_one(
    server: Path, folders: dict[str, Path], idx: dict[IdxFile, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, content in idx.items():
        (server / f"{file.name}.gz").write_bytes(gzip.compress(content, mtime=0))
    fashion_images.fetch_fashion(cache_folder())
    assert {path.name for path in folders["cache"].iterdir()} == {f"{file.name}.gz" for file in idx}
    for file, content in idx.items():
        assert read_labels(file).tobytes() == content[file.header :]
    (server / f"{next(iter(idx)).name}.gz").unlink()
    fashion_images.fetch_fashion(cache_folder())  # nothing is missing, so nothing is asked for


def test_download_that_fails_or_is_another_file_leaves_nothing(
    server: Path, folders: dict[str, Path], idx: dict[IdxFile, bytes]
) -> None:
    message = (
        r"^cannot download http://.*/train-images-idx3-ubyte.gz: .*{}.*; get the file in another way, and name its "
    )
    with pytest.raises(FileProblem, match=message.format("404")):
        fetch_images("fashion")
    file = next(iter(idx))
    (server / f"{file.name}.gz").write_bytes(b"an error page")
    with pytest.raises(FileProblem, match=message.format(file.md5)):
        fetch_images("fashion")
    assert not list(folders["cache"].iterdir())


def test_unknown_problem_cannot_be_fetched_and_digits_need_no_fetching(folders: dict[str, Path]) -> None:
    with pytest.raises(UnknownName, match="^unknown data set 'flower': expected one of .*; did you mean 'flowers'"):
        fetch_images("flower")
    assert fetch_images("digits") is load_data_set("digits")
    assert not list(folders["cache"].iterdir())
    assert set(DATA_SETS) == {"digits", "flowers", "fashion"}
