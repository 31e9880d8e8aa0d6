"""What the three methods share, each against an oracle: sizes and counts, codes, losses."""

import dataclasses
import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gestalt.ops.chance import seeded
from gestalt.tasks.transfer import codes, config
from gestalt.tasks.transfer.codes import Painted, Seen, Transfer, confused, there_and_back, told
from gestalt.tasks.transfer.config import SIZES, Disentangle, Hiding, Mask, Networks, Weights
from gestalt.tasks.transfer.model import fresh
from tasks.transfer.methods import PAPER, TINY, pictures, small
from transfer_trials import changed

NAMES = list(TINY)

# -- numbers of weights ------------------------------------------------------------------------------------


def convolutions(*channels: int) -> int:
    """Weights of 4x4 convolutions with biases."""
    return sum(16 * before * after + after for before, after in itertools.pairwise(channels))


def normalised(*channels: int) -> int:
    """Scales and shifts of a batch norm after each layer but the picture."""
    return 2 * sum(channels)


SHARED = convolutions(3, 32, 64, 128, 256, 487, 487)
SMALL = convolutions(3, 32, 64, 128, 128, 128, 25)
LARGE = convolutions(3, 32, 64, 128, 256, 512, 25)
DECODED = convolutions(512, 512, 256, 128, 64, 32, 3)
CRITIC = 487 * 4 * 512 + 512 + 512 + 1

COUNTS = {
    "disentangle": {"common": SHARED, "separate": SMALL, "decoder": DECODED, "critic": CRITIC},
    "intersection": {
        "common": convolutions(3, 32, 64, 128, 256, 487, 462),
        "separate": 2 * LARGE,
        "decoder": DECODED,
        "critic": 462 * 4 * 512 + 512 + 512 + 1,
    },
    "mask": {
        "common": SHARED + normalised(32, 64, 128, 256, 487, 487),
        "separate": SMALL + normalised(32, 64, 128, 128, 128, 25),
        "plain": convolutions(487, 512, 256, 128, 64, 32, 3) + normalised(512, 256, 128, 64, 32),
        "content": convolutions(512, 512, 256, 128, 64, 32, 4) + normalised(512, 256, 128, 64, 32),
        "critic": CRITIC,
    },
}


def weights_of(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def test_the_oracle_has_the_published_numbers():
    """In millions, of the table of layers: the published plain decoder has unused inputs for a separate code."""
    told = [round(number / 1e6, 2) for number in (SHARED, SMALL, COUNTS["intersection"]["common"], LARGE, DECODED)]
    assert told == [6.48, 0.74, 6.29, 2.99, 6.98]
    totals = {name: sum(parts.values()) for name, parts in COUNTS.items()}
    totals["mask"] += (
        16 * 25 * 512
        - sum(COUNTS["mask"].values())
        + sum(
            (
                SHARED,
                SMALL,
                convolutions(487, 512, 256, 128, 64, 32, 3),
                convolutions(512, 512, 256, 128, 64, 32, 4),
                CRITIC,
            )
        )
    )
    assert {name: round(total / 1e6, 1) for name, total in totals.items()} == {
        "disentangle": 15.2,
        "intersection": 20.2,
        "mask": 22.2,
    }


@pytest.mark.parametrize("name", NAMES)
def test_paper_presets_have_exactly_the_published_weights(name):
    model = fresh(PAPER[name], 0)
    assert {part: weights_of(net) for part, net in model.named_children()} == COUNTS[name]
    assert weights_of(model) == sum(COUNTS[name].values())
    assert weights_of(model) == {"disentangle": 15_202_459, "intersection": 20_200_331, "mask": 21_988_173}[name]


# -- sizes and codes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_codes_are_two_or_three_wide_and_pictures_of_the_size(name, size):
    settings = dataclasses.replace(TINY[name], size=size)
    model = fresh(settings, 0).eval()
    x = pictures(2, size)
    rest = 3 if size in (24, 48, 96, 192) else 2
    c = model.common(x)
    s = [encoder(x) for encoder in model.separate]
    assert c.shape == (2, 32 - 4 * len(s), rest, rest)
    assert all(one.shape == (2, 4, rest, rest) for one in s)
    assert model.code(c, *s).shape == (2, 32, rest, rest)
    assert model.critic(c).shape == (2, 1)
    rendered = model.render(c, *s)
    assert rendered.image.shape == (2, 3, size, size)
    assert rendered.image.abs().max() <= 1
    assert len(rendered.pasted) == (name == "mask")
    for painted in rendered.pasted:
        assert painted.picture.shape == (2, 3, size, size)
        assert painted.mask.shape == (2, 1, size, size)
        assert 0 <= painted.mask.min() <= painted.mask.max() <= 1


@pytest.mark.parametrize("size", [0, 31, 40, 127, 512])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match=f"^--size must be one of 16, 24, 32, 48, 64, 96, 128, 192, 256, got {size}$"):
        Mask(size=size)


def test_a_code_that_leaves_nothing_in_common_is_refused():
    for kind, times in ((Disentangle, 1), (config.Intersection, 2)):
        with pytest.raises(ValueError, match=f"--code 32 leaves nothing .* beside {times} times --separate 32"):
            kind(networks=Networks(code=32, separate=32))


@pytest.mark.parametrize("name", NAMES)
def test_absent_contents_are_zeros(name):
    model = small(name)
    x = pictures(3)
    c = model.common(x)
    zero = torch.zeros(3, 4, 2, 2)
    count = model.contents
    whole = model.code(c)
    assert torch.equal(whole[:, : 32 - 4 * count], c)
    assert not whole[:, 32 - 4 * count :].any()
    for given in ((None,) * count, (zero,) * count, (zero,)):
        assert torch.equal(model.code(c, *given), whole)
    s = model.separate[0](x)
    assert torch.equal(model.code(c, s)[:, 32 - 4 * count : 36 - 4 * count], s)
    base = x if name == "mask" else None
    plain = model.render(c, None, base=base).image
    assert torch.equal(plain, model.render(c, zero, base=base).image)
    if count == 2:
        assert torch.equal(model.code(c, None, s)[:, 28:], s)
        assert torch.equal(model.render(c, None, zero).image, plain)
        assert torch.equal(model.render(c, s).image, model.render(c, s, zero).image)
    assert not torch.equal(model.render(c, s, base=base).image, plain)


def test_the_plain_picture_of_a_mask_method_does_not_know_of_content():
    model = small("mask")
    c = model.common(pictures(2))
    assert model.render(c).pasted == model.render(c, None).pasted == ()
    assert torch.equal(model.render(c).image, model.plain(c).tanh())


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 3, 5, 7)])
def test_a_mask_of_nothing_leaves_the_base_to_the_bit(shape):
    base, picture = (torch.rand(shape, generator=seeded(n)) * 2 - 1 for n in (1, 2))
    mask = torch.zeros(shape[0], 1, *shape[2:])
    assert torch.equal(Painted(picture, mask).on(base), base)
    mask[:, :, 0] = 1
    pasted = Painted(picture, mask).on(base)
    assert torch.equal(pasted[:, :, 1:], base[:, :, 1:])
    torch.testing.assert_close(pasted[:, :, 0], picture[:, :, 0])
    torch.testing.assert_close(
        Painted(picture, mask + 0.25 * (1 - mask)).on(base)[:, :, 1:], (0.75 * base + 0.25 * picture)[:, :, 1:]
    )


# -- losses against oracles --------------------------------------------------------------------------------


def encoded(net: Any, x: Tensor) -> Tensor:
    """An encoder by plain calls: blocks, then convolution, norm, leak; after the last only if it has as many norms."""
    x = torch.cat([x[:, c : c + 1, i :: net.fold, j :: net.fold] for c, i, j in block(x.shape[1], net.fold)], 1)
    convs = [layer for layer in net if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in net if isinstance(layer, nn.BatchNorm2d)]
    for n, conv in enumerate(convs):
        x = F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1)
        if n < len(convs) - 1 or len(norms) == len(convs):
            x = F.leaky_relu(_normed(x, norms[n] if norms else None), 0.2)
    return x


def decoded(net: Any, x: Tensor, slope: float) -> Tensor:
    """A decoder likewise, without what makes pictures of its numbers."""
    convs = [layer for layer in net if isinstance(layer, nn.ConvTranspose2d)]
    norms = [layer for layer in net if isinstance(layer, nn.BatchNorm2d)]
    for n, conv in enumerate(convs):
        x = F.conv_transpose2d(x, conv.weight, conv.bias, stride=2, padding=1)
        if n < len(convs) - 1:
            x = F.leaky_relu(_normed(x, norms[n] if norms else None), slope)
    fold = net[-1].upscale_factor
    pixels = x.new_zeros(len(x), x.shape[1] // fold**2, x.shape[2] * fold, x.shape[3] * fold)
    for n, (c, i, j) in enumerate(block(pixels.shape[1], fold)):
        pixels[:, c, i::fold, j::fold] = x[:, n]
    return pixels


def block(channels: int, fold: int) -> list[tuple[int, int, int]]:
    """Which channel and pixel of a block each channel of a place is."""
    return list(itertools.product(range(channels), range(fold), range(fold)))


def _normed(x: Tensor, norm: nn.BatchNorm2d | None) -> Tensor:
    if norm is not None:
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-5)
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (variance + 1e-5).sqrt()


def absolute(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().sum() / one.numel()


def squared(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().sum() / one.numel()


def stirred(name: str, **changes: Any) -> Any:
    """A method with moments and scales of its own, in float64, ready to use."""
    model: Any = fresh(changed(TINY[name], **changes), 1).double()
    chance = seeded(9)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            moments: Any = (layer.running_mean, layer.running_var, layer.weight.data, layer.bias.data)
            for values in moments:
                values.copy_(0.5 + torch.rand(len(values), generator=chance))
    return model.eval()


def assert_agrees(model: Transfer, expected: dict[str, tuple[float, Tensor]], seen: Seen) -> None:
    found = model.terms(seen)
    assert list(found) == list(expected)
    for name, (weight, value) in expected.items():
        assert found[name][0] == weight
        torch.testing.assert_close(found[name][1], value, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(codes.total(found), sum(weight * value for weight, value in expected.values()))


def doubled(model: Any) -> Seen:
    x, y = (pictures(3, seed=n) for n in (1, 2))
    x, y = x.double(), y.double()
    contents = tuple(encoded(read, own) for read, own in zip(model.separate, (x, y), strict=False))
    elsewhere = tuple(encoded(read, own) for read, own in zip(model.separate, (y, x), strict=False))
    return Seen(x, y, encoded(model.common, x), encoded(model.common, y), contents, elsewhere)


def as_it_is(picture: Tensor) -> Tensor:
    return picture


def upside_down(picture: Tensor) -> Tensor:
    return picture.flip(2)


def assert_reads(model: Any, seen: Seen) -> None:
    found = model.seen(seen.x, seen.y, as_it_is)
    torch.testing.assert_close(found[:4], seen[:4])
    torch.testing.assert_close(found.contents, seen.contents)
    torch.testing.assert_close(found.elsewhere, seen.elsewhere if model.contents > 1 else ())


NORMS = pytest.mark.parametrize(("norm", "last"), [("batch", True), ("batch", False), ("instance", False)])


DIFFERENCES = pytest.mark.parametrize(("how", "difference"), [("absolute", absolute), ("squared", squared)])


@NORMS
@DIFFERENCES
def test_disentangle_asks_what_its_formula_says(how, difference, norm, last):
    model = stirred("disentangle", reconstruction=how, norm=norm, last_norm=last)
    seen = doubled(model)
    s = seen.contents[0]
    zero = torch.zeros_like(s)
    with_content = decoded(model.decoder, torch.cat([seen.common_x, s], 1), 0.0).tanh()
    without = decoded(model.decoder, torch.cat([seen.common_y, zero], 1), 0.0).tanh()
    expected = {"content": (1.0, difference(with_content, seen.x)), "plain": (1.0, difference(without, seen.y))}
    assert_reads(model, seen)
    assert_agrees(model, expected, seen)


@NORMS
@DIFFERENCES
def test_intersection_asks_what_its_formula_says(how, difference, norm, last):
    model = stirred("intersection", reconstruction=how, zero=0.3, norm=norm, last_norm=last)
    seen = doubled(model)
    first, second = model.separate
    s, t = seen.contents
    zero = torch.zeros_like(s)
    rebuilt_x = decoded(model.decoder, torch.cat([seen.common_x, s, zero], 1), 0.0).tanh()
    rebuilt_y = decoded(model.decoder, torch.cat([seen.common_y, zero, t], 1), 0.0).tanh()
    silent = absolute(encoded(second, seen.x), zero) + absolute(encoded(first, seen.y), zero)
    expected = {
        "first": (1.0, difference(rebuilt_x, seen.x)),
        "second": (1.0, difference(rebuilt_y, seen.y)),
        "zero": (0.3, silent),
    }
    assert_reads(model, seen)
    assert_agrees(model, expected, seen)


@pytest.mark.parametrize("name", NAMES)
def test_only_content_is_read_from_what_is_moved(name):
    model = stirred(name)
    seen = doubled(model)
    found = model.seen(seen.x, seen.y, upside_down)
    torch.testing.assert_close(found[:4], seen[:4])
    first, *second = model.separate
    torch.testing.assert_close(found.contents[0], encoded(first, seen.x.flip(2)))
    assert not torch.allclose(found.contents[0], seen.contents[0])
    for read in second:
        torch.testing.assert_close(found.contents[1], encoded(read, seen.y.flip(2)))
        elsewhere = encoded(first, seen.y.flip(2)), encoded(read, seen.x.flip(2))
        torch.testing.assert_close(found.elsewhere, elsewhere)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("name", NAMES)
def test_sides_go_through_networks_together_only_where_norms_ask_for_it(name, norm):
    model: Any = fresh(changed(TINY[name], norm=norm), 1).train()
    sizes: dict[str, list[int]] = {}
    for part, network in model.named_modules():
        if isinstance(network, codes.Encoder | codes.Decoder):
            sizes[part] = []
            network.register_forward_hook(lambda _, given, __, part=part: sizes[part].append(len(given[0])))
    x, y = (pictures(3, seed=n) for n in (1, 2))
    model.terms(model.seen(x, y, as_it_is))
    both = [6] if norm == "batch" else [3, 3]
    alone = ["separate.0"] if model.contents == 1 else []
    expected = {part: [3] if part in alone else both for part in sizes}
    if name == "mask":
        cycle = bool(model.weights.cycle_common or model.weights.cycle_separate)
        expected["content"] = [6 + 3 * cycle] if norm == "batch" else [3] * (2 + cycle)
        expected["separate.0"] = [3] * (1 + bool(model.weights.cycle_separate))
        expected["common"] = both + [3] * bool(model.weights.cycle_common)
    assert sizes == expected


@pytest.mark.parametrize("name", ["disentangle", "intersection"])
def test_both_sides_are_painted_as_one_batch(name):
    model: Any = stirred(name).train()
    x, y = (pictures(3, seed=n).double() for n in (1, 2))
    seen = model.seen(x, y, as_it_is)
    given = [seen.contents[0], torch.zeros_like(seen.contents[0])]
    codes_x = torch.cat([seen.common_x, *given[: model.contents]], 1)
    codes_y = torch.cat([seen.common_y, given[1], *seen.contents[1:]], 1)
    one, other = model.decoder(torch.cat([codes_x, codes_y])).tanh().split(3)
    found = [value for _, value in model.terms(seen).values()][:2]
    torch.testing.assert_close(found, [squared(one, x), squared(other, y)])
    assert not torch.isclose(found[0], squared(model.decoder(codes_x).tanh(), x))


WITHOUT_OURS: dict[str, Any] = {
    "coarse": 0,
    "batch": 32,
    "lr": 2e-4,
    "cool": 0,
    "returned": 0,
    "carried": 0,
    "average": 0,
    "shift": 0,
    "light": 0,
    "apart": 0,
    "patience": 0,
}
"""What they have in common, and what is switched off since none of them has it."""

PUBLISHED = {
    "disentangle": config.Disentangle(
        networks=Networks(fold=1, width=32, code=512, separate=25, norm="instance"),
        hiding=Hiding(confusion=0.001, one_sided=True, ramp=0, memory=1),
        reconstruction="squared",
        **{"size": 128, "steps": 1_250_000, **WITHOUT_OURS},
    ),
    "intersection": config.Intersection(
        networks=Networks(fold=1, width=32, code=512, separate=25, norm="instance"),
        hiding=Hiding(confusion=0.001, one_sided=True, ramp=0, memory=1),
        reconstruction="absolute",
        zero=1,
        spectral=True,
        **{"size": 128, "steps": 1_250_000, **WITHOUT_OURS},
    ),
    "mask": config.Mask(
        networks=Networks(fold=1, width=32, code=512, separate=25),
        hiding=Hiding(confusion=0.005, one_sided=True, ramp=0, memory=1),
        weights=Weights(pasted=7, plain=5, again=0.7, nothing=0.7, small=0, cycle_common=0, cycle_separate=0.001),
        **{"size": 128, "steps": 150_000, **WITHOUT_OURS},
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_published_presets_are_what_is_published(name):
    assert PAPER[name] == PUBLISHED[name]


def test_whole_pictures_are_compared_by_squares():
    assert config.Disentangle().reconstruction == config.Intersection().reconstruction == "squared"


@pytest.mark.parametrize(("common", "separate"), [(0.0, 0.0), (0.0, 0.01), (2.0, 0.0), (1.5, 3.0)])
def test_mask_asks_what_its_formula_says(common, separate):
    weights = Weights(
        pasted=7, plain=5, again=0.6, nothing=0.8, small=0.3, cycle_common=common, cycle_separate=separate
    )
    model = stirred("mask", weights=weights)
    seen = doubled(model)
    x, y = seen.x, seen.y

    def plain(c: Tensor) -> Tensor:
        return decoded(model.plain, c, 0.2).tanh()

    def painted(c: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        out = decoded(model.content, torch.cat([c, s], 1), 0.2)
        return out[:, :1].sigmoid(), out[:, 1:].tanh()

    def on(c: Tensor, s: Tensor, base: Tensor) -> Tensor:
        m, z = painted(c, s)
        return m * z + (1 - m) * base

    s = seen.contents[0]
    moved = on(seen.common_y, s, y)
    expected = {
        "pasted": (7, absolute(on(seen.common_x, s, plain(seen.common_x)), x)),
        "plain": (5, absolute(plain(seen.common_y), y)),
        "again": (0.6, absolute(on(seen.common_x, s, x), x)),
        "nothing": (0.8, absolute(on(seen.common_y, torch.zeros_like(s), y), y)),
        "small": (0.3, (painted(seen.common_x, s)[0].mean() + painted(seen.common_y, 0 * s)[0].mean()) / 2),
    }
    if common:
        expected["cycle_common"] = (common, squared(encoded(model.common, moved), seen.common_y))
    if separate:
        expected["cycle_separate"] = (separate, squared(encoded(model.separate[0], moved), s))
    assert_agrees(model, expected, seen)


def test_what_is_given_comes_back_as_the_formula_says():
    model = stirred("mask", returned=0.7, carried=0.4)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.weight.data.mul_(4)  # first weights let a picture say next to nothing
    seen = doubled(model)
    s = seen.contents[0]
    given = model.render(seen.common_y, s, base=seen.y).image
    settings = dataclasses.replace(TINY["mask"], returned=0.7, carried=0.4)
    found = there_and_back(model, seen, settings, upside_down)
    returned = absolute(model.plain(model.common(given)).tanh(), seen.y)
    carried = absolute(model.render(seen.common_x, model.separate[0](given.flip(2))).image, seen.x)
    assert list(found) == ["returned", "carried"]
    assert (found["returned"][0], found["carried"][0]) == (0.7, 0.4)
    torch.testing.assert_close(found["returned"][1], returned)
    torch.testing.assert_close(found["carried"][1], carried)


def test_two_kinds_of_content_come_back_both_ways():
    model = stirred("intersection")
    seen = doubled(model)
    first, second = model.separate
    with_first, with_second = (
        model.render(seen.common_y, seen.contents[0]).image,
        model.render(seen.common_x, None, seen.contents[1]).image,
    )
    again_y = model.render(model.common(with_first), None, seen.contents[1]).image
    again_x = model.render(model.common(with_second), seen.contents[0]).image
    returned = (absolute(again_y, seen.y) + absolute(again_x, seen.x)) / 2
    carried_x = absolute(model.render(seen.common_x, first(with_first.flip(2))).image, seen.x)
    carried_y = absolute(model.render(seen.common_y, None, second(with_second.flip(2))).image, seen.y)
    found = there_and_back(model, seen, TINY["intersection"], upside_down)
    torch.testing.assert_close(found["returned"][1], returned)
    torch.testing.assert_close(found["carried"][1], (carried_x + carried_y) / 2)


def test_nothing_goes_there_and_back_unasked():
    model, settings = stirred("disentangle"), dataclasses.replace(TINY["disentangle"], returned=0, carried=0)
    assert there_and_back(model, doubled(model), settings, as_it_is) == {}


@pytest.mark.parametrize("name", NAMES)
def test_confusion_and_critic_are_logarithms_of_sigmoids(name):
    model = stirred(name)
    seen = doubled(model)
    layers = [layer for layer in model.critic if isinstance(layer, nn.Linear)]

    def judged(c: Tensor) -> Tensor:
        hidden = F.leaky_relu(c.flatten(1) @ layers[0].weight.T + layers[0].bias, 0.2)
        return hidden @ layers[1].weight.T + layers[1].bias

    with_content, without = judged(seen.common_x), judged(seen.common_y)
    taken_for_plain = -(1 - with_content.sigmoid()).log().mean() - (1 - without.sigmoid()).log().mean()
    told_apart = -with_content.sigmoid().log().mean() - (1 - without.sigmoid()).log().mean()
    taken_for_content = -with_content.sigmoid().log().mean() - without.sigmoid().log().mean()
    codes_ = seen.common_x, seen.common_y
    torch.testing.assert_close(confused(model, *codes_, one_sided=True), taken_for_plain)
    torch.testing.assert_close(confused(model, *codes_, one_sided=False), (taken_for_plain + taken_for_content) / 2)
    torch.testing.assert_close(told(model, seen.common_x, seen.common_y), told_apart)


def test_the_critic_learns_without_the_encoder():
    model = small("disentangle")
    x, y = model.common(pictures(2)), model.common(pictures(2, seed=1))
    told(model, x, y).backward()
    assert all(weight.grad is None for weight in model.common.parameters())
    assert all(weight.grad is not None for weight in model.critic.parameters())
    model.zero_grad(set_to_none=True)
    confused(model, x, y, one_sided=False).backward()
    assert all(weight.grad is not None for weight in model.common.parameters())


def test_a_critic_in_doubt_is_pushed_by_the_published_form_alone():
    model: Any = small("disentangle")
    x, y = (model.common(pictures(2, seed=n)) for n in (0, 1))
    model.critic[-1].weight.data.mul_(1e-3)  # says next to one half of everything
    model.critic[-1].bias.data.zero_()
    pushes = [
        torch.autograd.grad(confused(model, x, y, one_sided=one), x, retain_graph=True)[0].norm()
        for one in (False, True)
    ]
    assert 0 < pushes[0] < 0.01 * pushes[1]


@pytest.mark.parametrize("name", NAMES)
def test_both_sides_are_rebuilt_of_their_own_codes(name):
    model = small(name)
    x, y = pictures(2), pictures(2, seed=1)
    again_x, again_y = model.rebuilt(x, y)
    assert torch.equal(again_x, model.render(model.common(x), model.separate[0](x)).image)
    own = (None, model.separate[1](y)) if name == "intersection" else ()
    assert torch.equal(again_y, model.render(model.common(y), *own).image)
