"""`millinet profile` and `millinet doctor`, as a user meets them."""

import subprocess
import sys
from pathlib import Path

import pytest

from millinet.commands.doctor import doctor
from millinet.commands.profile import parse_shape, profile
from millinet.errors import ConfigError
from millinet.frames import LATENCY


def test_profile_prints_every_form_and_adds_the_rows_to_a_frame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        profile(
            ["network:resnet20"],
            shape="3x8x8",
            batch="1,2",
            dtype="fp32,bf16",
            budget="10s",
            layers=True,
            out=tmp_path,
        )

    frame = LATENCY.read(tmp_path / "latency.csv")
    printed = capsys.readouterr().out
    assert len(frame) == 8
    assert set(zip(frame["batch"], frame["dtype"], strict=True)) == {
        (1, "fp32"),
        (1, "bf16"),
        (2, "fp32"),
        (2, "bf16"),
    }
    assert set(frame["verdict"]) <= {"meets", "undecided"}
    assert "network:resnet20" in printed
    assert "stem.conv.conv" in printed


def test_a_budget_decides_the_batch_that_is_profiled(tmp_path: Path) -> None:
    frame = profile(["network:resnet20"], shape="3x8x8", budget="10s@batch=3", out=tmp_path)

    assert frame["batch"].tolist() == [3]


@pytest.mark.parametrize("text", ["3x224", "224", "3x0x8", "3xAx8", "", "3x8x8x8"])
def test_an_input_shape_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="3x224x224"):
        parse_shape(text)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"batch": "1,two"}, "1,8"),
        ({"dtype": "fp31"}, "fp32"),
        ({"budget": "2 bananas"}, "2ms"),
        ({"engine": "tensorrt"}, "onnxruntime"),
        ({"threads": 10_000}, "usable cores"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_written(
    options: dict[str, object], hint: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=hint):
        profile(["network:resnet20"], shape="3x8x8", out=tmp_path, **options)  # type: ignore[arg-type]

    assert not list(tmp_path.iterdir())


def test_from_the_shell_a_wrong_budget_is_one_line_and_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "millinet", "profile", "network:resnet20", "--budget", "2", "--out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("millinet: error: cannot read the latency budget '2'")
    assert len(done.stderr.splitlines()) == 1


def test_the_doctor_says_everything_on_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    code = doctor(device="cpu")

    lines = capsys.readouterr().out.splitlines()
    assert code in (0, 1)
    assert len(lines) <= 24
    for word in ("device", "driver", "threads", "versions", "noise", "A/A ratio", "calm calls", "verdict"):
        assert any(line.startswith(word) for line in lines)
