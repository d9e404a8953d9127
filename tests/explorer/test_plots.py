"""Geometry of the plots."""

from komep_dataset.explorer.plots import Figure, curve, heat, nice_ceiling


def test_geometry():
    assert [nice_ceiling(n) for n in (0, 1, 3, 18, 21, 501)] == [1, 1, 5, 20, 50, 1000]
    cells = heat(["a", "b"], [[0, 3], [1, 0]], "{chosenModel}>{rejectedModel}".format)["cells"]
    assert cells[0][1]["link"] == "a>b" and cells[0][0]["link"] == ""
    assert [[cell["share"] for cell in row] for row in cells] == [[None, 0.75], [0.25, None]]
    found = curve([(0.0, 0.0, 0.0, 0.1), (1.0, 0.5, 0.4, 0.6)], 1.0)
    assert found["points"] == [(44, 166), (384, 97)] and found["whiskers"][0] == (44, 166, 152.2)


def test_which_columns_hold_numbers_is_found_once_a_figure():
    """The page asks for every cell: of a square table of models, the whole table was read again each time."""
    figure = Figure("k", "t", "r", rows=(("a", "1,024", "50% to 60%", "–"), ("b", "+0.5", "same", "none")))
    assert figure.numeric == (False, True, True, False)
    assert figure.numeric is figure.numeric
