"""The published step of moving content between unpaired folders, re-derived from its description.

Our networks, with the schedule of the papers: each side is encoded by itself, every picture that a loss asks for is
decoded by itself, the critic's step encodes both sides again and goes backward through the encoder too, memory is laid
out as torch has it by default, and Adam takes one weight after the other. For what a step costs.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gestalt.tasks.transfer.codes import CLIP, Terms, Transfer, confused, total
from gestalt.tasks.transfer.config import Fit
from gestalt.tasks.transfer.disentangle import Disentangle
from gestalt.tasks.transfer.intersection import Intersection
from gestalt.tasks.transfer.mask import Mask


class Published:
    """A method in training.

    Args:
        net: with its first weights; a copy is trained.
        settings: of the preset `paper`.
    """

    def __init__(self, net: Transfer, settings: Fit) -> None:
        self.net, self.confusion = copy.deepcopy(net).train(), settings.hiding.confusion
        self.critic = list(self.net.critic.parameters())
        self.networks = [weight for name, weight in self.net.named_parameters() if not name.startswith("critic.")]
        self.painter, self.judge = (
            torch.optim.Adam(weights, lr=settings.lr, betas=(0.5, 0.999), foreach=False)
            for weights in (self.networks, self.critic)
        )

    def step(self, x: Tensor, y: Tensor) -> None:
        """Learn from pictures with content and without, (N, 3, S, S) each."""
        net = self.net
        common_x, common_y = net.common(x), net.common(y)
        hidden = confused(net, common_x, common_y, one_sided=True)
        loss = total(_terms(net, x, y, common_x, common_y)) + self.confusion * hidden
        self.painter.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.networks, CLIP, foreach=False)
        self.painter.step()

        said_x, said_y = net.critic(net.common(x)), net.critic(net.common(y))
        judged = F.binary_cross_entropy_with_logits(said_x, torch.ones_like(said_x))
        judged = judged + F.binary_cross_entropy_with_logits(said_y, torch.zeros_like(said_y))
        self.judge.zero_grad()
        judged.backward()
        nn.utils.clip_grad_norm_(self.critic, CLIP, foreach=False)
        self.judge.step()


def _terms(net: Transfer, x: Tensor, y: Tensor, common_x: Tensor, common_y: Tensor) -> Terms:
    content = net.separate[0](x)
    if isinstance(net, Mask):
        weights, nothing = net.weights, torch.zeros_like(content)
        given = net.paint(common_y, content).on(y)
        return {
            "pasted": (weights.pasted, F.l1_loss(net.paint(common_x, content).on(net.plain(common_x).tanh()), x)),
            "plain": (weights.plain, F.l1_loss(net.plain(common_y).tanh(), y)),
            "again": (weights.again, F.l1_loss(net.paint(common_x, content).on(x), x)),
            "nothing": (weights.nothing, F.l1_loss(net.paint(common_y, nothing).on(y), y)),
            "cycle_separate": (weights.cycle_separate, F.mse_loss(net.separate[0](given), content)),
        }
    if isinstance(net, Intersection):
        second = net.separate[1]
        return {
            "first": (1.0, F.l1_loss(net.render(common_x, content).image, x)),
            "second": (1.0, F.l1_loss(net.render(common_y, None, second(y)).image, y)),
            "zero": (net.zero, second(x).abs().mean() + net.separate[0](y).abs().mean()),
        }
    assert isinstance(net, Disentangle)
    return {
        "content": (1.0, net.difference(net.render(common_x, content).image, x)),
        "plain": (1.0, net.difference(net.render(common_y).image, y)),
    }
