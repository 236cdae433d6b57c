import traceback
from pathlib import Path

import pytest

import stepwell
from stepwell.client.usertrace import users_part
from stepwell.model.duration import seconds

ENGINE = "/elsewhere/lib/python3.11/site-packages/stepwell/runtime/executor.py"


def test_the_engines_frames_are_left_out() -> None:
    trace = (
        "Traceback (most recent call last):\n"
        f'  File "{ENGINE}", line 7, in _attempt\n'
        "    return await body()\n"
        "           ^^^^^^^^^^^^\n"
        '  File "/app/shop.py", line 3, in charge\n'
        "    raise ValueError(1)\n"
        "ValueError: 1\n"
        "\n"
        "During handling of the above exception, another exception occurred:\n"
        "\n"
        "Traceback (most recent call last):\n"
        f'  File "{ENGINE}", line 9, in _attempt\n'
        "    return await body()\n"
        "  [Previous line repeated 3 more times]\n"
        "KeyError: 'x'"
    )
    assert users_part(trace) == (
        "Traceback (most recent call last):\n"
        '  File "/app/shop.py", line 3, in charge\n'
        "    raise ValueError(1)\n"
        "ValueError: 1\n"
        "\n"
        "During handling of the above exception, another exception occurred:\n"
        "\n"
        "Traceback (most recent call last):\n"
        "KeyError: 'x'"
    )


def test_what_has_nothing_else_stays() -> None:
    trace = f'Traceback (most recent call last):\n  File "{ENGINE}", line 7, in _attempt\n    await it\nOSError: x'
    assert users_part(trace) == trace
    assert users_part("") == ""
    assert users_part("no traceback") == "no traceback"


def test_a_project_of_the_same_name_is_the_users_own() -> None:
    trace = 'Traceback (most recent call last):\n  File "/srv/stepwell/client/mine.py", line 1, in a\n    x\nE: 1'
    assert users_part(trace) == trace
    example = Path(stepwell.__file__).parent / "cli" / "demo_app.py"
    assert users_part(trace.replace("/srv/stepwell/client/mine.py", str(example))).count("File") == 1


def test_a_real_one_and_groups() -> None:
    def mine() -> None:
        try:
            seconds("5 parsecs")
        except Exception as error:
            raise ExceptionGroup("two", [error]) from error

    with pytest.raises(ExceptionGroup) as caught:
        mine()
    trace = "".join(traceback.format_exception(caught.value))
    seen = users_part(trace)
    assert "duration.py" not in seen
    assert seen.count("in mine") == trace.count("in mine")
    assert "InvalidDuration: duration '5 parsecs' has the unknown unit" in seen
    assert "ExceptionGroup: two (1 sub-exception)" in seen
