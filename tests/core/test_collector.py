"""The collector's own calls are told from all others."""

import gc
import threading

from stepwell.core.collector import collecting_here


class Cycle:
    """Says, when it is finalized, whether the collector did it."""

    def __init__(self, answers: list[bool]) -> None:
        self.itself = self
        self.answers = answers

    def __del__(self) -> None:
        self.answers.append(collecting_here())


def test_a_finalizer_of_the_collector_and_one_of_the_last_reference() -> None:
    answers: list[bool] = []
    Cycle(answers)
    gc.collect()
    alone = Cycle(answers)
    del alone.itself
    del alone
    assert answers == [True, False]
    assert not collecting_here()


def test_another_threads_collection_is_not_this_ones() -> None:
    answers: list[bool] = []
    elsewhere: list[bool] = []

    class Asks(Cycle):
        def __del__(self) -> None:
            thread = threading.Thread(target=lambda: elsewhere.append(collecting_here()))
            thread.start()
            thread.join()
            super().__del__()

    Asks(answers)
    gc.collect()
    assert answers == [True]
    assert elsewhere == [False]
