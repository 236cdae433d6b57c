// All keys that hold on this page, and the switch that turns single keys off.

import {open} from "../components/dialog.js";
import {h} from "../lib/dom.js";
import {bindings, shown, single} from "../lib/keys.js";

/** Shows the keys. */
export function help() {
  const here = bindings();
  const seen = new Set();
  const rows = here.filter((each) => each.does && !seen.has(each.keys) && seen.add(each.keys));
  const switched = h("input", {type: "checkbox", class: "check", id: "single-keys", onchange: () => { single.on = switched.checked; }});
  switched.checked = single.on;
  return open({title: "Keys", kind: "keys", build: (close) => [
    h("dl", {class: "keys-table"}, rows.map((each) => h("div", {}, h("dd", {}, each.does), h("dt", {}, shown(each.keys).map((key) => h("kbd", {}, key)))))),
    h("div", {class: "dialog-foot"}, h("label", {class: "keys-off", for: "single-keys"}, switched, "Single keys act"), h("button", {type: "button", class: "button", "data-safe": true, onclick: () => close()}, "Close")),
  ]});
}
