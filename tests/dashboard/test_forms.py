"""JSON as it is typed, schemas as forms, and what a form will send; run in Chromium."""

from collections.abc import Generator
from types import SimpleNamespace
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


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ('{"a": 1,}', 1, 8, "No comma before }."),
        ('{"a":\n  tru}', 2, 3, "Expected a value."),
        ("[1 2]", 1, 4, "Expected , or ]."),
        ("{'a': 1}", 1, 2, "Expected a name in double quotes."),
        ('{"a": 1, "a": 2}', 1, 10, "This name is there twice."),
        ('"abc', 1, 5, 'Expected the closing " of this text.'),
        ("[12345678901234567890]", 1, 2, "Too large to be sent from a browser without rounding; use the command line."),
        ("1 1", 1, 3, "Expected the end here."),
        (r'"\x"', 1, 2, "Is not an escape that JSON knows."),
        ("[" * 300, 1, 202, "Is nested deeper than 200 levels."),
    ],
)
def test_json_tells_where_it_breaks(modules: Modules, text: str, line: int, column: int, message: str) -> None:
    found = modules.run("components/jsontext", "return m.parse(a).mistake", text)
    assert (found["line"], found["column"], found["message"]) == (line, column, message)


@pytest.mark.parametrize("text", ['{"a": [1, -2.5e3, true, null, "\\u00e9\\n"], "": {}}', " [] ", '"日本"', "0"])
def test_json_that_is_right_is_what_the_browser_reads(modules: Modules, text: str) -> None:
    assert modules.run(
        "components/jsontext", "return JSON.stringify(m.parse(a).value) === JSON.stringify(JSON.parse(a))", text
    )


ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["order"],
    "properties": {"order": {"$ref": "#/$defs/Order"}},
    "$defs": {
        "Order": {
            "title": "Order",
            "type": "object",
            "required": ["id", "amount", "lines"],
            "properties": {
                "id": {"type": "string", "minLength": 1},
                "amount": {"type": "string", "format": "decimal", "exclusiveMinimum": 0},
                "lines": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Line"}},
                "currency": {"enum": ["EUR", "USD"], "default": "EUR"},
                "note": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}], "default": None},
                "when": {"type": "string", "format": "date-time"},
                "who": {"type": "string", "format": "uuid"},
                "pay": {"anyOf": [{"$ref": "#/$defs/Card"}, {"$ref": "#/$defs/Bill"}]},
            },
        },
        "Line": {
            "title": "Line",
            "type": "object",
            "required": ["sku"],
            "properties": {"sku": {"type": "string"}, "n": {"type": "integer", "minimum": 1, "maximum": 5}},
        },
        "Card": {
            "title": "Card",
            "type": "object",
            "required": ["type", "number"],
            "properties": {"type": {"const": "card"}, "number": {"type": "string"}},
        },
        "Bill": {
            "title": "Bill",
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"const": "bill"}, "days": {"type": "integer"}},
        },
    },
}


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ({"id": "a", "amount": "1.5", "lines": [{"sku": "t"}]}, []),
        ({}, [("order.id", "Is required."), ("order.amount", "Is required."), ("order.lines", "Is required.")]),
        (
            {"id": "", "amount": "-14.90", "lines": []},
            [
                ("order.id", "Must not be empty."),
                ("order.amount", "Must be more than 0."),
                ("order.lines", "Must have at least 1."),
            ],
        ),
        (
            {"id": "a", "amount": "x", "lines": [{"sku": "t", "n": 9}]},
            [("order.amount", "Must be a number."), ("order.lines[0].n", "Must be at most 5.")],
        ),
        (
            {
                "id": "a",
                "amount": "1",
                "lines": [{"sku": "t", "n": 1.5}],
                "currency": "GBP",
                "note": "long",
                "when": "soon",
                "who": "me",
            },
            [
                ("order.lines[0].n", "Must be a whole number."),
                ("order.currency", "Must be one of EUR, USD."),
                ("order.note", "Must have at most 3 letters, has 4."),
                ("order.when", "Must be a date and time like 2026-11-21 14:35."),
                ("order.who", "Must be a UUID."),
            ],
        ),
        (
            {"id": "a", "amount": "1", "lines": [{"sku": "t"}], "note": None, "pay": {"type": "card"}},
            [("order.pay.number", "Is required.")],
        ),
        (
            {"id": "a", "amount": "1", "lines": [{"sku": "t"}], "pay": {"type": "bill", "days": "x"}},
            [("order.pay.days", "Must be a whole number.")],
        ),
    ],
)
def test_what_is_wrong_is_told_by_path(modules: Modules, value: Any, problems: list[tuple[str, str]]) -> None:
    found = modules.run("components/schemacheck", "return m.check({order: a[0]}, a[1], a[1])", [value, ORDER])
    assert [(each["path"], each["message"]) for each in found] == problems


def test_a_form_begins_with_defaults_and_what_is_required(modules: Modules) -> None:
    found = modules.run("components/schema", "return m.initial(a, a)", ORDER)
    assert found == {"order": {"lines": [{}], "currency": "EUR", "note": None}}


def test_fields_are_described_in_words(modules: Modules) -> None:
    found = modules.run(
        "components/schema",
        """
        const order = m.fieldOf(a.properties.order, a);
        return Object.entries(order.schema.properties).map(([name, each]) => m.describe(m.fieldOf(each, a), a, m.isRequired(order.schema, name)))""",  # noqa: E501
        ORDER,
    )
    assert found == [
        "text, at least 1 letter",
        "decimal, more than 0",
        "list of Line, at least 1",
        "one of 2, default EUR",
        "text, at most 3 letters, optional",
        "date and time, optional",
        "UUID, optional",
        "one of 2 kinds, optional",
    ]


def test_a_start_is_written_in_three_languages(modules: Modules) -> None:
    value = {"order": {"id": "it's", "amount": "-14.90", "lines": [{"sku": "t"}], "pay": {"type": "bill"}}}
    found = modules.run(
        "start/snippets",
        """
        const start = {workflow: 'place_order', input: a, options: {id: 'o-1'}, address: 'http://h/api/v1'};
        return [m.python(start).map((line) => line.text).join('\\n'), m.python(start).find((line) => line.text.includes('-14.90')).path, m.curl(start).map((line) => line.text).join('\\n'), m.cli(start).map((line) => line.text).join('\\n')]""",  # noqa: E501
        value,
    )
    python, path, curl, cli = found
    assert (
        python
        == """run = await app.start(
    "place_order",
    {
        "order": {
            "id": "it's",
            "amount": "-14.90",
            "lines": [{"sku": "t"}],
            "pay": {"type": "bill"},
        },
    },
    id="o-1",
)"""
    )
    assert path == "order.amount"
    assert "curl http://h/api/v1/runs \\" in curl
    assert r"it'\''s" in curl
    assert cli.startswith("stepwell start place_order \\\n  --id o-1 \\\n  '{")
    compile(python.replace("await ", ""), "snippet", "exec")


@pytest.mark.parametrize(
    "given",
    [{}, [], None, 1.5, "a'\"\\\n\u2028\u00e9\U0001f600", [1, [2, {"a b": None, "c": True}]],
     {"": {"": {"": [False] * 40}}}, {"text": "x" * 200, "deep": {"list": [{"n": number} for number in range(40)]}}],
)  # fmt: skip
def test_any_input_is_written_as_python_that_gives_it_back(modules: Modules, given: Any) -> None:
    text = modules.run(
        "start/snippets",
        "return m.python({workflow: 'w', input: a, options: {tags: {x: true}}, address: ''}).map((line) => line.text).join('\\n')",  # noqa: E501
        given,
    )
    sent: list[Any] = []
    exec(text.replace("await ", ""), {"app": SimpleNamespace(start=lambda *args, **more: sent.append((args, more)))})
    assert sent == [(("w", given), {"tags": {"x": True}})]
