"""The lists of UCF101 and HMDB51 are read as they are, and what is wrong with them is said."""

from pathlib import Path

import pytest

from gestalt.tasks.speed.actions import Labelled, read

FILES = ("Walk/a.avi", "Walk/b.avi", "Jump/c.avi", "Jump/d.avi")
LISTS = {
    "classInd.txt": "1 Walk\n2 Jump\n",
    "trainlist01.txt": "Walk/a.avi 1\nJump/c.avi 2\n",
    "testlist01.txt": "Walk/b.avi\r\nJump/d.avi\r\n\r\n",
}
HMDB = {
    "jump_test_split1.txt": "c #1 (x).avi 1\nd.avi 2 \n",
    "walk_test_split1.txt": "a.avi 1\nb.avi 2\ne.avi 0\n",
}


def layout(root: Path, lists: dict[str, str], place: str = ".", files: tuple[str, ...] = FILES) -> Path:
    for file in files:
        (root / "deep/er" / file).parent.mkdir(parents=True, exist_ok=True)
        (root / "deep/er" / file).touch()
    for name, text in lists.items():
        (root / place).mkdir(exist_ok=True)
        (root / place / name).write_text(text)
    return root


@pytest.mark.parametrize("place", [".", "ucfTrainTestlist", "splits"])
def test_the_layout_of_ucf101(place: str, tmp_path: Path) -> None:
    found = read(layout(tmp_path, LISTS, place))
    assert found.classes == ("Walk", "Jump")
    inside = tmp_path / "deep/er"
    assert found.train == (Labelled(inside / FILES[0], 0), Labelled(inside / FILES[2], 1))
    assert found.test == (Labelled(inside / FILES[1], 0), Labelled(inside / FILES[3], 1))


def test_the_layout_of_hmdb51(tmp_path: Path) -> None:
    files = ("walk/a.avi", "walk/b.avi", "jump/c #1 (x).avi", "jump/d.avi")
    found = read(layout(tmp_path, HMDB, "testTrainMulti_7030_splits", files))
    assert found.classes == ("jump", "walk")
    assert [(one.path.name, one.label) for one in found.train] == [("c #1 (x).avi", 0), ("a.avi", 1)]
    assert [(one.path.name, one.label) for one in found.test] == [("d.avi", 0), ("b.avi", 1)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"classInd.txt": None}, "classInd.txt' cannot be read"),
        ({"testlist01.txt": None}, "testlist01.txt' cannot be read"),
        ({"trainlist01.txt": None}, "expected trainlist01.txt, testlist01.txt and classInd.txt"),
        ({"trainlist01.txt": "Fly/a.avi 3\n"}, "names the class 'Fly'"),
        ({"trainlist01.txt": "Walk/a.avi 2\n"}, "calls 'Walk' class 2, and classInd.txt calls it 1"),
        ({"trainlist01.txt": "a.avi 1\n"}, "expected 'Class/video.avi 1'"),
        ({"classInd.txt": "Walk\n"}, "expected '1 ClassName'"),
        ({"testlist01.txt": "\n"}, "has no video to test with"),
        ({"testlist01.txt": "Walk/a.avi\n"}, "has Walk/a.avi twice"),
        (
            {"testlist01.txt": "".join(f"Walk/{n}.avi\n" for n in range(5))},
            "5 of the 7 videos of split 1 are not under .*: Walk/0.avi, Walk/1.avi, Walk/2.avi and others",
        ),
        ({"trainlist01.txt": None, "trainlist03.txt": "Walk/a.avi 1\n"}, "no split 1: choose --split 3"),
    ],
)
def test_what_is_wrong_is_said(changed: dict[str, str | None], words: str, tmp_path: Path) -> None:
    lists = {name: text for name, text in (LISTS | changed).items() if text is not None}
    with pytest.raises(ValueError, match=words):
        read(layout(tmp_path, lists))


def test_odd_lines_and_places_are_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"expected 'video.avi' and 0, 1 or 2"):
        read(layout(tmp_path / "hmdb", {"walk_test_split1.txt": "a.avi 7\n"}))
    twice = layout(tmp_path / "twice", LISTS)
    (twice / "Walk").mkdir()
    (twice / "Walk/a.avi").touch()
    with pytest.raises(ValueError, match=r"Walk/a.avi is in .* and in .*: keep one"):
        read(twice)
