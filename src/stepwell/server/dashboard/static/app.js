// Begins the dashboard: the session, the frame, the routes. Each page is loaded when it is first opened.

import {frame} from "./shell/frame.js";
import {globalKeys} from "./shell/globalkeys.js";
import {counters} from "./shell/counters.js";
import {refusal} from "./components/loading.js";
import {tips} from "./components/tips.js";
import {loadSession, session, signedOut} from "./lib/api.js";
import {effect, h} from "./lib/dom.js";
import {bind} from "./lib/keys.js";
import {find, go, here, route, start} from "./lib/router.js";

const ROUTES = [
  route("/", () => import("./pages/overview.js").then((page) => page.overviewPage)),
  route("/runs", () => import("./pages/runs.js").then((page) => page.runsPage)),
  route("/runs/{id}", () => import("./pages/run.js").then((page) => page.runPage)),
  route("/workflows", () => import("./pages/workflows.js").then((page) => page.workflowsPage)),
  route("/workflows/{name}", () => import("./pages/workflow.js").then((page) => page.workflowPage)),
  route("/start", () => import("./pages/start.js").then((page) => page.startPage)),
  route("/start/{workflow}", () => import("./pages/start.js").then((page) => page.startPage)),
  route("/queues", () => import("./pages/queues.js").then((page) => page.queuesPage)),
  route("/events", () => import("./pages/events.js").then((page) => page.eventsPage)),
  route("/failures", () => import("./pages/failures.js").then((page) => page.failuresPage)),
  route("/schedules", () => import("./pages/schedules.js").then((page) => page.schedulesPage)),
  route("/login", () => import("./pages/login.js").then((page) => page.loginPage)),
];

const view = frame();
document.body.append(...view.elements);
tips();

/** @type {import("./lib/router.js").Page|null} */
let present = null;
let visit = 0;

/** @param {import("./lib/router.js").Place} place @param {boolean} isNew */
async function show(place, isNew) {
  const mine = ++visit;
  const login = place.path === "/login";
  if (!session.authenticated && !login) {
    go(`/login?next=${encodeURIComponent(place.path + location.search)}`, {replace: true});
    return null;
  }
  const page = await made(place);
  if (mine !== visit) {
    page.stop?.();
    return null;
  }
  present?.stop?.();
  present = page;
  view.show(page, place, login);
  if (isNew && mine > 1) view.focus();
  return page;
}

/** @param {import("./lib/router.js").Place} place @returns {Promise<import("./lib/router.js").Page>} */
async function made(place) {
  try {
    const found = find(ROUTES, place.path);
    if (!found) {
      const {notFoundPage} = await import("./pages/notfound.js");
      return notFoundPage(place);
    }
    const build = await found.route.load();
    return build({...place, params: found.params});
  } catch (error) {
    // The files of another build are gone from the server: a reload brings the new ones.
    const element = h("div", {class: "page"}, h("div", {class: "panel"}, refusal(error, {what: "This page could not be loaded.", again: () => location.reload()})));
    return {element, title: "Not loaded"};
  }
}

bind(globalKeys);
bind(() => present?.keys?.() ?? []);

let told = 0;
effect(() => {
  const times = signedOut.value;
  if (times === told) return;
  told = times;
  const {path} = here();
  if (path !== "/login") go(`/login?next=${encodeURIComponent(path + location.search)}`);
});

try {
  await loadSession();
  counters.start();
  await start(show);
} catch (error) {
  view.refuse(error);
}
