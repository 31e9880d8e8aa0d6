"""Swaps under everything that torch does to networks: compiling, repeating passes, many processes, exporting."""

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gestalt.nn.statswap import Handle, apply_statswap, handle_of
from gestalt.nn.swaps import WAYS
from gestalt.ops.chance import noise, seeded


def quiet(*given: Any, **more: Any) -> Handle:
    """`apply_statswap` without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return apply_statswap(*given, **more)


def body() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
    )


def pictures(count: int = 6, seed: int = 1) -> Tensor:
    return noise((count, 3, 6, 5), seeded(seed), torch.zeros(()))


# -- many processes, first: the others leave threads, which no fork has ---------------------------------------


def _process(rank: int, place: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{place}/meet", rank=rank, world_size=2)
    torch.manual_seed(0)
    net = nn.Sequential(body(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    learner = nn.parallel.DistributedDataParallel(net)
    handle = quiet(learner, p=0.5, layers="all", seed=1)
    optimiser = torch.optim.SGD(learner.parameters(), 0.1)
    outputs = []
    for step in range(10):
        optimiser.zero_grad()
        output = learner(pictures(4, seed=step))  # the same for both, so that only swaps tell them apart
        output.square().sum().backward()
        optimiser.step()
        outputs.append(output.detach())
    names = [one.name for one in handle.report()]
    torch.save({"weights": dict(net.named_parameters()), "outputs": outputs, "names": names}, f"{place}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_learn_the_same_from_swaps_of_their_own(tmp_path: Path) -> None:
    start = torch.multiprocessing.start_processes  # pyright: ignore
    start(_process, (str(tmp_path),), nprocs=2, start_method="fork")
    one, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=False) for rank in range(2))
    assert one["names"] == ["0.0", "0.3"], "without what the wrapper adds"
    for name, weight in one["weights"].items():
        assert torch.equal(weight, other["weights"][name]), name
        assert bool(weight.isfinite().all())
    assert not all(torch.equal(a, b) for a, b in zip(one["outputs"], other["outputs"], strict=True))


# -- compiling ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(WAYS))
def test_a_compiled_network_has_no_breaks_and_swaps_anew_in_every_pass(name: str) -> None:
    torch.compiler.reset()
    net, x = body(), pictures()
    handle, plain = quiet(net, name, p=1.0, layers="0"), copy.deepcopy(net)
    handle_of(plain).remove()
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    one, other = compiled(x), compiled(x)
    assert not torch.equal(one, other)
    one.square().sum().backward()
    assert all(weight.grad is not None and bool(weight.grad.isfinite().all()) for weight in net.parameters())
    counter = torch._dynamo.utils.counters  # pyright: ignore
    assert not counter["graph_break"]
    with handle.disabled():
        torch.testing.assert_close(compiled(x), plain(x))
    plain.load_state_dict(net.state_dict())
    net.eval()
    torch.testing.assert_close(compiled(x), plain.eval()(x))
    assert handle.report()[0].passes == 0


def test_p_changes_without_compiling_again() -> None:
    torch.compiler.reset()
    net, x = body(), pictures()
    handle = quiet(net, p=1.0, layers="0")
    plain, made = copy.deepcopy(net), []
    handle_of(plain).remove()

    def backend(graph: torch.fx.GraphModule, _given: list[Tensor]) -> torch.fx.GraphModule:
        made.append(graph)
        return graph

    compiled = torch.compile(net, backend=backend, fullgraph=True)
    assert not torch.equal(compiled(x), plain(x))
    for p in (1e-9, 0.9, 0.5, 1e-9):
        handle.set_p(p)
        compiled(x)
    assert len(made) == 1
    assert torch.equal(compiled(x), plain(x)), "with p all but 0"


def test_a_compiled_network_swaps_as_often_as_it_should() -> None:
    torch.compiler.reset()
    net, x = nn.Sequential(nn.Conv2d(3, 3, 1)), pictures()
    plain = net(x)
    quiet(net, p=0.3, layers="0", partner="derange")
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    swaps = sum(not torch.equal(compiled(x), plain) for _ in range(300))
    assert abs(swaps - 90) < 4 * (300 * 0.3 * 0.7) ** 0.5


@pytest.mark.parametrize("partner", ["permute", "derange", "cross_class", "directed"])
@pytest.mark.parametrize("dims", ["spatial", "windows", "frames"])
def test_partners_and_dims_compile(partner: str, dims: str) -> None:
    if dims == "windows" and partner in ("cross_class", "directed"):
        pytest.skip("windows have no groups and no halves")
    torch.compiler.reset()
    net = nn.Sequential(nn.Conv3d(3, 2, 1) if dims == "frames" else nn.Conv2d(3, 2, 1))
    x = noise((4, 3, 2, 4, 5), seeded(2), torch.zeros(())) if dims == "frames" else pictures(4)
    plain = net(x)
    handle = quiet(net, p=1.0, layers="0", partner=partner, dims=dims)
    handle.set_groups(torch.tensor([0, 1, 1, 0]))
    made = torch.compile(net, backend="aot_eager", fullgraph=True)(x)
    assert made.shape == plain.shape
    assert not torch.equal(made, plain)


@pytest.mark.slow
def test_inductor_compiles_it() -> None:
    torch.compiler.reset()
    for name in WAYS:
        net = body()
        quiet(net, name, p=0.5, layers="all")
        out = torch.compile(net, fullgraph=True)(pictures())
        out.sum().backward()
        assert bool(out.isfinite().all())


def test_what_is_compiled_already_is_refused() -> None:
    in_place = body()
    in_place.compile(backend="aot_eager")
    whole: Any = torch.compile(body(), backend="aot_eager")
    nets: list[nn.Module] = [whole, nn.Sequential(whole), in_place, nn.Sequential(in_place)]
    for net in nets:
        with pytest.raises(ValueError, match=r"apply it before torch\.compile"):
            apply_statswap(net, layers="stem")
        assert not any(module._forward_hooks for module in net.modules())


# -- repeated passes ---------------------------------------------------------------------------------------


class Checkpointed(nn.Module):
    """Two blocks, each of which is computed again for its gradient."""

    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.one, self.two, self.reentrant = body(), nn.Conv2d(4, 4, 3), reentrant
        self.drop = nn.Dropout(0.2)

    def forward(self, x: Tensor) -> Tensor:
        x = checkpoint(self.one, x, use_reentrant=self.reentrant)  # pyright: ignore
        return checkpoint(lambda y: self.drop(self.two(y)), x, use_reentrant=self.reentrant)  # pyright: ignore


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_swaps_the_same_again(reentrant: bool) -> None:
    """No failure in 40 steps, and the gradient is that of what went forward, two passes before one backward."""
    net, x = Checkpointed(reentrant), pictures().requires_grad_()
    quiet(net, p=0.5, layers="all")
    seen: list[Tensor] = []
    net.two.register_forward_hook(lambda _module, _given, output: seen.append(output.detach().clone()))
    for _ in range(40):
        seen.clear()
        outputs = [net(x) for _ in range(2)]
        sum(output.square().sum() for output in outputs).backward()  # pyright: ignore
        forward, again = seen[:2], seen[2:]
        assert len(again) == 2
        assert {tuple(one.flatten().tolist()) for one in forward} == {tuple(one.flatten().tolist()) for one in again}
    assert [one.passes for one in handle_of(net).report()] == [80] * 3


# -- conversions ------------------------------------------------------------------------------------------


def test_conversion_to_synchronised_normalisation_keeps_hooks_of_what_it_keeps() -> None:
    """Normalisation it makes anew, so swaps behind that are applied afterwards."""
    net = body()
    quiet(net, p=0.5, layers="[0134]")
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert [one.name for one in handle_of(converted).report()] == ["0", "3"]
    handle_of(converted).remove()
    quiet(converted, p=0.5, layers="[0134]")
    assert [one.kind for one in handle_of(converted).report()] == ["Conv2d", "SyncBatchNorm"] * 2


def test_a_fused_network_still_does_nothing_in_evaluation() -> None:
    net, x = body().eval(), pictures()
    quiet(net, p=1.0, layers="all")
    before = net(x)
    fused = torch.nn.utils.fusion.fuse_conv_bn_eval(net[0], net[1])  # pyright: ignore
    torch.testing.assert_close(nn.Sequential(fused, *net[2:])(x), before)


# -- export ------------------------------------------------------------------------------------------------


def test_export_adds_nothing() -> None:
    net, x = body().eval(), pictures()
    plain = [node.target for node in torch.export.export(net, (x,)).graph.nodes]
    quiet(net, p=1.0, layers="all")
    program = torch.export.export(net, (x,))
    assert [node.target for node in program.graph.nodes] == plain
    torch.testing.assert_close(program.module()(x), net(x))


@pytest.mark.slow
def test_onnx_adds_nothing(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net, x = body().eval(), pictures()
    quiet(net, p=1.0, layers="all")
    torch.onnx.export(net, (x,), str(tmp_path / "net.onnx"), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    (made,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(made), net(x).detach(), atol=1e-5, rtol=1e-4)
