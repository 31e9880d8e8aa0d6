"""What a fit keeps and shows, and that it is read back as it was, or refused."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from skimage.filters import threshold_otsu

from gestalt.ops.chance import seeded
from gestalt.run.checkpoint import read_weights
from gestalt.run.folder import Run
from gestalt.run.record import Plan
from gestalt.tasks.transfer import edits, model
from gestalt.tasks.transfer.model import between_classes, fresh, load, make
from gestalt.tasks.transfer.pictures import as_images
from tasks.transfer.methods import CPU, TINY, Noted, drawn_sides, pictures, same, small

NAMES = list(TINY)


def made(path: Path, name: str, command: str = "transfer fit") -> model.Model:
    plan = Plan(command=command, engine=name, settings=dataclasses.asdict(TINY[name]))
    with Run.create(path, plan) as run:
        return make(*drawn_sides(), TINY[name], seed=3, device=CPU, run=run)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    for name in NAMES:
        made(root / name, name)
    return {name: root / name for name in NAMES}


# -- what is kept ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_is_loaded_is_what_was_made(name, tmp_path):
    first = made(tmp_path / "run", name)
    again = load(tmp_path / "run", "cpu")
    assert type(again.net) is type(first.net)
    assert same(again.net, first.net)
    assert again.settings == first.settings == TINY[name]
    assert again.threshold == first.threshold
    assert not again.net.training
    assert not any(weight.requires_grad for weight in again.net.parameters())
    x, guide = pictures(2), pictures(2, seed=1)
    assert torch.equal(edits.add(again.net, x, guide).image, edits.add(first.net, x, guide).image)


@pytest.mark.parametrize("name", NAMES)
def test_weights_tell_the_settings_of_their_method_and_not_of_the_test_that_made_it(name, runs, tmp_path):
    _, header = read_weights(runs[name] / "weights/model.safetensors")
    assert header["settings"] == json.loads((runs[name] / "run.json").read_text())["settings"]
    with Run.create(tmp_path / "run", Plan(command="transfer test", engine=name, settings={"steps": 4})) as run:
        first = make(*drawn_sides(), TINY[name], seed=3, device=CPU, run=run)
    again = load(tmp_path / "run", "cpu")
    assert again.settings == TINY[name]
    assert same(again.net, first.net)


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_leave_equal_bytes(name, runs, tmp_path):
    made(tmp_path / "again", name)
    for file in ("weights/model.safetensors", "outputs/grid.png", "outputs/removed.png"):
        assert (tmp_path / "again" / file).read_bytes() == (runs[name] / file).read_bytes()


def test_measures_stand_beside_those_of_the_mean_picture():
    run = Noted()
    content, plain = drawn_sides()
    trained = make(content, plain, TINY["mask"], seed=3, device=CPU, run=run)
    assert run.measures["learned_content"] == run.measures["learned_plain"] == 6
    assert run.measures["mask_threshold"] == trained.threshold == float(run.saved["model"]["threshold"])
    x, y = (as_images(side.held_out) for side in (content, plain))
    again_x, again_y = trained.net.rebuilt(x, y)
    rebuilt = float((again_x - x).abs().mean() + (again_y - y).abs().mean()) / 2
    assert run.measures["held_out_rebuilt"] == pytest.approx(rebuilt)
    usual = 0.0
    for side, some in ((content, x), (plain, y)):
        usual += float((as_images(side.learned).mean(0) - some).abs().mean()) / 2
    assert run.measures["held_out_mean_picture"] == pytest.approx(usual)
    assert set(run.images) == {"grid.png", "removed.png"}
    assert run.said[0].startswith("warning: 6 pictures on one side are few")


def test_many_pictures_are_not_warned_of(monkeypatch):
    monkeypatch.setattr(model, "FEW", 6)
    run = Noted()
    make(*drawn_sides(), TINY["disentangle"], seed=3, device=CPU, run=run)
    assert [one for one in run.said if "few" in one] == []
    assert "rebuilt no better" in run.said[1]  # after four steps


@pytest.mark.parametrize("name", NAMES)
def test_grids_have_a_row_for_each_guide(name):
    net, cell = small(name), 256
    sheet = model.grid(net, pictures(2), pictures(3, seed=1))
    assert sheet.shape[0:2] == (1, 3)
    height, width = sheet.shape[2:]
    assert 4 * cell < height < 5 * cell
    assert 3 * cell < width < 4 * cell
    height = model.removed(net, pictures(2)).shape[2]
    rows = 3 if name == "mask" else 2
    assert rows * cell < height < (rows + 1) * cell


def test_seeds_are_first_weights():
    before = torch.get_rng_state()
    assert same(fresh(TINY["mask"], 1), fresh(TINY["mask"], 1))
    assert not same(fresh(TINY["mask"], 1), fresh(TINY["mask"], 2))
    assert torch.equal(torch.get_rng_state(), before)


# -- what is refused ---------------------------------------------------------------------------------------


def test_other_runs_are_refused(tmp_path):
    made(tmp_path / "other", "mask", command="transfer remove")
    with pytest.raises(
        ValueError, match="made by 'transfer remove' and holds no trained method; expected a run of: gest"
    ):
        load(tmp_path / "other", "cpu")
    with Run.create(tmp_path / "tested", Plan(command="transfer test", inputs={"run": str(tmp_path / "other")})):
        pass
    with pytest.raises(ValueError, match="other and holds no trained method itself: name that run"):
        load(tmp_path / "tested", "cpu")
    with pytest.raises(ValueError, match="is not a gestalt run"):
        load(tmp_path, "cpu")
    Run.create(tmp_path / "begun", Plan(command="transfer fit", engine="mask"))
    with pytest.raises(ValueError, match="is not finished; go on with: gestalt resume"):
        load(tmp_path / "begun", "cpu")


def copy(run: Path, to: Path) -> Path:
    for file in ("run.json", "weights/model.safetensors"):
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        (to / file).write_bytes((run / file).read_bytes())
    return to


def test_damaged_weights_are_refused(runs, tmp_path):
    run = copy(runs["mask"], tmp_path / "run")
    weights = run / "weights/model.safetensors"
    whole = weights.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no weights at all", b"\xff" * 100):
        weights.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model\.safetensors is not a weight file of gestalt"):
            load(run, "cpu")
    weights.unlink()
    with pytest.raises(ValueError, match="no such weight file"):
        load(run, "cpu")


def test_weights_of_another_method_are_refused(runs, tmp_path):
    run = copy(runs["disentangle"], tmp_path / "run")
    (run / "weights/model.safetensors").write_bytes((runs["mask"] / "weights/model.safetensors").read_bytes())
    with pytest.raises(ValueError, match="run"):
        load(run, "cpu")
    content = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**content, "engine": "magic"}))
    with pytest.raises(ValueError, match="run"):
        load(run, "cpu")


# -- thresholds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_masks_are_parted_as_by_the_reference(seed):
    chance = seeded(seed)
    low = 0.1 + 0.1 * torch.randn(3, 1, 20, 30, generator=chance)
    high = 0.5 + 0.08 * seed + 0.1 * torch.randn(3, 1, 20, 30, generator=chance)
    masks = torch.where(torch.rand(3, 1, 20, 30, generator=chance) < 0.2 + 0.1 * seed, high, low).clamp(0, 1)
    masks[0, 0, 0, :2] = torch.tensor([0.0, 1.0])  # so that both have bins over the same range
    cut, reference = between_classes(masks), float(threshold_otsu(masks.numpy(), nbins=256))
    assert cut == pytest.approx(reference + 0.5 / 256, abs=1e-6)  # an edge of a bin, and its centre
    assert type(cut) is float


def test_masks_that_say_nothing_have_a_threshold_all_the_same():
    for value in (0.0, 0.3, 1.0):
        assert 0 <= between_classes(torch.full((1, 1, 4, 4), value)) <= 1
