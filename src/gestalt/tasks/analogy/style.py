"""Neural style: pixels with A's content and B's style, as the layers of a trained network see both.

With F_l the map of layer l, N_l filters by M_l positions, its Gram matrix G_l = F_l F_l^T / M_l and the same for A and
B, L-BFGS on the pixels x, which begin as A, lowers

    content = 1/2 mean (F_c(x) - F_c(A))^2          style = sum_l w_l / 4  mean (G_l(x) - G_l(B))^2
    alpha / beta * content + style

over `Features.levels` as style layers with equal w_l (of vgg19 relu1_1 ... relu5_1), and one content layer: relu4_2 of
vgg19, of other networks the second coarsest level. Gram matrices forget where things are, so B gives colours and
strokes, never the shape of a thing, and A's shapes stay: that is what tells this from an analogy.

Where this departs from the published method: the content term is a mean, not a sum, so that its weight means the same
at every size; each layer as a whole is divided by its mean magnitude on A and B, where the published network has
every filter scaled to mean 1 on many photographs; max pools stay, where the paper prefers mean pools.

References:
    Gatys, Ecker, Bethge: Image Style Transfer Using Convolutional Neural Networks. CVPR 2016.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from gestalt.nn.features import Features
from gestalt.run.service import NullRun
from gestalt.tasks.analogy.config import Style

AT_ONCE, HISTORY = 10, 20
"""Iterations of L-BFGS between two chances to stop or save; how many past steps it learns curvature from."""


def make(
    structure: Tensor,
    appearance: Tensor,
    settings: Style,
    *,
    extractor: Features,
    seed: int = 0,
    run: NullRun = NullRun(),
) -> Tensor:
    """The content of one picture in the style of the other.

    Args:
        structure: (1, 3, H, W) in [-1, 1], at working size.
        appearance: (1, 3, H', W') in [-1, 1].
        settings: of the method.
        extractor: of images, on the pictures' device.
        seed: not needed here, since nothing is drawn; accepted so that all baselines are called alike.
        run: takes the loop's steps.

    Returns:
        (1, 3, H, W) in [-1, 1].

    Raises:
        ValueError: the extractor does not take pictures, or none so small.
    """
    del seed
    loss = objective(structure, appearance, settings, extractor)
    picture = structure.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [picture],
        max_iter=AT_ONCE,
        history_size=HISTORY,
        tolerance_grad=0.0,
        line_search_fn="strong_wolfe",
    )
    steps = -(-settings.iterations // AT_ONCE)
    for step in run.steps("style", steps, {"picture": picture, "optimiser": optimiser}):
        terms: dict[str, Tensor] = {}

        def descend(terms: dict[str, Tensor] = terms) -> Tensor:
            terms.update(loss(picture))
            # Means have slopes of one over the number of pixels, too small for the tolerances of a line search.
            total = picture.numel() * torch.stack(list(terms.values())).sum()
            (picture.grad,) = torch.autograd.grad(total, picture)
            return total.detach()

        optimiser.step(descend)
        run.log(step, **{name: float(term.detach()) for name, term in terms.items()})
        run.preview("style", step, picture.detach().clamp(-1, 1))
    return picture.detach().clamp(-1, 1)


def objective(
    structure: Tensor, appearance: Tensor, settings: Style, extractor: Features
) -> Callable[[Tensor], dict[str, Tensor]]:
    """Both terms as a function of the pixels (1, 3, H, W), by name, each with its weight."""
    shorter = min(*structure.shape[2:], *appearance.shape[2:])
    levels = extractor.levels(shorter)
    content = "relu4_2" if "relu4_1" in levels else levels[max(0, len(levels) - 2)]
    names = {*levels, content}
    with torch.no_grad():
        ours, theirs = extractor.layers(structure, names), extractor.layers(appearance, names)
        scales = {name: 2 / (ours[name].abs().mean() + theirs[name].abs().mean() + 1e-9) for name in names}
        wanted = scales[content] * ours[content]
        grams = {name: gram(scales[name] * theirs[name]) for name in levels}

    def terms(x: Tensor) -> dict[str, Tensor]:
        maps = {name: scales[name] * map_ for name, map_ in extractor.layers(x, names).items()}
        apart = [(gram(maps[name]) - grams[name]).square().mean() / 4 for name in levels]
        return {
            "content": settings.content / 2 * (maps[content] - wanted).square().mean(),
            "style": torch.stack(apart).mean(),
        }

    return terms


def gram(x: Tensor) -> Tensor:
    """(1, N, h, w) -> (N, N): the mean product of every two filters over the positions."""
    f_nm = x[0].flatten(1)
    return f_nm @ f_nm.T / f_nm.shape[1]
