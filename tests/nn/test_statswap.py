"""Swaps of statistics: the formulas against slow ones, what stays as it is, how often, and where."""

import copy
import pickle
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gestalt.nn.statswap import Handle, apply_padain, apply_statswap, handle_of
from gestalt.nn.swaps import WAYS, Chance, Rule, swapped
from gestalt.ops.chance import noise, seeded

SHAPES = [(5, 3, 7), (6, 4, 5, 3), (4, 2, 3, 5, 4)]


class Fixed(Chance):
    """Numbers that the test chooses."""

    def __init__(self, uniform: Tensor, normal: Tensor | None = None, beta: Tensor | None = None) -> None:
        super().__init__(torch.device("cpu"), None, traced=False)
        self._uniforms, self._normals, self._beta = [uniform], [] if normal is None else [*normal], beta

    def uniform(self, *shape: int) -> Tensor:
        return self._uniforms.pop(0).reshape(shape) if self._uniforms else torch.full(shape, 0.5)

    def normal(self, *shape: int) -> Tensor:
        return self._normals.pop(0).reshape(shape)

    def beta(self, alpha: float, *shape: int) -> Tensor:
        del alpha
        assert self._beta is not None
        return self._beta.reshape(shape)


def net(axes: int = 2) -> nn.Sequential:
    """Three convolutions with batch normalisation, and a head."""
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
    norm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[axes - 1]
    pool = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[axes - 1]
    layers: list[nn.Module] = []
    for before, after in ((3, 6), (6, 8), (8, 8)):
        layers += [conv(before, after, 3, padding=1), norm(after), nn.ReLU()]
    return nn.Sequential(*layers, pool(1), nn.Flatten(), nn.Linear(8, 4))


def quiet(*given: object, **more: object) -> Handle:
    """`apply_statswap` without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return apply_statswap(*given, **more)  # pyright: ignore


def chances(count: int, seed: int = 1) -> tuple[Tensor, list[int]]:
    """Numbers for a permutation, and the permutation."""
    uniform = torch.rand(count + 1, generator=seeded(seed))
    return uniform, sorted(range(count), key=lambda n: float(uniform[n]))


def slow_moments(values: Tensor, eps: float = 1e-5) -> tuple[float, float]:
    """Mean and deviation of some numbers, one by one."""
    numbers = values.flatten().double().tolist()
    mean = sum(numbers) / len(numbers)
    variance = sum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1)
    return mean, (variance + eps) ** 0.5


# -- formulas ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_padain_equals_a_slow_loop(shape: tuple[int, ...]) -> None:
    x = noise(shape, seeded(2), torch.zeros(())) * 3 + 1
    uniform, partner = chances(len(x))
    made = swapped(x, Rule(), Fixed(uniform), None)
    for n in range(shape[0]):
        for c in range(shape[1]):
            mean, deviation = slow_moments(x[n, c])
            given_mean, given_deviation = slow_moments(x[partner[n], c])
            slow = (x[n, c] - mean) / (deviation + 1e-5) * given_deviation + given_mean
            torch.testing.assert_close(made[n, c], slow, atol=1e-5, rtol=1e-5)


def test_frames_have_moments_of_their_own_and_one_partner() -> None:
    x = noise((4, 2, 3, 5, 4), seeded(3), torch.zeros(()))
    uniform, partner = chances(4)
    made = swapped(x, Rule(dims="frames"), Fixed(uniform), None)
    for frame in range(3):
        alone = swapped(x[:, :, frame], Rule(), Fixed(uniform), None)
        torch.testing.assert_close(made[:, :, frame], alone)
    assert partner != list(range(4))


@pytest.mark.parametrize(("shape", "windows"), [((3, 2, 4, 10), 5), ((3, 2, 4, 11), 4), ((2, 3, 7), 7), ((2, 3, 4), 9)])
def test_windows_equal_a_slow_loop(shape: tuple[int, ...], windows: int) -> None:
    x = noise(shape, seeded(4), torch.zeros(())) * 2 - 1
    count = min(windows, shape[-1])
    uniform, partner = chances(len(x) * count)
    made = swapped(x, Rule(dims="windows", windows=windows, eps=1e-4), Fixed(uniform), None)
    parts = [
        (n, [c for c in range(shape[-1]) if c * count // shape[-1] == k]) for n in range(len(x)) for k in range(count)
    ]
    for one, (n, columns) in enumerate(parts):
        m, given = parts[partner[one]]
        mean, deviation = slow_moments(x[n][..., columns], 1e-4)
        given_mean, given_deviation = slow_moments(x[m][..., given], 1e-4)
        slow = (x[n][..., columns] - mean) / (deviation + 1e-4) * given_deviation + given_mean
        torch.testing.assert_close(made[n][..., columns], slow, atol=1e-5, rtol=1e-5)


def test_mixstyle_equals_a_slow_loop() -> None:
    x = noise((5, 2, 4, 3), seeded(5), torch.zeros(())) * 2
    uniform, partner = chances(5)
    share = torch.rand(5, generator=seeded(6))
    made = swapped(x, Rule(name="mixstyle"), Fixed(uniform, beta=share), None)
    for n in range(5):
        for c in range(2):
            (mean, deviation), given = slow_moments(x[n, c]), slow_moments(x[partner[n], c])
            l = float(share[n])
            mixed = [l * one + (1 - l) * other for one, other in zip((mean, deviation), given, strict=True)]
            slow = (x[n, c] - mean) / deviation * mixed[1] + mixed[0]
            torch.testing.assert_close(made[n, c], slow, atol=1e-5, rtol=1e-5)


def test_efdmix_gives_the_partner_s_values_in_one_s_own_order() -> None:
    x = noise((5, 2, 4, 3), seeded(7), torch.zeros(()))
    uniform, partner = chances(5)
    made = swapped(x, Rule(name="efdmix"), Fixed(uniform, beta=torch.zeros(5)), None)
    for n in range(5):
        for c in range(2):
            one, other = x[n, c].flatten(), x[partner[n], c].flatten()
            torch.testing.assert_close(made[n, c].flatten().sort().values, other.sort().values)
            torch.testing.assert_close(made[n, c].flatten().argsort(), one.argsort())
    half = swapped(x, Rule(name="efdmix"), Fixed(uniform, beta=torch.full((5,), 0.5)), None)
    torch.testing.assert_close(half, (x + made) / 2)


def test_dsu_equals_a_slow_loop() -> None:
    x = noise((5, 2, 4, 3), seeded(8), torch.zeros(())) * torch.arange(1, 6).view(5, 1, 1, 1)
    normal = torch.randn(2, 5, 2, generator=seeded(9))
    made = swapped(x, Rule(name="dsu"), Fixed(torch.zeros(1), normal), None)
    known = [[slow_moments(x[n, c]) for c in range(2)] for n in range(5)]
    for c in range(2):
        over = [slow_moments(torch.tensor([known[n][c][k] for n in range(5)])) for k in range(2)]
        for n in range(5):
            mean, deviation = (known[n][c][k] + float(normal[k, n, c]) * over[k][1] for k in range(2))
            slow = (x[n, c] - known[n][c][0]) / known[n][c][1] * deviation + mean
            torch.testing.assert_close(made[n, c], slow, atol=1e-4, rtol=1e-4)


def test_crossnorm_of_whole_boxes_is_padain_and_of_others_their_moments() -> None:
    x = noise((4, 2, 6, 8), seeded(10), torch.zeros(()))
    uniform, partner = chances(4)
    whole = swapped(x, Rule(name="crossnorm", crop=1.0), Fixed(uniform), None)
    torch.testing.assert_close(whole, swapped(x, Rule(), Fixed(uniform), None), atol=1e-5, rtol=1e-5)
    made = swapped(x, Rule(name="crossnorm", crop=0.5), Fixed(uniform), None)  # sides .75, from .125 on
    for n in range(4):
        mean, deviation = slow_moments(made[n, 0])
        given = slow_moments(x[partner[n], 0, 0:6, 1:7])
        assert (mean, deviation) == pytest.approx(given, abs=1e-4)


# -- gradients ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in WAYS if name != "dsu"])
def test_nothing_is_learned_from_partners(name: str) -> None:
    x = noise((4, 2, 5, 5), seeded(11), torch.zeros(())).requires_grad_()
    order = torch.tensor([0.5, 0.6, 0.7, 0.1, 0.0])  # the partner of 0 is 3, of 1 is 0, of 2 is 1, of 3 is 2
    made = swapped(x, Rule(name=name), Fixed(order, beta=torch.full((4,), 0.3)), None)  # pyright: ignore
    (grad,) = torch.autograd.grad((made[0] * noise((2, 5, 5), seeded(12), made)).sum(), x)
    assert bool((grad[1:] == 0).all())
    assert bool((grad[0] != 0).any())
    zero = float(grad.sum((2, 3)).abs().max())
    assert (zero < 1e-5) == (name in ("padain", "crossnorm")), "a picture's own mean gets no gradient of these"


def test_gradients_are_those_of_the_formula() -> None:
    x = noise((3, 2, 3, 3), seeded(13), torch.zeros(())).double()
    uniform, _ = chances(3)

    def own(part: Tensor) -> Tensor:
        return swapped(torch.cat([part, x[1:]]), Rule(), Fixed(uniform), None)[:1]

    assert torch.autograd.gradcheck(own, (x[:1].clone().requires_grad_(),))


# -- what stays ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partner", ["permute", "derange"])
def test_the_batch_keeps_mean_and_variance(partner: str) -> None:
    """So batch normalisation behind a swap sees what it saw without one."""
    x = noise((16, 4, 6, 6), seeded(14), torch.zeros(())) * torch.linspace(0.3, 3, 16).view(16, 1, 1, 1) + 2
    made = swapped(x, Rule(partner=partner), Chance(x.device, seeded(15), traced=False), None)  # pyright: ignore
    assert not torch.equal(made, x)
    torch.testing.assert_close(made.mean((0, 2, 3)), x.mean((0, 2, 3)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(made.var((0, 2, 3)), x.var((0, 2, 3)), atol=1e-3, rtol=1e-3)


def test_batch_normalisation_learns_the_same_moments() -> None:
    plain, x = net(), noise((16, 3, 8, 8), seeded(16), torch.zeros(()))
    other = copy.deepcopy(plain)
    quiet(other, p=1.0, layers="stem")
    for one in (plain, other):
        one(x)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(other[1], name), getattr(plain[1], name), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_evaluation_and_weights_do_not_notice(axes: int) -> None:
    model, x = net(axes), noise((4, 3, *(6, 5, 4)[:axes]), seeded(17), torch.zeros(()))
    keys, before = list(model.state_dict()), model.eval()(x)
    handle = quiet(model, p=1.0)
    assert torch.equal(model(x), before)
    assert list(model.state_dict()) == keys
    fresh = net(axes)
    fresh.load_state_dict(model.state_dict())
    trained = model.train()(x)
    assert not torch.equal(trained, fresh(x))
    handle.remove()
    assert torch.equal(model(x), fresh(x))
    assert not any(module._forward_hooks for module in model.modules())
    assert handle.report() == []


@pytest.mark.filterwarnings("ignore:the last layer", "ignore:3.0 swaps")
def test_with_p_0_or_disabled_nothing_happens_and_no_chance_is_used() -> None:
    model, x = net(), noise((4, 3, 6, 6), seeded(18), torch.zeros(()))
    plain = copy.deepcopy(model)
    handle, outer = quiet(model, p=0.0), torch.get_rng_state()
    state = handle.get_state()
    assert torch.equal(model(x), plain(x))
    handle.set_p(1.0)
    with handle.disabled():
        assert torch.equal(model(x), plain(x))
    handle.disable()
    assert torch.equal(model(x), plain(x))
    assert torch.equal(handle.get_state(), state)
    assert all(one.passes == 0 for one in handle.report())
    handle.enable()
    assert not torch.equal(model(x), plain(x))
    assert not torch.equal(handle.get_state(), state)
    assert torch.equal(torch.get_rng_state(), outer), "torch's own generator is not touched"


# -- how often ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.01, 0.3])
def test_swaps_come_as_often_as_they_should(p: float) -> None:
    model, x, passes = net(), noise((2, 3, 2, 2), seeded(19), torch.zeros(())), 2000
    handle = quiet(model, p=p, seed=1)
    for _ in range(passes):
        model[:7](x)
    for one in handle.report():
        assert one.passes == passes
        assert abs(one.swaps - p * passes) < 4 * (passes * p * (1 - p)) ** 0.5
        assert one.shape[0] == 2


def test_the_seed_decides_and_states_go_on() -> None:
    x = noise((4, 3, 6, 6), seeded(20), torch.zeros(()))
    model = net()
    handle = quiet(model, p=0.5, seed=3)
    begun = [model(x) for _ in range(3)]
    state = handle.get_state()
    gone_on = [model(x) for _ in range(3)]
    handle.set_state(state)
    assert all(torch.equal(model(x), one) for one in gone_on)
    handle.remove()
    quiet(model, p=0.5, seed=3)
    assert all(torch.equal(model(x), one) for one in begun)
    handle_of(model).remove()
    torch.manual_seed(5)
    handle = quiet(model, p=0.5)
    torch.manual_seed(5)
    assert torch.equal(quiet(model, p=0.5).get_state(), handle.get_state())


@pytest.mark.parametrize("how", [lambda net: pickle.loads(pickle.dumps(net)), lambda net: net], ids=["pickled", "same"])
def test_each_process_has_chance_of_its_own(how, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the rank that it has at its first pass, whatever it had when swaps were applied."""
    x, outputs = noise((16, 3, 6, 6), seeded(20), torch.zeros(())), []
    for rank in ("0", "1"):
        model = nn.Sequential(nn.Identity())
        monkeypatch.delenv("RANK", raising=False)
        quiet(model, p=1.0, layers="0", seed=1)
        monkeypatch.setenv("RANK", rank)
        outputs.append(how(model)(x))
    assert not torch.equal(*outputs)


def test_a_state_that_was_set_is_that_of_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    handle, state = quiet(net(), seed=1), seeded(5).get_state()
    handle.set_state(state)
    monkeypatch.setenv("RANK", "3")
    assert torch.equal(handle.get_state(), state)


@pytest.mark.parametrize("name", list(WAYS))
def test_chance_is_drawn_on_the_cpu_whatever_the_default_device(name: str) -> None:
    model, x = nn.Sequential(nn.Conv2d(3, 4, 1)), noise((4, 3, 6, 6), seeded(20), torch.zeros(()))
    with torch.device("meta"):
        quiet(model, name, p=1.0)
        made = model(x)
    assert made.device.type == "cpu"
    assert bool(made.isfinite().all())


@pytest.mark.filterwarnings("ignore:the last layer", "ignore:3.0 swaps")
def test_p_may_differ_by_slot_and_change() -> None:
    model = net()
    handle = quiet(model, p={"0": 1.0, "[36]": 0.0})
    assert [(one.name, one.p) for one in handle.report()] == [("0", 1.0), ("3", 0.0), ("6", 0.0)]
    handle.set_p({"6": 0.5})
    assert [one.p for one in handle.report()] == [0.0, 0.0, 0.5]
    handle.set_p(0.2)
    assert [one.p for one in handle.report()] == [0.2] * 3


# -- odd maps ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(WAYS))
@pytest.mark.parametrize("shape", [(1, 3, 5, 5), (4, 3, 1, 1), (0, 3, 4, 4)], ids=str)
def test_one_sample_or_one_place_passes(name: str, shape: tuple[int, ...]) -> None:
    model = nn.Sequential(nn.Conv2d(3, 3, 1))
    plain, x = copy.deepcopy(model), torch.ones(shape)
    quiet(model, name, p=1.0)  # pyright: ignore
    assert torch.equal(model(x), plain(x))


@pytest.mark.parametrize("name", list(WAYS))
def test_constant_channels_stay_finite(name: str) -> None:
    x = noise((6, 3, 4, 4), seeded(21), torch.zeros(()))
    x[0] = 1.0
    x[:, 1] = -2.0
    x.requires_grad_()
    made = swapped(x, Rule(name=name), Chance(x.device, seeded(22), traced=False), None)  # pyright: ignore
    (grad,) = torch.autograd.grad(made.square().sum(), x)
    assert bool(made.isfinite().all())
    assert bool(grad.isfinite().all())
    assert made.shape == x.shape


@pytest.mark.parametrize("name", list(WAYS))
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_numbers_are_reckoned_with_in_32_bits(name: str, dtype: torch.dtype) -> None:
    x = (noise((6, 3, 16, 16), seeded(23), torch.zeros(())) * 2000).to(dtype)  # squares overflow 16 bits
    made, wide = (
        swapped(values, Rule(name=name), Chance(x.device, seeded(24), traced=False), None)  # pyright: ignore
        for values in (x, x.float())
    )
    assert made.dtype == dtype
    torch.testing.assert_close(made, wide.to(dtype), atol=1e-3, rtol=1e-2)


def test_under_autocast_moments_are_in_32_bits() -> None:
    model, x = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Identity()), noise((4, 3, 8, 8), seeded(25), torch.zeros(()))
    quiet(model, p=1.0, layers="0", seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        conv = model[0](x)
        assert conv.dtype == torch.bfloat16
    handle_of(model).remove()
    with torch.autocast("cpu", torch.bfloat16):
        plain = model[0](x)
    # The same chance again: the first number is the coin.
    chance = seeded(1, 0)
    torch.rand((), generator=chance)
    expected = swapped(plain.float(), Rule(), Chance(x.device, chance, traced=False), None)
    assert torch.equal(conv, expected.to(torch.bfloat16))


# -- copies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", [lambda net: pickle.loads(pickle.dumps(net)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_copies_swap_too_and_for_themselves(how) -> None:
    model, x = net(), noise((4, 3, 6, 6), seeded(26), torch.zeros(()))
    handle = quiet(model, p=0.5, seed=2)
    again = how(model)
    other = handle_of(again)
    assert other.rule == handle.rule
    assert [one[:3] for one in other.report()] == [one[:3] for one in handle.report()]
    assert torch.equal(other.get_state(), handle.get_state())
    outputs = [model(x) for _ in range(4)]
    assert all(torch.equal(again(x), one) for one in outputs)
    other.remove()
    with pytest.raises(ValueError, match="swaps no statistics"):
        handle_of(again)
    assert handle.report()[0].passes == 4


# -- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"p": 1.5}, "p must lie between 0 and 1"),
        ({"p": {"conv9": 0.1}}, "none of the slots"),
        ({"layers": "conv9"}, "means no module"),
        ({"layers": "("}, "no regular expression"),
        ({"layers": lambda _name, _module: False}, "means no module"),
        ({"rule": "cutmix"}, "there is no way 'cutmix'"),
        ({"partner": "nobody"}, "partner must be one of"),
        ({"dims": "time"}, "dims must be one of"),
        ({"dims": "windows", "rule": "dsu"}, "windows"),
        ({"rule": "dsu", "partner": "derange"}, "'dsu' has no partners"),
        ({"dims": "windows", "partner": "directed"}, "windows"),
        ({"dims": "frames", "rule": "crossnorm"}, "frames"),
        ({"eps": 0.0}, "eps must be above 0"),
        ({"alpha": -1.0}, "alpha must be above 0"),
        ({"crop": 0.0}, "crop must lie above 0"),
        ({"windows": 0}, "at least one window"),
    ],
    ids=lambda one: one if isinstance(one, str) else "-".join(one),
)
def test_mistakes_are_told_and_nothing_is_hooked(given: dict[str, object], words: str) -> None:
    model = net()
    with pytest.raises(ValueError, match=words):
        apply_statswap(model, **given)  # pyright: ignore
    assert not any(module._forward_hooks for module in model.modules())


def test_maps_that_have_no_such_moments_are_refused() -> None:
    model = net()
    quiet(model, p=1.0, layers="11")
    with pytest.raises(ValueError, match="at least 3 axes"):
        model(torch.zeros(4, 3, 6, 6))
    model = net()
    quiet(model, p=1.0, dims="frames")
    with pytest.raises(ValueError, match="at least 5 axes"):
        model(torch.zeros(4, 3, 6, 6))
    model = nn.Sequential(nn.LSTM(3, 3))
    quiet(model, p=1.0, layers="0")
    with pytest.raises(ValueError, match="gives no tensor"):
        model(torch.zeros(4, 3, 3))


def test_too_many_swaps_and_swaps_at_the_end_are_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        apply_padain(net())
        apply_padain(net(), p=0.5, layers="early")
    with pytest.warns(UserWarning, match=r"3\.0 swaps in every pass"):
        apply_statswap(net(), p={"[03]": 1.0, "6": 0.05, "(?:[03])": 1.0} | {"6": 1.0})
    with pytest.warns(UserWarning, match="the last layer"):
        apply_padain(net(), p=0.5, layers="6")
    handle = apply_padain(net())
    with pytest.warns(UserWarning, match=r"3\.0 swaps in every pass"):
        handle.set_p(1.0)


def test_warnings_point_at_the_line_that_gave_the_probability() -> None:
    handle = apply_padain(net())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        apply_padain(net(), p=1.0, layers="6")
        apply_statswap(net(), p=1.0, layers="6")
        handle.set_p({"6": 1.0})
    assert [Path(one.filename).name for one in told] == [Path(__file__).name] * 3
    assert len({one.lineno for one in told}) == 3


def test_swaps_that_were_removed_take_no_probability() -> None:
    handle = apply_padain(net())
    handle.remove()
    with pytest.raises(ValueError, match="these swaps were removed"):
        handle.set_p(0.5)


# -- the input, and groups ---------------------------------------------------------------------------------


def test_the_input_can_be_swapped() -> None:
    model, x = nn.Sequential(nn.Identity()), noise((4, 3, 6, 6), seeded(27), torch.zeros(()))
    handle = quiet(model, p=1.0, layers="input", partner="derange")
    assert [one.name for one in handle.report()] == ["input"]
    made = model(x)
    assert not torch.equal(made, x)
    torch.testing.assert_close(made.mean((2, 3)).sort(0).values, x.mean((2, 3)).sort(0).values)
    with pytest.raises(ValueError, match="without a positional argument"):
        model(input=x)
    handle.remove()
    assert torch.equal(model(x), x)


def test_directed_partners_change_the_first_half_alone() -> None:
    model, x = nn.Sequential(nn.Conv2d(3, 4, 1)), noise((6, 3, 5, 5), seeded(28), torch.zeros(()))
    plain = model(x)
    quiet(model, p=1.0, partner="directed")
    made = model(x)
    assert torch.equal(made[3:], plain[3:])
    torch.testing.assert_close(made[:3].mean((2, 3)), plain[3:].mean((2, 3)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(made[:3].std((2, 3)), plain[3:].std((2, 3)), atol=1e-3, rtol=1e-3)
    with pytest.raises(ValueError, match="as many sources as targets"):
        model(x[:5])


def test_groups_are_needed_for_partners_across_them() -> None:
    model, x = nn.Sequential(nn.Conv2d(3, 4, 1)), noise((6, 3, 5, 5), seeded(29), torch.zeros(()))
    handle = quiet(model, p=1.0, partner="cross_class")
    with pytest.raises(ValueError, match="got none: call set_groups"):
        model(x)
    handle.set_groups(torch.zeros(5))
    with pytest.raises(ValueError, match="those of 5"):
        model(x)
    handle.set_groups(torch.tensor([0, 0, 0, 1, 1, 1]))
    model(x)
