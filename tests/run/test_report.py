"""The report holds all that it shows, survives damage, and trusts nothing it reads."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from PIL import Image

from gestalt.run import curves, pictures, report
from gestalt.run.folder import Run, Stopped
from run import jobs

_VOID = {"meta", "img", "br", "line", "circle", "polyline", "polygon", "link", "hr", "input"}


class _Page(HTMLParser):
    """Checks that every tag is closed, and collects tags with their attributes and all text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def _write(folder: Path, entries: list[dict[str, str]], **known: object) -> Path:
    """Make the folder of a finished run with these results and return its path."""
    with Run.create(folder, jobs.plan(**known), progress=jobs.quiet()) as run:
        for entry in entries:
            run.add(entry.get("kind", "image"), **{key: value for key, value in entry.items() if key != "kind"})  # pyright: ignore
    return folder


def _page(folder: Path) -> _Page:
    return _Page(report.write(folder))


def _picture(size: tuple[int, int], mode: str = "RGB", noise: bool = False) -> Image.Image:
    if noise:
        return Image.frombytes(mode, size, os.urandom(size[0] * size[1] * len(Image.new(mode, (1, 1)).getbands())))
    return Image.new(mode, size)


def _embedded(source: str | None) -> Image.Image:
    found = re.fullmatch(r"data:image/(\w+);base64,(.*)", source or "")
    assert found, "not embedded"
    image = Image.open(io.BytesIO(base64.b64decode(found[2])))
    image.load()
    return image


def test_every_picture_is_in_the_page_and_nothing_comes_from_elsewhere(tmp_path: Path) -> None:
    plan = jobs.plan(references=("A Paper. https://example.org/paper",), argv=("analogy", "make", "a b.png"))
    with Run.create(tmp_path / "run", plan, progress=jobs.quiet()) as run:
        for row in ("inputs", "results"):
            for col in "AB":
                run.image(f"{row}{col}.png", torch.rand(1, 3, 8, 9), f"{row} {col}", row=row, col=col)
        run.image("alone.png", torch.rand(1, 1, 300, 400), "Alone")
        for step in run.steps("a2b", 20, {}):
            run.log(step, loss=1 / (step + 1))
        run.measure(coherence=0.123456, count=12345)
    page = _Page(tmp_path / "run" / "report.html")
    assert len(page.all("img")) == 5
    assert {_embedded(image["src"]).size for image in page.all("img")} == {(9, 8), (400, 300)}
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed"}
    text = (tmp_path / "run" / "report.html").read_text()
    assert re.findall(r"https?://[^\s<]+", text) == ["https://example.org/paper"]
    assert "url(" not in text
    assert "@import" not in text
    for shown in (
        "analogy make",
        "done",
        "0.1235",
        "12\N{NARROW NO-BREAK SPACE}345",
        "gestalt analogy make 'a b.png'",
    ):
        assert shown in page.text
    heads = [head for head in page.all("th") if head.get("scope")]
    assert [head["scope"] for head in heads] == ["col", "col", "row", "row"]


def test_only_small_pictures_are_enlarged_and_pixelated(tmp_path: Path) -> None:
    folder = _write(tmp_path / "run", [{"path": name, "caption": ""} for name in ("s.png", "l.png")])
    _picture((48, 30)).save(folder / "outputs" / "s.png")
    _picture((200, 100)).save(folder / "outputs" / "l.png")
    small, large = _page(folder).all("img")
    assert (small.get("class"), small["width"], small["height"]) == ("tiny", "240", "150")
    assert (large.get("class"), large["width"], large["height"]) == (None, "200", "100")


@pytest.mark.parametrize(
    ("name", "mode", "kind"),
    [("a.png", "RGB", "JPEG"), ("a.png", "RGBA", "WEBP"), ("a.tif", "RGB", "JPEG"), ("a.png", "LA", "WEBP")],
)
def test_heavy_pictures_become_smaller_copies(tmp_path: Path, name: str, mode: str, kind: str) -> None:
    folder = _write(tmp_path / "run", [{"path": name, "caption": "Heavy"}])
    (folder / "outputs").mkdir(exist_ok=True)
    _picture((1700, 500), mode, noise=True).save(folder / "outputs" / name)
    page = _page(folder)
    image = _embedded(page.all("img")[0]["src"])
    assert image.format == kind
    assert max(image.size) <= 1600
    assert len(page.all("img")[0]["src"] or "") < 2_100_000
    assert "1700 x 500" in page.text
    assert {"href": f"outputs/{name}"} in page.all("a")


def test_sixteen_bit_pictures_keep_their_greys(tmp_path: Path) -> None:
    image = Image.new("I;16", (300, 300))
    image.putdata([(257 * (i % 256)) for i in range(300 * 300)])
    image.save(tmp_path / "map.tif")
    copy = _embedded(pictures.embed(tmp_path / "map.tif", 10**6).source)
    assert copy.convert("L").getpixel((128, 0)) == pytest.approx(128, abs=4)


def test_many_pictures_share_the_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_TOTAL_LIMIT", 100_000)
    monkeypatch.setattr(report, "_MOST_ITEMS", 10)
    folder = _write(tmp_path / "run", [{"path": f"{n}.png", "caption": ""} for n in range(13)])
    for number in range(13):
        _picture((400, 100), noise=True).save(folder / "outputs" / f"{number}.png")
    path = report.write(folder)
    assert 100_000 < path.stat().st_size < 400_000  # of 1 560 000
    assert "3 more are in outputs/" in path.read_text()


def test_damaged_and_missing_results_leave_a_note(tmp_path: Path) -> None:
    names = ("gone.png", "text.png", "cut.png", "../run.json", "gone.csv", "gone.mp4", "ok.png")
    with Run.create(tmp_path / "run", jobs.plan(), progress=jobs.quiet()) as run:
        run.image("ok.png", torch.rand(1, 3, 20, 20), "fine")
    outputs = run.path / "outputs"
    (outputs / "text.png").write_text("hello")
    (outputs / "cut.png").write_bytes((outputs / "ok.png").read_bytes()[:-30])
    (outputs / "index.json").write_text(json.dumps([{"path": name, "caption": f"<{name}>"} for name in names]))
    page = _page(run.path)
    assert len(page.all("img")) == 1
    notes = [attributes for attributes in page.all("div") if attributes.get("class") == "missing"]
    assert len(notes) == 6
    assert "outside outputs/" in page.text
    assert "the file is missing" in page.text


def test_everything_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>\"&"
    source = tmp_path / "<b>in.txt"
    source.write_text("x")
    folder = _write(
        tmp_path / "<i>run",
        [
            {"path": f"{evil[:7]}.csv", "caption": evil, "row": evil, "col": evil},
            {"path": 'a".png', "caption": evil},
        ],
        command=evil,
        engine=evil,
        preset=evil,
        settings={evil: evil},
        argv=(evil,),
        references=(evil,),
        device=evil,
        inputs={evil: str(source)},
    )
    (folder / "outputs" / f"{evil[:7]}.csv").write_text(f"{evil},1\n{evil},2\n")
    _picture((3, 3)).save(folder / "outputs" / 'a".png')
    (folder / "metrics.json").write_text(json.dumps({evil: 1, "text": evil}))
    (folder / "metrics.jsonl").write_text(json.dumps({"loop": evil, "step": 0, evil: 1}) + "\n")
    known = json.loads((folder / "run.json").read_text())
    for name in ("status", "started", "reason", "gestalt", "python", "platform", "git"):
        known[name] = evil
    known["libraries"] = {evil: evil}
    (folder / "run.json").write_text(json.dumps(known))
    page = _page(folder)
    assert not {tag for tag, _ in page.tags} & {"script", "b", "i"}
    assert not [name for _, attributes in page.tags for name in attributes if "<" in name or "'" in name]
    assert page.text.count(evil) >= 15


def test_tables_clips_and_sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("scores.csv", "clip.mp4", "long.mp4", "sound.wav", "model.bin")
    folder = _write(tmp_path / "run", [{"path": name, "caption": name} for name in names])
    outputs = folder / "outputs"
    (outputs / "scores.csv").write_text("path,score\n" + "".join(f"{n}.png,{n}\n" for n in range(50)))
    for name in names[1:]:
        (outputs / name).write_bytes(b"x" * (5000 if name == "long.mp4" else 100))
    monkeypatch.setattr(report, "_VIDEO_LIMIT", 1000)
    page = _page(folder)
    assert [video["src"] for video in page.all("video")] == [pictures.data_uri(b"x" * 100, "video/mp4")]
    assert len(page.all("audio")) == 1
    assert {link["href"] for link in page.all("a")} == {f"outputs/{n}" for n in ("scores.csv", "long.mp4", "model.bin")}
    text = (folder / "report.html").read_text()
    assert ">11.png<" in text
    assert ">12.png<" not in text


def test_a_sheet_is_shown_at_full_width_and_a_picture_of_its_form_is_not(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run", jobs.plan(), progress=jobs.quiet()) as run:
        run.image("sheet.png", torch.rand(1, 3, 300, 200), "with words in it", kind="sheet")
        run.image("picture.png", torch.rand(1, 3, 300, 200), "without")
    shown = _Page(tmp_path / "run" / "report.html").all("figure")
    assert shown == [{"class": "wide"}, {}]


def test_a_table_among_the_results_is_shown_whole(tmp_path: Path) -> None:
    entry = {"kind": "table", "path": "table.csv", "caption": "all"}
    folder = _write(tmp_path / "run", [entry])
    cells = ["0.123456789", "-2.5e-05", "12345", "1.2.3", "\u0665", "9" * 400, "seven <b>", "nan"]
    (folder / "outputs" / "table.csv").write_text("n,cell\n" + "".join(f"{n},{cells[n % 8]}\n" for n in range(40)))
    page = _page(folder)
    assert page.all("details") == [{"open": None}]
    text = (folder / "report.html").read_text()
    shown = re.findall(r"<td>([^<]*)</td>", text)
    assert shown[::2] == [str(n) for n in range(40)]
    readable = ["0.1235", "-2.5e-05", "12\N{NARROW NO-BREAK SPACE}345", "1.2.3", "\u0665", "9" * 240]
    assert shown[1:17:2] == [*readable, "seven &lt;b&gt;", "nan"]


def test_grids_of_unrelated_rows_stay_apart() -> None:
    def entry(row: str, col: str) -> dict[str, str]:
        return {"path": f"{row}{col}", "caption": "", "row": row, "col": col}

    entries = [entry("r1", "a"), entry("s1", "x"), entry("r2", "b"), entry("r2", "a"), entry("s1", "y")]
    groups = [[item["path"] for item in group] for group in report._grids(entries)]
    assert groups == [["r1a", "r2b", "r2a"], ["s1x", "s1y"]]


def test_unfinished_run_says_why_and_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(Stopped), Run.create(tmp_path / "a run", jobs.plan(), progress=jobs.quiet()):
        raise Stopped("stopped by SIGTERM")
    page = _page(tmp_path / "a run")
    assert "stopped by SIGTERM" in page.text
    assert f"gestalt resume '{tmp_path / 'a run'}'" in page.text
    with pytest.raises(ValueError, match="not a gestalt run"):
        report.write(tmp_path)


def test_damaged_metrics_leave_a_note(tmp_path: Path) -> None:
    folder = _write(tmp_path / "run", [])
    for text in ("{", "[1]"):
        (folder / "metrics.json").write_text(text)
        assert "metrics.json is damaged" in _page(folder).text


def test_bare_run_json_is_enough(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"gestalt": "9", "command": "demo", "status": "done"}')
    assert "No results yet" in _page(tmp_path).text


def _points(svg: str, kind: str) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, pair.split(","))) for pair in found.split()]  # pyright: ignore
        for found in re.findall(rf'<{kind} class="\w+" points="([^"]*)"', svg)
    ]


@pytest.mark.parametrize(
    "values",
    [
        [0.0] * 5,
        [3.0],
        [1e-12, 1.0, 1e12],
        [-1e9, 1e9],
        [5.0, 5.0 + 1e-13],
        [1e-300, 1e300],
        [-1e308, 1.0, 1e308],
        [-1e300, 1e300],
        [float(n % 7) for n in range(5000)],
    ],
)
def test_curves_stay_inside_their_frame(values: list[float]) -> None:
    lines = [{"loop": "a", "step": step, "loss": value} for step, value in enumerate(values)]
    svg = curves.chart("loss", curves.collect(lines)["loss"])
    corners = [point for kind in ("polyline", "polygon") for shape in _points(svg, kind) for point in shape]
    corners += [(float(x), float(y)) for x, y in re.findall(r'cx="([^"]*)" cy="([^"]*)"', svg)]
    assert corners
    assert all(51.9 <= x <= 370.1 and 9.9 <= y <= 186.1 for x, y in corners)
    assert len(corners) < 500


def test_curves_fall_when_values_fall_and_bands_hold_all_values() -> None:
    lines = [{"loop": "a", "step": step, "loss": 1000 - step + (step % 2)} for step in range(1000)]
    svg = curves.chart("loss", curves.collect(lines)["loss"])
    (line,) = _points(svg, "polyline")
    assert all(x1 < x2 and y1 < y2 for (x1, y1), (x2, y2) in pairwise(line))
    assert len(_points(svg, "polygon")) == 1


def test_curves_skip_what_is_not_a_number() -> None:
    lines = [
        {"loop": "a", "step": 0, "loss": None, "word": "x"},
        {"loop": "a", "step": 1, "loss": 2.0},
        {"loop": "b", "step": 0, "loss": 1},
    ]
    assert curves.collect(lines) == {"loss": {"a": [(1, 2.0)], "b": [(0, 1.0)]}}


def test_many_loops_share_one_ramp() -> None:
    loops = {f"level {n}": [(0, 1.0 + n), (1, 2.0)] for n in range(20)}
    svg = curves.chart("loss", loops)
    assert svg.count("<polyline") == 20
    assert svg.count("<li style") == 12


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (12345, "12\N{NARROW NO-BREAK SPACE}345"),
        (2.0, "2"),
        (3.2e-6, "3.2e-06"),
        (None, "not finite"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert report.number(value) == text


def test_settings_of_zero_and_one_are_numbers(tmp_path: Path) -> None:
    settings = {"a": 1, "b": True, "c": 0, "d": {"e": None, "f": [], "g": [1, 2]}, "h": 1.0}
    page = _page(_write(tmp_path / "run", [], settings=settings))
    for name, value in (("a", "1"), ("b", "yes"), ("c", "0"), ("d.e", "none"), ("d.f", "none"), ("d.g", "1, 2")):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in (tmp_path / "run" / "report.html").read_text()
    assert "h1.0" in page.text
