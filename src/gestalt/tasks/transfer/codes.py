"""What the three methods share: pictures to codes, codes to pictures, and the loop that learns it.

Pictures come from two folders that are not paired: x has content (glasses), y has none, or content of another kind.

    c = common(x)       what pictures of both sides have: who it is, where, in which light
    s = separate(x)     what only pictures with content have
    code(c, s)          both, one after the other in channels; a content that is absent is zero
    render(c, s)        the picture of a code

A critic is shown common codes and learns which side they come from; the encoder learns to give it nothing to go by.
Then all that tells glasses from no glasses has to go through s, and

    add     render(common(y), separate(x))      y with exactly the glasses of x
    swap    render(common(x), separate(x'))
    remove  render(common(x))

A method is a `Transfer`: its encoders and decoders, how it renders, and its loss terms by name. `fit` knows none of
them. All codes are maps of 2x2 (or 3x3), whatever the size of pictures.

Where this departs from what the authors published, for all three: what was given to a picture has to come back
(`there_and_back`); both sides go through networks as one batch (`together`), so that moments are those of use; the
critic gives logits and learns from the codes of the last steps (`memory`), without a backward pass through the
encoder; the encoder is to leave the critic in doubt, not to have all codes taken for one side's (`one_sided`), and the
weight of that is larger and grows from 0 (`ramp`); the step size falls at the end (`cool`); the running average of the
weights is kept (`average`); features are normalised over a batch by all three, not every picture's by itself (`norm`),
and so both sides are decoded as one batch too, but for what goes there and back; content is read from a picture that is
moved by some pixels (`apart`), since else its code says where it was, and on another face it would lie there again;
pictures are read as blocks of pixels, small ones first (`grow`). That codes are normalised stays as published
(`last_norm`): it hurts only where every picture is normalised by itself (docs/adr/010). The preset `paper` undoes those
departures that are settings.

References:
    Press, Galanti, Benaim, Wolf: Emerging Disentanglement in Auto-Encoder Based Unsupervised Image Content Transfer.
        ICLR 2019.
    Benaim, Khaitov, Galanti, Wolf: Domain Intersection and Domain Difference. ICCV 2019.
    Mokady, Benaim, Wolf, Bermano: Mask Based Unsupervised Content Transfer. ICLR 2020.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from gestalt.nn.average import follow
from gestalt.ops.chance import seeded
from gestalt.run.service import NullRun
from gestalt.tasks.transfer import config
from gestalt.tasks.transfer.config import Fit, Norm, levels
from gestalt.tasks.transfer.pictures import Side, as_images, batch, displaced

Terms = dict[str, tuple[float, Tensor]]
"""Of a loss: name -> (weight, value)."""

Displace = Callable[[Tensor], Tensor]
"""Moves pictures (M, 3, S, S) by some pixels each."""

CLIP, LOOK_EVERY, HIDDEN = 5.0, 250, 512
"""Largest norm of a gradient; steps between two looks at held-out pictures; units of the critic's hidden layer."""


class Painted(NamedTuple):
    """Content, ready to be pasted.

    picture: (N, 3, S, S) in [-1, 1].
    mask: (N, 1, S, S) in [0, 1].
    """

    picture: Tensor
    mask: Tensor

    def on(self, base: Tensor) -> Tensor:
        """Pasted on a base (N, 3, S, S); where the mask is 0 the base stays, bit for bit."""
        return base + self.mask * (self.picture - base)


class Rendered(NamedTuple):
    """A picture of a code.

    image: (N, 3, S, S) in [-1, 1].
    pasted: what was pasted on the picture that was edited, in order; of methods with a mask.
    """

    image: Tensor
    pasted: tuple[Painted, ...] = ()


class Seen(NamedTuple):
    """What a step learns from.

    x, y: (N, 3, S, S) pictures with and without content.
    common_x, common_y: common codes of x and y.
    contents: separate codes, of x and, where there are two kinds of content, of y.
    elsewhere: where there are two kinds, what the encoder of x's content reads in y, and that of y's in x.
    """

    x: Tensor
    y: Tensor
    common_x: Tensor
    common_y: Tensor
    contents: tuple[Tensor, ...]
    elsewhere: tuple[Tensor, ...] = ()


class Encoder(nn.Sequential):
    """Halves a picture of blocks once for each number of channels: (N, 3, S, S) -> (N, C, S / F / 2^L, S / F / 2^L).

    Args:
        counts: channels after each convolution.
        fold: F, pixels along the side of a block, which are channels of one place.
        norm: that follows it, before LeakyReLU(0.2).
        last_norm: whether the last one is followed by these too, or by nothing.
        spectral: whether spectral norms are held at 1.
    """

    def __init__(
        self, counts: Sequence[int], *, fold: int, norm: Norm, last_norm: bool, spectral: bool = False
    ) -> None:
        layers: list[nn.Module] = [nn.PixelUnshuffle(fold)]
        for n, (before, after) in enumerate(pairwise((3 * fold**2, *counts))):
            conv = nn.Conv2d(before, after, 4, stride=2, padding=1)
            layers.append(spectral_norm(conv) if spectral else conv)
            if last_norm or n < len(counts) - 1:
                layers += [_norm(norm, after), nn.LeakyReLU(0.2)]
        super().__init__(*layers)
        self.fold = fold


class Decoder(nn.Sequential):
    """Doubles a code once for each number of channels, the last ones, a picture of blocks, without a norm.

    (N, C, R, R) -> (N, out, S, S).

    Args:
        code: channels that come in.
        counts: channels after each transposed convolution but the last.
        out: channels of the picture.
        fold: pixels along the side of a block.
        norm: that follows each of the former.
        slope: of LeakyReLU below 0, after the norm.
        spectral: whether their spectral norms are held at 1.
    """

    def __init__(
        self,
        code: int,
        counts: Sequence[int],
        out: int,
        *,
        fold: int,
        norm: Norm,
        slope: float = 0.0,
        spectral: bool = False,
    ) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise((code, *counts)):
            conv = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
            layers += [spectral_norm(conv) if spectral else conv, _norm(norm, after), nn.LeakyReLU(slope)]
        last = nn.ConvTranspose2d((code, *counts)[-1], out * fold**2, 4, stride=2, padding=1)
        super().__init__(*layers, last, nn.PixelShuffle(fold))


class Transfer(nn.Module, ABC):
    """A method: common and separate codes, how they are rendered, and what is asked of them.

    Args:
        settings: of the method.
        spectral: whether the spectral norms of encoders are held at 1.
        most: channels that no layer of a separate encoder exceeds.
    """

    def __init__(self, settings: Fit, *, spectral: bool = False, most: int) -> None:
        super().__init__()
        networks = settings.networks
        self.size, self.rest = settings.size, settings.size >> levels(settings.size)
        self.contents, self.channels = settings.contents, networks.separate
        self.over_batch = networks.norm == "batch"
        self.layout = torch.channels_last if self.over_batch else torch.contiguous_format
        how: dict[str, Any] = {
            "fold": settings.block,
            "norm": networks.norm,
            "last_norm": networks.last_norm,
            "spectral": spectral,
        }
        counts, last = widths(settings), networks.code - networks.separate
        self.common = Encoder([*(min(n, last) for n in counts[:-1]), settings.shared], **how)
        self.separate = nn.ModuleList(
            Encoder([*(min(n, most) for n in counts[:-1]), networks.separate], **how) for _ in range(settings.contents)
        )
        self.critic = nn.Sequential(
            nn.Flatten(), nn.Linear(settings.shared * self.rest**2, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, 1)
        )

    def code(self, common: Tensor, *contents: Tensor | None) -> Tensor:
        """The whole code (N, C, R, R); a content that is None or not given is zero."""
        given = (*contents, *(None,) * (self.contents - len(contents)))
        absent = common.new_zeros(len(common), self.channels, *common.shape[2:])
        return torch.cat([common, *(absent if one is None else one for one in given)], 1)

    @abstractmethod
    def render(self, common: Tensor, *contents: Tensor | None, base: Tensor | None = None) -> Rendered:
        """The picture of a code.

        Args:
            common: (N, C, R, R).
            contents: (N, C', R, R) each; None for one that is absent.
            base: (N, 3, S, S) that a mask method pastes content on; by default its own picture without. Others paint
                the whole picture and do not look at it.
        """

    @abstractmethod
    def terms(self, seen: Seen) -> Terms:
        """The method's losses but confusion."""

    def seen(self, x: Tensor, y: Tensor, displace: Displace) -> Seen:
        """Codes of both sides' pictures; moments of a batch, where there are such, say nothing of a side.

        Args:
            x: (N, 3, S, S) pictures with content.
            y: those without, or with the second kind.
            displace: what is done to pictures before their content is read; every call moves them anew.
        """
        common_x, common_y = self.together(self.common, [x, y])
        if self.contents == 1:
            return Seen(x, y, common_x, common_y, (self.separate[0](displace(x)),))
        pairs = ((x, y), (y, x))
        read = [
            self.together(read, displace(torch.cat(pair)).chunk(2))
            for read, pair in zip(self.separate, pairs, strict=True)
        ]
        return Seen(x, y, common_x, common_y, *zip(*read, strict=True))

    def together(self, network: nn.Module, batches: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """What a network makes of several batches of one size, as of one where its norms are over a batch.

        Where every picture is normalised by itself it comes to the same one batch after another, as published, which is
        faster on a CPU: less has to leave its cache. (Spectral norms, which every batch brings nearer to 1, are then
        brought so twice.)
        """
        if self.over_batch:
            return network(torch.cat(tuple(batches))).chunk(len(batches))
        return tuple(network(batch) for batch in batches)

    def rebuilt(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Both sides' pictures from their own codes."""
        own = [None] * (self.contents - 1) + [self.separate[-1](y)] if self.contents > 1 else []
        return (
            self.render(self.common(x), self.separate[0](x)).image,
            self.render(self.common(y), *own).image,
        )


class Whole(Transfer):
    """A method whose one decoder paints the whole picture.

    Args:
        settings: of the method.
        spectral: whether the spectral norms of encoders and decoder are held at 1.
        most: see `Transfer`.
    """

    def __init__(self, settings: config.Whole, *, spectral: bool = False, most: int) -> None:
        super().__init__(settings, spectral=spectral, most=most)
        how: dict[str, Any] = {"fold": settings.block, "norm": settings.networks.norm, "spectral": spectral}
        self.decoder = Decoder(settings.networks.code, widths(settings)[-2::-1], 3, **how)
        self.difference = F.mse_loss if settings.reconstruction == "squared" else F.l1_loss

    def render(self, common: Tensor, *contents: Tensor | None, base: Tensor | None = None) -> Rendered:
        """See `Transfer.render`."""
        del base
        return Rendered(self.decode(self.code(common, *contents))[0])

    def decode(self, *codes: Tensor) -> tuple[Tensor, ...]:
        """The pictures (N, 3, S, S) of several whole codes (N, C, R, R), decoded together."""
        return tuple(painted.tanh() for painted in self.together(self.decoder, codes))


def widths(settings: Fit) -> list[int]:
    """Channels after every convolution of an encoder, the whole code's being the last."""
    count = levels(settings.size // settings.block)
    first, last = settings.networks.width, settings.networks.code
    return [*(min(first << n, last) for n in range(count - 1)), last]


def confused(model: Transfer, common_x: Tensor, common_y: Tensor, *, one_sided: bool) -> Tensor:
    """How far the critic is from not knowing, or, one-sided, from taking all codes for those of plain pictures.

    One-sided, it pushes as hard where the critic knows nothing, so codes are never left in peace.
    """
    wanted = 0.0 if one_sided else 0.5
    return _says(model.critic(common_x), wanted) + _says(model.critic(common_y), wanted)


def told(model: Transfer, common_x: Tensor, common_y: Tensor) -> Tensor:
    """How far the critic is from telling which side common codes come from; they are taken as they are."""
    return _says(model.critic(common_x.detach()), 1.0) + _says(model.critic(common_y.detach()), 0.0)


def fit(
    model: Transfer,
    content: Side,
    plain: Side,
    settings: Fit,
    *,
    seed: int,
    device: torch.device,
    begun: int = 0,
    run: NullRun = NullRun(),
) -> Transfer:
    """Train a method on pictures of one size; what comes back is ready to use.

    Args:
        model: with its first weights, on any device.
        content: pictures with the content; of two kinds of content, the first.
        plain: pictures without; of two kinds, the second.
        settings: of the method.
        seed: of which pictures come when, and how they are moved.
        begun: steps before, of smaller pictures; which come when goes on from there.
        device: that computes.
        run: takes the loop.

    Raises:
        ValueError: it diverged.
    """
    hiding = settings.hiding
    model = model.to(device).to(memory_format=model.layout).train()
    average = copy.deepcopy(model).requires_grad_(False)
    kept = copy.deepcopy(average) if settings.patience else None
    critic = list(model.critic.parameters())
    networks = [weight for name, weight in model.named_parameters() if not name.startswith("critic.")]
    painter = torch.optim.Adam(networks, lr=settings.lr, betas=(0.5, 0.999), fused=True)
    judge = torch.optim.Adam(critic, lr=settings.lr, betas=(0.5, 0.999), fused=True)
    remembered = critic[0].new_zeros(hiding.memory, 2, settings.batch, settings.shared, model.rest, model.rest)
    looks: dict[str, Any] = {"best": math.inf, "at": -1, "stopped": False}
    learners = {"model": model, "painter": painter, "judge": judge}
    state = {**learners, "average": average, "remembered": remembered, "looks": looks}
    state |= {"kept": kept} if kept else {}
    for step in run.steps(f"{settings.size} px", settings.steps, state):
        if looks["stopped"]:
            continue
        x, y = (
            batch(side, settings, seed=seed, side=n, step=begun + step).to(device, memory_format=model.layout)
            for n, side in enumerate((content, plain))
        )
        for optimiser in (painter, judge):
            optimiser.param_groups[0]["lr"] = settings.lr * cooled(step, settings)

        displace = partial(displaced, far=settings.apart, chance=seeded(seed, begun + step, 3))
        seen = model.seen(x, y, displace)
        terms = model.terms(seen) | there_and_back(model, seen, settings, displace)
        weight = hiding.confusion * min(1.0, (step + 1) / max(1.0, hiding.ramp * settings.steps))
        if weight:
            terms["confusion"] = (weight, confused(model, seen.common_x, seen.common_y, one_sided=hiding.one_sided))
        loss = total(terms)
        painter.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(networks, CLIP)
        painter.step()

        if weight:
            remembered[step % hiding.memory] = torch.stack([seen.common_x, seen.common_y]).detach()
            judged = told(model, *remembered[: step + 1].transpose(0, 1).flatten(1, 2))
            judge.zero_grad(set_to_none=True)
            judged.backward()
            nn.utils.clip_grad_norm_(critic, CLIP)
            judge.step()
            terms["critic"] = (1.0, judged)

        follow(average, model, min(settings.average, (step + 1) / (step + 10)))
        if step % 50 == 0:
            measures = {name: float(value.detach()) for name, (_, value) in terms.items()}
            run.log(step, **measures)
            finite(measures, f"{step} steps of {settings.size} px")
        if (step + 1) % LOOK_EVERY == 0 or step == settings.steps - 1:
            look(average, kept, content, plain, looks, settings, step=step, run=run)
    return (kept or average).eval()


@torch.no_grad()
def look(
    average: Transfer,
    kept: Transfer | None,
    content: Side,
    plain: Side,
    looks: dict[str, Any],
    settings: Fit,
    *,
    step: int,
    run: NullRun,
) -> None:
    """See how well pictures held out are rebuilt; with patience, keep the best weights and stop in time.

    Raises:
        ValueError: it diverged.
    """
    average.eval()
    device = next(average.parameters()).device
    x, y = (as_images(side.held_out[:64].to(device)) for side in (content, plain))
    again_x, again_y = average.rebuilt(x, y)
    error = float((again_x - x).abs().mean() + (again_y - y).abs().mean()) / 2
    run.log(step, held_out=error)
    finite({"held_out": error}, f"{step + 1} steps of {settings.size} px")
    average.train()
    if error < looks["best"]:
        looks["best"], looks["at"] = error, step
        if kept:
            kept.load_state_dict(average.state_dict())
    elif settings.patience and step - max(looks["at"], falls_from(settings)) >= settings.patience * LOOK_EVERY:
        looks["stopped"] = True
        done = f"{step + 1} steps of {settings.size} px"
        run.say(f"stopped after {done}: pictures held out were rebuilt best after {looks['at'] + 1}")


def finite(measures: Mapping[str, float], done: str) -> None:
    """See that what was measured is a number.

    Raises:
        ValueError: it diverged.
    """
    for name, value in measures.items():
        if not math.isfinite(value):
            raise ValueError(f"training diverged: {name} is {value} after {done}; lower --lr")


def there_and_back(model: Transfer, seen: Seen, settings: Fit, displace: Displace) -> Terms:
    """What becomes of a content on its way to another picture and back, in both directions where there are two kinds.

    With t the picture y that was given the content of x: y is t without it (returned), and x has the content that is
    read from t (carried), which is moved before that. Differences are absolute with all methods.

    Args:
        model: that learns.
        seen: what it learns from in this step.
        settings: of the method.
        displace: see `Transfer.seen`.
    """
    if not (settings.returned or settings.carried):
        return {}

    def alone(n: int, content: Tensor) -> list[Tensor | None]:
        return [content if kind == n else None for kind in range(model.contents)]

    sides = [(seen.x, seen.common_x), (seen.y, seen.common_y)]
    returned, carried = [], []
    for n, read in enumerate(model.separate):
        (giver, common_g), (taker, common_t) = sides[n], sides[1 - n]
        given = model.render(common_t, *alone(n, seen.contents[n]), base=taker).image
        own = alone(1 - n, seen.contents[1 - n]) if model.contents > 1 else []
        returned.append(F.l1_loss(model.render(model.common(given), *own).image, taker))
        carried.append(F.l1_loss(model.render(common_g, *alone(n, read(displace(given)))).image, giver))
    return {
        "returned": (settings.returned, torch.stack(returned).mean()),
        "carried": (settings.carried, torch.stack(carried).mean()),
    }


def falls_from(settings: Fit) -> int:
    """The step from which the step size falls; until then more can still come of pictures that are rebuilt worse."""
    return int((1 - settings.cool) * settings.steps)


def cooled(step: int, settings: Fit) -> float:
    """What the step size is multiplied by: 1, then a line down to 0 over the last part of the steps."""
    left = 1 - step / settings.steps
    return min(1.0, left / settings.cool) if settings.cool else 1.0


def total(terms: Terms) -> Tensor:
    """The weighted sum of loss terms."""
    return torch.stack([weight * value for weight, value in terms.values()]).sum()


def _says(logits: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def _norm(kind: Norm, channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels) if kind == "instance" else nn.BatchNorm2d(channels)
