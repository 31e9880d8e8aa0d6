"""Named configurations of `gestalt classify`, as those in `recipes`."""

import dataclasses

from gestalt.recipes import choose
from gestalt.tasks.classify import config as classify


def classify_train(preset: str) -> classify.Train:
    """Settings of learning to tell classes, with permuted AdaIN unless --swap says otherwise.

    fast       the default: a small network, 64 px, 30 epochs by AdamW; minutes on a CPU
               for some hundred pictures.
    tiny       for tests: 16 px, one epoch.
    paper      ImageNet as published: ResNet-50, 224 px, 300 epochs, SGD .1 falling tenfold every 75, swaps with
               p = .01 after all convolutions but shortcuts; days on several GPUs, by torchrun.
    cifar100   CIFAR-100 as published: ResNet-18, 200 epochs, falling fivefold at 60, 120 and 160, gradients clipped at
               5; an hour or so on a GPU.
    cifar100c  for corrupted CIFAR-100: the same with AugMix and the loss of its copies, as a cosine. The published
               networks are a ResNeXt-29 and a DenseNet-40, which torchvision has not; this one is a ResNet-18.
    pacs       one domain of PACS held out (--held-out): ResNet-18, 224 px, from weights of ImageNet (--begin-from). The
               published recipe is not known; this one is ours.

    Momentum is Nesterov's in all, which is published for cifar100c alone.

    Raises:
        ValueError: no such preset.
    """
    cifar = classify.Train(
        model="cifar-resnet18",
        size=32,
        augment="turn",
        epochs=200,
        batch=128,
        lr=0.1,
        fall="steps",
        drops=(0.3, 0.6, 0.8),
        factor=0.2,
        warm_up=1 / 200,
        clip=5.0,
    )
    presets = {
        "fast": classify.Train(optimiser="adamw", lr=3e-3, decay=0.02),
        "tiny": classify.Train(model="tiny", size=16, epochs=1, batch=4),
        "paper": classify.Train(
            model="resnet50",
            size=224,
            augment="zoom",
            epochs=300,
            batch=256,
            lr=0.1,
            decay=1e-4,
            fall="steps",
            drops=(0.25, 0.5, 0.75),
            warm_up=0.0,
        ),
        "cifar100": cifar,
        "cifar100c": dataclasses.replace(
            cifar, augment="augmix", fall="cosine", drops=(), factor=0.1, warm_up=0.0, clip=0.0
        ),
        "pacs": classify.Train(
            model="resnet18", size=224, augment="zoom", epochs=30, batch=64, lr=0.004, decay=5e-4, warm_up=0.0
        ),
    }
    return choose(presets, preset)


def classify_test(preset: str) -> classify.Test:
    """Settings of testing a classifier: all that is asked for, or, in tests (tiny), one severity of two corruptions.

    Raises:
        ValueError: no such preset.
    """
    tiny = classify.Test(severities=(3,), only=("contrast", "pixelate"))
    return choose({"fast": classify.Test(), "tiny": tiny}, preset)


def classify_adapt(preset: str) -> classify.Adapt:
    """Settings of learning for a target without labels, by statistics of the target for the source's.

    fast   the default: a small network by AdamW, early layers with p = .5.
    tiny   for tests: four steps.
    paper  the size of GTAV to Cityscapes: DeepLab v3 on a ResNet-101 (published: v2), 512 px (ours), 40,000 steps of 8
           pictures; a GPU is needed. It is the swap alone: the published experiment is adversarial besides.

    Raises:
        ValueError: no such preset.
    """
    early = classify.Swapping(swap_p=0.5, swap_layers="early")
    presets = {
        "fast": classify.Adapt(swapping=early, optimiser="adamw", lr=3e-3, decay=0.02),
        "tiny": classify.Adapt(swapping=early, size=16, steps=4, batch=4, pictures=16),
        "paper": classify.Adapt(
            what="segments",
            model="deeplabv3_resnet101",
            size=512,
            steps=40_000,
            batch=8,
            lr=2.5e-4,
            decay=5e-4,
            fall="poly",
            warm_up=0.0,
        ),
    }
    return choose(presets, preset)
