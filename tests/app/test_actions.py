"""Whatever in app/ changes something is for operators: found by reading all of its code, so that a new action without
the rule fails here."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from making import ROOT
from streamlit.testing.v1 import AppTest

from app.hosts import HOSTS

RULE = "operators_only"
CALLS = {
    *("write_json", "write_bytes", "write_text", "touch", "mkdir", "rename", "unlink", "rmdir", "symlink_to"),
    *("rmtree", "copy", "copytree", "move", "move_whole", "Popen", "killpg", "kill", "terminate", "send_signal"),
    "utime",
}
PASSED_ON = {"promote.promote", "promote.back"}  # to a thread, by which they are called
# Programs of their own, and what of them ends with them: who runs one has the files anyway.
PROGRAMS = {
    *("app.apart", "app.launch", "app.leftovers", "app.standalone", "app.jobs.keeper", "app.jobs.other_dvc"),
    *("app.live.__main__", "app.live.assets", "app.live.offline", "app.live.serve"),
}
OWN = {"rename", "kill"}  # actions of app/ that are called as changes of files and processes are
NO_ACTIONS = {
    "app.apart.apart": "decodes what was uploaded, to show it",
    "app.changed_files.latest": "a process that compares files, to show how stages stand",
    "app.changed_files.main": "that process, which keeps its answer",
    "app.data.thumbnails.make": "pictures to show",
    "app.data.versions._git": "reads the history",
    "app.home.before_after._pair": "pictures to show",
    "app.lineage.parameters_at": "reads a commit",
    "app.live.inbox.Inbox.begin": "requests over HTTP, which app.log_in asks: see test_log_in.py",
    "app.live.inbox.Inbox._open": "the same",
    "app.live.inbox.Inbox.hear": "the same",
    "app.live.inbox.Inbox.put": "the same",
    "app.live.inbox.Inbox.end": "the same",
    "app.live.inbox.Inbox.abort": "the same",
    "app.live.inbox.Inbox.sweep": "removes what was cut off",
}


@dataclass
class Function:
    """A function of app/ as its code has it."""

    module: str
    name: str  # with its class
    has_rule: bool
    changes: set[str] = field(default_factory=set)  # what it calls to change something
    mentions: set[str] = field(default_factory=set)  # names, and "owner.name" where one is asked for something

    @property
    def place(self) -> str:
        return f"{self.module}.{self.name}"


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    """The code of app/ by module."""
    files = {file.relative_to(ROOT).with_suffix("").parts: file for file in sorted((ROOT / "app").rglob("*.py"))}
    return {".".join(parts).removesuffix(".__init__"): ast.parse(file.read_text()) for parts, file in files.items()}


@pytest.fixture(scope="module")
def known(modules: dict[str, ast.Module]) -> list[Function]:
    return [each for module, code in modules.items() for each in functions_in(code.body, module)]


@pytest.fixture(scope="module")
def imports(modules: dict[str, ast.Module]) -> dict[str, set[str]]:
    """What each module names when it imports: modules and what is in them; of a package what that imports, too."""
    own = {module: set(names_imported(code)) for module, code in modules.items()}
    return {module: names | {more for name in names for more in own.get(name, ())} for module, names in own.items()}


def names_imported(code: ast.Module) -> Iterator[str]:
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions_in(body: list[ast.stmt], module: str, prefix: str = "") -> Iterator[Function]:
    rest = Function(module, f"{prefix}<module>", has_rule=False)
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from functions_in(node.body, module, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            rules = {ast.unparse(decorator) for decorator in node.decorator_list}
            found = Function(module, f"{prefix}{node.name}", has_rule=RULE in rules)
            look_into(node, found)
            yield found
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            look_into(node, rest)
    yield rest


def look_into(node: ast.AST, found: Function) -> None:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            found.mentions.add(each.id)
        elif isinstance(each, ast.Attribute):
            mention = f"{last_name(each.value)}.{each.attr}"
            found.mentions.add(mention)
            found.changes |= {mention} & PASSED_ON
        if isinstance(each, ast.Call) and is_change(each):
            found.changes.add(ast.unparse(each.func))


def last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def is_change(call: ast.Call) -> bool:
    name, words = last_name(call.func), [each.value for each in call.args if isinstance(each, ast.Constant)]
    if name == "open":
        return any(isinstance(word, str) and set(word) & set("wax+") for word in words)
    if name == "run":
        return ast.unparse(call.func) == "subprocess.run"
    if name == "replace":  # that of a path has one argument, that of a text two
        return len(call.args) == 1 and not call.keywords and isinstance(call.func, ast.Attribute)
    return name in CALLS and not (name in OWN and isinstance(call.func, ast.Name))


def unguarded(known: list[Function], imports: dict[str, set[str]]) -> list[Function]:
    """Those that change something and can be reached by way of a function without the rule."""
    mentioned: dict[str, list[tuple[Function, str]]] = {}  # by the last name: who mentions it, of which owner
    for each in known:
        for mention in each.mentions:
            owner, _, name = mention.rpartition(".")
            mentioned.setdefault(name, []).append((each, owner))
    callers = {
        each.place: {
            caller.place
            for caller, owner in mentioned.get(each.name.rpartition(".")[2], ())
            if caller is not each and may_call(caller, owner, each, imports[caller.module])
        }
        for each in known
    }
    safe = {each.place for each in known if each.has_rule or each.place in NO_ACTIONS}
    while True:
        more = {
            each.place
            for each in known
            if each.place not in safe and callers[each.place] <= safe
            if callers[each.place] or each.module in PROGRAMS
        }
        if not more:
            return [each for each in known if each.changes and each.place not in safe]
        safe |= more


def may_call(caller: Function, owner: str, called: Function, imported: set[str]) -> bool:
    """Whether a caller that mentions the other's name, of that owner, can mean it: an object's methods always; else it
    has to know the module."""
    if "." in called.name:
        return True
    there = caller.module == called.module or called.module in imported
    meant = {module for module in imported if owner and module.rpartition(".")[2] == owner}  # none for an object
    return there and (not meant or called.module in meant)


def test_whatever_changes_something_is_for_operators(known: list[Function], imports: dict[str, set[str]]) -> None:
    assert [(each.place, each.changes) for each in unguarded(known, imports)] == []
    assert {each.place for each in known} >= NO_ACTIONS.keys()


def call_all(actions: list[tuple[str, str]]) -> None:
    """A page that calls all of them, with nothing: an action that begins misses its arguments."""
    import importlib
    from operator import attrgetter

    import streamlit as st

    from app.roles import NotAllowedError

    for module, name in actions:
        try:
            attrgetter(name)(importlib.import_module(module))()
        except NotAllowedError as error:
            st.error(str(error))
        except TypeError:
            st.success(name)


def test_each_action_refuses_a_viewer_before_it_begins(known: list[Function], monkeypatch: pytest.MonkeyPatch) -> None:
    actions = [(each.module, each.name) for each in known if each.has_rule]
    page = AppTest.from_function(call_all, kwargs={"actions": actions}).run()
    assert [each.value for each in page.success] == [name for _, name in actions]
    monkeypatch.setenv(HOSTS, "cam.example.org")  # others reach it by that name
    page.run()
    assert not page.exception
    assert not page.success
    assert len(page.error) == len(actions)
    assert {each.value.partition(".")[0] for each in page.error} == {"Running, changing and deleting is for operators"}
