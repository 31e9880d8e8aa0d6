"""A classifier learns; swaps are in training alone; networks are what their names say."""

import dataclasses
import itertools
from pathlib import Path

import pytest
import torch

from classify_folders import drawn
from gestalt.nn.average import follow
from gestalt.nn.slots import choose
from gestalt.ops.chance import noise, seeded
from gestalt.run.service import NullRun
from gestalt.tasks.classify import network, train, training
from gestalt.tasks.classify.config import Adapt, Learning, Swapping, Train
from gestalt.tasks.classify.config import Test as Asked
from gestalt.tasks.classify.dataset import DataSet, find
from gestalt.tasks.classify.evaluate import accuracies, ask
from gestalt.tasks.classify.pictures import Shelf

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return find(drawn(tmp_path_factory.mktemp("data") / "signs", 12), aside=0.25)


def settings(**changes: object) -> Train:
    base = Train(model="tiny", size=16, augment="flip", epochs=30, batch=9, lr=0.1)
    return dataclasses.replace(base, **changes)  # pyright: ignore


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_it_learns_what_it_is_shown(found: DataSet, optimiser: str) -> None:
    asked = settings(optimiser=optimiser, lr=0.1 if optimiser == "sgd" else 3e-3, average=0.9, epochs=80)
    net = train.fit(found.train, train.fresh(asked, 3, 0), asked, seed=0, device=CPU)
    said = ask(net, found.train, asked, shelf=Shelf(16), batch=8)
    assert accuracies(found.train, said)["top1"] >= 0.9
    assert not net.training
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize("way", ["padain", "mixstyle", "crossnorm", "efdmix", "dsu", "none"])
def test_every_way_trains_and_comes_again(found: DataSet, way: str) -> None:
    asked = settings(epochs=1, swapping=Swapping(swap=way, swap_p=0.5, swap_layers="early"))  # pyright: ignore
    nets = [train.fit(found.train, train.fresh(asked, 3, 0), asked, seed=0, device=CPU) for _ in range(2)]
    one, other = (net.state_dict() for net in nets)
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert all(bool(value.isfinite().all()) for value in one.values())
    plain = train.fit(
        found.train, train.fresh(asked, 3, 0), settings(epochs=1, swapping=Swapping(swap="none")), seed=0, device=CPU
    ).state_dict()
    assert all(torch.equal(value, one[name]) for name, value in plain.items()) == (way == "none")


@pytest.mark.parametrize("partner", ["derange", "cross_class", "cross_domain"])
def test_partners_across_groups_train(found: DataSet, partner: str) -> None:
    items = [one._replace(domain="ab"[n % 2]) for n, one in enumerate(found.train)]
    asked = settings(
        epochs=1,
        augment="augmix",
        swapping=Swapping(swap_p=1.0, swap_layers="stem", partner=partner),  # pyright: ignore
    )
    net = train.fit(items, train.fresh(asked, 3, 0), asked, seed=0, device=CPU, domains=("a", "b"))
    assert all(bool(value.isfinite().all()) for value in net.state_dict().values())


def test_swaps_that_are_unwise_are_told(found: DataSet) -> None:
    said = []

    class Told(NullRun):
        def say(self, text: str) -> None:
            said.append(text)

    asked = settings(epochs=1, swapping=Swapping(swap_p=1.0, swap_layers="all"))
    train.fit(found.train, train.fresh(asked, 3, 0), asked, seed=0, device=CPU, run=Told())
    assert [text.partition(":")[0] for text in said] == ["warning", "warning"]
    assert "4.0 swaps in every pass" in said[0]
    assert "the last layer" in said[1]


def test_the_loss_of_copies() -> None:
    logits, labels = noise((4, 5), seeded(1), torch.zeros(())), torch.tensor([0, 1, 2, 3])
    plain, _ = train.losses(logits, labels)
    torch.testing.assert_close(plain, -logits.log_softmax(1)[range(4), labels].mean())
    same, _ = train.losses(logits.repeat(3, 1), labels)
    torch.testing.assert_close(same, plain)
    other = noise((8, 5), seeded(2), logits)
    p = [part.softmax(1) for part in (logits, other[:4], other[4:])]
    m = sum(p) / 3
    kl = sum((q * (q / m).log()).sum(1).mean() for q in p) / 3
    torch.testing.assert_close(train.losses(torch.cat([logits, other]), labels)[0], plain + 12 * kl)


def test_the_step_size_falls_as_it_should() -> None:
    cosine = [training.schedule(step, 100, Learning(warm_up=0.1)) for step in range(100)]
    assert cosine[4] == pytest.approx(0.5)
    assert max(cosine) == pytest.approx(1.0, abs=0.01)
    assert cosine[99] == pytest.approx(0.0, abs=1e-9)
    steps = [
        training.schedule(n, 100, Learning(warm_up=0, fall="steps", drops=(0.3, 0.6), factor=0.2)) for n in range(100)
    ]
    assert (steps[29], steps[30], steps[60]) == (1.0, 0.2, pytest.approx(0.04))
    poly = [training.schedule(n, 100, Learning(warm_up=0, fall="poly")) for n in range(100)]
    assert poly[49] == pytest.approx(0.5**0.9, abs=0.01)
    assert all(one >= other for one, other in itertools.pairwise(poly))


def test_gradients_are_shortened() -> None:
    net = torch.nn.Linear(2, 1, bias=False)
    before = net.weight.detach().clone()
    optimiser = torch.optim.SGD(net.parameters(), 1.0)
    training.stepped(net, optimiser, net(torch.ones(1, 2)).sum() * 1000, 1.0, Learning(clip=0.5))
    assert float((net.weight - before).norm().detach()) == pytest.approx(0.5, rel=1e-4)


def test_training_that_diverges_stops() -> None:
    net = torch.nn.Linear(2, 1)
    optimiser = torch.optim.SGD(net.parameters(), 1.0)
    for loss in (net(torch.ones(1, 2)).sum() * float("inf"), net(torch.ones(1, 2)).sum() * float("nan")):
        before = net.weight.detach().clone()
        with pytest.raises(ValueError, match="the loss is no number any more"):
            training.stepped(net, optimiser, loss, 1.0, Learning())
        assert torch.equal(net.weight, before)


def test_an_average_has_no_swaps(found: DataSet) -> None:
    asked = settings(epochs=1, average=0.99, swapping=Swapping(swap_p=1.0, swap_layers="stem"))
    net = train.fit(found.train, train.fresh(asked, 3, 0), asked, seed=0, device=CPU)
    assert not any(module._forward_hooks for module in net.modules())
    follow(net, net, 0.5)


@pytest.mark.parametrize(("name", "slots", "early"), [("tiny", 4, 2), ("small", 7, 3), ("cifar-resnet18", 17, 9)])
def test_networks_and_their_early_layers(name: str, slots: int, early: int) -> None:
    net = network.build(name, 5, 32, seeded(0))
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
    assert [len(choose(net.net, layers)) for layers in ("paper", "early")] == [slots, early]
    same = network.build(name, 5, 32, seeded(0)).state_dict()
    assert all(torch.equal(value, same[key]) for key, value in net.state_dict().items())


def test_networks_of_pixels() -> None:
    net = network.build("small", 4, 32, seeded(0), segments=True)
    assert net(torch.zeros(2, 3, 30, 32)).shape == (2, 4, 30, 32)
    assert [len(choose(net.net, layers)) for layers in ("paper", "early")] == [7, 3]
    lraspp = network.build("lraspp_mobilenet_v3_large", 4, 32, seeded(0), segments=True)
    assert lraspp(torch.zeros(2, 3, 32, 32)).shape == (2, 4, 32, 32)


def test_pictures_are_given_as_torchvision_s_networks_expect_them() -> None:
    net = network.Classifier(torch.nn.Identity())
    grey = net(torch.zeros(1, 3, 1, 1)).flatten()
    torch.testing.assert_close(grey, (0.5 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225]))


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("resnet19", 32, "there is no --model resnet19"),
        ("cifar-vgg11", 32, "there is no --model"),
        ("alexnet", 16, "does not take"),
        ("vit_b_16", 20, "does not take pictures of --size 20"),
    ],
)
def test_other_networks_are_refused(name: str, size: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        network.build(name, 3, size, seeded(0))


def test_weights_of_torchvision_are_begun_with(tmp_path: Path) -> None:
    given, net = (network.build("squeezenet1_1", count, 32, seeded(count)) for count in (7, 3))
    torch.save(given.net.state_dict(), tmp_path / "w.pth")
    stays = network.begin(net, str(tmp_path / "w.pth"))
    assert stays == ["classifier.1.weight", "classifier.1.bias"]
    assert torch.equal(net.net.state_dict()["features.0.weight"], given.net.state_dict()["features.0.weight"])
    with pytest.raises(ValueError, match="check --model"):
        network.begin(network.build("tiny", 3, 32, seeded(0)), str(tmp_path / "w.pth"))


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (Train, {"size": 4}, "--size must be at least 8"),
        (Train, {"batch": 1}, "--batch must be at least 2"),
        (Train, {"aside": 0.0}, "--aside must lie between"),
        (Train, {"fall": "steps"}, "needs --drops"),
        (Train, {"drops": (1.5,)}, "--drops must lie"),
        (Train, {"swapping": Swapping(partner="directed")}, "--partner directed"),
        (Adapt, {"far": -1.0}, "--far must be at least 0"),
        (Adapt, {"swapping": Swapping(swap="dsu")}, "--swap dsu"),
        (Adapt, {"swapping": Swapping(partner="derange")}, "--partner derange"),
        (Swapping, {"swap_p": 1.1}, "--swap-p must lie between"),
        (Swapping, {"swap_p": -0.5}, "--swap-p must lie between"),
        (Swapping, {"swap": "dsu", "partner": "derange"}, "no partners"),
        (Asked, {"clean": True, "reference": "run"}, "--reference is of corruptions"),
    ],
)
def test_settings_out_of_range_are_refused(kind: type, given: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kind(**given)
