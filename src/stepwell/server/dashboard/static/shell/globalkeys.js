// Keys that hold on every page.

import {help} from "./help.js";
import {palette} from "./palette.js";
import {session} from "../lib/api.js";
import {go} from "../lib/router.js";

/** @type {[string, string, string][]} */
const PLACES = [["o", "overview", "/"], ["r", "runs", "/runs"], ["w", "workflows", "/workflows"], ["q", "queues", "/queues"], ["e", "events", "/events"], ["d", "dead letters", "/failures"]];

/** @returns {import("../lib/keys.js").Binding[]} */
export const globalKeys = () => [
  {keys: "Mod+k", does: "find or do anything", typing: true, run: () => void palette()},
  {keys: "?", does: "all keys", run: () => void help()},
  ...PLACES.map(([key, name, path]) => ({keys: `g ${key}`, does: name, run: () => go(path)})),
  {keys: "s", does: "start run", run: () => { if (session.can("execute")) go("/start"); }},
  {keys: "[", does: "sidebar", run: flipSidebar},
  {keys: "/", does: "find", run: () => void palette()},
];

function flipSidebar() {
  const root = document.documentElement;
  const narrow = root.dataset.sidebar !== "narrow";
  if (narrow) root.dataset.sidebar = "narrow";
  else delete root.dataset.sidebar;
  try {
    localStorage.setItem("stepwell.sidebar", narrow ? "narrow" : "wide");
  } catch {
    // It holds for this visit.
  }
}
