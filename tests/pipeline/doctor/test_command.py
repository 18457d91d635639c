"""The doctor finds what is missing, says what to do about it, and complains of nothing that is well."""

import shutil
import socket
import sqlite3
import subprocess

import pytest
from making import ROOT

from pipeline.doctor import machine
from pipeline.doctor.command import CHECKS, examine, main
from pipeline.doctor.machine import PORTS, disk, ports
from pipeline.doctor.project import chains, database, git, packages, parameters, pins, student


def said(check, paths):
    return list(check(paths))


def test_every_finding_is_well_or_has_one_line_to_run(project):
    findings = list(examine(project.paths))
    assert len(findings) >= len(CHECKS)
    for finding in findings:
        assert finding.said
        assert "\n" not in finding.fix
        assert (finding.mark == "ok") is (not finding.fix)


def test_in_a_new_project_the_student_is_what_is_missing(project):
    marks = {finding.what: finding for finding in examine(project.paths) if finding.mark == "MISSING"}
    assert marks["student"].fix == "Run: make repro"
    assert "git" not in marks
    assert "params.yaml" not in marks


def test_the_status_tells_and_the_table_names_it(project, capsys):
    assert main([]) == 1
    assert "MISSING  student" in capsys.readouterr().out


def test_a_student_is_run_and_its_engine_named(exported, project):
    project.paths.contract.parent.mkdir()
    for file in exported.parent.glob("student_sr*"):
        shutil.copy(file, project.paths.contract.parent)
    (finding,) = said(student, project.paths)
    assert finding.mark == "ok"
    assert "runs in o" in finding.said
    project.paths.student_onnx.write_bytes(b"")
    (finding,) = said(student, project.paths)
    assert finding.mark == "MISSING"
    assert "hash differs" in finding.said


def test_a_chain_without_its_weights_is_a_fault_only_where_it_is_set(project):
    marks = {finding.what: finding.mark for finding in said(chains, project.paths)}
    assert marks.pop("chain classical") == "ok"
    assert marks.keys() >= {"chain original", "chain light", "chain bundled"}
    assert set(marks.values()) == {"optional"}
    project.change(teacher={"chain": "light"})
    found = {finding.what: finding for finding in said(chains, project.paths)}
    assert found["chain light"].mark == "MISSING"
    assert 'weights/bundled/realesr-general-x4v3.fp16.pth"' in found["chain light"].fix
    assert "python -m pipeline.weights get original" in found["chain original"].fix
    shutil.copytree(ROOT / "weights/bundled", project.paths.bundled)
    found = {finding.what: finding for finding in said(chains, project.paths)}
    assert (found["chain light"].mark, found["chain light"].said) == ("ok", "has realesr-general-x4v3.fp16.pth")


def test_pins_are_read_as_pip_reads_them(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("# tools\nmoto[server]==5.2.5\nnumpy==2.4.6 # numbers\n\n-r other.txt\n")
    assert pins(file) == {"moto": "5.2.5", "numpy": "2.4.6"}


def test_another_version_of_a_package_is_named(project):
    (project.root / "requirements.txt").write_text("numpy==0.1\npyyaml==6.0.3\nno-such-package==1\n")
    (finding,) = said(packages, project.paths)
    assert finding.said == "not as in requirements.txt: numpy, no-such-package"
    assert finding.mark == "MISSING"


def test_without_a_commit_the_way_to_one_is_said(project):
    shutil.rmtree(project.root / ".git")
    subprocess.run(["git", "init", "-q", "--template=", "."], cwd=project.root, check=True)
    (finding,) = said(git, project.paths)
    assert (finding.mark, finding.said) == ("MISSING", "no commit here")


def test_a_typo_in_the_parameters_is_quoted(project):
    with project.paths.params.open("a") as file:
        file.write("\ntypo: 1\n")
    (finding,) = said(parameters, project.paths)
    assert "typo is an unknown key" in finding.said


def test_a_full_disk_is_said(project, monkeypatch):
    monkeypatch.setattr(machine, "FREE_GB", 1e9)
    (finding,) = said(disk, project.paths)
    assert finding.mark == "MISSING"


def test_a_port_in_use_is_seen_and_is_no_fault(project, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(machine, "PORTS", {port: "a test"})
        (finding,) = said(ports, project.paths)
    assert finding.said == "in use, for a test"
    assert finding.mark == "optional"
    assert PORTS.keys() == {8501, 5000}


@pytest.mark.usefixtures("with_database")
def test_a_database_is_counted_and_a_broken_one_said(project):
    (finding,) = said(database, project.paths)
    assert finding.said == "0 runs"
    with sqlite3.connect(project.root / "mlflow.db") as connection:
        connection.execute("drop table runs")
    connection.close()
    (finding,) = said(database, project.paths)
    assert finding.mark == "MISSING"
