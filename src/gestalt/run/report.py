"""report.html: one page about a run, for people; it needs no script, no network and no other file.

Only run.json, metrics.json, metrics.jsonl and outputs/index.json are read, with the files that the index
lists: the page knows no task. A missing or damaged part leaves a note in its place.
"""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gestalt.media import atomic
from gestalt.run import curves, index, journal, listing, pictures, record
from gestalt.run.progress import duration

_PICTURE_LIMIT = 1_500_000  # bytes; a larger picture is shown as a smaller copy
_TOTAL_LIMIT = 40_000_000  # bytes; with many pictures each has its share of this
_VIDEO_LIMIT = 6_000_000  # bytes; a larger video stays outside the page
_MOST_ITEMS = 200
_TINY = 200  # pixels; smaller pictures are enlarged, with their pixels visible
_TABLE_ROWS, _ALL_ROWS = 12, 200  # shown of a file, and of a table that is a result
_VIDEOS = {".mp4": "video/mp4", ".webm": "video/webm"}
_SOUNDS = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg"}
_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}

Entry = Mapping[str, str]


def write(folder: Path) -> Path:
    """Write report.html into a run folder, finished or not, and return its path.

    Raises:
        ValueError: If the folder is not a run.
    """
    folder = Path(folder)
    path = folder / "report.html"
    atomic.write_text(path, _page(folder, record.read(folder)))
    return path


def number(value: object) -> str:
    """Return a measure as people read it: four digits, thousands apart."""
    if value is None:
        return "not finite"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{value:.4g}"


def _page(folder: Path, run: dict[str, Any]) -> str:
    about = listing.info(folder)
    title = f"{about.command}: {folder.resolve().name}"
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    sections = [
        _section("Results", _results(folder, index.read(folder / "outputs" / "index.json"))),
        _section("Measures", _measures(folder / "metrics.json")),
        _section("Curves", _curves(folder / "metrics.jsonl")),
        _section("Inputs", _inputs(run)),
        _section("Settings", _sheet(_flat(run.get("settings")))),
        _section("To repeat it", _repeat(run)),
        _section("Made with", _sheet(_versions(run))),
        _section("References", _references(run.get("references"))),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"{_header(folder, run, about)}\n{''.join(sections)}"
        f"<footer>gestalt {escape(str(run['gestalt']))} &middot; {escape(folder.resolve().name)}</footer>\n"
        "</main>\n</body>\n</html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{body}\n</section>\n" if body else ""


def _header(folder: Path, run: Mapping[str, Any], about: listing.RunInfo) -> str:
    how = [f"{run[name]} {name}" for name in ("engine", "preset") if run.get(name)]
    how += [f"seed {run.get('seed')}", f"on {run.get('device')}", _count(run.get("threads"), "thread")]
    when = about.started.replace("T", " ").removesuffix("Z")
    state = f'<span class="status {escape(about.status)}">{escape(about.status)}</span>'
    names = [Path(path).name for path in record.input_paths(run.get("inputs") or {})[:4]]
    notice = ""
    if about.status in ("stopped", "failed", "interrupted"):
        reason = about.reason or "the run was killed"
        notice = (
            f'<div class="notice {about.status}"><p>{escape(reason)}</p>'
            f"<p>To go on: <code>gestalt resume {escape(shlex.quote(str(folder)))}</code></p></div>"
        )
    return (
        f"<header>\n<h1>{escape(about.command)} <small>{escape(', '.join(names))}</small></h1>\n"
        f'<p class="facts">{state} &middot; {duration(about.seconds)} of work'
        f" &middot; started {escape(when)} UTC</p>\n"
        f'<p class="facts">{" &middot; ".join(escape(part) for part in how)}</p>\n{notice}</header>'
    )


def _count(value: object, noun: str) -> str:
    return f"{value} {noun}{'' if value == 1 else 's'}"


def _results(folder: Path, entries: list[dict[str, str]]) -> str:
    shown = entries[:_MOST_ITEMS]
    limit = min(_PICTURE_LIMIT, _TOTAL_LIMIT // max(1, len(shown)))
    parts = [_grid(folder, group, limit) for group in _grids(entry for entry in shown if entry["row"] or entry["col"])]
    single = [entry for entry in shown if not entry["row"] and not entry["col"]]
    if single:
        few = " few" if len(single) <= 2 else ""
        parts.append(f'<div class="gallery{few}">{"".join(_item(folder, entry, limit) for entry in single)}</div>')
    if len(entries) > len(shown):
        parts.append(f'<p class="soft">{len(entries) - len(shown)} more are in outputs/.</p>')
    return "\n".join(parts) or '<p class="soft">No results yet.</p>'


def _grids(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Group entries into grids: rows that share a column belong together."""
    grids: list[list[Entry]] = []
    for entry in entries:
        near = [grid for grid in grids if any(_share_a_line(entry, other) for other in grid)]
        joined = [other for grid in near for other in grid]
        place = grids.index(near[0]) if near else len(grids)
        grids = [grid for grid in grids if grid not in near]
        grids.insert(place, [*joined, entry])
    return grids


def _share_a_line(one: Entry, other: Entry) -> bool:
    return one["row"] == other["row"] or one["col"] == other["col"]


def _grid(folder: Path, entries: list[Entry], limit: int) -> str:
    rows = list(dict.fromkeys(entry["row"] for entry in entries))
    cols = list(dict.fromkeys(entry["col"] for entry in entries))
    head = "".join(f'<th scope="col">{escape(col)}</th>' for col in cols)
    body = []
    for row in rows:
        cells = []
        for col in cols:
            inside = [_item(folder, entry, limit) for entry in entries if (entry["row"], entry["col"]) == (row, col)]
            cells.append(f"<td>{''.join(inside)}</td>")
        body.append(f'<tr><th scope="row">{escape(row)}</th>{"".join(cells)}</tr>')
    return (
        f'<div class="scroll"><table class="grid">\n<thead><tr><td></td>{head}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(body)}\n</tbody></table></div>"
    )


def _item(folder: Path, entry: Entry, limit: int) -> str:
    """Return one result as a figure; whatever is wrong with it becomes a note."""
    outputs = folder / "outputs"
    path = outputs / entry["path"]
    caption = escape(entry["caption"] or ("" if entry["row"] or entry["col"] else entry["path"]))
    link = f'<a href="outputs/{escape(quote(entry["path"]))}">{escape(entry["path"])}</a>'
    try:
        if not path.resolve().is_relative_to(outputs.resolve()):
            raise ValueError("the index names a file outside outputs/")
        return _figure(path, caption, link, limit, entry["kind"])
    except (ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        note = f'<div class="missing">{escape(entry["path"])}: {escape(reason)}</div>'
        return f"<figure>{note}<figcaption>{caption}</figcaption></figure>"


def _figure(path: Path, caption: str, link: str, limit: int, kind: str) -> str:
    suffix = path.suffix.lower()
    if suffix in _PICTURES:
        return _picture(path, caption, link, limit, kind)
    size = path.stat().st_size
    if suffix in _VIDEOS or suffix in _SOUNDS:
        is_video = suffix in _VIDEOS
        if size > _VIDEO_LIMIT:
            return f"<figure><figcaption>{caption} ({_bytes(size)}, in {link})</figcaption></figure>"
        source = pictures.data_uri(path.read_bytes(), (_VIDEOS | _SOUNDS)[suffix])
        tag, look = ("video", "controls loop muted playsinline") if is_video else ("audio", "controls")
        player = f'<{tag} {look} src="{source}"></{tag}>'
        return f"<figure>{player}<figcaption>{caption}</figcaption></figure>"
    rows = _rows(path, is_table=kind == "table") if suffix == ".csv" else ""
    wide = ' class="wide"' if rows else ""
    return f"<figure{wide}><figcaption>{caption}: {link}, {_bytes(size)}</figcaption>{rows}</figure>"


def _picture(path: Path, caption: str, link: str, limit: int, kind: str) -> str:
    """A sheet has words in it, which are read at its full size alone; other pictures are wide where they are long."""
    picture = pictures.embed(path, limit)
    width, height, look = picture.width, picture.height, ""
    if picture.is_copy:
        caption += f" (shown as a copy; {width} x {height} in {link})"
    if max(width, height) < _TINY:
        enlarged = -(-_TINY // max(width, height))
        width, height, look = width * enlarged, height * enlarged, ' class="tiny"'
    wide = ' class="wide"' if kind == "sheet" or (width > 2.2 * height and width > 480) else ""
    image = f'<img{look} src="{picture.source}" width="{width}" height="{height}" alt="{escape(path.name)}">'
    return f"<figure{wide}>{image}<figcaption>{caption}</figcaption></figure>"


def _rows(path: Path, *, is_table: bool) -> str:
    """Return the first rows of a file, folded away; of a table all rows, in the open, numbers as people read them."""
    most, longest = (_ALL_ROWS, 240) if is_table else (_TABLE_ROWS, 60)
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(islice(csv.reader(file), most + 1))
    if not rows:
        return ""
    head = "".join(f"<th>{escape(cell[:longest])}</th>" for cell in rows[0][:12])
    shown = ((_readable(cell) if is_table else cell for cell in row[:12]) for row in rows[1:])
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell[:longest])}</td>' for cell in row)}</tr>" for row in shown)
    opened, summary = (" open", "table") if is_table else ("", "first rows")
    return (
        f"<details{opened}><summary>{summary}</summary><div class='scroll'>"
        f"<table class='values'><tr>{head}</tr>{body}</table></div></details>"
    )


def _readable(cell: str) -> str:
    """Return a number of a table as `number` does, any other text as it is."""
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,25})?(e-?\d{1,2})?", cell, re.ASCII):
        return cell
    return number(float(cell) if {".", "e"} & set(cell) else int(cell))


def _measures(path: Path) -> str:
    try:
        measures = json.loads(path.read_text(encoding="utf-8"))
        rows = [(name, number(value)) for name, value in measures.items()]
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, AttributeError):
        return '<p class="soft">metrics.json is damaged.</p>'
    return _sheet(rows)


def _curves(path: Path) -> str:
    collected = curves.collect(journal.read(path))
    charts = [curves.chart(measure, loops) for measure, loops in islice(collected.items(), 24)]
    return f'<div class="charts">{"".join(charts)}</div>' if charts else ""


def _inputs(run: Mapping[str, Any]) -> str:
    rows = []
    for name, value in (run.get("inputs") or {}).items():
        for path in [value] if isinstance(value, str) else value:
            print_ = str((run.get("fingerprints") or {}).get(path, ""))[:12]
            rows.append(
                f"<tr><th>{escape(name)}</th><td>{escape(path)}</td><td><code>{escape(print_)}</code></td></tr>"
            )
    return f'<div class="scroll"><table class="pairs">{"".join(rows)}</table></div>' if rows else ""


def _repeat(run: Mapping[str, Any]) -> str:
    argv = run.get("argv")
    if not argv:
        return '<p class="soft">The run was started from Python; run.json holds its plan.</p>'
    return f"<pre>{escape(shlex.join(['gestalt', *map(str, argv)]))}</pre>"


def _versions(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("gestalt", str(run["gestalt"]))]
    if run.get("git"):
        rows.append(("commit", str(run["git"])[:12]))
    rows.append(("python", str(run.get("python", "?"))))
    rows += [(str(name), str(version)) for name, version in (run.get("libraries") or {}).items()]
    return [*rows, ("platform", str(run.get("platform", "?")))]


def _references(lines: Iterable[str] | None) -> str:
    items = "".join(f"<li>{escape(str(line))}</li>" for line in lines or ())
    return f'<ol class="references">{items}</ol>' if items else ""


def _sheet(rows: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return f'<dl class="sheet">{items}</dl>' if items else ""


def _flat(settings: object, prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as dotted names and texts."""
    if not isinstance(settings, Mapping):
        return []
    rows = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            rows.append((prefix + name, ", ".join(map(str, value)) or "none"))
        elif value is None:
            rows.append((prefix + name, "none"))
        elif isinstance(value, bool):
            rows.append((prefix + name, "yes" if value else "no"))
        else:
            rows.append((prefix + name, str(value)))
    return rows


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
