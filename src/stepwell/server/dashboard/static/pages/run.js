// The page of one run: loads it, and says what is wrong when it cannot be shown.

import {runStore} from "../run/store.js";
import {runView} from "../run/view.js";
import {icon} from "../components/icons.js";
import {api, session} from "../lib/api.js";
import {h, say} from "../lib/dom.js";
import {go, href, replaceQuery} from "../lib/router.js";

const LOADING_AFTER = 200;

/**
 * @param {{params: Record<string, string>, query: URLSearchParams}} place
 */
export function runPage({params, query}) {
  const element = h("div", {class: "run-page"});
  const region = h("div", {class: "visually-hidden", role: "status", "aria-live": "polite"});
  const store = runStore(params.id, api);
  /** @type {ReturnType<typeof runView>|null} */
  let view = null;
  let gone = false;
  /** @type {(path: string, text: string) => void} */
  let tellAbove = () => {};
  const announce = announcer(region);
  const waiting = window.setTimeout(() => { if (!view) element.replaceChildren(skeleton()); }, LOADING_AFTER);

  async function open() {
    try {
      await store.load();
    } catch (error) {
      clearTimeout(waiting);
      if (!gone) element.replaceChildren(refusal(params.id, error, () => void open()));
      return;
    }
    clearTimeout(waiting);
    if (gone) return store.close();
    view = runView(store, {api, can: session.can, announce, address: replaceQuery, query, url: api.url, back: () => go("/runs")});
    element.replaceChildren(view.element, region);
    tellAbove(`/runs?workflow=${encodeURIComponent(store.detail.workflow)}`, store.detail.workflow);
  }
  void open();

  return {
    element,
    title: params.id,
    above(tell) {
      tellAbove = tell;
      if (view) tell(`/runs?workflow=${encodeURIComponent(store.detail.workflow)}`, store.detail.workflow);
    },
    keys: () => view?.keys() ?? [],
    stop() {
      gone = true;
      clearTimeout(waiting);
      store.close();
      view?.stop();
    },
  };
}

/** @param {HTMLElement} region says at most one thing in five seconds, the newest */
function announcer(region) {
  let last = 0;
  let timer = 0;
  return (/** @type {string} */ text) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      last = Date.now();
      say(region, text);
    }, Math.max(50, last + 5000 - Date.now()));
  };
}

function skeleton() {
  const line = (/** @type {string} */ kind) => h("div", {class: `skeleton ${kind}`});
  return h("div", {class: "run-skeleton", "aria-busy": "true", "aria-label": "Loading the run"}, line("sk-title"), line("sk-facts"), line("sk-now"), ...Array.from({length: 8}, () => line("sk-row")));
}

/** @param {string} id @param {any} error @param {() => void} again */
function refusal(id, error, again) {
  const missing = error.status === 404;
  const text = missing ? `No run ${id} in ${session.namespace}. It may have been removed after its retention.` : error.status === 403 ? error.detail : error.message;
  return h("div", {class: "run-refusal", role: "alert"}, icon("failed"), h("div", {}, h("h1", {}, missing ? "No such run" : error.status === 403 ? "Not allowed" : "The run could not be shown"),
    h("p", {}, h("bdi", {dir: "auto"}, text)), error.code ? h("p", {class: "mono quiet"}, error.code) : null,
    h("p", {class: "run-refusal-do"}, missing || error.status === 403 ? h("a", {class: "button", href: href("/runs")}, "All runs") : h("button", {type: "button", class: "button", onclick: again}, "Try again"))));
}
