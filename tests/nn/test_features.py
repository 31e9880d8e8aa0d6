"""Extractors against torchvision's own networks and preparation; the grammar; and every refusal in words."""

import re
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torchvision.models as models
from torch import Tensor, nn
from torchvision.models.video import r2plus1d_18, r3d_18
from torchvision.transforms.functional import normalize

from gestalt.drawn.discs import bouncing
from gestalt.media import image
from gestalt.metrics.frechet import sifid, svfid
from gestalt.metrics.nulls import shuffled_frames
from gestalt.nn import features, pretext
from gestalt.nn.features import BUILT_IN, available, load
from gestalt.nn.trunks import ARCHITECTURES
from gestalt.ops.resize import resize
from nn.caffe import AFTER, as_caffe, savez

SHARED = Path(__file__).parents[3] / "shared" / "data"
SQUEEZENET = SHARED / "weights" / "squeezenet_v1_0.npz"


def filled(net: Any) -> Any:
    """A network built without memory, with seeded weights that keep numbers in range."""
    net = net.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                spread = tensor[0].numel() ** -0.5 if tensor.ndim > 1 else 0.1
                tensor.normal_(0, spread, generator=generator)
                if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
                    tensor.abs_().add_(0.5)
    return net


def built(make: Any, **options: Any) -> Any:
    with torch.device("meta"):
        return make(weights=None, **options)


def pictures(*size: int) -> Tensor:
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(2)) * 2 - 1


def prepared(x: Tensor, published: Any) -> Tensor:
    """(B, 3, *S) in [-1, 1], as torchvision's own transform of these weights does it, less its resizing."""
    look = published.transforms()
    frames = x if x.ndim == 4 else x.movedim(2, 1).flatten(0, 1)
    frames = normalize((frames + 1) / 2, look.mean, look.std)
    return frames if x.ndim == 4 else frames.unflatten(0, (len(x), -1)).movedim(1, 2)


@pytest.fixture
def reading(monkeypatch):
    """Lets `load("ARCH:any.pt")` find the tensors of a network that is not on any disk."""

    def use(tensors: dict[str, Tensor]) -> None:
        monkeypatch.setattr(features, "read_tensors", lambda _: tensors)

    return use


def any_weights(arch: str) -> dict[str, Tensor]:
    """Tensors of the right names and shapes, all of one number, which take no memory."""
    with torch.device("meta"):
        trunk, _ = ARCHITECTURES[arch].build()
    state = {name: torch.tensor(0.01).expand(place.shape) for name, place in trunk.state_dict().items()}
    if arch != "squeezenet":
        return state
    return {name.replace(".weight", ".w").replace(".bias", ".b").replace(".", "/", name.count(".") - 1): tensor
            for name, tensor in state.items()}  # fmt: skip


# -- each architecture beside torchvision's --------------------------------------------------------------------


@pytest.mark.parametrize("form", ["torchvision.safetensors", "torchvision.pth", "caffe.npz"])
def test_squeezenet_prepares_pictures_as_its_weights_were_trained(tmp_path, form):
    theirs = filled(built(models.squeezenet1_0))
    state, x, path = theirs.state_dict(), pictures(40, 45), tmp_path / form
    y = prepared(x, models.SqueezeNet1_0_Weights.IMAGENET1K_V1)
    if form == "caffe.npz":
        savez(path, as_caffe(state))
        y = (x.flip(1) + 1) * 127.5 - torch.tensor([104.0, 117.0, 123.0]).view(3, 1, 1)
    elif form.endswith("pth"):
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    ours = load(f"squeezenet:{path}")
    assert ours.name == f"squeezenet ({form})"
    maps = ours.layers(x)
    for name, after in AFTER.items():
        torch.testing.assert_close(maps[name], theirs.features[: after + 1](y), rtol=1e-4, atol=1e-4)
    assert torch.equal(ours(x), maps["fire2"])


def test_inception_is_torchvisions_up_to_its_second_pool_and_takes_pictures_as_its_transform_does(reading):
    theirs = filled(built(models.inception_v3, init_weights=False, aux_logits=False, transform_input=True))
    reading(theirs.state_dict())
    seen = {}
    for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"):
        key = "conv" + name.split("_")[1]
        theirs.get_submodule(name).register_forward_hook(lambda _, __, y, key=key: seen.update({key: y}))
    x = pictures(75, 80)
    with torch.no_grad():
        theirs(prepared(x, models.Inception_V3_Weights.IMAGENET1K_V1))
    ours = load("inception:any.pt")
    assert ours(x).shape == (2, 64, 35, 37)
    maps = ours.layers(x)
    assert set(maps) == set(seen)
    for name, map_ in maps.items():
        torch.testing.assert_close(map_, seen[name], rtol=1e-4, atol=1e-4)


def test_vgg19_is_torchvisions_at_every_relu(reading):
    theirs = filled(built(models.vgg19).features)
    reading({f"features.{name}": tensor for name, tensor in theirs.state_dict().items()})
    ours, x = load("vgg19:any.pt"), pictures(32, 35)
    maps = ours.layers(x)
    y, block, count, seen = prepared(x, models.VGG19_Weights.IMAGENET1K_V1), 1, 0, 0
    for module in theirs:
        y = module(y)
        if isinstance(module, nn.MaxPool2d):
            block, count = block + 1, 0
        elif isinstance(module, nn.ReLU):
            count, seen = count + 1, seen + 1
            torch.testing.assert_close(maps[f"relu{block}_{count}"], y, rtol=1e-4, atol=1e-4)
            y = y.clone()  # the next ReLU must not write into what was compared
    assert seen == len(maps) == 16
    assert [name for name in maps if name.endswith("_1")] == [f"relu{n}_1" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("arch", "make", "published"),
    [
        ("r3d18", r3d_18, models.video.R3D_18_Weights.KINETICS400_V1),
        ("r2plus1d_18", r2plus1d_18, models.video.R2Plus1D_18_Weights.KINETICS400_V1),
    ],
)
def test_video_networks_are_torchvisions(reading, arch, make, published):
    theirs = filled(built(make))
    state = {name: tensor for name, tensor in theirs.state_dict().items() if "num_batches" not in name}
    reading(state)
    ours, x = load(f"{arch}:any.pt"), pictures(5, 16, 20)
    y = prepared(x, published)
    maps = ours.layers(x)
    with torch.no_grad():
        for name in ("stem", "layer1", "layer2", "layer3", "layer4"):
            y = theirs.get_submodule(name)(y)
            torch.testing.assert_close(maps[name], y, rtol=1e-3, atol=1e-4)
    assert ours(x).shape == (2, 64, 5, 8, 10)


@pytest.mark.skipif(not SQUEEZENET.exists(), reason="../shared/data is not here")
def test_the_trained_squeezenet_names_what_is_in_photographs():
    net = load(f"squeezenet:{SQUEEZENET}").at("conv10")
    assert net.name == "squeezenet conv10 (squeezenet_v1_0.npz)"

    def five(name: str) -> list[int]:
        x = resize(image.read(SHARED / "images" / name), (227, 227)).clamp(-1, 1)
        return net(x).mean(dim=(2, 3))[0].topk(5).indices.tolist()

    balloon, volcano, seashore, obelisk = 417, 980, 978, 682
    assert five("balloons.png")[0] == balloon
    assert five("mountain_lake.png")[0] == volcano
    assert five("beach.jpg")[0] == seashore
    assert seashore in five("bay.jpg")
    assert obelisk in five("pyramids.png")


# -- random ----------------------------------------------------------------------------------------------------


def test_random_features_are_always_the_same_and_say_that_they_are_untrained():
    before = torch.get_rng_state()
    one, other = load("random"), load("random")
    assert torch.equal(torch.get_rng_state(), before)
    assert one.name == "random (untrained, fixed seed)"
    assert one.kinds == ("image", "clip")
    still, clip = pictures(20, 23), pictures(4, 20, 23)
    assert one(still).shape == (2, 64, 6, 8)
    assert one(clip).shape == (2, 64, 4, 6, 8)
    for x in (still, clip):
        assert torch.equal(one(x), other(x))
        assert 0.1 < float((one(x) > 0).float().mean()) < 0.9
        assert one(x).std() > 0.1
    # The numbers themselves, so that they stay those of earlier reports.
    assert one(still).double().mean() == pytest.approx(0.2981, abs=2e-4)


def test_random_features_are_two_convolutions_and_a_position_sees_nine_pixels():
    net, x = load("random"), pictures(15, 15).requires_grad_()
    weights = {n: t for n, t in net.trunk.state_dict().items() if n.startswith("image")}
    y = nn.functional.conv2d(x, weights["image.0.weight"], weights["image.0.bias"], stride=2).relu()
    y = nn.functional.conv2d(y, weights["image.1.weight"], weights["image.1.bias"]).relu()
    torch.testing.assert_close(net(x), y)
    (slope,) = torch.autograd.grad(net(x)[0, :, 1, 1].sum(), x)
    seen = slope[0].abs().sum(0).nonzero()
    assert (seen.min(0).values.tolist(), seen.max(0).values.tolist()) == ([2, 2], [10, 10])


def test_random_features_of_clips_see_motion_and_those_of_single_frames_do_not():
    clip, net = bouncing(), load("random")
    frames = shuffled_frames(clip, 1)[0]
    still = net.by_frame()
    assert still.name == "random (untrained, fixed seed, frame by frame)"
    assert svfid(frames, clip, still) < 1e-6
    assert svfid(frames, clip, net) > 1e-3
    assert sifid(clip[:, :, 0], clip[:, :, 0], net) < 1e-9 < 1e-3 < sifid(clip[:, :, 0], bouncing(seed=3)[:, :, 0], net)


# -- Features --------------------------------------------------------------------------------------------------


def test_frame_by_frame_is_each_frame_by_itself(reading):
    reading(any_weights("squeezenet"))
    net, clip = load("squeezenet:any.npz"), pictures(3, 24, 26)
    found = net.by_frame().layers(clip, ["conv1", "fire3"])
    for name, map_ in found.items():
        expected = torch.stack([net.at(name)(clip[:, :, t]) for t in range(3)], dim=2)
        torch.testing.assert_close(map_, expected)
    with pytest.raises(ValueError, match=r"takes clips \(B, 3, T, H, W\) of floats"):
        net.by_frame()(clip[:, :, 0])


def test_weights_are_frozen_and_gradients_reach_the_pictures(reading):
    reading(any_weights("squeezenet"))
    net, x = load("squeezenet:any.npz"), pictures(24, 24).requires_grad_()
    assert not net.trunk.training
    assert not any(p.requires_grad for p in net.trunk.parameters())
    (slope,) = torch.autograd.grad(net(x).sum(), x)
    assert float(slope.abs().sum()) > 0


@pytest.mark.parametrize("arch", available())
def test_the_smallest_picture_of_every_layer(arch, reading, monkeypatch):
    monkeypatch.setattr(pretext, "STEPS", 1)
    reading({} if arch in BUILT_IN else any_weights(arch))
    net = load(arch, [pictures(8, 8)[:1]]) if arch in BUILT_IN else load(f"{arch}:any.pt")
    for kind in net.kinds:
        needed = 1
        for n, stage in enumerate(net.stages[kind]):
            needed = max(needed, stage.least)
            size = (2, needed, needed) if kind == "clip" else (needed, needed)
            assert net.at(stage.name).least == needed
            assert min(net.at(stage.name)(pictures(*size)).shape) >= 1
            if needed > 1:
                smaller = pictures(*size)[..., :-1]
                with pytest.raises(ValueError, match=rf"at {stage.name} needs .* at least {needed} x {needed} .* got"):
                    net.at(stage.name)(smaller)
                with pytest.raises(RuntimeError):
                    nn.Sequential(*(each.module for each in net.stages[kind][: n + 1]))(smaller)


def test_what_a_network_does_not_take_is_named():
    net = load("random")
    for x in (torch.zeros(3, 20, 20), torch.zeros(1, 1, 20, 20), torch.zeros(1, 3, 20, 20, dtype=torch.uint8)):
        with pytest.raises(ValueError, match=r"random takes images .* and clips .* of floats in \[-1, 1\], got"):
            net(x)
    with pytest.raises(ValueError, match="random has no layer 'conv9': it has conv1, conv2"):
        net.at("conv9")
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        net.layers(pictures(20, 20), ["conv1", "conv9"])


def test_levels_are_the_usual_five_as_far_as_a_picture_goes_through_them(reading):
    reading(any_weights("vgg19"))
    net = load("vgg19:any.pt")
    assert net.levels(64) == tuple(f"relu{n}_1" for n in range(1, 6))
    assert net.levels(9) == tuple(f"relu{n}_1" for n in range(1, 5))
    reading(any_weights("squeezenet"))
    assert load("squeezenet:any.npz").levels(64) == ("conv1", "fire3", "fire5", "fire7", "fire9")
    assert load("random").levels(20) == ("conv1", "conv2")
    with pytest.raises(ValueError, match="random needs pictures of at least 5 x 5 pixels, got one with a side of 4"):
        load("random").levels(4)


def test_onward_from_an_earlier_map_is_the_later_map(reading):
    reading(any_weights("vgg19"))
    for net in (load("vgg19:any.pt"), load("gabor"), load("random")):
        maps = net.layers(pictures(24, 25))
        first, last = net.names[0], net.names[-1]
        torch.testing.assert_close(net.onward(maps[first], first, last), maps[last])
        with pytest.raises(ValueError, match="no layer 'conv9'"):
            net.onward(maps[first], first, "conv9")


# -- the grammar -----------------------------------------------------------------------------------------------


def test_unknown_specifications_are_refused():
    for spec in ("", "resnet", "Inception", "resnet:file.npz"):
        with pytest.raises(ValueError, match=r"ARCH\[:FILE\] with ARCH one of squeezenet, .*random, got"):
            load(spec)
    for name in BUILT_IN:
        with pytest.raises(ValueError, match=f"'{name}' has no weights to load and takes no file"):
            load(f"{name}:file.npz")
    with pytest.raises(ValueError, match="'pair' is trained on the pictures of an analogy, and here are none"):
        load("pair")
    with pytest.raises(ValueError, match="add the file"):
        load("squeezenet:")
    with pytest.raises(ValueError, match=r"no file of weights at 'none\.npz'"):
        load("squeezenet:none.npz")


@pytest.mark.parametrize("arch", list(ARCHITECTURES))
def test_weights_of_another_architecture_are_refused(arch, reading):
    for other in set(ARCHITECTURES) - {arch}:
        reading(any_weights(other))
        said = rf"'any\.pt' holds no weights of {arch}: .*; expected {re.escape(ARCHITECTURES[arch].expects)}$"
        with pytest.raises(ValueError, match=said):
            load(f"{arch}:any.pt")


def test_half_precision_is_widened_and_damage_refused(reading):
    weights = any_weights("squeezenet")
    reading({name: tensor.half() for name, tensor in weights.items()})
    assert load("squeezenet:any.pt")(pictures(24, 24)).dtype == torch.float32
    weights["fire2/expand1x1.w"] = weights["fire2/expand1x1.w"].clone()
    weights["fire2/expand1x1.w"][3, 2] = torch.nan
    reading(weights)
    with pytest.raises(ValueError, match=r"'fire2\.expand1x1\.weight' is not finite"):
        load("squeezenet:any.pt")


@pytest.mark.parametrize("arch", list(ARCHITECTURES))
def test_without_a_file_nothing_is_downloaded_when_that_is_forbidden_or_impossible(arch, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "urlopen", no_network)
    monkeypatch.setenv("GESTALT_OFFLINE", "1")
    with pytest.raises(ValueError, match=rf"GESTALT_OFFLINE forbids .*https://\S+\.pth .*{arch}:FILE"):
        load(arch)
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("GESTALT_OFFLINE", "0")
    with pytest.raises(
        ValueError, match=rf"could not be downloaded .*no route to host.*https://\S+\.pth .*{arch}:FILE"
    ):
        load(arch)


def test_what_was_downloaded_before_is_used_even_offline(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GESTALT_OFFLINE", "1")
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(any_weights("inception"), tmp_path / "hub" / "checkpoints" / "inception_v3_google-0cc3c7bd.pth")
    net = load("inception")
    assert net.name == "inception (torchvision IMAGENET1K_V1)"
    assert net(pictures(20, 20)).shape == (2, 64, 7, 7)


def test_a_download_is_checked_and_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("GESTALT_OFFLINE", raising=False)
    torch.save(any_weights("inception"), tmp_path / "served.pth")
    served = (tmp_path / "served.pth").as_uri()

    class Published:
        url, name = served, "IMAGENET1K_V1"

    arch = ARCHITECTURES["inception"]
    monkeypatch.setattr(
        features, "ARCHITECTURES", {**ARCHITECTURES, "inception": arch._replace(published=lambda: Published)}
    )
    assert load("inception")(pictures(20, 20)).shape == (2, 64, 7, 7)
    assert (tmp_path / "hub" / "checkpoints" / "served.pth").is_file()
    (tmp_path / "served.pth").rename(tmp_path / "served-00000000.pth")
    Published.url = (tmp_path / "served-00000000.pth").as_uri()
    with pytest.raises(ValueError, match=r"could not be downloaded .*hash"):
        load("inception")
    assert [path.name for path in (tmp_path / "hub" / "checkpoints").iterdir()] == ["served.pth"]
