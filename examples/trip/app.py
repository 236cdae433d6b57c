"""A trip: three bookings, and when one of them fails the others are undone, last first.

Run it:

    python examples/trip/app.py            # flight, hotel and car
    python examples/trip/app.py no-car     # the last booking fails: hotel and flight are given back
"""

import asyncio
import sys
from dataclasses import dataclass
from zlib import crc32

from stepwell import App, RunFailed, step_info

app = App()


class SoldOut(Exception):
    """There is none left; another attempt would not help."""


@dataclass
class Trip:
    id: str
    city: str
    car: str = "any"


@dataclass
class Booking:
    kind: str
    reference: str


# Steps may be `def`: they run in threads. `raises=` names the classes that come back as themselves.


@app.step(retries=3)
def book_flight(city: str) -> Booking:
    return booked("flight", city)


@app.step(retries=3)
def book_hotel(city: str) -> Booking:
    return booked("hotel", city)


@app.step(retries=3, retry_on=OSError, raises=[SoldOut])
def book_car(city: str, model: str) -> Booking:
    if model == "convertible":
        raise SoldOut(f"no {model} in {city}")
    return booked("car", city)


@app.step(retries=10, backoff="exponential")
def cancel(booking: Booking) -> None:
    print(f"cancelled {booking.kind} {booking.reference}")


def booked(kind: str, city: str) -> Booking:
    # The same key over all attempts of this call: the other side can recognise a repetition.
    reference = f"{kind}-{crc32(step_info().idempotency_key.encode()) % 10_000:04}"
    print(f"booked {kind} in {city}: {reference}")
    return Booking(kind, reference)


@app.workflow
async def book_trip(trip: Trip) -> list[Booking]:
    flight = await book_flight(trip.city).on_rollback(cancel)
    hotel = await book_hotel(trip.city).on_rollback(cancel)
    car = await book_car(trip.city, trip.car).on_rollback(cancel)
    return [flight, hotel, car]


async def main(how: str = "all") -> None:
    async with app:
        trip = Trip(f"trip-{how}", "Lisbon", car="convertible" if how == "no-car" else "any")
        run = await book_trip.options(id=trip.id).start(trip)
        try:
            for booking in await run.result(timeout="1 minute"):
                print("yours:", booking.kind, booking.reference)
        except RunFailed as error:
            print("no trip:", error.__cause__)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
