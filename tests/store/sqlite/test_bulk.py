import pytest

from stepwell.store.sql.rows import Value
from stepwell.store.sqlite.bulk import LONGEST_TEXT, SIZES, Hot, Statement
from stepwell.store.sqlite.connection import Db, connect


@pytest.fixture
def db() -> Db:
    db = connect(":memory:")
    db.run("CREATE TABLE t (a, b)")
    return db


def _zeros(count: int) -> list[Value]:
    return [0] * count


def _statement() -> Statement:
    return Statement(2, lambda rows: f"INSERT INTO t SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL")


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 7, 17, 200, 1024, 1025, 2500])
def test_every_row_once_in_order(db: Db, rows: int) -> None:
    flat: list[Value] = [value for n in range(rows) for value in (n, f"b{n}")]
    assert _statement().run(db, flat) == rows
    assert db.all("SELECT a, b FROM t ORDER BY rowid") == [(n, f"b{n}") for n in range(rows)]


def test_one_answer_for_each_row(db: Db) -> None:
    double = Statement(1, lambda rows: f"SELECT group_concat(coalesce(column1 * 2, -1)) FROM (VALUES {rows})")
    for rows in (0, 1, 5, 200, 3000):
        assert double.numbers(db, list(range(rows))) == [2 * n for n in range(rows)]


def test_a_group_is_one_statement_up_to_the_longest_text() -> None:
    statement = _statement()
    for rows in (1, 30, 200, 1000):
        assert len(list(statement.chunks(_zeros(2 * rows)))) == 1
    assert len(list(statement.chunks(_zeros(4000)))) == 2


def test_few_texts_and_none_too_long_to_be_kept_prepared() -> None:
    hot = Hot(123)
    for statement in (hot.create, hot.append, hot.fence, hot.release, hot.took):
        texts = {text for rows in range(1, 300) for text, _ in statement.chunks(_zeros(statement._width * rows))}
        assert len(texts) <= len(SIZES)
        assert max(map(len, texts)) < LONGEST_TEXT
        assert max(text.count("?") for text in texts) < 32_000
