"""Named configurations. A recipe is a function: preset name -> settings; its docstring says source, cost, result."""

import dataclasses
from typing import Any, TypeVar

from gestalt.tasks.analogy.config import Apply, Pair, Patch
from gestalt.tasks.anomaly import config as anomaly
from gestalt.tasks.generate import config as generate
from gestalt.tasks.speed import config as speed
from gestalt.tasks.transfer import config as transfer

T = TypeVar("T")


def analogy_patch(preset: str) -> Patch:
    """Settings of the patch engine for structural analogy.

    fast     the default: guided, 256 px.
    tiny     for tests: 48 px, two iterations.
    paper    nearest patches as published for analogies (GPNN, CVPR 2022, as in its best-known public code): from 14
             px at ratio 3/4, ten iterations, no guidance, A's own colours, exact search; its alpha of 0.005 is taken in
             our units (mean squared difference). Slow: keep --size <= 128.
    style    a picture redrawn in the other's strokes: its coarsest level is finer.
    texture  a layout of tones filled with the other's texture: the same, and guidance is strong.
    glyph    a letter in the drawing of the other: guidance is weak, so that strokes stay whole.
    sketch   a drawing of blobs becomes the picture they stand for: presses more of B's parts into the result.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": Patch(),
        "tiny": Patch(size=48, coarsest=12, iterations=2),
        "paper": Patch(
            size=128,
            coarsest=14,
            iterations=10,
            colours="kept",
            start=0,
            guidance=0.0,
            completeness=0.005,
            vote="mean",
            search="exact",
        ),
        "style": Patch(coarsest=28),
        "texture": Patch(coarsest=28, guidance=1.5),
        "glyph": Patch(guidance=0.5),
        "sketch": Patch(completeness=0.02),
    }
    return choose(presets, preset)


def analogy_pair(preset: str) -> Pair:
    """Settings of the pair network for structural analogy.

    fast     the default: 64 px, narrow, 500 steps at the two finest levels and 300 at the others.
    tiny     for tests: 24 px, 4 steps a level.
    paper    the published hyperparameters: 220 px, 11 levels (the refitted ratio is given here), 20,000 steps a level,
             widths 32 to 128; days on a CPU.
    paper-video  the same with what the authors changed for clips: 25,000 steps a level, coarsest level 25 px, beta 1.
    style, texture  fast, as for the authors all these are one setting.
    glyph    fast with a coarsest level of 25 px, which holds the letter's layout.
    sketch   fast with the published weights for a sketch as B: critics learn five times faster than generators, and
             B's adversarial loss counts a tenth.

    Raises:
        ValueError: no such preset.
    """
    fast = Pair()
    paper = Pair(
        size=220,
        ratio=0.7785,
        widest=128,
        lr_d=1e-4,
        steps=20_000,
        coarse_steps=20_000,
        layout="learned",
        penalty_every=1,
    )
    presets = {
        "fast": fast,
        "tiny": Pair(size=24, coarsest=12, width=8, widest=8, steps=4, coarse_steps=4),
        "paper": paper,
        "paper-video": dataclasses.replace(paper, coarsest=25, beta=1.0, steps=25_000, coarse_steps=25_000),
        "style": fast,
        "texture": fast,
        "glyph": dataclasses.replace(fast, coarsest=25),
        "sketch": dataclasses.replace(fast, lr_g=1e-4, gamma=0.1),
    }
    return choose(presets, preset)


def analogy_apply(preset: str) -> Apply:
    """Settings of applying a trained pair; there is one preset, fast.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": Apply()}, preset)


def generate_patch(preset: str) -> generate.Patch:
    """Settings of the patch engine for new pictures and clips.

    fast     the default.
    tiny     for tests: 48 px, two samples.
    large    moves larger pieces whole, in a quarter of the time: nothing is bent, heights do not count, and
             completeness does at the four coarsest levels only.
    paper    as published for clips (Haim et al., ECCV 2022): noise of 5, five iterations, medians, no completeness;
             nothing is bent, and heights do not count.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": generate.Patch(),
        "tiny": generate.Patch(size=48, samples=2, iterations=2),
        "large": generate.Patch(bend=0.0, heights=0.0, iterations=3, completeness=0.02, coarser=4),
        "paper": generate.Patch(noise=5.0, iterations=5, completeness=0.0, vote="median", bend=0.0, heights=0.0),
    }
    return choose(presets, preset)


def generate_retarget(preset: str) -> generate.Patch:
    """Those of `large` for one sample of another size or length: no noise, soft seams, and a size of 512.

    Raises:
        ValueError: no such preset.
    """
    return _one_sample(preset, noise=0.0)


def generate_inpaint(preset: str) -> generate.Patch:
    """The same for holes: little noise, soft seams, and nothing asks for all patches to be used.

    Raises:
        ValueError: no such preset.
    """
    return _one_sample(preset, noise=0.2, completeness=0.0)


def generate_collage(preset: str) -> generate.Patch:
    """The same for several inputs: no noise, soft seams, and not all patches need to be used.

    Raises:
        ValueError: no such preset.
    """
    return _one_sample(preset, noise=0.0, completeness=0.0)


def _one_sample(preset: str, **changes: float) -> generate.Patch:
    whole = dataclasses.replace(generate_patch("large"), samples=1, size=512, vote="joined", **changes)
    return choose({"fast": whole, "tiny": dataclasses.replace(whole, size=48, iterations=2)}, preset)


def generate_vaegan(preset: str) -> generate.VaeGan:
    """Settings of Hierarchical Patch VAE-GAN.

    fast     the default: 128 px, half as wide as published, 2,000 steps at VAE levels and 1,000 at GAN levels.
    clip     for clips: the same at 64 px with windows of 13 frames, of which the finest level sees 7.
    tiny     for tests: 20 px, 3 steps a level.
    paper    the published hyperparameters for clips: 256 px, 10 levels, 50,000 steps a level; the authors' code takes
             about 8 days for a clip on a GPU. For pictures the published steps are 5,000 a level and batches of 2:
             give --vae-steps, --gan-steps and --batch.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": generate.VaeGan(),
        "clip": generate.VaeGan(size=64, coarsest=24, rates=(4, 3, 2), width=24),
        "tiny": generate.VaeGan(
            size=20, coarsest=12, width=4, latent=4, vae_levels=2, vae_steps=3, gan_steps=3, samples=2
        ),
        "paper": generate.VaeGan(
            size=256,
            width=64,
            latent=128,
            vae_steps=50_000,
            gan_steps=50_000,
            kl=1.0,
            penalty_every=1,
            anchor="drawn",
        ),
    }
    return choose(presets, preset)


def generate_singan(preset: str) -> generate.SinGan:
    """Settings of SinGAN.

    fast     the default: 128 px, width 32, 2,000 steps of one turn a level.
    clip     for clips: 64 px, 1,000 steps a level.
    tiny     for tests: 32 px, 20 steps a level.
    paper    the published hyperparameters: 250 px, widths 32 to 128, 2,000 steps of three turns a level.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": generate.SinGan(),
        "clip": generate.SinGan(size=64, coarsest=18, steps=1000),
        "tiny": generate.SinGan(size=32, coarsest=12, shortest=3, width=8, widest=8, steps=20, samples=2),
        "paper": generate.SinGan(size=250, widest=128, turns=3, penalty_every=1),
    }
    return choose(presets, preset)


def generate_sample(preset: str) -> generate.Sample:
    """Settings of drawing from a trained model; there is one preset, fast.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": generate.Sample()}, preset)


def generate_edit(preset: str) -> generate.Edit:
    """Settings of editing with a trained model; there is one preset, fast.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": generate.Edit()}, preset)


def anomaly_patch(preset: str) -> anomaly.Memory:
    """Settings of the patch memory for defects.

    fast     the default: gradients at two scales and Gabor filters, and copies in all ways that look as good.
    aligned  for parts that always lie alike: no copies, and places are compared within a tenth of the picture.
    tiny     for tests: one descriptor at 32 px.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": anomaly.Memory(),
        "aligned": anomaly.Memory(augment="none", window=0.1),
        "tiny": anomaly.Memory(descriptors=("gradient@32",), keys=200),
    }
    return choose(presets, preset)


def anomaly_transforms(preset: str) -> anomaly.Transforms:
    """Settings of the transformation-discriminating model.

    fast     the default: 4 rotations, 5 levels up to 64 px, 200 iterations of one turn a level.
    tiny     for tests: 24 px, 4 iterations a level.
    paper-rgb      the published hyperparameters for colour: 54 transformations, 1,000 iterations of three turns a
                   level, all patches count (AUROC at one shot 66.6 on Paris, 64.9 on CIFAR10); hours on a CPU.
    paper-grey     for grey pictures: 42 transformations, 500 iterations (79.3 on MNIST, 83.9 on FashionMNIST).
    paper-defects  for defects: 4 rotations, 2,000 iterations, the worst tenth of the patches counts (75.6 on MVTec; the
                   paper takes a twentieth at one shot).

    Raises:
        ValueError: no such preset.
    """
    paper = anomaly.Transforms(widest=128, turns=3, transformations="rgb", iterations=1000, worst=1.0)
    presets = {
        "fast": anomaly.Transforms(),
        "tiny": anomaly.Transforms(size=24, coarsest=16, finest=24, width=8, widest=8, iterations=4, held_out=4),
        "paper-rgb": paper,
        "paper-grey": dataclasses.replace(paper, transformations="grey", iterations=500),
        "paper-defects": dataclasses.replace(paper, transformations="rotations", iterations=2000, worst=0.1),
    }
    return choose(presets, preset)


def anomaly_fused(preset: str) -> anomaly.Fused:
    """Settings of the patch memory and the transformation-discriminating model together.

    fast  the default: each as it is alone, and two more models for the scores of good pictures.
    tiny  for tests: one descriptor at 32 px, 4 iterations a level up to 25 px.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": anomaly.Fused(),
        "tiny": anomaly.Fused(descriptors=("gradient@32",), finest=25, iterations=4),
    }
    return choose(presets, preset)


def anomaly_score(preset: str) -> anomaly.Score:
    """Settings of judging pictures: fast, the default, and tiny are one.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": anomaly.Score(), "tiny": anomaly.Score()}, preset)


def anomaly_test(preset: str) -> anomaly.Test:
    """Settings of measuring scorers on a data set.

    fast   the default: the patch memory and the nulls, 1, 5 and 10 shots, three draws.
    paper  every scorer there is.
    tiny   for tests: the nulls, one shot, one draw.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": anomaly.Test(),
        "paper": anomaly.Test(scorers=anomaly.SCORERS),
        "tiny": anomaly.Test(scorers=("pixels", "brightness"), shots=(1,), draws=1),
    }
    return choose(presets, preset)


def speed_train(preset: str) -> speed.Train:
    """Settings of learning to tell normal from sped-up.

    fast   the default: the small network on clips of 24 frames of 32 to 48 px, some twenty minutes on two cores.
    tiny   for tests: two steps.
    paper  S3D-G on clips of 64 to 336 px, as published; optimiser and steps are ours, theirs are not known. For GPUs.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": speed.Train(),
        "tiny": speed.Train(steps=2, pairs=2, frames=8, least=16, most=16, test=2),
        "paper": speed.Train(
            trunk="s3dg", frames=16, least=64, most=336, steps=100_000, pairs=32, lr=3e-4, average=0.999
        ),
    }
    return choose(presets, preset)


def speed_predict(preset: str) -> speed.Predict:
    """Settings of saying how sped-up a video looks: fast, the default, and tiny are one.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": speed.Predict(), "tiny": speed.Predict()}, preset)


def speed_adapt(preset: str) -> speed.Adapt:
    """Settings of a speed-up that stays natural.

    fast   the default.
    paper  every frame of the original kept, each for its own time, as in the authors' released videos.
    tiny   for tests: the default.

    Raises:
        ValueError: no such preset.
    """
    presets = {"fast": speed.Adapt(), "paper": speed.Adapt(frames="variable"), "tiny": speed.Adapt()}
    return choose(presets, preset)


def speed_map(preset: str) -> speed.Map:
    """Settings of showing where a video looks slowed.

    fast   the default.
    tiny   for tests: small.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": speed.Map(), "tiny": speed.Map(side=32, size=64, window=3)}, preset)


def speed_retrieve(preset: str) -> speed.Retrieve:
    """Settings of finding what moves alike.

    fast   the default: the shipped weights, windows of 24 frames, 64 px.
    tiny   for tests: random weights, windows of 8 frames, 32 px.
    paper  S3D-G, windows of 64 frames, 224 px (by later papers R@1 13.0, R@5 28.1, R@10 37.5 from UCF101's test split
           to its training split); --begin-from must name a run of speed train --trunk s3dg.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": speed.Retrieve(),
        "tiny": speed.Retrieve(begin_from="random", frames=8, side=32, sheets=2),
        "paper": speed.Retrieve(trunk="s3dg", frames=64, side=224),
    }
    return choose(presets, preset)


def speed_finetune(preset: str) -> speed.Finetune:
    """Settings of learning to name actions.

    fast   the default: the shipped weights, clips of 24 frames, 64 px, 2,000 steps of 8.
    tiny   for tests: random weights, clips of 8 frames, 32 px, 8 steps of 4.
    paper  S3D-G, clips of 64 frames, 224 px; a GPU is needed. --begin-from must name a run of speed train --trunk s3dg
           (top-1 of 81.1 on UCF101 and 48.8 on HMDB51), random (73.8 and 46.4), inflated:FILE (86.6 and 57.7), or
           kinetics:FILE (96.8 and 74.5). Steps and rates are ours, those published are not known.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": speed.Finetune(),
        "tiny": speed.Finetune(begin_from="random", frames=8, side=32, steps=8, batch=4, clips=2),
        "paper": speed.Finetune(trunk="s3dg", frames=64, side=224, steps=30_000, batch=16),
    }
    return choose(presets, preset)


def transfer_mask(preset: str) -> transfer.Mask:
    """Settings of content as a mask and a picture.

    fast   the default: 64 px, codes of 128 channels, small pictures first.
    tiny   for tests: 32 px, four steps, two of them at 16.
    paper  the published hyperparameters for glasses: 128 px, 22 M weights, 150,000 steps; a GPU is needed. For other
           content paper-smile, paper-facial-hair, paper-womens-hair, paper-mens-hair and paper-handles.
    glasses, paper-glasses  fast and paper by another name.
    smile, facial-hair, womens-hair, mens-hair, handles  fast, with the loss weights published for that content, but
           without the cycle terms on codes, which stop the guide from being heeded: there and back, as in fast, stands
           in their place (docs/adr/008), and masks are asked to be small; sides are hidden as in fast, or with the
           weight that is published where that is more. Those of paper-... are as published.

    Raises:
        ValueError: no such preset.
    """
    weights = {
        "smile": transfer.Weights(small=0, again=1, nothing=1, cycle_separate=0.0001),
        "facial-hair": transfer.Weights(small=0, again=1, nothing=1, cycle_common=1, cycle_separate=1, pasted=5),
        "womens-hair": transfer.Weights(small=0, again=0.1, nothing=0.1, cycle_separate=0.04, pasted=1, plain=1),
        "mens-hair": transfer.Weights(small=0, again=0.5, nothing=0.5, cycle_separate=0.5, pasted=5),
        "handles": transfer.Weights(small=0, again=0.5, nothing=0.5, cycle_separate=2.5, pasted=5, plain=7),
    }
    confusion = {"womens-hair": 1.0, "mens-hair": 1.0, "handles": 0.1}
    glasses = transfer.Weights(small=0, cycle_separate=0.001)
    paper = transfer.Mask(**_published("batch", 0.005), steps=150_000, weights=glasses)
    presets = {"fast": transfer.Mask(), "tiny": transfer.Mask(**_TINY), "paper": paper}
    for name, given in weights.items():
        part = min(1.0, given.pasted / 5)  # what is not published is as large beside the other weights as in fast
        back, small = part * presets["fast"].returned, part * presets["fast"].weights.small
        hidden = max(confusion.get(name, 0.0), presets["fast"].hiding.confusion)
        ours = dataclasses.replace(given, small=small, cycle_common=0.0, cycle_separate=0.0)
        presets[name] = transfer.Mask(
            weights=ours, hiding=transfer.Hiding(confusion=hidden), returned=back, carried=back
        )
        hiding = dataclasses.replace(paper.hiding, confusion=confusion.get(name, paper.hiding.confusion))
        lr = 5e-5 if name == "facial-hair" else paper.lr
        presets[f"paper-{name}"] = dataclasses.replace(paper, weights=given, hiding=hiding, lr=lr)
    presets |= {"glasses": presets["fast"], "paper-glasses": paper}
    return choose(presets, preset)


def transfer_disentangle(preset: str) -> transfer.Disentangle:
    """Settings of common and separate codes.

    fast   the default: 64 px, codes of 128 channels, small pictures first.
    tiny   for tests: 32 px, four steps, two of them at 16.
    paper  the published hyperparameters: 128 px, 15 M weights, 1,250,000 steps; a GPU is needed. Differences are
           squared, as in the released code; the authors' slides write them absolute.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": transfer.Disentangle(),
        "tiny": transfer.Disentangle(**_TINY),
        "paper": transfer.Disentangle(**_published("instance", 0.001), steps=1_250_000),
    }
    return choose(presets, preset)


def transfer_intersection(preset: str) -> transfer.Intersection:
    """Settings of a common code and one for each side.

    fast   the default: 64 px, codes of 128 channels, small pictures first.
    tiny   for tests: 32 px, four steps, two of them at 16.
    paper  the published hyperparameters: 128 px, 20 M weights, 1,250,000 steps; a GPU is needed. Differences are
           absolute.

    Raises:
        ValueError: no such preset.
    """
    presets = {
        "fast": transfer.Intersection(),
        "tiny": transfer.Intersection(**_TINY),
        "paper": transfer.Intersection(
            **_published("instance", 0.001), spectral=True, steps=1_250_000, zero=1.0, reconstruction="absolute"
        ),
    }
    return choose(presets, preset)


_TINY: dict[str, Any] = {"size": 32, "steps": 4, "batch": 2}
_TINY["networks"] = transfer.Networks(width=4, code=32, separate=4)


def _published(norm: transfer.Norm, confusion: float) -> dict[str, Any]:
    """What was published for all three methods: whole pixels, a one-sided critic, and nothing of what is ours."""
    ours = dict.fromkeys(("coarse", "cool", "returned", "carried", "average", "shift", "light", "apart"), 0.0)
    networks = transfer.Networks(fold=1, width=32, code=512, separate=25, norm=norm)
    hiding = transfer.Hiding(confusion=confusion, one_sided=True, ramp=0.0, memory=1)
    return {**ours, "size": 128, "batch": 32, "lr": 2e-4, "networks": networks, "hiding": hiding}


def transfer_give(preset: str) -> transfer.Give:
    """Settings of adding and swapping: fast, the default, and tiny are one.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": transfer.Give(), "tiny": transfer.Give()}, preset)


def transfer_remove(preset: str) -> transfer.Remove:
    """Settings of removing: fast, the default, and tiny are one.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": transfer.Remove(), "tiny": transfer.Remove()}, preset)


def transfer_segment(preset: str) -> transfer.Segment:
    """Settings of segmenting: fast, the default, and tiny are one.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": transfer.Segment(), "tiny": transfer.Segment()}, preset)


def transfer_compose(preset: str) -> transfer.Compose:
    """Settings of composing: fast, the default, and tiny are one.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": transfer.Compose(), "tiny": transfer.Compose()}, preset)


def transfer_grid(preset: str) -> transfer.Grid:
    """Settings of grids: eight of each kind, or, in tests (tiny), two.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": transfer.Grid(), "tiny": transfer.Grid(samples=2)}, preset)


def transfer_between(preset: str) -> transfer.Between:
    """Settings of the way from one to another: seven pictures, or, in tests (tiny), three.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": transfer.Between(), "tiny": transfer.Between(samples=3)}, preset)


def transfer_test(preset: str) -> transfer.Test:
    """Settings of measuring a method.

    fast   the default: without a run, the mask method on drawn faces of 32 px.
    tiny   for tests: a few steps.

    Raises:
        ValueError: no such preset.
    """
    tiny = transfer.Test(steps=4, pictures=32, pairs=16, judge=4)
    return choose({"fast": transfer.Test(), "tiny": tiny}, preset)


def choose(presets: dict[str, T], preset: str) -> T:
    """The preset of that name.

    Raises:
        ValueError: there is none.
    """
    if preset not in presets:
        raise ValueError(f"there is no preset {preset!r} here: choose {', '.join(presets)}")
    return presets[preset]
