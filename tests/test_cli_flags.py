"""The commands and flags that scripts rely on, and how help shows them."""

from __future__ import annotations

import re

import pytest

from gestalt import cli

RUN_FLAGS = [
    *("--out", "--seed", "--device", "--threads", "--preset", "--engine"),
    *("--quiet", "--dry-run", "--overwrite", "--json"),
]
PATCH_FLAGS = [
    *("--size", "--solve", "--coarsest", "--ratio", "--start", "--patch", "--iterations", "--colours"),
    *("--guidance", "--completeness", "--vote", "--sweep", "--search"),
]
NEW_FLAGS = [
    *("--features", "--samples", "--size", "--frames", "--begin-s", "--take", "--coarsest", "--shortest", "--ratio"),
    *("--time-ratio", "--patch", "--depth", "--noise", "--bend", "--heights", "--iterations", "--completeness"),
    *("--coarser", "--vote", "--search"),
]
SIDES_FLAGS = [
    *("--size", "--coarse", "--steps", "--batch", "--lr", "--cool", "--returned", "--carried"),
    *("--average", "--shift", "--light", "--apart", "--patience", "--aside", "--rule"),
]
GROUPED_FLAGS = [
    *("--fold", "--width", "--code", "--separate", "--norm", "--no-last-norm"),
    *("--confusion", "--one-sided", "--ramp", "--memory"),
]
LEARNING_FLAGS = [
    *("--begin-from", "--batch", "--optimiser", "--lr", "--decay", "--fall", "--drops", "--factor", "--warm-up"),
    *("--clip", "--average"),
]
SWAP_FLAGS = ["--swap", "--swap-p", "--swap-layers", "--partner"]
FLAGS = {  # scripts hold on to these: a change here is a change for users
    "demo": ["--help", "--size", *RUN_FLAGS],
    "analogy make": ["--help", *PATCH_FLAGS, *RUN_FLAGS],
    "analogy make --engine pair": [
        *(
            "--help",
            "--size",
            "--coarsest",
            "--ratio",
            "--plain",
            "--width",
            "--widest",
            "--steps",
            "--coarse-steps",
            "--lr-g",
            "--lr-d",
        ),
        *("--alpha", "--beta", "--gamma", "--penalty-every", "--average", "--plateau", "--layout"),
        *("--mode", "--start", "--samples"),
        *RUN_FLAGS,
    ],
    "analogy apply": ["--help", "--direction", "--mode", "--start", *RUN_FLAGS],
    "analogy video": ["--help", *PATCH_FLAGS, *RUN_FLAGS],
    "analogy compare": [
        *("--help", "--pair-run", "--methods", "--direction", "--size", "--features", "--pair-steps", "--singan-steps"),
        *("--cyclegan-steps", "--style-iterations", "--deep-iterations", "--sliced-steps"),
        *RUN_FLAGS,
    ],
    "generate make": ["--help", *NEW_FLAGS, *RUN_FLAGS],
    "generate make --engine vaegan": [
        *("--help", "--features", "--samples", "--size", "--begin-s", "--take", "--rates", "--coarsest", "--ratio"),
        *("--vae-levels", "--width", "--latent", "--vae-steps", "--gan-steps", "--batch", "--lr", "--rec", "--kl"),
        *("--penalty-every", "--anchor", "--plateau"),
        *RUN_FLAGS,
    ],
    "generate make --engine singan": [
        *("--help", "--features", "--samples", "--size", "--begin-s", "--take", "--coarsest", "--shortest", "--ratio"),
        *("--time-ratio", "--width", "--widest", "--steps", "--turns", "--lr", "--alpha", "--penalty-every"),
        *("--average", "--plateau", "--layout"),
        *RUN_FLAGS,
    ],
    "generate sample": ["--help", "--features", "--samples", "--size", "--frames", "--mode", "--box", *RUN_FLAGS],
    "generate edit": ["--help", "--mask", "--start", "--no-noise", *RUN_FLAGS],
    "generate retarget": ["--help", *NEW_FLAGS, *RUN_FLAGS],
    "generate inpaint": ["--help", *NEW_FLAGS, *RUN_FLAGS],
    "generate collage": ["--help", *NEW_FLAGS, *RUN_FLAGS],
    "anomaly fit": [
        *("--help", "--defects", "--shots", "--false-alarms", "--descriptors", "--features", "--features-size"),
        *("--layers", "--augment", "--window", "--keys", "--dims", "--worst", "--relative"),
        *RUN_FLAGS,
    ],
    "anomaly fit --engine transforms": [
        *("--help", "--defects", "--shots", "--false-alarms", "--transformations", "--size", "--coarsest", "--finest"),
        *("--ratio", "--width", "--widest", "--iterations", "--turns", "--lr", "--alpha", "--fakes", "--noise"),
        *("--worst", "--held-out", *RUN_FLAGS),
    ],
    "anomaly fit --engine fused": [
        *("--help", "--defects", "--shots", "--false-alarms", "--descriptors", "--features", "--transformations"),
        *("--finest", "--iterations", *RUN_FLAGS),
    ],
    "anomaly score": ["--help", "--sensitivity", "--fail-on-anomaly", "--no-images", *RUN_FLAGS],
    "anomaly test": ["--help", "--scorers", "--shots", "--draws", "--features", *RUN_FLAGS],
    "speed train": [
        *("--help", "--trunk", "--frames", "--least", "--most", "--steps", "--pairs", "--lr", "--decay", "--warm-up"),
        *("--average", "--far", "--held-out", "--spread", "--test", "--aside", "--begin-from"),
        *RUN_FLAGS,
    ],
    "speed predict": ["--help", "--model", "--side", "--versions", *RUN_FLAGS],
    "speed adapt": [
        *("--help", "--model", "--side", "--rate", "--adaptivity", "--smooth", "--slowest", "--fastest", "--protect"),
        *("--still", "--frames", "--fps", "--sound", "--quality", "--compare"),
        *RUN_FLAGS,
    ],
    "speed map": ["--help", "--model", "--side", "--size", "--window", "--strength", *RUN_FLAGS],
    "speed retrieve": [
        *("--help", "--trunk", "--begin-from", "--frames", "--side", "--start-s", "--length-s", "--neighbours"),
        *("--sheets", *RUN_FLAGS),
    ],
    "speed finetune": [
        *("--help", "--trunk", "--begin-from", "--split", "--frames", "--side", "--steps", "--batch", "--lr"),
        *("--decay", "--warm-up", "--clips", *RUN_FLAGS),
    ],
    "transfer fit": [
        *("--help", *SIDES_FLAGS, *GROUPED_FLAGS),
        *("--pasted", "--plain", "--again", "--nothing", "--small", "--cycle-common", "--cycle-separate"),
        *RUN_FLAGS,
    ],
    "transfer fit --method disentangle": ["--help", *SIDES_FLAGS, "--reconstruction", *GROUPED_FLAGS, *RUN_FLAGS],
    "transfer fit --method=intersection": [
        *("--help", *SIDES_FLAGS, "--reconstruction", "--zero", "--spectral", *GROUPED_FLAGS, *RUN_FLAGS),
    ],
    "transfer add": ["--help", "--side", *RUN_FLAGS],
    "transfer swap": ["--help", "--side", *RUN_FLAGS],
    "transfer remove": ["--help", "--whole", *RUN_FLAGS],
    "transfer segment": ["--help", "--threshold", *RUN_FLAGS],
    "transfer grid": ["--help", "--samples", "--side", *RUN_FLAGS],
    "transfer between": ["--help", "--of", "--samples", "--side", *RUN_FLAGS],
    "transfer compose": ["--help", *RUN_FLAGS],
    "transfer test": [
        *("--help", "--size", "--steps", "--width", "--pictures", "--pairs", "--two-sided", "--judge", "--features"),
        *RUN_FLAGS,
    ],
    "classify train": [
        *("--help", *LEARNING_FLAGS, "--model", "--size", "--augment", "--epochs", "--aside", "--held-out"),
        *(*SWAP_FLAGS, *RUN_FLAGS),
    ],
    "classify test": ["--help", "--batch", "--severities", "--only", "--clean", "--reference", *RUN_FLAGS],
    "classify adapt": [
        *("--help", *LEARNING_FLAGS, "--what", "--model", "--size", "--steps", "--alone", "--pictures", "--far"),
        "--aside",
        *(*SWAP_FLAGS, *RUN_FLAGS),
    ],
    "study vae-levels": [
        *("--help", "--levels", "--trials", "--samples", "--size", "--coarsest", "--begin-s", "--take", "--rates"),
        *("--width", "--latent", "--vae-steps", "--gan-steps", "--kl"),
        *RUN_FLAGS,
    ],
    "resume": ["--help", "--quiet", "--json"],
    "report": ["--help", "--json"],
    "export": ["--help", "--onnx", "--size", "--overwrite", "--json"],
    "runs": ["--help", "--root", "--json"],
    "cite": ["--help"],
}


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_the_overview_names_every_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(argv) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for name, command in cli.COMMANDS.items():
        assert re.search(rf"^  gestalt {name} +{re.escape(command.summary)}$", out, re.MULTILINE)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert re.fullmatch(r"gestalt \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_the_commands_are_the_pinned_ones() -> None:
    assert list(cli.COMMANDS) == list(dict.fromkeys(name.partition(" --")[0] for name in FLAGS))


@pytest.mark.parametrize("name", FLAGS)
def test_the_flags_are_the_pinned_ones(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*name.split(), "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"usage: gestalt {name.partition(' --')[0]} ")
    flags = re.findall(r"^[\u2502 ]{2}(?:-\w, )?(--[a-z][a-z-]*)", out, re.MULTILINE)
    assert flags == FLAGS[name]


def test_help_shows_the_numbers_of_the_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["analogy", "make", "--preset", "tiny", "--help"]) == 0
    words = re.sub(r"[\s\u2502]+", " ", capsys.readouterr().out)
    assert "smaller ones stay. (default: 48)" in words
