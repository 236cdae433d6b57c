// Schedules: none can be made in this version; the page says what there is instead.

import {copyButton} from "../components/copy.js";
import {h} from "../lib/dom.js";
import {link} from "../lib/router.js";

const LATER = "await report.options(delay=\"12h\").start(day)";
const AGAIN = "@app.workflow\nasync def nightly() -> None:\n    await report(stepwell.now().date())\n    await stepwell.sleep(\"24h\")\n    stepwell.continue_as_new()";

/** @returns {import("../lib/router.js").Page} */
export function schedulesPage() {
  return {title: "Schedules", element: h("div", {class: "page page-narrow"}, h("h1", {}, "Schedules"), h("p", {class: "soft lead"}, "None. This version starts runs when something asks for them; a calendar of its own it does not have yet."),
    h("section", {class: "lead-part"}, h("h2", {}, "Start a run later"), h("p", {class: "soft"}, "A delay is kept in the database: the run starts on time, whichever worker is there then. ", link("/start", "Start form"), " has it, too."), paste(LATER)),
    h("section", {class: "lead-part"}, h("h2", {}, "Do it again and again"), h("p", {class: "soft"}, "A workflow may sleep for a day; it leaves memory meanwhile, and its place is kept."), paste(AGAIN)))};
}

/** @param {string} text */
const paste = (text) => h("div", {class: "paste paste-code"}, h("pre", {}, h("code", {}, text)), copyButton(() => text, "Copy", true));
