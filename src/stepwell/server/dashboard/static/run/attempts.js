// The attempts of a call: which one is looked at, and the list to choose from.

import {every, now} from "./clock.js";
import {open, stamp} from "./layout.js";
import {icon, stateIcon} from "../components/icons.js";
import {h, say} from "../lib/dom.js";
import {clockTime, duration} from "../lib/format.js";

/** @typedef {import("./layout.js").Call} Call */
/** @typedef {import("./layout.js").Attempt} Attempt */

const FEW = 8;

/**
 * The attempt whose error is shown: the chosen one, else the newest that failed.
 * @param {Call} call
 * @param {number|null} chosen
 * @returns {Attempt|null}
 */
export function shownAttempt(call, chosen) {
  if (chosen !== null) return call.attempts.find((attempt) => attempt.n === chosen) ?? null;
  return call.attempts.findLast((attempt) => attempt.error) ?? null;
}

/**
 * The list: while the call is open in order of time with its backoffs, afterwards the newest first.
 * @param {Call} call
 * @param {number|null} shown
 * @param {(n: number) => void} choose
 */
export function attemptList(call, shown, choose) {
  const living = open(call.status);
  const rows = living ? inOrder(call, shown, choose) : call.attempts.map((attempt) => row(attempt, call, shown, choose)).reverse();
  const list = h("div", {class: "insp-attempts", role: "group", "aria-label": "Attempts"});
  if (rows.length <= FEW + 1) list.append(...rows);
  else {
    const kept = living ? rows.slice(-FEW) : rows.slice(0, FEW);
    const more = h("button", {type: "button", class: "link insp-more", onclick: () => list.replaceChildren(...rows)}, `All ${call.attempts.length} attempts`);
    list.append(...(living ? [more, ...kept] : [...kept, more]));
  }
  return list;
}

/** @param {Call} call @param {number|null} shown @param {(n: number) => void} choose */
function inOrder(call, shown, choose) {
  return call.attempts.flatMap((attempt, index) => {
    const next = call.attempts[index + 1];
    const ended = stamp(attempt.ended_at);
    const again = stamp(next?.began_at) ?? stamp(attempt.again_at);
    const rows = [row(attempt, call, shown, choose)];
    if (ended !== null && again !== null && again > ended && !attempt.lost) {
      rows.push(h("div", {class: "insp-attempt insp-backoff"}, icon("retry"), h("span", {}, "Backoff"), h("span", {class: "quiet"}, duration((again - ended) / 1000))));
    }
    return rows;
  });
}

/** @param {Attempt} attempt @param {Call} call @param {number|null} shown @param {(n: number) => void} choose @returns {HTMLElement} */
function row(attempt, call, shown, choose) {
  const running = !attempt.ended_at && attempt.status === "running" && open(call.status);
  const began = stamp(attempt.began_at) ?? 0;
  const where = attempt.worker ? ` on ${attempt.worker}` : "";
  const length = h("bdi", {class: "quiet"});
  const tell = (/** @type {number} */ at) => { say(length, running ? `${duration((at - began) / 1000)} so far${where}` : attempt.ended_at ? `${duration(((stamp(attempt.ended_at) ?? began) - began) / 1000)}${attempt.lost ? ", its worker was lost" : where}` : `outcome unknown${where}`); };
  tell(now());
  const element = h("button", {type: "button", class: shown === attempt.n ? "insp-attempt on" : "insp-attempt", "aria-pressed": String(shown === attempt.n), onclick: () => choose(attempt.n)},
    stateIcon(attempt.status, 16), h("strong", {}, `Attempt ${attempt.n}`), length, h("time", {class: "end quiet", datetime: attempt.began_at, title: attempt.began_at}, clockTime(began)));
  if (running) {
    const stop = every((at) => (element.isConnected || at - began < 2000 ? tell(at) : stop()), "second");
  }
  return element;
}
