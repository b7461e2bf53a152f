"""What lies beside the page: frames, pictures, and a page that follows a run."""

import json
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd
import pytest

from millinet.cli import main
from millinet.errors import RunFolderError
from millinet.frames import FRAMES as FRAMES_OF_THE_FLOOR
from millinet.runs import RunFolder
from reports import build_report
from reports.save import markdown
from reports.watch import watch
from tests.reports.generated import Plan, make_run

FRAMES = ["candidates", "comparison", "search", "choices", "layers", "history"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    run = make_run(folder / "run", Plan(num_trials=60))
    build_report([run], folder / "out", pictures=["svg", "png"])
    return folder / "out" / "report"


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_is_written_as_csv_and_markdown(name: str, written: Path) -> None:
    assert len(pd.read_csv(written / f"{name}.csv")) > 0
    assert (written / f"{name}.md").read_text(encoding="utf-8").startswith(f"# {name}\n")


@pytest.mark.parametrize("name", FRAMES)
def test_with_the_extra_every_frame_is_written_as_parquet_with_its_dtypes(name: str, written: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow; pip install 'millinet[parquet]'")

    frame = pd.read_parquet(written / f"{name}.parquet")

    known = FRAMES_OF_THE_FLOOR[name].columns
    assert len(frame) == len(pd.read_csv(written / f"{name}.csv"))
    assert {column: str(frame[column].dtype) for column in known} == {
        column: described.dtype for column, described in known.items()
    }


@pytest.mark.parametrize(
    "plot", ["front", "architecture", "search-hypervolume", "importance", "choice", "training"]
)
def test_every_plot_is_written_as_svg_and_png(plot: str, written: Path) -> None:
    pictures = [path for path in (written / "pictures").iterdir() if path.name.startswith(plot)]

    assert {path.suffix for path in pictures} == {".svg", ".png"}


def test_svg_pictures_are_whole_documents_with_their_own_colours(written: Path) -> None:
    for path in (written / "pictures").glob("*.svg"):
        root = ElementTree.parse(path).getroot()

        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "--ink:#" in "".join(root.itertext())


def test_png_pictures_are_twice_the_size_of_the_svg(written: Path) -> None:
    picture = next((written / "pictures").glob("front*.svg"))
    width = float(ElementTree.parse(picture).getroot().attrib["width"])

    header = picture.with_suffix(".png").read_bytes()[:24]

    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:])[0] == 2 * width


def test_pictures_are_the_same_bytes_when_made_again(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    contents = []
    for out in ("one", "two"):
        build_report([run], tmp_path / out, pictures=["svg", "png"])
        contents.append({path.name: path.read_bytes() for path in (tmp_path / out / "report").rglob("*.*")})

    assert contents[0] == contents[1]


def test_a_report_does_not_count_as_damage_to_its_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    build_report([run])
    RunFolder.open(run).seal()

    build_report([run], baseline="digits-tiny/2")

    assert RunFolder.open(run).damaged() == []


def test_markdown_keeps_a_cell_in_its_cell() -> None:
    frame = pd.DataFrame({"name": ["a|b\nc <i>"], "value": [0.123456789], "nothing": [None]})

    text = markdown(frame, title="t")

    assert text.splitlines()[-1] == "| a\\|b c &lt;i> | 0.12346 |"


def test_a_long_frame_says_how_much_of_it_is_shown() -> None:
    text = markdown(pd.DataFrame({"x": range(1_000)}), title="t")

    assert "1,000 rows, the first 200 of them here and all in t.csv" in text


def test_watching_builds_on_every_change_and_ends_with_the_run(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", Plan(status="running"))
    steps = iter(["nothing", "running", "complete"])
    built = []

    def pause() -> None:
        step = next(steps)
        if step != "nothing":
            RunFolder.open(path).save(status=step, notes=[step])

    times = watch(
        [path], lambda: built.append(build_report([path], refresh_seconds=5).read_text()), pause=pause
    )

    assert times == len(built) == 3
    assert 'http-equiv="refresh" content="5"' in built[0]
    assert 'http-equiv="refresh"' not in built[-1]


def test_watching_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no folder"):
        watch([tmp_path / "missing"], lambda: build_report([tmp_path / "missing"]), pause=lambda: None)


def test_the_command_writes_the_page_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run")

    with pytest.raises(SystemExit) as ended:
        main(["report", str(run), "--out", str(tmp_path / "out"), "--svg"])

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"report: {tmp_path / 'out' / 'report.html'}\n"
    assert (tmp_path / "out" / "report" / "pictures").is_dir()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing"], "is no folder"),
        (["run", "--baseline", "x"], "no baseline called 'x'; known: digits-tiny"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "run")

    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path / arguments[0]), *arguments[1:], "--out", str(tmp_path / "out")])

    assert ended.value.code == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_watched_page_is_built_without_a_watch_when_the_run_has_ended(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")

    assert watch([run], lambda: build_report([run]), pause=lambda: pytest.fail("nothing to wait for")) == 1


def test_no_number_of_the_frames_is_lost_on_the_way_to_the_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    page = build_report([run]).read_text(encoding="utf-8")
    data = json.loads(page.partition('id="candidates-data">')[2].partition("</script>")[0])
    place = data["columns"].index("latency_ms")

    frame = pd.read_csv(run / "report" / "candidates.csv")

    sent = sorted(row[place] for row in data["rows"] if row[place] is not None)
    assert sent == pytest.approx(sorted(frame["latency_ms"].dropna()), rel=1e-5)
