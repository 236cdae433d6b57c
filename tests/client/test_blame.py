"""Whose failure a generation ended with."""

from typing import Any

from stepwell.client.blame import awaited, blamed
from stepwell.model.entry import AnyEntry, Finished, Started, Stepped
from stepwell.model.failure import Failure

TRACE = 'Traceback (most recent call last):\n  File "/srv/shop/billing.py", line 7, in {}\n    x()\nE: m'


def back(name: str, message: str, **more: Any) -> Failure:
    """As a failure of an unregistered class comes out of a workflow."""
    return Failure(type="stepwell.StepError", message=message, fields={"type_name": name}, **more)


def test_the_step_is_blamed_where_it_was_its_failure() -> None:
    there = Failure(type="E", message="m", traceback=TRACE.format("charge"))
    here = Failure(type="E", message="m", traceback=TRACE.format("order"))
    step = Stepped(call="a", error=there)
    entries: list[AnyEntry] = [Started(), step, Finished(status="failed", error=here, cause="a")]
    assert blamed(entries) is there
    place = awaited(entries)
    assert place is not None
    assert (place.function, place.line) == ("order", 7)
    other = Failure(type="F", message="m")
    assert blamed([step, Finished(status="failed", error=other, cause="a")]) is other
    assert blamed([step, Finished(status="failed", error=here)]) is here
    assert awaited([step, Finished(status="failed", error=here)]) is None
    assert blamed([Finished(status="succeeded")]) is None
    assert awaited([Finished(status="succeeded")]) is None
    assert blamed([]) is None


def test_also_where_its_class_could_not_be_rebuilt() -> None:
    there = Failure(type="shop.CardGone", message="m", traceback=TRACE.format("charge"))
    step = Stepped(call="a", error=there)
    assert blamed([step, Finished(status="failed", error=back("CardGone", "m"), cause="a")]) is there
    other = back("CardGone", "another card")
    assert blamed([step, Finished(status="failed", error=other, cause="a")]) is other


def test_members_of_groups_and_causes_are_told_as_their_steps_had_them() -> None:
    card, mail = Failure(type="shop.CardGone", message="m"), Failure(type="shop.MailRefused", message="550")
    steps = [Stepped(call="@1/charge", error=card), Stepped(call="@2/mail", error=mail)]
    inner = Failure(type="ExceptionGroup", message="in", group=[back("MailRefused", "550")])
    group = Failure(type="ExceptionGroup", message="two", group=[back("CardGone", "m"), inner])
    told = blamed([*steps, Finished(status="failed", error=group, cause="@1/charge")])
    assert told is not None
    assert told.group is not None
    assert told.group[0] is card
    assert told.group[1].group == [mail]
    own = Failure(type="shop.OrderFailed", message="no", cause=back("CardGone", "m"))
    told = blamed([*steps, Finished(status="failed", error=own, cause="@1/charge")])
    assert told is not None
    assert (told.type, told.cause) == ("shop.OrderFailed", card)
