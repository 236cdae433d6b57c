// The frame around the pages: sidebar, top bar, bottom bar, connection bar, and the place for the page.

import {connectionBar} from "./connectionbar.js";
import {sidebar} from "./sidebar.js";
import {palette} from "./palette.js";
import {icon, logo} from "../components/icons.js";
import {openMenu} from "../components/menu.js";
import {refusal} from "../components/loading.js";
import {session} from "../lib/api.js";
import {connection} from "../lib/connection.js";
import {effect, h, visible} from "../lib/dom.js";
import {shortId} from "../lib/format.js";
import {shown} from "../lib/keys.js";
import {go, href} from "../lib/router.js";
import {choose, next, theme} from "../lib/theme.js";

/** @typedef {import("../lib/router.js").Page} Page */

const NAMES = /** @type {Record<string, string>} */ ({"": "Overview", runs: "Runs", workflows: "Workflows", start: "Start run", queues: "Queues & workers", events: "Events", failures: "Dead letters", schedules: "Schedules", login: "Log in"});

/** Builds the frame. */
export function frame() {
  const main = h("main", {class: "main", id: "main", tabindex: "-1"});
  const crumbs = h("nav", {class: "crumbs", "aria-label": "Where you are"});
  const begin = h("a", {class: "button top-start", href: href("/start"), "aria-label": "Start run"}, icon("plus"), h("span", {}, "Start run"));
  const find = h("button", {type: "button", class: "find", "aria-label": "Find or do anything", "aria-keyshortcuts": "Control+K", onclick: () => void palette()}, icon("search"), h("span", {class: "find-word"}, "Find or do anything"), h("span", {class: "find-keys", "aria-hidden": "true"}, shown("Mod+K").map((key) => h("kbd", {}, key))));
  const live = h("span", {class: "top-live"}, h("span", {class: "live"}, h("span", {class: "live-dot"})));
  const top = h("header", {class: "topbar"}, h("a", {class: "top-brand", href: href("/"), "aria-label": "Overview"}, logo(22)), crumbs, h("div", {class: "top-end"}, live, find, begin));
  const side = sidebar();
  const foot = bottomBar();
  const app = h("div", {class: "app"}, side.element, connectionBar(), top, main, foot.element);

  effect(() => {
    const lost = connection.value.state === "lost";
    document.body.classList.toggle("is-lost", lost);
    live.firstElementChild?.classList.toggle("is-lost", lost);
  });

  /** @param {Page} page @param {import("../lib/router.js").Place} place @param {boolean} bare */
  function show(page, place, bare) {
    const parts = place.path.split("/").filter(Boolean);
    const section = page.section ?? parts[0] ?? "";
    app.classList.toggle("is-bare", bare);
    for (const part of [side.element, top, foot.element]) part.hidden = bare;
    main.replaceChildren(page.element);
    document.title = visible(`${page.title} · stepwell`);
    begin.hidden = !session.can("execute") || section === "start";
    // One primary button per page: where the page has none of its own, starting a run is it.
    begin.classList.toggle("primary", (section === "" || section === "runs") && parts.length < 2 && !page.element.querySelector(".button.primary"));
    crumbs.replaceChildren(...trail(section, place, page.title));
    page.above?.((path, text) => { if (page.element.isConnected) crumbs.replaceChildren(...trail(section, place, page.title, [path, text])); });
    side.mark(section === "start" ? "workflows" : section);
    foot.mark(section);
  }

  return {
    elements: [h("a", {class: "skip", href: "#main"}, "Skip to content"), app],
    show,
    focus: () => main.focus({preventScroll: true}),
    /** @param {any} error */
    refuse: (error) => main.replaceChildren(h("div", {class: "page"}, h("div", {class: "panel"}, refusal(error, {what: "The dashboard could not begin.", again: () => location.reload()})))),
  };
}

/** @param {string} section @param {import("../lib/router.js").Place} place @param {string} title @param {[string, string]} [above] what the page stands under, once it knows */
function trail(section, place, title, above) {
  const parts = place.path.split("/").filter(Boolean);
  const last = (/** @type {string} */ text, mono = false) => h("span", {"aria-current": "page", class: mono ? "mono" : null}, h("bdi", {dir: "auto", title: shortId(text) === text ? null : text}, shortId(text)));
  const up = (/** @type {string} */ path, /** @type {string} */ text) => [h("a", {href: href(path)}, h("bdi", {dir: "auto"}, text)), h("span", {class: "crumb-sep", "aria-hidden": "true"}, "/")];
  if (parts.length < 2) return section === "start" ? [...up("/workflows", "Workflows"), last("Start run")] : [last(NAMES[section] ?? title)];
  const name = decodeURIComponent(parts[1]);
  if (section === "start") return [...up("/workflows", "Workflows"), ...up(`/workflows/${parts[1]}`, name), last("Start run")];
  return [...up(`/${parts[0]}`, NAMES[parts[0]] ?? parts[0]), ...(above ? up(...above) : []), last(name, parts[0] === "runs")];
}

/** Where one goes on a narrow screen. */
function bottomBar() {
  const entry = (/** @type {string} */ section, /** @type {string} */ path, /** @type {string} */ sign, /** @type {string} */ word) => h("a", {href: href(path), "data-section": section}, icon(sign), h("span", {}, word));
  const more = h("button", {type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => openMenu(more, [
    {label: "Workflows", icon: "workflow", run: () => go("/workflows")}, {label: "Events", icon: "mail", run: () => go("/events")}, {label: "Dead letters", icon: "inbox", run: () => go("/failures")},
    {label: "Schedules", icon: "calendar", run: () => go("/schedules")}, {label: `Theme: ${theme.value}`, icon: "theme", rule: true, run: () => choose(next())},
  ], {label: "More"})}, icon("menu"), h("span", {}, "More"));
  const links = [entry("", "/", "overview", "Overview"), entry("runs", "/runs", "runs", "Runs"), entry("queues", "/queues", "queues", "Operate")];
  return {
    element: h("nav", {class: "bottombar", "aria-label": "Sections"}, links, more),
    /** @param {string} section */
    mark(section) {
      for (const link of links) {
        if (link.dataset.section === section) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
    },
  };
}
