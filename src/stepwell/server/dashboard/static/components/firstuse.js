// First use: one picture, one sentence, code to paste; the steps tick themselves when they are seen.

import {art} from "./art.js";
import {copyButton} from "./copy.js";
import {icon} from "./icons.js";
import {api, session} from "../lib/api.js";
import {h, say} from "../lib/dom.js";
import {count} from "../lib/format.js";
import {poll} from "../lib/poll.js";
import {href, link} from "../lib/router.js";

/** The program, as words with a colour: "k" keyword, "d" decorator, "s" text. @type {[string, string?][][]} */
const CODE = [
  [["import", "k"], [" asyncio"]], [["from", "k"], [" stepwell "], ["import", "k"], [" App"]], [], [["app = App()"]], [],
  [["@app.step", "d"], ["(retries=5)"]], [["async def", "k"], [" charge(order_id: str) -> str:"]], [["    return", "k"], [" f"], ['"charged {order_id}"', "s"]], [],
  [["@app.workflow", "d"]], [["async def", "k"], [" place_order(order_id: str) -> str:"]], [["    receipt = "], ["await", "k"], [" charge(order_id)"]], [["    await", "k"], [" asyncio.sleep(10)      # durable"]], [["    return", "k"], [" receipt"]],
];
const PACE = 2000;

const source = () => CODE.map((line) => line.map(([text]) => text).join("")).join("\n");

/** @param {string} text */
const command = (text) => h("div", {class: "paste"}, h("code", {}, text), copyButton(() => text, "Copy the command", true));

/** @param {{live?: boolean}} [options] `live`: it asks by itself who has connected */
export function firstUse({live = false} = {}) {
  const signs = [1, 2, 3, 4].map((n) => h("span", {class: "first-sign"}, String(n)));
  const words = h("span", {}, "Waiting for a worker.");
  const flow = h("code", {}, 'place_order \'"order-1"\'');
  const start = h("div", {class: "paste"}, h("code", {}, "stepwell start ", flow), copyButton(() => `stepwell start ${flow.textContent}`, "Copy the command", true));
  const step = (/** @type {number} */ n, /** @type {import("../lib/dom.js").Child} */ title, /** @type {Node} */ body) => h("li", {class: "first-step"}, signs[n], h("div", {}, h("h2", {}, title), body));
  const element = h("div", {class: "first"}, h("div", {class: "first-say"}, art(), h("h1", {}, "No runs yet"), h("p", {}, "Paste this, start it, and the first run appears here by itself. Stop the process halfway: the run goes on where it was."),
    session.can("execute") ? h("p", {class: "first-do"}, h("a", {class: "button primary", href: href("/start")}, icon("plus"), "Start run"), link("/workflows", "See the workflows")) : null),
  h("ol", {class: "first-steps"}, step(0, "Install", command("pip install stepwell")), step(1, ["Save as ", h("code", {}, "app.py")], h("div", {class: "paste paste-code"}, h("pre", {}, CODE.map((line, index) => h("span", {class: "first-line"}, h("span", {class: "first-n", "aria-hidden": "true"}, String(index + 1)), h("code", {}, line.map(([text, kind]) => h("span", {class: kind ? `first-${kind}` : null}, text)))))), copyButton(source, "Copy the program", true))),
    step(2, "Run it", command("stepwell dev app.py")), step(3, "Start the first run", start), h("li", {class: "first-status", role: "status"}, h("span", {class: "live"}, h("span", {class: "live-dot"}), words))));
  /** @type {Set<number>} */
  const done = new Set();

  /** @param {number} n */
  function tick(n) {
    if (done.has(n)) return;
    done.add(n);
    signs[n].classList.add("is-done");
    signs[n].replaceChildren(icon("check", {label: "done"}));
  }

  /** @param {number} hands how many workers there are */
  async function tell(hands) {
    const {workflows} = await api.get("/workflows");
    const served = workflows.filter((/** @type {any} */ each) => each.kind === "workflow");
    tick(0);
    if (workflows.length) tick(1);
    if (hands) tick(2);
    if (served[0]) say(flow, `${served[0].name}${served[0].name === "place_order" ? ' \'"order-1"\'' : ""}`);
    say(words, hands ? `Connected. ${count(hands, "worker serves", "workers serve")} ${served.map((/** @type {any} */ each) => each.name).slice(0, 3).join(", ") || "no workflow yet"}. Waiting for the first run.` : "Connected. Waiting for a worker.");
  }

  const asking = live ? poll(async (signal) => tell((await api.get("/workers", {}, {signal})).workers.length), PACE) : null;
  return {element, tell, stop: () => asking?.stop()};
}
