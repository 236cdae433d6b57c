// The strip of states: how many runs are in each, with one fact beside it; each is a link to its runs.

import {STATES, stateIcon, stateName} from "../components/states.js";
import {attribute, h, say} from "../lib/dom.js";
import {duration, number, percent, relative, stamp} from "../lib/format.js";
import {href} from "../lib/router.js";
import {serverNow} from "../lib/servertime.js";

const NOW = new Set(["queued", "running", "waiting", "paused", "parked"]);

export function statesStrip() {
  const cells = new Map(STATES.map((status) => {
    const count = h("span", {class: "states-count"}, "–");
    const fact = h("span", {class: "states-fact"});
    const link = h("a", {class: `states-cell states-${status}`, href: href(`/runs?state=${status}`)}, h("span", {class: "states-name"}, stateIcon(status), stateName(status)), count, fact);
    return [status, {count, fact, link}];
  }));
  return {
    element: h("section", {class: "states", "aria-label": "Runs by state"}, [...cells.values()].map((cell) => cell.link)),
    /** @param {any} all the overview */
    tell(all) {
      const {now, ended, window} = all;
      for (const [status, {count, fact, link}] of cells) {
        const n = (NOW.has(status) ? now.by_status[status] : ended[status]) ?? 0;
        say(count, number(n));
        say(fact, factOf(status, n, all));
        link.classList.toggle("asks", n > 0 && (status === "failed" || status === "parked"));
        attribute(link, "href", href(NOW.has(status) ? `/runs?state=${status}` : `/runs?state=${status}&since=${window}`));
      }
    },
  };
}

/** @param {string} status @param {number} n @param {any} all */
function factOf(status, n, {now, ended, window}) {
  const spoken = window.replace(/(\d+)([a-z])/, "$1 $2");
  switch (status) {
    case "queued": return now.oldest_ready_s === null ? "none waits" : `oldest ${duration(now.oldest_ready_s)}`;
    case "running": return now.slots ? `of ${number(now.slots)} slots` : "no worker";
    case "waiting": return now.next_due_at ? `due ${soon(now.next_due_at)}` : "for events";
    case "paused": return "by operators";
    case "parked": return n === 1 ? "needs a person" : "need a person";
    case "failed": {
      const total = ended.succeeded + ended.failed + ended.cancelled + ended.terminated;
      return total && n ? `${percent(n / total)}, last ${spoken}` : `last ${spoken}`;
    }
    default: return `last ${spoken}`;
  }
}

/** @param {string} moment */
function soon(moment) {
  const at = stamp(moment) ?? 0;
  return at <= serverNow() + 10_000 ? "now" : relative(at);
}
