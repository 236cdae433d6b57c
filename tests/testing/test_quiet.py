"""Whether the real loop can still make something happen by itself."""

import asyncio
import socket

from stepwell.testing.quiet import RealLoop


def test_an_idle_loop_cannot_go_on() -> None:
    async def main() -> None:
        assert not RealLoop(10.0).can_go_on

    asyncio.run(main())


def test_a_timer_within_patience_can_and_one_beyond_cannot() -> None:
    async def main() -> None:
        real, loop = RealLoop(10.0), asyncio.get_running_loop()
        far = loop.call_later(1000, print)
        assert not real.can_go_on
        near = loop.call_later(1, print)
        assert real.can_go_on
        near.cancel()
        assert not real.can_go_on
        far.cancel()

    asyncio.run(main())


def test_its_own_naps_do_not_count() -> None:
    async def main() -> None:
        real = RealLoop(10.0)
        nap = asyncio.ensure_future(real.nap(5.0))
        await asyncio.sleep(0)
        assert not real.can_go_on
        nap.cancel()
        await asyncio.wait([nap])

    asyncio.run(main())


def test_an_open_socket_can() -> None:
    async def main() -> None:
        real, loop = RealLoop(10.0), asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        loop.add_reader(ours, print)
        assert real.can_go_on
        loop.remove_reader(ours)
        ours.close()
        theirs.close()

    asyncio.run(main())
