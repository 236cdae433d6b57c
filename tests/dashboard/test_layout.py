"""The pure parts of the run page: rows, folds, scales, ticks, shapes; run in Chromium, as the page runs them."""

from collections.abc import Generator
from typing import Any

import pytest

from tests.dashboard.browsing import browsing
from tests.dashboard.modules import Modules
from tests.dashboard.shopfront import shopfront
from tests.server.live import live


@pytest.fixture(scope="module")
def modules() -> Generator[Modules]:
    with live(shopfront) as server, browsing(server.url) as site, site.page("/start") as page:
        yield Modules(page)


def test_times_keep_their_microseconds(modules: Modules) -> None:
    found = modules.run(
        "run/layout",
        "return a.map(m.stamp)",
        ["1970-01-01T00:00:01.000250Z", "1970-01-01T01:00:00+01:00", None, "soon"],
    )
    assert found == [1000.25, 0, None, None]


TREE = """
const run = {id: 'r', workflow: 'w', status: 'running', created_at: '2026-01-01T00:00:00Z'};
const call = (id, parent, name, status = 'succeeded') => ({id, parent, name, kind: 'step', status,
  opened_at: '2026-01-01T00:00:01Z', ended_at: status === 'running' ? null : '2026-01-01T00:00:02Z', attempts: []});
"""


def test_rows_follow_the_tree_in_order_of_creation(modules: Modules) -> None:
    found = modules.run(
        "run/layout",
        TREE
        + """
        const root = m.tree(run, [call('a', null, 'a'), call('g', null, 'g'), call('g/b', 'g', 'b'), call('c',
          null, 'c'), call('x', 'nowhere', 'x')]);
        return [m.rows(root, () => true).map((row) => [row.name, row.depth, row.place]), m.rows(root, (node) => node.id !== 'g').map((row) => row.name)]""",  # noqa: E501
    )
    assert found == [
        [["w", 0, 1], ["a", 1, 1], ["g", 1, 2], ["b", 2, 1], ["c", 1, 3], ["x", 1, 4]],
        ["w", "a", "g", "c", "x"],
    ]


def test_many_siblings_of_one_name_become_one_row(modules: Modules) -> None:
    found = modules.run(
        "run/layout",
        TREE
        + """
        const many = Array.from({length: 51}, (_, n) => call(`p#${n}`, null, n ? `page #${n + 1}` : 'page',
          n === 3 ? 'failed' : 'succeeded'));
        const root = m.tree(run, [call('a', null, 'a'), ...many, ...many.slice(0, 50).map((each) => ({...each,
          id: 'q' + each.id, name: 'other'}))]);
        const shut = m.rows(root, (node) => node.type !== 'map');
        return [shut.length, shut[2].name, shut[2].status, m.counted(shut[2].children), m.rows(root, () => true).length]""",  # noqa: E501
    )
    assert found == [
        53,
        "page",
        "failed",
        [{"status": "succeeded", "count": 50}, {"status": "failed", "count": 1}],
        104,
    ]


def test_finding_keeps_what_stands_above_a_match(modules: Modules) -> None:
    found = modules.run(
        "run/layout",
        TREE
        + """
        const root = m.tree(run, [call('a', null, 'a'), call('g', null, 'g'), call('g/bee', 'g', 'bee')]);
        return [m.rows(root, () => false, 'BEE').map((row) => row.name), m.rows(root, () => false, 'zzz').map((row) => row.name)]""",  # noqa: E501
    )
    assert found == [["w", "g", "bee"], ["w"]]


def test_a_ring_of_parents_neither_hangs_nor_shows_twice(modules: Modules) -> None:
    found = modules.run(
        "run/layout", TREE + "return m.rows(m.tree(run, [call('a', 'a', 'a')]), () => true).map((row) => row.name)"
    )
    assert found == ["w", "a"]


@pytest.mark.parametrize(
    ("policy", "attempts"), [("6 attempts, 4s apart, doubling", 6), ("retries 5, exponential", 6), (None, None)]
)
def test_allowed_attempts_are_read_from_the_policy(modules: Modules, policy: str | None, attempts: int | None) -> None:
    assert modules.run("run/layout", "return m.allowedAttempts({policy: a})", policy) == attempts


def test_a_window_of_ten_thousand_rows_holds_a_screen_full(modules: Modules) -> None:
    found = modules.run(
        "run/layout",
        "return [m.windowed(10000, 28, 0, 560), m.windowed(10000, 28, 140000, 560), m.windowed(3, 28, 0, 560)]",
    )
    assert found == [{"first": 0, "last": 28}, {"first": 4992, "last": 5028}, {"first": 0, "last": 3}]


def test_idle_is_longer_than_twenty_active_segments(modules: Modules) -> None:
    found = modules.run(
        "run/scale", "return m.idle([{from: 0, to: 100}, {from: 2101, to: 2201}, {from: 4200, to: 4300}], 0, 4300)"
    )
    assert found == [{"from": 100, "to": 2101}]


def test_only_the_longest_folds_stay_when_there_is_no_room(modules: Modules) -> None:
    found = modules.run(
        "run/scale", "return m.idle([{from: 0, to: 1}, {from: 2000, to: 2001}, {from: 9000, to: 9001}], 0, 9001, 1)"
    )
    assert found == [{"from": 2001, "to": 9000}]


def test_a_run_without_attempts_has_no_folds(modules: Modules) -> None:
    assert modules.run("run/scale", "return m.idle([], 0, 1e9)") == []


def test_a_scale_folds_and_comes_back(modules: Modules) -> None:
    found = modules.run(
        "run/scale",
        """
        const scale = m.scaleOf({start: 0, end: 10000, folds: [{from: 1000, to: 9000}], width: 446});
        return [[0, 1000, 5000, 9000, 10000].map(scale.x), [0, 200, 223, 246, 446].map(scale.time), scale.width]""",
    )
    assert found == [[0, 200, 223, 246, 446], [0, 1000, 5000, 9000, 10000], 446]


def test_zoom_keeps_what_is_under_the_pointer_and_the_width_of_folds(modules: Modules) -> None:
    found = modules.run(
        "run/scale",
        """
        const shape = {start: 0, end: 10000, folds: [{from: 1000, to: 9000}], width: 446};
        const at = 300;
        const before = m.scaleOf(shape).time(at);
        const view = m.zoomed(shape, {zoom: 1, left: 0}, at, 4);
        const scale = m.scaleOf({...shape, zoom: view.zoom});
        return [view.zoom, scale.time(view.left + at) - before, scale.pieces[1].x1 - scale.pieces[1].x0]""",
    )
    assert found[0] == 4
    assert abs(found[1]) < 1e-6
    assert found[2] == 46


def test_showing_a_stretch_fills_the_chart_with_it(modules: Modules) -> None:
    found = modules.run(
        "run/scale",
        """
        const shape = {start: 0, end: 10000, folds: [{from: 1000, to: 9000}], width: 446};
        const view = m.showing(shape, 9200, 9700);
        const scale = m.scaleOf({...shape, zoom: view.zoom});
        return [scale.time(view.left), scale.time(view.left + 446)].map(Math.round)""",
    )
    assert abs(found[0] - 9200) <= 2
    assert abs(found[1] - 9700) <= 2


def test_ticks_say_the_time_of_day_then_the_time_since(modules: Modules) -> None:
    found = modules.run(
        "run/scale",
        """
        const scale = m.scaleOf({start: 0, end: 20000, folds: [], width: 500});
        return m.ticks(scale, {left: 0, right: 500}, 19000).map((tick) => [tick.kind, Math.round(tick.x), tick.length])""",  # noqa: E501
    )
    assert found == [["start", 0, 0], ["now", 475, 0], ["tick", 125, 5000], ["tick", 250, 10000], ["tick", 375, 15000]]


def test_labels_never_meet(modules: Modules) -> None:
    assert (
        modules.run(
            "run/scale",
            """
        for (let width = 120; width < 1200; width += 37) for (const folds of [[], [{from: 500, to: 4000}],
          [{from: 500, to: 4000}, {from: 4100, to: 9000}], [{from: 500, to: 10000}]]) {
          const scale = m.scaleOf({start: 0, end: 10000, folds, width});
          const labels = m.ticks(scale, {left: 0, right: width},
            9990).filter((tick) => tick.left !== tick.right).sort((a, b) => a.left - b.left);
          const told = labels.filter((tick) => tick.kind === "fold").length;
          if (width > 260 && told !== folds.length) return [width, labels];
          for (let n = 1; n < labels.length; n++) if (labels[n].left < labels[n - 1].right) return [width,
            labels[n - 1], labels[n]];
        }
        return null""",
        )
        is None
    )


def test_the_axis_of_a_living_run_grows_by_a_quarter(modules: Modules) -> None:
    found = modules.run(
        "run/scale", "return [m.horizon(0, 0, 10000, 0), m.horizon(0, 12000, 11000, 0), m.horizon(0, 12000, 12001, 0)]"
    )
    assert found == [10200, 12000, 15001.25]


SHAPE = """
const at = (second) => new Date(second * 1000).toISOString();
const node = (call) => ({type: 'call', from: 0, to: call.ended_at ? Date.parse(call.ended_at) : null,
  status: call.status, children: [], call: {attempts: [], opened_at: at(0), began_at: null, ended_at: null,
  event: null, child: null, ...call}});
const shapes = (call) => m.shapesOf(node(call), 9000, () => []).map(({form, from, to, ...more}) => [form, from, to,
  JSON.parse(JSON.stringify(more))]);
"""


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("{kind: 'step', status: 'queued'}", [["queue", 0, 9000, {"open": True}]]),
        (
            "{kind: 'step', status: 'succeeded', ended_at: at(3), attempts: [{n: 1, began_at: at(1), ended_at: at(3), status: 'succeeded'}]}",  # noqa: E501
            [["queue", 0, 1000, {}], ["attempt", 1000, 3000, {"open": False, "status": "succeeded"}]],
        ),
        (
            "{kind: 'step', status: 'running', attempts: [{n: 1, began_at: at(0), ended_at: at(1), status: 'failed'}, {n: 2, began_at: at(3), ended_at: null, status: 'running'}]}",  # noqa: E501
            [
                ["attempt", 0, 1000, {"open": False, "status": "failed", "n": 1}],
                ["backoff", 1000, 3000, {}],
                ["attempt", 3000, 9000, {"open": True, "status": "running", "n": 2}],
            ],
        ),
        (
            "{kind: 'step', status: 'queued', attempts: [{n: 1, began_at: at(0), ended_at: at(1), status: 'failed', again_at: at(20)}]}",  # noqa: E501
            [["attempt", 0, 1000, {"open": False, "status": "failed"}], ["backoff", 1000, 9000, {"open": True}]],
        ),
        (
            "{kind: 'step', status: 'unknown', ended_at: at(2), attempts: [{n: 1, began_at: at(0), ended_at: null, status: 'unknown'}]}",  # noqa: E501
            [["attempt", 0, 2000, {"open": False, "status": "unknown"}]],
        ),
        (
            "{kind: 'step', status: 'running', attempts: [{n: 1, began_at: at(0), ended_at: at(2), status: 'unknown', lost: true}, {n: 1, began_at: at(3), ended_at: null, status: 'running'}]}",  # noqa: E501
            [
                ["attempt", 0, 2000, {"open": False, "status": "unknown", "n": 1}],
                ["queue", 2000, 3000, {}],
                ["attempt", 3000, 9000, {"open": True, "status": "running", "n": 1}],
            ],
        ),
        ("{kind: 'sleep', status: 'waiting'}", [["sleep", 0, 9000, {"open": True, "status": "waiting"}]]),
        (
            "{kind: 'wait', status: 'succeeded', ended_at: at(5), event: {name: 'e', key: null, received_at: at(4)}}",
            [["wait", 0, 4000, {"open": False, "end": "event"}]],
        ),
        (
            "{kind: 'wait', status: 'failed', ended_at: at(5), event: {name: 'e', key: null, received_at: null}}",
            [["wait", 0, 5000, {"open": False, "end": "over"}]],
        ),
        ("{kind: 'wait', status: 'waiting'}", [["wait", 0, 9000, {"open": True}]]),
        (
            "{kind: 'child', status: 'running', began_at: at(1)}",
            [["queue", 0, 1000, {}], ["attempt", 1000, 9000, {"open": True, "status": "running", "child": True}]],
        ),
        (
            "{kind: 'scope', status: 'succeeded', ended_at: at(6)}",
            [["scope", 0, 6000, {"open": False, "status": "succeeded"}]],
        ),
        (
            "{kind: 'undo', status: 'succeeded', ended_at: at(2), attempts: [{n: 1, began_at: at(1), ended_at: at(2), status: 'succeeded'}]}",  # noqa: E501
            [["queue", 0, 1000, {}], ["undo", 1000, 2000, {"open": False, "status": "succeeded"}]],
        ),
    ],
)
def test_every_kind_has_its_form(modules: Modules, call: str, expected: list[Any]) -> None:
    assert modules.run("run/shapes", SHAPE + f"return shapes({call})") == expected


def test_a_run_that_begins_later_sleeps_until_then_and_is_queued_after(modules: Modules) -> None:
    found = modules.run(
        "run/layout",
        """
        const {shapesOf} = await import('/static/run/shapes.js');
        const at = (second) => new Date(second * 1000).toISOString();
        const shapes = (now) => shapesOf(m.tree({id: 'r', workflow: 'w', status: 'queued', created_at: at(0),
          started_at: null, due_at: at(60)}, []), now, () => []).map(({form, from, to,
          open}) => [form, from, to, open]);
        return [shapes(9000), shapes(70000)]""",
    )
    assert found == [[["sleep", 0, 9000, True]], [["sleep", 0, 60000, False], ["queue", 60000, 70000, True]]]


def test_a_run_is_away_while_it_only_waits(modules: Modules) -> None:
    found = modules.run(
        "run/shapes",
        SHAPE
        + """
        const step = (from, to) => ({kind: 'step', status: 'succeeded', opened_at: at(from), ended_at: at(to),
          attempts: [{n: 1, began_at: at(from), ended_at: at(to), status: 'succeeded'}]});
        const calls = [step(0, 1), {kind: 'sleep', status: 'succeeded', opened_at: at(1), ended_at: at(5),
          attempts: []}, step(2, 3), {kind: 'wait', status: 'waiting', opened_at: at(5), ended_at: null, attempts: []}];
        const root = {type: 'run', from: 0, to: null, status: 'waiting', children: []};
        const away = m.absence(root, calls, 9000);
        return m.shapesOf(root, 9000, () => away).map(({form, from, to, open}) => [form, from, to, open ?? false])""",
    )
    assert found == [
        ["held", 0, 1000, False],
        ["away", 1000, 2000, False],
        ["held", 2000, 3000, False],
        ["away", 3000, 9000, True],
    ]


AWAY = (
    SHAPE
    + """
const away = (status, to, ...calls) => {
  const root = {type: 'run', from: 0, to, status, children: []};
  const gone = m.absence(root, calls, 9000);
  return m.shapesOf(root, 9000, () => gone).map(({form, from, to, open}) => [form, from, to, open ?? false]);
};
const tried = (from, to, again) => ({n: 1, began_at: at(from), ended_at: at(to), status: 'failed',
  again_at: at(again)});
const step = (status, ended_at, ...attempts) => ({kind: 'step', status, opened_at: at(0), ended_at, attempts});
"""
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (  # now, and with an earlier one: dotted to the live edge
            "away('waiting', null, step('waiting', null, tried(0, 1, 4), tried(5, 6, 14)))",
            [["held", 0, 1000, False], ["away", 1000, 5000, False], ["held", 5000, 6000, False],
             ["away", 6000, 9000, True]],
        ),
        (  # a worker keeps the run for so short a time
            "away('running', null, step('running', null, tried(0, 1, 1.2), {n: 2, began_at: at(1.2), ended_at: null, status: 'running'}))",  # noqa: E501
            [["held", 0, 9000, True]],
        ),
        (  # another step runs meanwhile
            "away('running', null, step('waiting', null, tried(0, 1, 14)), step('running', null, {n: 1, began_at: at(0), ended_at: null, status: 'running'}))",  # noqa: E501
            [["held", 0, 9000, True]],
        ),
        (
            "away('succeeded', 8000, step('succeeded', at(8), tried(0, 1, 6), {n: 2, began_at: at(6), ended_at: at(8), status: 'succeeded'}))",  # noqa: E501
            [["held", 0, 1000, False], ["away", 1000, 6000, False], ["held", 6000, 8000, False]],
        ),
        (  # given up meanwhile
            "away('cancelled', 3000, step('cancelled', at(3), tried(0, 1, 6)))",
            [["held", 0, 1000, False], ["away", 1000, 3000, False]],
        ),
    ],
)  # fmt: skip
def test_a_run_is_away_while_a_step_waits_for_its_next_attempt(
    modules: Modules, body: str, expected: list[Any]
) -> None:
    assert modules.run("run/shapes", AWAY + f"return {body}") == expected


def test_a_later_generation_begins_with_its_first_call(modules: Modules) -> None:
    found = modules.run(
        "run/layout",
        """
        const {shapesOf} = await import('/static/run/shapes.js');
        const at = (second) => new Date(second * 1000).toISOString();
        const call = {id: 'a', parent: null, name: 'a', kind: 'step', status: 'succeeded', opened_at: at(60),
          began_at: at(60), ended_at: at(61), attempts: []};
        const root = (generation, calls) => m.tree({id: 'r', workflow: 'w', status: 'succeeded', generation,
          created_at: at(0), started_at: at(20), finished_at: at(62)}, calls);
        return [root(1, [call]), root(2, [call]), root(2, [])]
          .map((node) => shapesOf(node, 62000, () => []).map(({form, from, to}) => [form, from, to]))""",
    )
    assert found == [
        [["queue", 0, 20000], ["held", 20000, 62000]],
        [["held", 60000, 62000]],
        [["held", 20000, 62000]],
    ]


def test_the_strip_of_ten_thousand_calls_stays_small(modules: Modules) -> None:
    found = modules.run(
        "run/shapes",
        """
        const scale = (await import('/static/run/scale.js')).scaleOf({start: 0, end: 1e7, folds: [], width: 600});
        const at = (ms) => new Date(ms).toISOString();
        const rows = Array.from({length: 10000}, (_, n) => ({type: 'call', from: n * 1000, to: n * 1000 + 500,
          children: [], call: {kind: 'step', status: 'succeeded', opened_at: at(n * 1000),
          ended_at: at(n * 1000 + 500), attempts: [{n: 1, began_at: at(n * 1000), ended_at: at(n * 1000 + 500),
          status: 'succeeded'}]}}));
        const paths = m.overview(rows, scale, 20, 1e7);
        return [paths.size, [...paths.values()].join('').split('M').length - 1]""",
    )
    assert found[0] == 1
    assert 100 < found[1] < 700
