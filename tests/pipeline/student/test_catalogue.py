"""Models are found by name, in the order that was promised, and nothing is laid out that is not what it says."""

import json
import shutil

import pytest
from making import Project, photo

from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json
from pipeline.core.hashing import sha256
from pipeline.promote import promote
from pipeline.register import register
from pipeline.student import catalogue
from pipeline.student.contract import read_contract as runtime_contract
from pipeline.student.runtime import load_student
from pipeline.student.student import start_web
from pipeline.tracking import registry


def bundle(project: Project, name: str, *, folder: str = "") -> None:
    """Put the project's student into weights/bundled/, or a folder of it, under another name."""
    place = project.paths.bundled / folder
    place.mkdir(parents=True, exist_ok=True)
    contract = read_json(project.paths.contract, made_by="export")
    contract["files"] = {f"{name}.onnx": sha256(project.paths.student_onnx)}
    shutil.copy(project.paths.student_onnx, place / f"{name}.onnx")
    (place / f"{name}.json").write_text(json.dumps(contract))


def names(project: Project) -> list[str]:
    return [model.name for model in catalogue.available(project.paths)]


def test_what_can_be_run_is_listed_champion_first(trained):
    assert names(trained) == ["student_sr"]
    bundle(trained, "student_s")
    bundle(trained, "student_m")
    register(trained.paths)
    promote("1", trained.paths, force=True)
    folder = trained.paths.registry / sha256(trained.paths.student_onnx)
    tags = {"onnx_sha256": "b" * 64, "model": "student_l"}
    for _ in range(3):
        registry.add(folder, tags=tags, run_id=None)
    registry.set_alias("candidate", 3)
    expected = [
        "champion",
        "candidate",
        "version:4",
        "version:2",
        "student_sr",
        "bundled:student_m",
        "bundled:student_s",
    ]
    assert names(trained) == expected
    assert catalogue.available(trained.paths)[1].title == "Candidate: version 3 (student_l)"
    assert catalogue.find("version:1", trained.paths).name == "champion"


def test_the_one_in_use_stands_first_and_is_called_by_its_version(trained):
    bundle(trained, "student_m")
    register(trained.paths)
    registry.set_alias("candidate", 1)
    assert names(trained) == ["student_sr", "candidate", "bundled:student_m"]
    assert catalogue.available(trained.paths)[0].title == "Newest: student_s, version 1"
    promote("1", trained.paths, force=True)
    assert names(trained)[0] == catalogue.find(None, trained.paths).name == "champion"


def test_a_student_that_has_only_its_form_for_files_is_that_one(trained):
    bundle(trained, "student_m")
    bundle(trained, "student_m", folder="files")
    bundle(trained, "student_l", folder="files")
    assert names(trained) == ["student_sr", "bundled:student_m", "bundled:student_l"]
    large, medium = (catalogue.find(f"bundled:{name}", trained.paths) for name in ("student_l", "student_m"))
    assert large.contract == large.for_files == trained.paths.bundled / "files" / "student_l.json"
    assert medium.contract == trained.paths.bundled / "student_m.json"
    assert medium.for_files == trained.paths.bundled / "files" / "student_m.json"


def test_none_named_is_the_champion_else_the_student_here_else_a_bundled_one(trained):
    bundle(trained, "student_l")
    bundle(trained, "student_m")
    register(trained.paths)
    assert catalogue.find(None, trained.paths).name == "student_sr"
    assert catalogue.find(None, trained.paths).note == "The registry has no champion."
    promote("1", trained.paths, force=True)
    found = catalogue.find(None, trained.paths)
    assert (found.name, found.note) == ("champion", "")
    assert load_student(found.contract)
    (trained.root / "mlflow.db").unlink()
    trained.paths.contract.unlink()
    assert catalogue.find(None, trained.paths).name == "bundled:student_m"


def test_where_there_is_nothing_it_is_said_what_to_do(project):
    with pytest.raises(SharpcamError, match=r'There is no student yet\. .*Run "make repro" first'):
        catalogue.find(None, project.paths)
    assert catalogue.available(project.paths) == []
    assert not (project.root / "mlflow.db").exists()


@pytest.mark.parametrize("name", ["champion", "candidate", "version:9", "bundled:nothing", "nonsense"])
def test_a_name_that_is_not_there_is_an_error_that_tells_what_is(trained, name):
    with pytest.raises(SharpcamError, match=rf'There is no model "{name}"; there are: student_sr'):
        catalogue.find(name, trained.paths)


def test_a_registry_that_cannot_be_read_is_passed_over_and_it_is_said(trained):
    (trained.root / "mlflow.db").write_bytes(b"no database" * 1000)
    found = catalogue.find(None, trained.paths)
    assert found.name == "student_sr"
    assert "does not answer as it should" in found.note
    with pytest.raises(SharpcamError, match=r'no model "champion".*does not answer as it should'):
        catalogue.find("champion", trained.paths)


@pytest.mark.parametrize("suffix", [".onnx", "_int8.onnx", ".json"])
def test_a_file_is_found_by_its_contract(trained, suffix):
    file = trained.paths.contract.with_name(f"student_sr{suffix}")
    found = catalogue.find(str(file), trained.paths)
    assert found.contract == trained.paths.contract
    with pytest.raises(SharpcamError, match=r"No .*other\.json, and a student runs only by its contract"):
        catalogue.find(str(file.with_name(f"other{suffix}")), trained.paths)


def test_a_named_file_is_of_its_kind_and_its_contract_names_it(trained):
    floats, int8 = trained.paths.student_onnx, trained.paths.contract.with_name("student_sr_int8.onnx")
    assert [catalogue.find(str(file), trained.paths).int8 for file in (floats, int8)] == [False, True]
    assert catalogue.find("student_sr", trained.paths).int8 is None
    contract = read_json(trained.paths.contract, made_by="export")
    del contract["files"][int8.name]
    trained.paths.contract.write_text(json.dumps(contract))
    with pytest.raises(SharpcamError, match=r"student_sr\.json does not name student_sr_int8\.onnx"):
        catalogue.find(str(int8), trained.paths)


def test_what_is_laid_out_is_whole_and_is_renewed_with_its_contract(trained):
    model = catalogue.find("student_sr", trained.paths)
    assert load_student(catalogue.materialize(model, trained.paths) / "student_sr.json")
    rewrite_contract(trained)
    folder = catalogue.materialize(model, trained.paths)
    assert read_json(folder / "student_sr.json", made_by="export")["data"] == {}
    (folder / "student_sr.onnx").write_bytes(b"damaged")
    assert catalogue.materialize(model, trained.paths) == folder
    assert load_student(folder / "student_sr.json")


def rewrite_contract(project: Project) -> None:
    """The same network under another contract, as an export of other data may write it."""
    contract = read_json(project.paths.contract, made_by="export") | {"data": {}}
    project.paths.contract.write_text(json.dumps(contract))


def test_a_registered_student_keeps_its_contract_whatever_the_same_network_gets_here(trained):
    registered = trained.paths.contract.read_bytes()
    register(trained.paths)
    rewrite_contract(trained)
    here = catalogue.materialize(catalogue.find("student_sr", trained.paths), trained.paths)
    version = catalogue.find("version:1", trained.paths)
    assert version.contract.read_bytes() == registered
    assert (here / "student_sr.json").read_bytes() == trained.paths.contract.read_bytes()


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda paths: paths.student_onnx.write_bytes(b"another"), r"student_sr\.onnx is not .* \(its hash differs\)"),
        (lambda paths: paths.student_onnx.unlink(), r"student_sr\.onnx is not .* \(it is missing\)"),
        (lambda paths: paths.contract.write_text("[]"), "is not a contract of a student"),
        (lambda paths: paths.contract.write_text('{"files": {}}'), "is not a contract of a student"),
        (lambda paths: paths.contract.write_text('{"files": {"../a.onnx": "b"}}'), "is not a contract of a student"),
        (lambda paths: paths.contract.write_text("no JSON"), "is not valid JSON"),
    ],
    ids=["changed", "missing", "list", "no files", "a path", "no JSON"],
)
def test_what_is_not_as_its_contract_says_is_not_laid_out(trained, harm, sentence):
    harm(trained.paths)
    with pytest.raises(SharpcamError, match=sentence):
        catalogue.materialize(catalogue.find("student_sr", trained.paths), trained.paths)
    assert not list(trained.paths.registry.rglob("*.json"))


def test_a_full_disk_is_one_sentence(trained, full_disk):
    with pytest.raises(SharpcamError, match=r"could not be laid out in .*registry \(No space left.*\. Fix that"):
        catalogue.materialize(catalogue.find("student_sr", trained.paths), trained.paths)


def test_a_web_form_is_laid_out_with_the_other_files(project, dialled_once):
    shutil.copytree(dialled_once.parent, project.paths.bundled)
    folder = catalogue.materialize(catalogue.find("bundled:student_d", project.paths), project.paths)
    contract = runtime_contract(folder / "student_d.json")
    assert start_web(contract).enhance(photo(60, 80)).std() > 5
    contract.file_of("web").write_bytes(b"damaged")
    assert catalogue.materialize(catalogue.find("bundled:student_d", project.paths), project.paths) == folder
    assert start_web(contract)


FILES = ["text", "", 3, None, [], ["student_sr.onnx"], {}, {"a.onnx": 3}, {"a.onnx": None}, {"../a.onnx": "ab"}]


@pytest.mark.parametrize("files", FILES, ids=str)
def test_a_contract_whose_files_are_no_table_is_one_sentence(tmp_path, files):
    contract = tmp_path / "student_sr.json"
    contract.write_text(json.dumps({"files": files, "model": "student_s"}))
    for reader in (catalogue.read_contract, runtime_contract):
        with pytest.raises(SharpcamError, match=r"student_sr\.json is not a contract of a student"):
            reader(contract)


@pytest.mark.parametrize(
    "content", ["[]", "3", "null", '"files"', "[" * 100_000, '{"files": NaN}'], ids=lambda it: it[:9]
)
def test_a_contract_that_is_no_table_is_one_sentence(tmp_path, content):
    contract = tmp_path / "student_sr.json"
    contract.write_text(content)
    for reader in (catalogue.read_contract, runtime_contract):
        with pytest.raises(SharpcamError, match=r"student_sr\.json is (not a contract|not valid JSON)"):
            reader(contract)


@pytest.mark.parametrize("int8", ["text", 3, [], {"loss_db": "much"}, {"loss_db": None}], ids=str)
def test_a_contract_whose_int8_part_is_damaged_is_one_sentence(exported, int8):
    content = json.loads(exported.read_text()) | {"int8": int8}
    exported.write_text(json.dumps(content))
    with pytest.raises(SharpcamError, match=r"is not a contract of a student \(int8"):
        runtime_contract(exported)
