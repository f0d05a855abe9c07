"""Pictures of sweeps, and the page that shows them."""

import html.parser
import itertools
import math
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from workbench import drawing
from workbench.sweep import Choices, Range, plots, sweep

from .test_sweep_points import points_of

GRID = {"sampler": "grid", "in_process": True}
DIMENSIONS = {
    "rate": Range(1e-4, 1.0, log=True),
    "width": Range(0.0, 1.0),
    "mode": Choices(("fast", "plain")),
    "size": Choices((1, 10, 1000)),
}


def many(count, objectives=("loss",), change=lambda values: values, spread=None):
    """Return the points of `count` trials over all kinds of dimensions."""
    random = np.random.default_rng(count)
    parameters = {
        "rate": (10 ** random.uniform(-4, 0, count)).tolist(),
        "width": random.uniform(0, 1, count).tolist(),
        "mode": random.choice(["fast", "plain"], count).tolist(),
        "size": random.choice([1, 10, 1000], count).tolist(),
    }
    values = change(random.normal(size=(count, len(objectives))))
    spread = spread and [spread(place) for place in range(count)]
    return points_of(values.tolist(), *objectives, dimensions=DIMENSIONS, parameters=parameters, spread=spread)


CASES = {
    "one trial": many(1),
    "two trials": many(2),
    "many": many(60),
    "made large": many(30, ["-gain"]),
    "constant": many(12, change=lambda values: values * 0 + 2),
    "zero": many(12, change=lambda values: values * 0),
    "of many sizes": many(30, change=lambda values: np.exp(5 * values)),
    "one far away": many(30, change=lambda values: np.where(values == values.max(), 1e9, values)),
    "spread of some": many(9, spread=lambda place: (0.5,) if place % 2 else (None,)),
    "huge": many(9, change=lambda values: values * 1e300),
    "tiny": many(9, change=lambda values: values * 1e-310),
    "both ends of the range": many(9, change=lambda values: np.sign(values) * 1e308),
    "all sizes there are": many(9, change=lambda values: 10.0 ** np.linspace(-320, 308, 9)[:, None]),
    "closer than can be told apart": many(9, change=lambda values: 1.0 + np.arange(9)[:, None] * 2e-16),
    "spread beyond all bounds": many(9, spread=lambda place: (1e308,) if place % 2 else (math.inf,)),
}


def on_axes(draw):
    """Draw on axes of a figure of its own, see that they are returned, and draw the figure itself."""
    axes = Figure(dpi=20).subplots()
    assert draw(ax=axes) is axes
    assert drawing.encode(axes.figure)
    return axes


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("error:.*(invalid value|divide by zero|overflow)")
def test_pictures_draw_whatever_trials_there_are(case):
    points = CASES[case]
    on_axes(lambda **ax: plots.history(points, **ax))
    on_axes(lambda **ax: plots.parallel_coordinates(points, **ax))
    for name in ("rate", "mode"):
        on_axes(lambda name=name, **ax: plots.response(points, name, **ax))
    for across, up in (("rate", "width"), ("mode", "size")):
        on_axes(lambda pair=(across, up), **ax: plots.response_surface(points, *pair, **ax))


NEAR, FAR = (2**53, 2**53 + 1, 2**53 + 2), (-1e308, 0.0, 1e308)
ODD = {  # a dimension and the values of three trials
    "choices beyond the whole numbers of a float": (Choices(NEAR), NEAR),
    "choices beyond every float": (Choices((1, 10**400)), (1, 10**400, 1)),
    "choices at both ends of the range": (Choices(FAR), FAR),
    "a range that no float can subtract": (Range(-1e308, 1e308), FAR),
    "a narrow range far from 0": (Range(2.0**53, 2.0**53 + 4), (2.0**53, 2.0**53 + 2, 2.0**53 + 4)),
    "values that are all alike": (Range(0.0, 1e308), (1e308, 1e308, 1e308)),
    "a logarithmic range of all sizes": (Range(5e-324, 1e308, log=True), (5e-324, 1.0, 1e308)),
    "an infinite number": (Choices((1.0, math.inf)), (1.0, math.inf, 1.0)),
}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.filterwarnings("error:.*(invalid value|divide by zero|overflow)")
def test_pictures_draw_whatever_values_a_parameter_has(case):
    dimensions, given = {"x": ODD[case][0], "y": Range(0.0, 1.0)}, {"x": ODD[case][1], "y": (0.5, 0.0, 1.0)}
    points = points_of([(1,), (3,), (2,)], "loss", dimensions=dimensions, parameters=given)
    on_axes(lambda **ax: plots.parallel_coordinates(points, **ax))
    on_axes(lambda **ax: plots.response(points, "x", **ax))
    on_axes(lambda **ax: plots.response_surface(points, "y", "x", **ax))


@pytest.mark.parametrize("objectives", [("a", "b"), ("-a", "b"), ("a", "-b"), ("-a", "-b")])
@pytest.mark.parametrize("count", [1, 25])
def test_the_front_is_drawn_from_its_best_to_its_best(objectives, count):
    points = many(count, objectives)
    axes = on_axes(lambda **ax: plots.pareto_front(points, **ax))
    front = points.front()
    drawn = [line for line in axes.lines if line.get_label() == "Pareto front"]
    np.testing.assert_array_equal(drawn[0].get_xdata(), points.values[front, 0])
    np.testing.assert_array_equal(drawn[0].get_ydata(), points.values[front, 1])
    wishes = ["higher is better" if each[0] == "-" else "lower is better" for each in objectives]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (f"a ({wishes[0]})", f"b ({wishes[1]})")


def test_a_history_shows_each_trial_and_the_best_so_far():
    points = CASES["many"]
    axes = plots.history(points)
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(lines["best so far"].get_ydata(), np.minimum.accumulate(points.values[:, 0]))
    np.testing.assert_array_equal(lines["trial"].get_xdata(), points.numbers)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("trial", "loss")


def test_spread_is_drawn_as_bars_where_there_is_one():
    points = CASES["spread of some"]
    (bars,) = plots.history(points).containers
    lengths = [np.ptp(segment[:, 1]) for segment in bars.lines[2][0].get_segments()]
    assert lengths == pytest.approx([1.0 if place % 2 else 0.0 for place in range(9)])
    assert not plots.history(CASES["many"]).containers


def test_an_axis_has_the_scale_and_the_labels_of_its_parameter():
    points = CASES["many"]
    axes = plots.response_surface(points, "rate", "mode")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert [text.get_text() for text in axes.get_yticklabels()] == ["fast", "plain"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("rate", "mode")
    assert plots.response(points, "size").get_xscale() == "log"
    assert plots.response(CASES["of many sizes"], "width").get_yscale() == "log"
    assert plots.response(points, "width").get_yscale() == "linear"


@pytest.mark.parametrize(("case", "best"), [("many", np.argmin), ("made large", np.argmax)])
def test_the_best_trial_is_marked(case, best):
    points = CASES[case]
    where = best(points.values[:, 0])
    marked = {line.get_label(): line for line in plots.response(points, "width").lines}["best"]
    assert marked.get_xdata() == [points.parameters["width"][where]]
    assert marked.get_ydata() == [points.values[where, 0]]


def test_a_surface_shows_the_best_of_trials_at_one_place():
    dimensions = {"x": Range(0.0, 1.0), "y": Range(0.0, 1.0)}
    places = list(itertools.product((0.0, 0.5, 1.0), repeat=2)) * 2
    values = [(float(i),) for i in range(9, 18)] + [(float(i),) for i in range(9)]
    given = {"x": [x for x, _ in places], "y": [y for _, y in places]}
    axes = plots.response_surface(points_of(values, "loss", dimensions=dimensions, parameters=given), "x", "y")
    drawn = next(each for each in axes.collections if len(each.get_offsets()) == 9)
    assert sorted(drawn.get_array()) == list(range(9))
    filled = next(each for each in axes.collections if each is not drawn)
    assert (filled.get_array().min(), filled.get_array().max()) == pytest.approx((0, 8))


@pytest.mark.parametrize(("objective", "extend"), [("loss", "max"), ("-gain", "min"), ("calm", "neither")])
def test_colours_say_where_a_value_is_beyond_them(objective, extend):
    outlier = {"loss": 1e9, "-gain": -1e9, "calm": 0.0}[objective]
    points = many(30, [objective], change=lambda values: np.where(values == values[0], outlier, values))
    drawn = plots.response_surface(points, "rate", "width").collections[-1]
    assert drawn.colorbar.extend == extend


def test_shares_are_bars_with_the_largest_on_top():
    axes = plots.importance({"much": 0.75, "little": 0.25}, "loss")
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["little", "much"]
    assert [text.get_text() for text in axes.texts] == ["0.25", "0.75"]


def test_a_line_of_parallel_coordinates_passes_through_its_parameters():
    points = CASES["many"]
    axes = plots.parallel_coordinates(points)
    lines = next(each for each in axes.collections if len(each.get_segments()) == 60).get_segments()
    best = np.argmin(points.values[:, 0])
    logs = np.log([points.parameters["rate"][place] for place in range(60)])
    assert lines[-1][0, 1] == pytest.approx((logs[best] - logs.min()) / np.ptp(logs))  # the best is on top
    assert lines[-1][2, 1] == ["fast", "plain"].index(points.parameters["mode"][best])
    assert all(len(line) == 5 for line in lines)


class Links(html.parser.HTMLParser):
    """Collect the addresses that a page loads or links to."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.linked, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        found = dict(attributes)
        self.loaded += [found["src"]] if "src" in found else []
        self.linked += [found["href"]] if "href" in found else []
        if tag in ("script", "link", "iframe"):
            self.loaded.append(tag)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Give the folder of a sweep over two objectives, some trials of which failed, with markup in every name."""

    def odd(x: float = 0.0, mode: str = "<i>a</i>"):
        if x > 0.8:
            raise ValueError("<script>alert(1)</script>")
        return {"<b>loss</b>": [x, x + 1.0], "time & cost": (1 - x) ** 2, "more": 1}

    output = tmp_path_factory.mktemp("shown")
    space = {"x": "0..1:11", "mode": ["<i>a</i>", "b"]}
    return sweep(odd, space, ["<b>loss</b>", "time & cost"], sampler="grid", in_process=True, output=output, name="odd")


def test_the_page_loads_nothing_from_elsewhere_and_its_links_exist(shown):
    links = Links((shown.folder / "report.html").read_text())
    assert links.loaded
    for address in links.loaded + [each for each in links.linked if not each.startswith("#")]:
        assert not re.match(r"\w+:|//", address)
        assert (shown.folder / address).is_file(), address
    assert "script" not in links.tags
    assert "url(" not in (shown.folder / "report.html").read_text()


def test_names_and_errors_are_shown_as_text(shown):
    page = (shown.folder / "report.html").read_text()
    assert "&lt;b&gt;loss&lt;/b&gt;" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;i&gt;a&lt;/i&gt;" in page
    for raw in ("<b>loss", "<script", "<i>a"):
        assert raw not in page
    index = (shown.folder.parent / "index.html").read_text()
    assert raw not in index
    assert 'href="odd/report.html"' in index
    assert "4 of 22 trials failed" in index


def test_the_page_lists_the_trials_the_best_first_and_those_that_failed(shown):
    page = (shown.folder / "report.html").read_text()
    body = page[page.index("the best first") :]
    numbers = [int(each) for each in re.findall(r'<tr[^>]*><td class="value">(\d+)</td>', body)]
    good = [each for each in shown.records() if each.status == "ok"]
    assert len(good) == 18
    assert numbers == [each.number for each in sorted(good, key=lambda each: (each.values[0], each.number))]
    assert page.count("exception: ValueError: &lt;script&gt;") == 4
    assert "18 succeeded" in page
    assert "4 failed" in page
    assert len(re.findall('<tr class="changed">', body)) == 9  # of equal ones one: all nine x are on the front
    for words in ("0.0..1.0:11", "&lt;b&gt;loss&lt;/b&gt;:min, time &amp; cost:min", "<code>grid</code>"):
        assert words in page  # what was asked
    assert "odd(x=0.0, mode=&#39;" in page  # how to run the best again
    assert "0.5 ± 0.71" in page  # of the scores 0 and 1
    assert "its standard deviation over folds (&lt;b&gt;loss" in page
    names = {path.name for path in (shown.folder / "figures").iterdir()}
    both = [f"{each}-{place}" for each in ("history", "importance", "response-surface") for place in (1, 2)]
    assert {f"{each}.{kind}" for each in ["pareto-front", *both] for kind in ("png", "svg")} <= names


def test_a_sweep_all_of_whose_trials_failed_has_a_page(tmp_path):
    def fail(x: float = 0.0, y: float = 0.0):
        raise RuntimeError("no luck")

    result = sweep(fail, {"x": "1,2", "y": "1,2"}, sampler="grid", in_process=True, name="s")
    page = (result.folder / "report.html").read_text()
    assert "No trial succeeded: there is nothing to draw." in page
    assert page.count("RuntimeError: no luck") >= 4
    assert (result.best, result.ok) == (None, False)
    assert [path.name for path in (result.folder / "figures").iterdir()] == ["manifest.json"]
    assert "s/report.html" in (tmp_path / "sweeps" / "index.html").read_text()


def test_a_loss_that_is_far_out_has_a_page_whose_pictures_say_so(tmp_path):
    result = sweep(lambda x=0.0: [0.1, 0.2, 1e300, 0.3][int(x)], {"x": "0,1,2,3"}, name="s", **GRID)
    page = (result.folder / "report.html").read_text()
    assert "No plot can show the values of loss to scale; the pictures show them between labels." in page
    assert {"history.svg", "response-x.svg"} <= {path.name for path in (result.folder / "figures").iterdir()}


def test_a_picture_that_cannot_be_drawn_costs_itself_alone(monkeypatch):
    def fail(points, objective, ax=None):
        raise ArithmeticError("no <scale>")

    monkeypatch.setattr(plots, "history", fail)
    result = sweep(lambda x=0.0: x, {"x": "0,1,2,3"}, name="s", **GRID)
    page = (result.folder / "report.html").read_text()
    assert "The picture history cannot be drawn (ArithmeticError: no &lt;scale&gt;)." in page
    names = {path.name for path in (result.folder / "figures").iterdir()}
    assert names == {"response-x.svg", "response-x.png", "manifest.json"}


def test_a_parameter_whose_name_is_longer_than_a_file_name_may_be_is_drawn():
    name = "x" * 300
    scope = {}
    exec(f"def f({name}: float = 0.0):\n    return {name}", scope)
    result = sweep(scope["f"], {name: "1,2"}, name="s", **GRID)
    page = (result.folder / "report.html").read_text()
    (shown,) = re.findall(r'src="figures/(response-x[^"]*)"', page)
    assert (result.folder / "figures" / shown).is_file()


def test_a_sweep_of_one_trial_has_a_page_that_says_what_cannot_be_told(tmp_path):
    result = sweep(lambda x=0.0, y=0.0: x + y, {"x": "1..2", "y": "1..2"}, trials=1, in_process=True, name="s")
    page = (result.folder / "report.html").read_text()
    assert "The importance of parameters for loss cannot be computed: at least two trials must succeed" in page
    assert "1 succeeded" in page
    nothing = sweep(lambda x=0.0: x, {"x": 3}, sampler="grid", in_process=True, name="nothing")
    assert "1 succeeded" in (nothing.folder / "report.html").read_text()
