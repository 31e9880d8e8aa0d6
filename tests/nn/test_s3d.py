"""S3D-G keeps all frames, its gates open, and takes the weights of torchvision's S3D."""

import pytest
import torch
from torch.nn import functional as F
from torchvision.models import googlenet
from torchvision.models.video import s3d

from gestalt.nn.s3d import CHANNELS, S3DG, Gate


@pytest.fixture(scope="module")
def net() -> S3DG:
    return S3DG(torch.Generator().manual_seed(0)).eval()


@pytest.mark.parametrize("size", [(8, 32, 64), (3, 64, 96)])
def test_every_frame_has_a_map(net: S3DG, size: tuple[int, int, int]) -> None:
    with torch.no_grad():
        found = net(torch.zeros(1, 3, *size))
    assert found.shape == (1, CHANNELS, size[0], size[1] // 32, size[2] // 32)


def test_each_branch_of_each_block_has_a_gate(net: S3DG) -> None:
    gates = [module for module in net.modules() if isinstance(module, Gate)]
    assert len(gates) == 9 * 4
    x = torch.rand(2, gates[0].linear.in_features, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(gates[0](x), x * 0.98, rtol=0.02, atol=0)


def test_with_open_gates_it_is_torchvisions_network() -> None:
    """Where frames stand still, strides along time change nothing; gates at 1 leave what S3D computes."""
    torch.manual_seed(0)
    original = s3d(weights=None).eval()
    mine = S3DG(torch.Generator().manual_seed(0)).eval()
    mine.load_kinetics(original.state_dict())
    for module in mine.modules():
        if isinstance(module, Gate):
            torch.nn.init.zeros_(module.linear.weight)
            torch.nn.init.constant_(module.linear.bias, 50.0)
    still = torch.rand(1, 3, 1, 64, 64).expand(-1, -1, 64, -1, -1) * 2 - 1
    with torch.no_grad():
        found, expected = mine(still[:, :, :33]), original.features(still)
    # Zeros beyond the ends are seen by the outer frames.
    torch.testing.assert_close(found[:, :, 16], expected[:, :, 4], rtol=2e-3, atol=1e-4)


@torch.no_grad()
def test_inflated_it_is_the_network_of_pictures_in_every_frame() -> None:
    chance = torch.Generator().manual_seed(0)
    flat = googlenet(weights=None, init_weights=False, aux_logits=True).eval()
    for module in flat.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for value in (module.running_mean, module.bias):
                assert isinstance(value, torch.Tensor)
                value.uniform_(-0.1, 0.1, generator=chance)
        elif isinstance(module, torch.nn.Conv2d):
            module.weight.normal_(0, (2 / module.weight[0].numel()) ** 0.5, generator=chance)
    mine = S3DG(chance).eval()
    mine.load_imagenet(flat.state_dict())
    for module in mine.modules():
        if isinstance(module, Gate):
            torch.nn.init.zeros_(module.linear.weight)
            torch.nn.init.constant_(module.linear.bias, 50.0)
    x = torch.rand(1, 3, 64, 64, generator=chance) * 2 - 1
    y = F.max_pool2d(flat.conv1(x), 3, 2, 1)  # its own pools begin elsewhere
    y = F.max_pool2d(flat.conv3(flat.conv2(y)), 3, 2, 1)
    y = F.max_pool2d(flat.inception3b(flat.inception3a(y)), 3, 2, 1)
    for name in ("4a", "4b", "4c", "4d", "4e"):
        y = getattr(flat, f"inception{name}")(y)
    y = flat.inception5b(flat.inception5a(F.max_pool2d(y, 2, 2)))
    found = mine(x[:, :, None].expand(-1, -1, 3, -1, -1))
    torch.testing.assert_close(found, y[:, :, None].expand_as(found), rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="not the weights of torchvision's googlenet"):
        mine.load_imagenet(s3d(weights=None).state_dict())


def test_weights_of_another_network_are_refused(net: S3DG) -> None:
    with pytest.raises(ValueError, match="not the weights of torchvision's s3d"):
        net.load_kinetics({"features.0.weight": torch.zeros(3)})
    with pytest.raises(ValueError, match="not the weights of torchvision's s3d"):
        net.load_kinetics({})


def test_equal_generators_give_equal_weights() -> None:
    one, other = (S3DG(torch.Generator().manual_seed(5)).state_dict() for _ in range(2))
    assert all(torch.equal(value, other[key]) for key, value in one.items())
