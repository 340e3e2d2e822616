"""The files that run the service for long: what can be checked of them without the machine that they are for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lucency.cli.main import app


@pytest.fixture
def unit(repository: Path) -> str:
    return (repository / "deploy" / "lucency.service").read_text("utf-8")


@pytest.fixture
def container(repository: Path) -> list[str]:
    """Its instructions, each on one line."""
    text = (repository / "deploy" / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_every_option_in_them_is_one_of_the_command(unit: str, container: list[str]) -> None:
    known = set(re.findall(r"--[a-z-]+", CliRunner().invoke(app, ["serve", "--help"]).output))
    (started,) = re.findall(r"^ExecStart=\S+ serve (.*)$", unit, re.MULTILINE)
    (entry,) = [line for line in container if line.startswith("ENTRYPOINT")]
    for words in (started, entry):
        options = set(re.findall(r"--[a-z-]+", words))
        assert options
        assert options <= known


def test_systemd_finds_no_fault_in_the_unit(unit: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    here = tmp_path / "lucency.service"
    # The command is not installed where it will be.
    here.write_text(unit.replace("/opt/lucency/bin/lucency", sys.executable), "utf-8")
    done = subprocess.run([analyze, "verify", "--man=no", str(here)], capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if "lucency.service" in line]
    assert (done.returncode, told) == (0, []), done.stderr
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", "--no-pager", str(here)],
        capture_output=True,
        text=True,
        check=False,
    )
    # Exposure of at most 2.0, on systemd's scale from 0 to 10.
    assert rated.returncode == 0, rated.stdout[-300:] + rated.stderr


def test_the_unit_has_no_way_out_and_keeps_nothing(unit: str) -> None:
    for setting in (
        "IPAddressDeny=any",
        "IPAddressAllow=localhost",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "PrivateTmp=yes",
        "DynamicUser=yes",
        "LimitCORE=0",
    ):
        assert setting in unit.splitlines()
    assert "ExecReload=/bin/kill -HUP $MAINPID" in unit


def test_the_container_runs_without_rights(container: list[str], repository: Path) -> None:
    names = [line.split()[0] for line in container]
    assert names[0] == "FROM"
    assert not {"ADD", "VOLUME"} & set(names)
    user = container[names.index("USER")].split()[1]
    assert user.split(":")[0].isdigit()
    assert int(user.split(":")[0]) >= 1000
    assert names.index("USER") < names.index("ENTRYPOINT")
    image = container[0].split()[1]
    assert ":" in image
    assert not image.endswith(":latest")
    for line in container:
        if line.startswith("COPY"):
            for source in line.split()[1:-1]:
                assert (repository / source).exists(), source
    assert not any("TOKEN" in line for line in container)
