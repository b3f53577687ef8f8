"""The folder that keeps a run: what is in it, and the same model out of it again; one sentence for each damage."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from minibnn.data import ImageSet, WordPiece
from minibnn.errors import InputError
from minibnn.models import BLM
from minibnn.models.presets import ImagePreset, TextPreset
from minibnn.training.run_folder import RunFolder, free_folder, load_run, new_folder
from minibnn.training.runs import image_run, padded_sentences, text_run

RECIPE = {"epochs": 1, "batch_size": 4, "lr": 0.01, "standard_lr": 0.02, "warmup_steps": 2}
IMAGES = ImagePreset(3, (2,) * 5, (3, 2), image_size=16, **RECIPE)
TEXT = TextPreset(4, 8, 2, (8, 8), 1, **RECIPE)
WORDPIECE = WordPiece(["[UNK]", "[CLS]", "[PAD]", "[SEP]", *"abcdefgh"])
PICTURES = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
IDS = np.array([[4, 5, 6, 7], [8, 9, 10, 11]])


def pictures(count, seed):
    rng = np.random.default_rng(seed)
    return ImageSet(rng.integers(0, 256, (count, 16, 16, 3), np.uint8), np.arange(count) % 2, ("pie", "stew"))


def run_on_images(**options):
    return image_run(pictures(10, seed=0), pictures(6, seed=1), IMAGES, **options)


def run_on_text(**options):
    rows = padded_sentences(["a b c", "b c d e f", "c", "d a", "h g"], WORDPIECE, TEXT.max_len)
    return text_run(rows, rows, WORDPIECE, TEXT, **options)


@pytest.fixture
def images():
    return run_on_images()


def keep(run, path, max_steps=2):
    """Train a few steps and write all that belongs into the folder `path`."""
    folder = RunFolder(path, run.config | {"options": {"seed": 0}})
    if run.train.is_text:
        WORDPIECE.save(folder.path / "vocab.txt")
    if max_steps:
        run.fit(progress=False, max_steps=max_steps, report=folder.report)
    folder.save(run, "title")
    return folder.path


def logits(model):
    model.trainable = False
    return model.logits(IDS if isinstance(model, BLM) else PICTURES).data


@pytest.mark.parametrize(
    "options",
    [{}, {"standard": True}, {"standard": True, "normalize": True}, {"standard": True, "dropout": (0.1, 0.2)}],
    ids=str,
)
def test_an_image_run_is_read_again(tmp_path, options):
    run = run_on_images(**options)
    loaded = load_run(keep(run, tmp_path / "run"))
    assert type(loaded.model) is type(run.model)
    assert loaded.model.trainable
    np.testing.assert_array_equal(logits(loaded.model), logits(run.model))
    assert (loaded.kind, loaded.class_names, loaded.wordpiece) == ("image", ("pie", "stew"), None)
    assert loaded.preset == run.preset
    assert getattr(loaded.model, "normalize", None) == getattr(run.model, "normalize", None)
    assert getattr(loaded.model.fc1, "dropout", None) == getattr(run.model.fc1, "dropout", None)
    assert loaded.config["options"] == {"seed": 0}


@pytest.mark.parametrize("options", [{}, {"standard": True}, {"mask_value": -1e-10}], ids=str)
def test_a_text_run_is_read_again(tmp_path, options):
    run = run_on_text(**options)
    loaded = load_run(str(keep(run, tmp_path / "run")))
    assert type(loaded.model) is type(run.model)
    np.testing.assert_array_equal(logits(loaded.model), logits(run.model))
    assert (loaded.kind, loaded.class_names, loaded.wordpiece.tokens) == ("text", None, WORDPIECE.tokens)
    assert loaded.preset == run.preset
    assert loaded.model.hides_later_tokens == ("mask_value" not in options)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder of each kind, made once."""
    root = tmp_path_factory.mktemp("kept")
    keep(run_on_images(), root / "image")
    keep(run_on_text(), root / "text")
    return root


@pytest.fixture
def damaged(kept, tmp_path):
    """A function that copies one of the two, lets `change` alter the dict of its config.json, and loads it."""

    def load(kind, change):
        path = shutil.copytree(kept / kind, tmp_path / kind)
        config = json.loads((path / "config.json").read_text())
        config = change(config) or config
        (path / "config.json").write_text(json.dumps(config))
        return load_run(path)

    return load


def within(part, **values):
    return lambda config: config[part].update(values)


CHANGES = {
    "an unknown kind": ("text", lambda c: c.update(kind="sound"), "kind must be 'image' or 'text', and is 'sound'"),
    "a kind of another type": ("text", lambda c: c.update(kind=["text"]), r'kind must be a text, and is \["text"\]'),
    "no standard": ("text", lambda c: c.pop("standard") and None, "standard is missing"),
    "a number for a flag": ("text", lambda c: c.update(standard=1), "standard must be true or false, and is 1"),
    "no object": ("text", lambda c: [c], "must hold an object"),
    "a preset that is a name": ("text", lambda c: c.update(preset="tiny"), 'preset must be an object.* is "tiny"'),
    "a missing size": ("text", lambda c: c["preset"].pop("emb_dim") and None, "preset.emb_dim is missing"),
    "an unknown size": ("text", within("preset", depth=3), "unknown preset.depth; preset.has max_len, emb_dim"),
    "a size of text": ("text", within("preset", emb_dim="8"), 'preset.emb_dim must be a whole number, and is "8"'),
    "a flag for a size": ("text", within("preset", emb_dim=True), "preset.emb_dim must be a whole number, and is true"),
    "a broken size": ("text", within("preset", emb_dim=8.5), "preset.emb_dim must be a whole number, and is 8.5"),
    "a size of zero": ("text", within("preset", emb_dim=0), "emb_dim must be a whole number of at least 1"),
    "heads that do not divide": ("text", within("preset", num_heads=3), "must be a multiple of num_heads"),
    "units that are one number": ("text", within("preset", mlp_units=8), "preset.mlp_units must be a list of numbers"),
    "no rate": ("text", within("preset", lr=None), "preset.lr must be a number, and is null"),
    "an unknown option": (
        "text",
        within("model_options", dropout=[0, 0]),
        "unknown model_options.dropout; .*mask_value",
    ),
    "a mask of text": ("text", within("model_options", mask_value="-inf"), "model_options.mask_value must be a number"),
    "an option of the twin": ("image", within("model_options", normalize=True), "unknown model_options.normalize"),
    "an unknown axis": ("image", within("preset", normalize_over="pixels"), "normalize_over"),
    "no classes": ("image", lambda c: c.pop("class_names") and None, "class_names must be a list of names"),
    "classes by number": (
        "image",
        lambda c: c.update(class_names=[1, 2]),
        r"class_names must be a list of names.*\[1, 2\]",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_configuration_that_cannot_be_meant_is_told_by_name(damaged, name):
    kind, change, message = CHANGES[name]
    with pytest.raises(InputError, match=f"config.json: .*{message}"):
        damaged(kind, change)


def test_what_the_model_does_not_need_is_not_looked_at(damaged):
    assert damaged("text", lambda config: config.update(note=[1], options=None)).kind == "text"


def test_another_size_than_that_of_the_weights_is_refused(damaged):
    with pytest.raises(InputError, match=r"weights.npz': parameter 'mlp2.W' .*build the model with the saved"):
        damaged("text", within("preset", mlp_units=[8, 9]))


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "it is damaged, no JSON"), ('{"kind": ', "it is damaged, no JSON"), ("\udcff", "it is damaged, no JSON")],
)
def test_a_configuration_that_is_no_json_is_refused(kept, tmp_path, text, message):
    path = shutil.copytree(kept / "text", tmp_path / "run")
    (path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=f"config.json: {message}"):
        load_run(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.npz", b"PK\x03\x04 rest", "weights.npz' is damaged or no weights file"),
        ("vocab.txt", None, "cannot read the vocabulary .*vocab.txt"),
        ("vocab.txt", b"[PAD]\n[UNK]\na\n", "weights.npz': parameter 'embed.tokens.W'"),
        ("weights.npz", None, "has no weights.npz, as when it stopped before"),
        ("config.json", None, "holds no run, because it has no config.json"),
    ],
)
def test_a_file_that_is_missing_or_damaged_is_named(kept, tmp_path, name, content, message):
    path = shutil.copytree(kept / "text", tmp_path / "run")
    (path / name).unlink()
    if content is not None:
        (path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_run(path)


def test_what_is_no_folder_of_a_run_is_refused_and_runs_in_it_are_named(kept):
    with pytest.raises(InputError, match=r"there is no folder .*nowhere; expected the folder of a run"):
        load_run(kept / "nowhere")
    with pytest.raises(InputError, match=r"config.json is a file; expected the folder of a run"):
        load_run(kept / "text" / "config.json")
    with pytest.raises(InputError, match=r"holds no run.*; there are runs in it: .*image, .*text"):
        load_run(kept)


def test_a_run_that_took_no_step_has_no_weights(tmp_path):
    path = keep(run_on_text(), tmp_path / "run", max_steps=0)
    with pytest.raises(InputError, match=r"has no weights.npz"):
        load_run(path)


def test_the_preset_in_the_configuration_is_the_one_that_was_trained():
    run = run_on_text(standard=True)
    assert run.config["preset"] == dataclasses.asdict(run.preset)
    assert run.config["preset"]["lr"] == 0.02
    assert run.config["model_options"] == {}


def test_a_run_folder_keeps_what_is_needed_to_repeat_the_run(tmp_path, images):
    folder = RunFolder(tmp_path / "runs" / "first", {"kind": "image"})
    images.fit(progress=False, max_steps=1, report=folder.report)
    names = folder.save(images, "title")
    config = json.loads((folder.path / "config.json").read_text())
    assert config["kind"] == "image"
    assert {"minibnn", "numpy", "python", "started"} <= config.keys()
    assert json.loads((folder.path / "metrics.jsonl").read_text())["step"] == 1
    with np.load(folder.path / "weights.npz") as saved:
        for name, tensor in images.model.named_parameters():
            np.testing.assert_array_equal(saved[name], tensor.data)
    assert sorted(path.name for path in folder.path.iterdir()) == sorted(names)


def test_a_folder_with_a_run_is_refused_and_left_alone(tmp_path):
    path = RunFolder(tmp_path, {"seed": 1}).path
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    with pytest.raises(InputError, match=r"already holds a run; choose another"):
        RunFolder(tmp_path, {"seed": 2})
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


def test_a_new_folder_is_made_with_its_parents_and_left_empty(tmp_path):
    path = new_folder(str(tmp_path / "a" / "b"))
    assert path == new_folder(path) == tmp_path / "a" / "b"
    assert list(path.iterdir()) == []
    (path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write to the folder .*file"):
        new_folder(path / "file" / "below")


def test_a_free_folder_gets_the_next_number(tmp_path):
    found = []
    for _ in range(3):
        found.append(free_folder(tmp_path / "run"))
        found[-1].mkdir()
    assert [path.name for path in found] == ["run", "run-2", "run-3"]
