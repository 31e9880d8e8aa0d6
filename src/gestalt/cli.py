"""The command line: what the table of commands says is carried out, and there is one way to answer.

Nothing here imports torch; a command's module is imported when it is asked for, and its task when it starts.
Exit codes: 0 done, 1 our own bug, 2 the user's mistake, 3 stopped or out of disk but resumable, 4 done with some inputs
skipped, 5 anomalies found (only with --fail-on-anomaly).
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gestalt.commands.exits import BUG, DONE, MISTAKE, STOPPED
from gestalt.commands.table import COMMANDS, Maker, Teller

SHORT = {"-n": "--samples", "--method": "--engine"}
"""Flags that have another form; each is spelt out before anything else looks at a command line."""


@dataclass(frozen=True, kw_only=True)
class Resume:
    """Go on with a run that was stopped, failed or was killed; the result is that of an uninterrupted one."""

    run: Path
    """The run folder."""

    quiet: bool = False
    """Say nothing but errors and, at the end, the run folder."""

    json: bool = False
    """Print one JSON object about the finished run instead of its path."""


def main() -> NoReturn:
    """Entry point of the `gestalt` program."""
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Carry out one command line; return the exit code."""
    try:
        code = _dispatch([_spelt_out(word) for word in argv])
        sys.stdout.flush()  # here, where it can still be told, shows whether anybody could take the answer
        return code
    except _Answered as answer:
        return answer.code
    except ValueError as error:
        return _fail(str(error), MISTAKE, argv)
    except BrokenPipeError:
        _drop_output()  # whoever read our output went away: nothing is left to say
        return DONE
    except KeyboardInterrupt as stop:
        return _fail(str(stop) or "stopped before a run was begun; nothing was made", STOPPED, argv)
    except Exception as error:
        from gestalt.run import memory
        from gestalt.run.stop import is_disk_full

        if memory.is_full(error):
            return _fail("there is not enough memory for this; ask for a smaller size or for less", MISTAKE, argv)
        if is_disk_full(error):  # outside a run, which would have stopped
            _drop_output()
            return _fail("there is no space left to write to; free some, then try again", MISTAKE, argv)
        traceback.print_exc()
        return _fail("this is a bug in gestalt; please report it with the lines above", BUG, argv)


def resume(asked: Resume) -> int:
    """Call the function of a stopped run again, in its folder.

    Raises:
        ValueError: the folder holds no run that can be resumed.
    """
    from gestalt.commands.job import Job, Options
    from gestalt.run import record

    content = record.read(asked.run)
    plan = record.plan_of(content)
    record.check_resumable(asked.run, content)
    maker = COMMANDS.get(plan.command)
    if not isinstance(maker, Maker) or plan.engine not in maker.recipes:
        raise ValueError(f"{asked.run} was made by '{plan.command}', which this version of gestalt does not have")
    inputs = getattr(importlib.import_module(maker.module), maker.inputs)
    settings = type(_recipe(maker, plan.engine, plan.preset))
    try:
        job = Job(
            command=plan.command,
            inputs=inputs(**{name: _as_paths(value) for name, value in plan.inputs.items()}),
            settings=settings(**plan.settings),
            options=Options(
                seed=plan.seed,
                device=plan.device,
                engine=plan.engine,
                preset=plan.preset,
                quiet=asked.quiet,
                json=asked.json,
            ),
            argv=plan.argv,
            resume=asked.run,
        )
    except TypeError as error:
        raise ValueError(f"the settings in {asked.run} are not those of this version of gestalt: {error}") from None
    return _make(maker, job)


class _Answered(Exception):
    """The parser has printed what there is to say."""

    def __init__(self, code: int) -> None:
        self.code = code


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview())
        return DONE
    if argv[0] == "--version":
        from gestalt.run import record

        print("gestalt", record.VERSION)
        return DONE
    name = next((name for name in (" ".join(argv[:2]), argv[0]) if name in COMMANDS), None)
    verbs = [name for name in COMMANDS if name.startswith(f"{argv[0]} ")]
    if name is None and verbs and argv[1:] in (["-h"], ["--help"]):
        print("\n".join(f"gestalt {verb}  {COMMANDS[verb].summary}" for verb in verbs))
        return DONE
    if name is None:
        raise ValueError(_unknown(argv))
    command, rest = COMMANDS[name], argv[len(name.split()) :]
    if isinstance(command, Teller):
        module = importlib.import_module(command.module)
        asked = _parse(name, getattr(module, command.arguments), rest)
        return getattr(module, command.function)(asked) or DONE
    return _prepare(name, command, rest)


def _prepare(name: str, maker: Maker, rest: list[str]) -> int:
    """Parse a maker's command line into a job; carry it out unless it is a dry run."""
    import tyro

    from gestalt.commands.job import Job, Options

    module = importlib.import_module(maker.module)
    inputs = getattr(module, maker.inputs)
    options = Options(engine=next(iter(maker.recipes)))
    engine = _asked(rest, "--engine", options.engine)
    recipe = _recipe(maker, engine, _asked(rest, "--preset", options.preset))
    _check_flags(maker, engine, _names(inputs) | _names(recipe) | _names(Options), rest)
    parts = [
        ("inputs", tyro.conf.OmitArgPrefixes[inputs], dataclasses.MISSING),
        ("engine", tyro.conf.OmitArgPrefixes[type(recipe)], recipe),
        ("run", tyro.conf.OmitArgPrefixes[Options], options),
    ]
    if not dataclasses.fields(inputs):
        parts[0] = ("inputs", tyro.conf.Suppress[inputs], inputs())
    whole = dataclasses.make_dataclass(
        "Whole",
        [
            (key, kind) if default is dataclasses.MISSING else (key, kind, dataclasses.field(default=default))
            for key, kind, default in parts
        ],
        kw_only=True,
    )
    whole.__doc__ = inputs.__doc__
    parsed: Any = _parse(name, whole, rest)
    job = Job(
        command=name,
        inputs=parsed.inputs,
        settings=parsed.engine,
        options=parsed.run,
        argv=(*name.split(), *rest),
    )
    if job.options.dry_run:
        from gestalt.run import record

        plan = job.plan(job.options.device, job.options.threads)
        print(json.dumps(record.describe(plan), indent=1))
        return DONE
    return _make(maker, job)


def _make(maker: Maker, job: Any) -> int:
    """Carry a job out and print its run folder last."""
    from gestalt.run import threads
    from gestalt.run.folder import is_writer

    threads.passive_waiting()
    done = getattr(importlib.import_module(maker.module), maker.function)(job)
    if not is_writer():
        return DONE
    if job.options.json:
        outputs = json.loads((done.path / "outputs" / "index.json").read_text())
        metrics = json.loads((done.path / "metrics.json").read_text())
        print(json.dumps({"run": str(done.path), "status": "done", "outputs": outputs, "metrics": metrics}))
    else:
        print(done.path)
    return done.exit_code


def _parse(name: str, kind: Any, rest: list[str]) -> Any:
    """Parse arguments with tyro; its boxed complaint becomes one sentence.

    Raises:
        ValueError: the arguments do not fit.
    """
    import tyro

    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                kind,
                args=rest,
                prog=f"gestalt {name}",
                config=(tyro.conf.PositionalRequiredArgs, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as stop:
        if not stop.code:
            raise _Answered(DONE) from None
        sentence = re.sub(r"^Error parsing (engine|run)(\.\w+)*: ", "", _sentence(complaint.getvalue()))
        raise ValueError(f"{sentence}; see gestalt {name} --help") from None


def _sentence(box: str) -> str:
    """The text of a box between its title and its first rule, as one line, whatever the box is drawn with."""
    words = []
    plain = re.sub(r"\x1b\[[\d;]*m", "", box)  # on a terminal it is coloured
    for line in plain.strip().splitlines()[1:]:
        text = line.strip(" \u2502")
        is_rule = re.fullmatch(r"\W*", text)
        if is_rule and words:
            break
        if not is_rule:
            words.append(text)
    sentence = " ".join(words).rstrip(".") or "these arguments do not fit"
    meant = re.search(r"Perhaps you meant:\W+(--[\w-]+)", plain)
    return _in_plain_words(sentence) + (f" (perhaps {meant[1]} was meant)" if meant else "")


_PLAIN_WORDS = (
    (r"^Error parsing (--\S+): invalid literal for int\(\) with base 10: ", r"\1 must be a whole number, got "),
    (r"^Error parsing (--\S+): could not convert string to float: ", r"\1 must be a number, got "),
    (r"^Error parsing (--\S+): no type matching (\S+) could be instantiated from \[(.*)\]", r"\1: expected \2, got \3"),
    (
        r"^Error parsing (--\S+): Could not (?:find valid parse for|parse) arguments:? \[(.*?)\].*",
        r"\1 must be numbers, got \2",
    ),
    (
        r"^Missing value for argument 'inputs\.\w+'.*",
        "an input is missing, or taken for the value of a misspelt flag",
    ),
    (r"\. Expected 1 values$", ""),
    (r"^Missing from (gestalt .+?): ", r"'\1' needs "),
    (r" ([A-Z]+) (.+?)\.? \(required\)", r" \1 (\2),"),
)


def _in_plain_words(sentence: str) -> str:
    """A complaint of the parser without what only programmers know."""
    for pattern, words in _PLAIN_WORDS:
        sentence = re.sub(pattern, words, sentence)
    return sentence.rstrip(",")


def _recipe(maker: Maker, engine: str, preset: str) -> Any:
    if engine not in maker.recipes:
        raise ValueError(f"--engine must be {' or '.join(maker.recipes)} here, got {engine!r}")
    module, _, function = maker.recipes[engine].partition(":")
    return getattr(importlib.import_module(module), function)(preset)


def _names(settings: Any) -> set[str]:
    """Of settings, or of a kind of them, and of the groups in them."""
    names = set()
    for field in dataclasses.fields(settings):
        group = getattr(settings, field.name, None)
        names |= _names(group) if dataclasses.is_dataclass(group) else {field.name}
    return names


def _check_flags(maker: Maker, engine: str, known: set[str], rest: list[str]) -> None:
    """Say of a flag that is none here, but is one with another engine, with which.

    Raises:
        ValueError: there is such a flag.
    """
    for word in rest[: rest.index("--")] if "--" in rest else rest:
        flag = word.partition("=")[0]
        name = flag.removeprefix("--").replace("-", "_")
        if not flag.startswith("--") or known & {name, name.removeprefix("no_")}:
            continue
        others = [other for other in maker.recipes if name in _names(_recipe(maker, other, "fast"))]
        if others:
            raise ValueError(f"{flag} is for --engine {' and '.join(others)}, and this is --engine {engine}")


def _asked(rest: list[str], flag: str, default: str) -> str:
    """The value of a flag that decides what the other flags are, looked up before they are parsed."""
    for n, word in enumerate(rest):
        if word == flag and n + 1 < len(rest):
            return rest[n + 1]
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return default


def _as_paths(value: str | list[str]) -> Path | tuple[Path, ...]:
    return Path(value) if isinstance(value, str) else tuple(Path(one) for one in value)


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  gestalt {name:{width}}  {command.summary}" for name, command in COMMANDS.items()]
    head = "gestalt: structure-aware manipulation of images and videos from very few samples"
    return "\n".join(
        [head, "", *lines, "", "Each command answers --help. Commands that make something make a run folder."]
    )


def _unknown(argv: list[str]) -> str:
    import difflib

    asked = " ".join(word for word in argv[:2] if not word.startswith("-")) or argv[0]
    near = difflib.get_close_matches(asked, COMMANDS, n=1, cutoff=0.6) or difflib.get_close_matches(
        argv[0], COMMANDS, n=1
    )
    verbs = [name for name in COMMANDS if name.startswith(f"{argv[0]} ")]
    if verbs:
        return f"'gestalt {argv[0]}' needs a verb: {', '.join(verbs)}"
    return f"there is no command '{asked}'" + (f"; did you mean '{near[0]}'?" if near else "; gestalt --help lists all")


def _spelt_out(word: str) -> str:
    flag, equals, value = word.partition("=")
    return SHORT.get(flag, flag) + equals + value


def _drop_output() -> None:
    """Send what is still buffered nowhere, or the interpreter would try again, and complain, as it ends."""
    with contextlib.suppress(OSError):  # in a notebook or a test the output is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(sentence: str, code: int, argv: Sequence[str]) -> int:
    """Say one sentence on the error stream, and on the output as JSON where that was asked for."""
    line = " ".join(sentence.split())
    print(f"gestalt: {line}", file=sys.stderr)
    if "--json" in argv:
        print(json.dumps({"status": "stopped" if code == STOPPED else "failed", "error": line}))
    return code


if __name__ == "__main__":
    main()
