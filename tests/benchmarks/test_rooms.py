"""The drawing of the rooms: all of them are in it, imports go down, and no stage knows another."""

from benchmarks.rooms import Arrow, drawing, floors, main


def test_the_drawing_has_every_room_and_its_arrows_go_down(tmp_path, capsys):
    assert main([str(tmp_path / "rooms.svg")]) == 0
    picture = (tmp_path / "rooms.svg").read_text()
    assert all(f">{room}</text>" in picture for rooms in floors() for room in rooms)
    assert "enhance imports media" in picture
    assert "0 not downwards" in capsys.readouterr().out


def test_an_arrow_that_goes_up_is_red():
    assert "#ff0000" not in drawing([["a"], ["b"]], [Arrow("a", "b")])
    assert "#ff0000" in drawing([["a"], ["b"]], [Arrow("b", "a")])
