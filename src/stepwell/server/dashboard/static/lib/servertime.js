// What time it is at the server, learned from its answers: every age on a page is counted by it, since the browser's clock may be wrong.

/** How much later than a `Date` header says an answer may have been made: its seconds are whole, and a server may write one twice. */
const ROUGH = 2000;

let offset = 0;
/** Between these the offset must be, by all that was heard since one of the two clocks was set. */
let low = -Infinity;
let high = Infinity;

/** Milliseconds since 1970 at the server, as far as this browser knows. A browser whose clock agrees with all that it heard is believed. */
export const serverNow = () => Date.now() + offset;

/**
 * Takes in what time an answer tells. No single answer is exact, but all of them must be true together: what is believed
 * moves only when they rule it out, and no further than they ask, so that no age jumps to and fro.
 * @param {number} told milliseconds, when the answer was made at the earliest
 * @param {number} asked `Date.now()` when the question was sent
 * @param {number} [rough] milliseconds that the answer may have been made later
 */
export function heard(told, asked, rough = 0) {
  const least = told - Date.now();
  const most = told + rough - asked;
  if (!(least <= most)) return;
  low = Math.max(low, least);
  high = Math.min(high, most);
  if (low > high) [low, high] = [least, most];
  offset = Math.min(Math.max(offset, low), high);
}

/** Takes in the `Date` header of an answer. @param {Response} response @param {number} asked `Date.now()` when the question was sent */
export const heardDate = (response, asked) => heard(Date.parse(response.headers.get("Date") ?? ""), asked, ROUGH);
