// The bar on top when the server cannot be reached for more than three seconds: since when, what is shown, when it is tried again.

import {stateIcon} from "../components/icons.js";
import {connection, tryNow} from "../lib/connection.js";
import {effect, h, say} from "../lib/dom.js";
import {clockTime, duration} from "../lib/format.js";

const AFTER = 3000;

export function connectionBar() {
  const text = h("span", {role: "status"});
  const bar = h("div", {class: "lost", hidden: true}, stateIcon("paused"), text, h("button", {type: "button", class: "link", onclick: tryNow}, "Now"));
  let timer = 0;

  function tell() {
    clearTimeout(timer);
    const {state, since, seen, again} = connection.value;
    if (state === "ok" || since === null) {
      bar.hidden = true;
      return;
    }
    const now = Date.now();
    bar.hidden = now - since < AFTER;
    const left = again === null ? 0 : Math.ceil((again - now) / 1000);
    say(text, `Connection lost ${duration((now - since) / 1000, 1)} ago.${seen === null ? "" : ` Showing ${clockTime(seen)}.`} ${left > 0 ? `Trying again in ${left}s.` : "Trying again."}`);
    timer = window.setTimeout(tell, bar.hidden ? AFTER - (now - since) : 1000);
  }
  effect(tell);
  return h("div", {class: "connection-bar"}, bar);
}
