// The sidebar: where one can go, with the counts that matter, and how the server is.

import {counts} from "./counters.js";
import {help} from "./help.js";
import {icon, logo, stateIcon} from "../components/icons.js";
import {openMenu} from "../components/menu.js";
import {problemToast} from "../components/toasts.js";
import {api, session, signOut} from "../lib/api.js";
import {connection} from "../lib/connection.js";
import {attribute, effect, h} from "../lib/dom.js";
import {compact, number} from "../lib/format.js";
import {go, href} from "../lib/router.js";
import {choose, next, theme} from "../lib/theme.js";

/** @typedef {{section: string, path: string, sign: string, word: string, count?: () => Node|string|null}} Entry */

/** @param {string} status */
const total = (status) => counts.value?.byStatus[status] ?? 0;

/** @type {Entry[]} */
const SEE = [
  {section: "", path: "/", sign: "overview", word: "Overview"},
  {section: "runs", path: "/runs", sign: "runs", word: "Runs", count: () => (total("parked") ? h("span", {class: "nav-count asks", "data-tip": "parked: need a person"}, stateIcon("parked", 14, {label: "parked"}), number(total("parked"))) : null)},
  {section: "workflows", path: "/workflows", sign: "workflow", word: "Workflows", count: () => (counts.value?.workflows ? number(counts.value.workflows) : null)},
  {section: "schedules", path: "/schedules", sign: "calendar", word: "Schedules"},
];
/** @type {Entry[]} */
const OPERATE = [
  {section: "queues", path: "/queues", sign: "queues", word: "Queues & workers"},
  {section: "events", path: "/events", sign: "mail", word: "Events"},
  {section: "failures", path: "/failures", sign: "inbox", word: "Dead letters", count: () => (total("failed") ? compact(total("failed")) : null)},
];

/** Builds the sidebar. */
export function sidebar() {
  const links = [...SEE, ...OPERATE].map(entry);
  const database = h("span", {class: "side-word"});
  const version = h("span", {class: "side-word"});
  const name = h("bdi", {dir: "auto"});
  const space = h("button", {type: "button", class: "space", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "Namespace and key", "data-tip": "Namespace and key", onclick: () => openMenu(space, about(), {label: "Namespace and key", end: false})}, icon("user"), name, icon("chevron-down"));
  const word = h("span", {class: "side-word"}, "Live");
  const live = h("span", {class: "live", "data-tip": "Connected"}, h("span", {class: "live-dot"}), word);
  const turn = h("button", {type: "button", class: "icon-button", onclick: () => choose(next())}, icon("theme"));
  const keys = h("button", {type: "button", class: "icon-button", "aria-label": "All keys", "data-tip": "All keys", onclick: () => void help()}, h("kbd", {}, "?"));
  const element = h("aside", {class: "sidebar", "aria-label": "Sidebar"},
    h("a", {class: "brand", href: href("/"), "aria-label": "stepwell, overview"}, logo(20), h("span", {}, "stepwell")), space,
    h("nav", {"aria-label": "Main"}, h("div", {class: "nav-group"}, links.slice(0, SEE.length).map((each) => each.element)), h("div", {class: "nav-group"}, h("p", {class: "nav-title", id: "nav-operate"}, "Operate"), links.slice(SEE.length).map((each) => each.element))),
    h("div", {class: "side-foot"}, h("p", {class: "side-line"}, live, database), h("p", {class: "side-line"}, version, h("span", {class: "side-tools"}, turn, keys))));

  effect(() => {
    const current = theme.value;
    const text = `Theme: ${current}. Change to ${next()}`;
    turn.setAttribute("aria-label", text);
    turn.setAttribute("data-tip", text);
  });
  effect(() => {
    const lost = connection.value.state === "lost";
    live.classList.toggle("is-lost", lost);
    word.textContent = lost ? "Not connected" : "Live";
    live.setAttribute("data-tip", lost ? "The server does not answer" : "Connected");
  });

  return {
    element,
    /** @param {string} section */
    mark(section) {
      database.textContent = session.database;
      version.textContent = session.version ? `v${session.version}` : "";
      name.textContent = session.namespace || "default";
      for (const each of links) attribute(each.element, "aria-current", each.section === section ? "page" : null);
    },
  };
}

/** @param {Entry} given */
function entry({section, path, sign, word, count}) {
  const beside = h("span", {class: "nav-count"});
  const element = h("a", {class: "nav-link", href: href(path)}, icon(sign), h("span", {class: "nav-word"}, word));
  if (count) {
    effect(() => {
      const content = count();
      beside.remove();
      element.querySelector(".nav-count")?.remove();
      if (content instanceof Node) element.append(content);
      else if (content) {
        beside.textContent = content;
        element.append(beside);
      }
    });
  }
  const narrow = () => getComputedStyle(/** @type {Element} */ (element.querySelector(".nav-word"))).position === "absolute";
  element.addEventListener("pointerover", () => attribute(element, "data-tip", narrow() ? word : null));
  element.addEventListener("focusin", () => attribute(element, "data-tip", narrow() ? word : null));
  return {element, section};
}

/** @returns {import("../components/menu.js").Item[]} */
function about() {
  const scopes = session.scopes.join(", ") || "none";
  return [
    {label: `Namespace ${session.namespace || "default"}, of this server's app`, title: true},
    {label: session.open ? "Open: no key is needed from this machine" : `Key ${session.name ?? ""}: ${scopes}`, title: true},
    {label: "API description", icon: "external", rule: true, run: () => void window.open(api.url("/openapi.json"), "_blank", "noopener")},
    ...(session.open ? [] : [{label: "Log out", icon: "lock", run: () => void leave()}]),
  ];
}

async function leave() {
  try {
    await signOut();
    go("/login");
  } catch (error) {
    problemToast(error, "Not logged out.");
  }
}
