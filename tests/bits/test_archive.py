import errno
import hashlib
import io
import itertools
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minibnn.archive import layout
from minibnn.archive.reading import digest
from minibnn.bits import BitTensor, archive
from minibnn.bits.archive import read_archive, write_archive
from minibnn.errors import InputError, InputTypeError

HEADER = {"model": {"class": "BCVNN", "widths": [32, 64], "name": "Crème brûlée"}, "accuracy": 0.25, "seed": None}


def random_tensor(*shape, seed=0):
    return BitTensor.from_array(np.random.default_rng(seed).random(shape) > 0.5)


def small_model():
    return {"conv1.W": random_tensor(3, 3, 2, 5), "conv1.b": random_tensor(5), "fc.W": random_tensor(7, 70)}


@pytest.fixture
def path(tmp_path):
    """A whole packed file."""
    write_archive(tmp_path / "model.npz", HEADER, small_model())
    return tmp_path / "model.npz"


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        small_model(),
        {"no_bits": random_tensor(0), "no_rows": random_tensor(0, 70), "no_columns": random_tensor(3, 0)},
        {"a" * 200: random_tensor(2, 64), "0": random_tensor(1), "blocks.0.attention.query.W": random_tensor(8, 8)},
        {"deep": random_tensor(*(1,) * 31, 9)},
    ],
    ids=["nothing", "model", "empty", "names", "axes"],
)
def test_round_trip(tmp_path, tensors):
    write_archive(tmp_path / "model", HEADER, tensors)  # no suffix is added
    header, read = read_archive(tmp_path / "model")
    assert header == HEADER
    assert read == tensors
    assert list(read) == list(tensors)
    assert os.listdir(tmp_path) == ["model"]


@given(
    st.dictionaries(
        st.from_regex(layout.NAME, fullmatch=True).filter(layout.is_name),
        hnp.arrays(bool, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=20)),
        max_size=4,
    ),
    st.dictionaries(
        st.text().filter(lambda key: key not in layout.RESERVED),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda values: st.lists(values) | st.dictionaries(st.text(), values),
            max_leaves=8,
        ),
        max_size=4,
    ),
)  # fmt: skip
def test_whatever_is_written_is_read(tmp_path_factory, arrays, header):
    path = tmp_path_factory.getbasetemp() / "any.npz"
    tensors = {name: BitTensor.from_array(values) for name, values in arrays.items()}
    write_archive(path, header, tensors)
    assert read_archive(path) == (header, tensors)


def test_one_array_with_numpy_alone(path):
    """The three lines that the docstring promises."""
    for name, tensor in small_model().items():
        stored = np.load(path, allow_pickle=False)
        shape = json.loads(stored["header"].tobytes())["arrays"][name]["shape"]
        bits = np.unpackbits(stored[name], axis=-1, count=shape[-1], bitorder="little")
        np.testing.assert_array_equal(bits, tensor.unpack())
        assert bits.shape == tensor.shape
        stored.close()
    for line in ("archive = np.load(path, allow_pickle=False)", "count=shape[-1]", 'bitorder="little")'):
        assert line in archive.__doc__


def test_the_layout_is_what_is_documented(path):
    content = path.read_bytes()
    assert content[-64:].decode() == hashlib.sha256(content[:-64]).hexdigest()
    with zipfile.ZipFile(path) as stored:
        assert stored.testzip() is None
        assert stored.namelist() == ["header.npy", "conv1.W.npy", "conv1.b.npy", "fc.W.npy"]
        assert all(info.compress_type == zipfile.ZIP_STORED for info in stored.infolist())
    with np.load(path, allow_pickle=False) as stored:
        assert (stored["header"].dtype, stored["header"].ndim) == (np.uint8, 1)
        header = json.loads(stored["header"].tobytes())
        digests = {name: hashlib.sha256(stored[name]).hexdigest() for name in small_model()}
    assert list(header) == ["format", "version", *HEADER, "arrays"]
    assert (header["format"], header["version"]) == ("minibnn packed model", 1)
    assert header["arrays"] == {
        name: {"shape": list(tensor.shape), "sha256": digests[name]} for name, tensor in small_model().items()
    }


@pytest.mark.parametrize("shape", [(0,), (5,), (123456,), (3, 4), (3, 3, 512, 64), (0, 10**12)])
def test_npy_headers_are_numpys(shape):
    """NumPy pads its headers for growth, ours only to 64 bytes, so both are compared by what NumPy reads."""
    start = layout.npy_start(shape)
    assert len(start) % 64 == 0
    file = io.BytesIO(start)
    assert np.lib.format.read_magic(file) == (1, 0)
    assert np.lib.format.read_array_header_1_0(file) == (shape, False, np.dtype("uint8"))
    assert file.read() == b""


def test_equal_content_gives_equal_bytes(path, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 2e9)
    write_archive(tmp_path / "again.npz", HEADER, small_model())
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
    known = "4af9162fad959cbfdc74b6bde031967794acdf569cdf51e5a0a06f3e38402879"
    write_archive(tmp_path / "known.npz", {"seed": 1}, {"W": BitTensor.from_array(np.eye(3, 70))})
    assert hashlib.sha256((tmp_path / "known.npz").read_bytes()).hexdigest() == known


def classifier_shapes():
    """Names and shapes of the paper's classifier with 3 x 3 filters: 5,132,165 bits in 26 arrays."""
    sizes, shapes = [3, 32, 32, 64, 64, 128, 128, 256, 256, 512, 512], {}
    for i, (channels, filters) in enumerate(itertools.pairwise(sizes)):
        name = f"conv{i // 2 + 1}{'ab'[i % 2]}"
        shapes |= {f"{name}.W": (3, 3, channels, filters), f"{name}.b": (filters,)}
    for i, (n_in, n_units) in enumerate([(512, 512), (512, 256), (256, 101)], 1):
        shapes |= {f"fc{i}.W": (n_in, n_units), f"fc{i}.b": (n_units,)}
    return shapes


def test_the_papers_classifier_takes_little_more_than_its_bits(tmp_path):
    tensors = {name: random_tensor(*shape) for name, shape in classifier_shapes().items()}
    assert (len(tensors), sum(tensor.size for tensor in tensors.values())) == (26, 5_132_165)
    write_archive(tmp_path / "model.npz", HEADER, tensors)
    assert (tmp_path / "model.npz").stat().st_size < 660_000
    assert read_archive(tmp_path / "model.npz")[1] == tensors


def peak_memory(function):
    """Bytes that Python and NumPy took at most, and what came: a value or an error."""
    tracemalloc.start()
    try:
        try:
            result = function()
        except Exception as error:
            result = error
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def test_reading_takes_little_more_memory_than_what_is_read(tmp_path):
    tensors = {f"W{i}": random_tensor(1000, 40_000, seed=i) for i in range(4)}
    write_archive(tmp_path / "model.npz", {}, tensors)
    size = (tmp_path / "model.npz").stat().st_size
    peak, (_, read) = peak_memory(lambda: read_archive(tmp_path / "model.npz"))
    assert read == tensors
    assert size > 20e6
    assert peak < size + 8e6


def test_a_failed_write_leaves_the_old_file_and_no_draft(path, monkeypatch):
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_archive(path, {}, {})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.npz"]


def test_an_interrupted_write_leaves_the_old_file_and_no_draft(path, monkeypatch):
    before, written = path.read_bytes(), []

    def interrupted(tensor):
        written.append(tensor)
        if len(written) > 4:  # three for the checksums, one written, and then Ctrl-C
            raise KeyboardInterrupt
        return byte_rows(tensor)

    byte_rows = BitTensor.byte_rows
    monkeypatch.setattr(BitTensor, "byte_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_archive(path, {}, small_model())
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.npz"]


def test_a_kill_in_the_middle_leaves_the_old_file(path):
    before = path.read_bytes()
    code = f"""
import os
from minibnn.bits.archive import write_archive
os.fsync = lambda descriptor: os.kill(os.getpid(), 9)
write_archive({str(path)!r}, {{}}, {{}})
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("header", "tensors", "error", "message"),
    [
        ([], {}, InputTypeError, "header must be a dict, and is a list"),
        ({}, [], InputTypeError, "tensors must be a dict, and is a list"),
        ({"version": 2}, {}, InputError, "already has its own 'version'"),
        ({"arrays": {}}, {}, InputError, "already has its own 'arrays'"),
        ({"format": ""}, {}, InputError, "already has its own 'format'"),
        ({"loss": float("nan")}, {}, InputError, "what JSON can hold .*; use finite numbers"),
        ({"loss": [float("inf")]}, {}, InputError, "what JSON can hold"),
        ({"seed": 2**64}, {}, InputError, "more than 64 bits"),
        ({"array": np.zeros(2)}, {}, InputError, "what JSON can hold"),
        ({"half": "\ud800"}, {}, InputError, "what JSON can hold"),
        ({"twice": {1: 0, "1": 1}}, {}, InputError, "the same key stands twice"),
        ({"text": "x" * 2**20}, {}, InputError, "may have 1,048,576 bytes, and has 1,0"),
        ({}, {"W": np.zeros((2, 3))}, InputTypeError, "tensor 'W' must be a BitTensor, and is a ndarray"),
        *(
            ({}, {name: random_tensor(3)}, InputError, "cannot hold a tensor named")
            for name in (
                "",
                "header",
                "../W",
                "/W",
                "a\\b",
                "a/b",
                ".",
                "a..b",
                "a.npy",
                "ä",
                "a b",
                "a" * 201,
                3,
                None,
            )
        ),
    ],
)
def test_what_a_packed_file_cannot_hold_is_not_written(tmp_path, header, tensors, error, message):
    with pytest.raises(error, match=message):
        write_archive(tmp_path / "model.npz", header, tensors)
    assert os.listdir(tmp_path) == []


def test_deep_headers_are_not_written(tmp_path):
    deep = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(InputError, match="what JSON can hold"):
        write_archive(tmp_path / "model.npz", {"deep": deep}, {})


def test_more_memory_than_a_packed_file_may_ask_for_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST_TENSORS", 100)
    with pytest.raises(InputError, match=r"need 104 bytes, pad bits included, and a packed file may hold 100; split"):
        write_archive(tmp_path / "model.npz", {}, {"W": random_tensor(13, 1)})


def test_paths_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        write_archive(tmp_path / "missing" / "model.npz", {}, {})
    with pytest.raises(InputError, match="it is a folder"):
        write_archive(tmp_path, {}, {})


# Hostile files. Each has the right checksum of the whole, so that it comes as far as the check that it is made for.


def sealed(content):
    """A zip as bytes, with the checksum of the whole as its comment."""
    content = content[:-2] + struct.pack("<H", 64)
    return content + hashlib.sha256(content).hexdigest().encode()


def zipped(members, **options):
    """A sealed zip of (name, bytes) or (ZipInfo, bytes)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as stored:
        for name, content in members:
            stored.writestr(name, content)
    return sealed(file.getvalue())


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), version=(1, 0))
    return file.getvalue()


def as_member(octets, shape=None):
    """A .npy member as `write_archive` would make it, of some bytes."""
    return layout.npy_start(shape or (len(octets),)) + octets


ROWS = np.packbits(np.eye(3, 70, dtype=bool), axis=-1, bitorder="little")


def text_of(**changes):
    """The header of a file with one array W of shape (3, 70), with some of it changed."""
    entry = {"shape": [3, 70], "sha256": hashlib.sha256(ROWS).hexdigest()} | changes.pop("entry", {})
    header = {"format": "minibnn packed model", "version": 1, "arrays": {"W": entry}} | changes
    return json.dumps(header, separators=(",", ":")).encode()


def packed(text=None, member=None, more=(), name="W.npy", **options):
    """A file of a header (bytes of JSON) and of one member."""
    text = text_of() if text is None else text
    member = as_member(ROWS.tobytes(), ROWS.shape) if member is None else member
    return zipped([("header.npy", as_member(text)), (name, member), *more], **options)


def test_the_hand_made_file_is_read_when_nothing_is_wrong_with_it(tmp_path):
    (tmp_path / "model.npz").write_bytes(packed())
    assert read_archive(tmp_path / "model.npz") == ({}, {"W": BitTensor.from_array(np.eye(3, 70))})


def with_info(name, **fields):
    info = zipfile.ZipInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def patched(content, find, replace, count=-1):
    """Change bytes of a sealed file, and seal it again."""
    assert find in content
    content = content[:-64].replace(find, replace, count)
    return content + hashlib.sha256(content).hexdigest().encode()


def directory_patched(offset, value):
    """The file with `value` at `offset` of the directory's entry of W (see the zip format's central directory)."""
    content = bytearray(packed()[:-64])
    start = content.rindex(b"PK\x01\x02") + offset
    content[start : start + len(value)] = value
    return bytes(content) + hashlib.sha256(content).hexdigest().encode()


def end_patched(offset, value):
    content = bytearray(packed()[:-64])
    start = len(content) - 22 + offset
    content[start : start + len(value)] = value
    return bytes(content) + hashlib.sha256(content).hexdigest().encode()


def saved_by_numpy(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def duplicated():
    with pytest.warns(UserWarning, match="Duplicate name"):
        return packed(more=[("W.npy", as_member(ROWS.tobytes(), ROWS.shape))])


def with_gap():
    """Bytes between the last member and the directory."""
    content = packed()[:-64]
    start = content.index(b"PK\x01\x02")
    content = bytearray(content[:start] + b"hidden" + content[start:])
    content[-6:-2] = struct.pack("<L", start + 6)
    return bytes(content) + hashlib.sha256(content).hexdigest().encode()


def with_zip64_end():
    """A second end record, of ZIP64, with a directory of 2**60 bytes."""
    content = packed()[:-64]
    body, end = content[:-22], content[-22:]
    length, offset = struct.unpack("<LL", end[12:20])
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2, 2, 2**60, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body), 1)
    end = end[:12] + struct.pack("<LL", length + len(record) + len(locator), offset) + end[20:]
    content = body + record + locator + end
    return content + hashlib.sha256(content).hexdigest().encode()


def unused_bit():
    rows = ROWS.copy()
    rows[1, -1] |= 0x80
    return packed(text_of(entry={"sha256": hashlib.sha256(rows).hexdigest()}), as_member(rows.tobytes(), rows.shape))


def objects():
    return packed(member=npy_of_objects())


def npy_of_objects():
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([os.getcwd], dtype=object), allow_pickle=True)
    return file.getvalue()


def npy_claiming(shape, array, fortran_order=False, descr="|u1"):
    """The bytes of an array behind a .npy header of the usual length that claims something else."""
    text = f"{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}"
    text += " " * (117 - len(text)) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + array.tobytes()


def broken_local():
    content = bytearray(packed()[:-64])
    content[content.index(b"PK\x03\x04", 4)] ^= 1
    return bytes(content) + hashlib.sha256(content).hexdigest().encode()


def many_members():
    return packed(more=[(f"member{i:05}.npy", b"") for i in range(18_000)])


BAD_START = "its array 'W' should be uint8 of shape .3, 9. in C order"
BAD_JSON = "its header cannot be read"

HOSTILE = {
    "empty": (lambda: b"", "it is empty; copy"),
    "text": (lambda: b"no model at all", "does not begin as a packed model does"),
    "pickle": (lambda: pickle.dumps({"W": 1}), "does not begin"),
    "npy": (lambda: npy(ROWS), "does not begin"),
    "zip start only": (lambda: b"PK\x03\x04", "it is cut short, or something was added"),
    "end record only": (lambda: sealed(b"PK\x05\x06" + bytes(18)), "does not begin"),
    "truncated": (lambda: packed()[:-100], "it is cut short, or something was added"),
    "truncated by one": (lambda: packed()[:-1], "it is cut short, or something was added"),
    "appended": (lambda: packed() + b"\n", "it is cut short, or something was added"),
    "appended as long as the end": (lambda: packed() + packed()[-86:], "is damaged: its content does not fit"),
    "a byte before": (lambda: b"\n" + packed(), "does not begin"),
    "checksum in capitals": (lambda: packed()[:-64] + packed()[-64:].upper(), "does not fit the checksum"),
    "np.savez": (lambda: saved_by_numpy(W=ROWS), "zip of another program, such as np.savez"),
    "np.savez_compressed": (lambda: saved_by_numpy(np.savez_compressed, W=ROWS), "zip of another program"),
    "no members": (lambda: zipped([]), "does not begin"),
    "sealed np.savez": (lambda: sealed(saved_by_numpy(W=ROWS)), "its first member is not 'header.npy'"),
    "header second": (
        lambda: zipped([("W.npy", as_member(ROWS.tobytes(), ROWS.shape)), ("header.npy", as_member(text_of()))]),
        "its first member is not 'header.npy'",
    ),
    "compressed": (lambda: packed(compression=zipfile.ZIP_DEFLATED), "'header.npy' is compressed"),
    "compressed array": (lambda: directory_patched(10, b"\x08"), "'W.npy' is compressed"),
    "lzma": (lambda: packed(compression=zipfile.ZIP_LZMA), "'header.npy' is encrypted, or stored in another"),
    "encrypted": (lambda: directory_patched(8, b"\x01"), "'W.npy' is encrypted"),
    "strong encryption": (lambda: directory_patched(8, b"\x41"), "'W.npy' is encrypted"),
    "unknown compression": (lambda: directory_patched(10, b"\x63"), "'W.npy' is compressed"),
    "unknown zip version": (lambda: directory_patched(6, b"\xff"), "NotImplementedError: zip file version"),
    "comment of a member": (
        lambda: packed(name=with_info("W.npy", comment=b"hello")),
        "'W.npy' has more in the zip's directory",
    ),
    "extra field": (lambda: packed(name=with_info("W.npy", extra=b"\x99\x99\x00\x00")), "'W.npy' has more"),
    "sizes that differ": (lambda: directory_patched(20, struct.pack("<L", 10)), "'W.npy' has more"),
    "huge member": (lambda: directory_patched(20, struct.pack("<LL", 2**31, 2**31)), "too few or many for its shape"),
    "member shorter than its shape": (lambda: packed(member=as_member(ROWS.tobytes()[:-1])), "too few or many"),
    "member longer than its shape": (
        lambda: packed(member=as_member(ROWS.tobytes() + b"\0", ROWS.shape)),
        "too few or many",
    ),
    "member outside of the file": (lambda: directory_patched(42, struct.pack("<L", 2**31)), "does not begin where"),
    "member that is the header": (lambda: directory_patched(42, struct.pack("<L", 0)), "does not begin where"),
    "wrong crc": (lambda: directory_patched(16, b"abcd"), "BadZipFile: Bad CRC-32"),
    "other local name": (lambda: patched(packed(), b"W.npy", b"V.npy", 1), "BadZipFile: File name in directory"),
    "damaged local header": (broken_local, "BadZipFile: Bad magic number"),
    "gap": (with_gap, "bytes between its last member and its directory"),
    "zip64": (with_zip64_end, "its zip directory is not that of a packed model"),
    "directory too long": (lambda: end_patched(12, struct.pack("<L", 2**31)), "its zip directory is not"),
    "directory elsewhere": (lambda: end_patched(16, struct.pack("<L", 4)), "its zip directory is not"),
    "several disks": (lambda: end_patched(4, b"\x01"), "its zip directory is not"),
    "members not counted": (lambda: end_patched(8, b"\x01"), "its zip directory is not"),
    "directory of much": (many_members, "its zip directory is not"),
    "duplicate member": (duplicated, "a member twice"),
    "missing member": (lambda: zipped([("header.npy", as_member(text_of()))]), "it lacks 'W.npy'"),
    "unknown member": (lambda: packed(more=[("V.npy", as_member(b""))]), "it holds 'V.npy', which"),
    "member outside of a folder": (lambda: packed(more=[("../V.npy", b"")]), r"it holds '../V.npy', which"),
    "folder": (lambda: packed(more=[("V/", b"")]), "it holds 'V/', which"),
    "member named with a zero byte": (
        lambda: patched(packed(more=[("W.npy_", b"")]), b"W.npy_", b"W.npy\0"),
        r"it holds 'W.npy\\x00', which",
    ),
    "two members, other order": (
        lambda: packed(
            text_of(arrays={name: json.loads(text_of())["arrays"]["W"] for name in "VW"}),
            more=[("V.npy", as_member(ROWS.tobytes(), ROWS.shape))],
        ),
        "in another order",
    ),
    "shape declared huge in the .npy": (lambda: packed(member=npy_claiming((2**40, 9), ROWS)), BAD_START),
    "shape other in the .npy": (lambda: packed(member=npy_claiming((9, 3), ROWS)), BAD_START),
    "Fortran order": (lambda: packed(member=npy_claiming((3, 9), ROWS, fortran_order=True)), BAD_START),
    "int8": (lambda: packed(member=npy_claiming((3, 9), ROWS, descr="|i1")), BAD_START),
    "code in the .npy": (lambda: packed(member=npy_claiming("__import__('os')", ROWS)), BAD_START),
    "newer .npy": (lambda: packed(member=b"\x93NUMPY\x02" + as_member(ROWS.tobytes(), (3, 9))[7:]), BAD_START),
    "float64": (lambda: packed(member=npy(np.zeros((3, 9)))), "too few or many"),
    "objects": (objects, "too few or many|should be uint8"),
    "objects of the right size": (lambda: packed(member=(npy_of_objects() + bytes(99))[:155]), BAD_START),
    "no npy": (lambda: packed(member=b"x" * 155), BAD_START),
    "header of floats": (
        lambda: zipped([("header.npy", npy(np.zeros(9)))]),
        "its array 'header' should be uint8 of shape",
    ),
    "header of objects": (lambda: zipped([("header.npy", npy_of_objects())]), "'header' should be uint8"),
    "header too short for a .npy": (lambda: zipped([("header.npy", b"{}")]), "its header has -126 bytes"),
    "header too long": (lambda: zipped([("header.npy", as_member(b" " * (2**20 + 1)))]), "its header has 1,048,577"),
    "header empty": (lambda: packed(b""), BAD_JSON),
    "header no JSON": (lambda: packed(b"{'format': 1}"), BAD_JSON),
    "header no UTF-8": (lambda: packed(b'{"\xff": 1}'), BAD_JSON),
    "header UTF-16": (lambda: packed(text_of().decode().encode("utf-16")), BAD_JSON),
    "header deep": (lambda: packed(b"[" * 100_000 + b"]" * 100_000), BAD_JSON + ".*recursion"),
    "header deep objects": (lambda: packed(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), BAD_JSON + ".*recursion"),
    "header nan": (lambda: packed(text_of(loss=float("nan"))), BAD_JSON + ".*not JSON compliant"),
    "header infinite": (lambda: packed(text_of()[:-1] + b',"loss":1e999}'), BAD_JSON + ".*not JSON compliant"),
    "header huge int": (lambda: packed(text_of(seed=10**4000)), BAD_JSON + ".*more than 64 bits"),
    "header huger int": (lambda: packed(text_of()[:-1] + b',"seed":' + b"9" * 100_000 + b"}"), BAD_JSON),
    "header half of a character": (lambda: packed(text_of(name="\ud800")), BAD_JSON),
    "header with a key twice": (lambda: packed(text_of()[:-1] + b',"version":1}'), BAD_JSON + ".*key stands twice"),
    "header a list": (lambda: packed(b"[]"), "does not say that it is a minibnn packed model"),
    "header a number": (lambda: packed(b"3"), "does not say that it is"),
    "header without format": (lambda: packed(b"{}"), "does not say that it is"),
    "header of another format": (lambda: packed(text_of(format="other")), "does not say that it is"),
    "header format a list": (lambda: packed(text_of(format=[])), "does not say that it is"),
    "newer version": (lambda: packed(text_of(version=2)), r"newer minibnn \(version 2 .* reads 1\); update minibnn"),
    "newer version with another layout": (
        lambda: packed(text_of(version=9, arrays=[]), member=b"", name="W.bin"),
        "newer minibnn",
    ),
    "version 0": (lambda: packed(text_of(version=0)), "no version that there ever was: 0"),
    "version true": (lambda: packed(text_of(version=True)), "no version that there ever was: True"),
    "version text": (lambda: packed(text_of(version="1")), "no version that there ever was: '1'"),
    "version float": (lambda: packed(text_of(version=1.0)), "no version that there ever was: 1.0"),
    "no arrays": (lambda: packed(text_of(arrays=None)), "does not list its arrays"),
    "arrays a list": (lambda: packed(text_of(arrays=["W"])), "does not list its arrays"),
    "entry a list": (lambda: packed(text_of(arrays={"W": [3, 70]})), "does not give the shape and the sha256 of array"),
    "entry with more": (lambda: packed(text_of(entry={"dtype": "O"})), "does not give the shape"),
    "odd name": (lambda: packed(text_of(arrays={"../W": {}})), "odd name '../W'"),
    "endless name": (lambda: packed(text_of(arrays={"W" * 10_000: {}})), "odd name 'WWWWWWWWWWWW...WWWWWWWWWWWWW'"),
    "name header": (lambda: packed(text_of(arrays={"header": {}})), "odd name 'header'"),
    "shape no list": (lambda: packed(text_of(entry={"shape": 210})), "gives array 'W' the shape 210"),
    "shape of text": (lambda: packed(text_of(entry={"shape": ["3", "70"]})), "gives array 'W' the shape"),
    "shape of floats": (lambda: packed(text_of(entry={"shape": [3.0, 70.0]})), "gives array 'W' the shape"),
    "shape of flags": (lambda: packed(text_of(entry={"shape": [True, 70]})), "gives array 'W' the shape"),
    "shape empty": (lambda: packed(text_of(entry={"shape": []})), "no BitTensor has the shape of array 'W'"),
    "shape negative": (lambda: packed(text_of(entry={"shape": [-3, 70]})), "no BitTensor has the shape"),
    "shape of many axes": (lambda: packed(text_of(entry={"shape": [1] * 100_000})), "no BitTensor has the shape"),
    "shape beyond all memory": (lambda: packed(text_of(entry={"shape": [2**62, 2**62]})), "no BitTensor has the shape"),
    "shape beyond memory": (lambda: packed(text_of(entry={"shape": [2**20, 2**20]})), "need 137,438,953,472 bytes"),
    "rows of one bit": (lambda: packed(text_of(entry={"shape": [2**29, 1]})), "need 4,294,967,296 bytes"),
    "shape of 1 GB": (lambda: packed(text_of(entry={"shape": [2**10, 2**22]})), "too few or many for its shape"),
    "shape of more bits": (lambda: packed(text_of(entry={"shape": [3, 73]})), "too few or many for its shape"),
    "sha256 other": (lambda: packed(text_of(entry={"sha256": "0" * 64})), "array 'W' does not fit its checksum"),
    "sha256 no text": (lambda: packed(text_of(entry={"sha256": None})), "array 'W' does not fit its checksum"),
    "unused bit set": (unused_bit, r"array 'W' is not as it was packed .*pad bits must be 0, and in row 1"),
}  # fmt: skip


def refused(path):
    """The message of the InputError that reading `path` must raise."""
    with pytest.raises(InputError) as caught:
        read_archive(path)
    assert type(caught.value) is InputError
    return str(caught.value)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line_quickly_and_without_memory(tmp_path, kind):
    make, message = HOSTILE[kind]
    path = tmp_path / "model.npz"
    path.write_bytes(make())
    start = time.perf_counter()
    told = refused(path)
    assert time.perf_counter() - start < 1
    assert re.search(message, told), told
    assert told.startswith(f"cannot use {str(path)!r}: ")
    assert "\n" not in told
    assert len(told) < len(str(path)) + 400
    assert re.search("copy the file again|pack the run again|update|right file|split the model", told), told
    peak, error = peak_memory(lambda: read_archive(path))
    assert isinstance(error, InputError)
    assert peak < 50e6


def test_a_large_file_is_checked_before_memory_is_taken_for_it(tmp_path):
    """64 MB of zeros, with every checksum right but that of the array."""
    path, zeros = tmp_path / "model.npz", bytes(2**20)
    with zipfile.ZipFile(path, "w") as stored:
        stored.comment = bytes(64)
        stored.writestr("header.npy", as_member(text_of(entry={"shape": [2**14, 2**15]})))
        with stored.open(zipfile.ZipInfo("W.npy"), "w") as member:
            member.write(layout.npy_start((2**14, 2**12)))
            for _ in range(64):
                member.write(zeros)
    with path.open("r+b") as file:
        found = digest(file, path.stat().st_size - 64)
        file.seek(-64, os.SEEK_END)
        file.write(found.encode())
    peak, error = peak_memory(lambda: read_archive(path))
    assert "array 'W' does not fit its checksum" in str(error)
    assert peak < 20e6


def test_a_file_above_the_limit_is_not_even_begun(tmp_path):
    path = tmp_path / "model.npz"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(2**30 + 1)
    start = time.perf_counter()
    assert "it has 1,073,741,825 bytes, and a packed model at most 1,073,741,824" in refused(path)
    assert time.perf_counter() - start < 0.5


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", "/dev/zero"):
        assert "it is a folder or a device, not a file; give the path" in refused(path)
    assert "No such file or directory; check the path" in refused(tmp_path / "missing")
    assert "embedded null" in refused("a\0b")


def test_a_file_closed_to_us(path, monkeypatch):
    def closed(*arguments):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", closed)
    assert re.search(r"cannot read .*model\.npz: Permission denied; give yourself the right", refused(path))


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_what_is_no_fault_of_the_file_passes(path, monkeypatch, error):
    def fails(*arguments):
        raise error

    monkeypatch.setattr(BitTensor, "from_bytes_rows", fails)
    with pytest.raises(error):
        read_archive(path)


def test_a_link_to_a_file_is_followed(path):
    os.symlink(path, path.parent / "link")
    assert read_archive(path.parent / "link")[1] == small_model()


def flipped(content, rng):
    content = bytearray(content)
    content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    return content


def check_damages(path, count, seed):
    """Two flips of a bit for each cut, `count` in all: always an InputError."""
    whole, rng = path.read_bytes(), np.random.default_rng(seed)
    for trial in range(count):
        path.write_bytes(flipped(whole, rng) if trial % 3 else whole[: int(rng.integers(len(whole)))])
        refused(path)


def check_sealed_damages(path, count, seed):
    """Flips with the checksum of the whole made right, as on purpose: an InputError, or another valid file."""
    whole, rng, refusals = path.read_bytes()[:-64], np.random.default_rng(seed), 0
    for _ in range(count):
        damaged = flipped(whole, rng)
        path.write_bytes(damaged + hashlib.sha256(damaged).hexdigest().encode())
        try:
            read_archive(path)
        except InputError:
            refusals += 1
    assert count / 2 < refusals < count  # a time stamp may be any, an array may not


def test_any_damage_is_found(path):
    check_damages(path, 300, seed=0)


def test_every_bit_of_the_end_counts(path):
    whole = path.read_bytes()
    for position in range(len(whole) - 86, len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            refused(path)


def test_damage_behind_a_right_checksum_raises_nothing_else(path):
    check_sealed_damages(path, 300, seed=1)


@pytest.mark.slow
def test_any_of_many_damages_is_found(path):
    check_damages(path, 10_000, seed=2)


@pytest.mark.slow
def test_many_damages_behind_a_right_checksum_raise_nothing_else(path):
    check_sealed_damages(path, 10_000, seed=3)
