// What can be done with a run: buttons, menu and keys, each only when its status allows it.

import {writeText} from "../components/copy.js";
import {confirm} from "../components/dialog.js";
import {icon} from "../components/icons.js";
import {menuButton} from "../components/menu.js";
import {problemToast, toast} from "../components/toasts.js";
import {each, h} from "../lib/dom.js";
import {shortId} from "../lib/format.js";
import {go} from "../lib/router.js";

/** @typedef {import("./store.js").RunStore} RunStore */
/** @typedef {"pause"|"resume"|"cancel"|"terminate"|"restart"|"retry"} Verb */
/** @typedef {{label: string, icon?: string, key?: string, primary?: boolean, danger?: boolean, run: () => void}} Action */

const DONE = /** @type {Record<Verb, string>} */ ({pause: "Paused", resume: "Resumed", cancel: "Cancelling", terminate: "Terminated", restart: "Restarted", retry: "Retrying"});
const BACK = /** @type {Partial<Record<Verb, Verb>>} */ ({pause: "resume", resume: "pause"});
const LABELS = /** @type {Record<Verb, string>} */ ({pause: "Pause", resume: "Resume", cancel: "Cancel…", terminate: "Terminate…", restart: "Restart…", retry: "Retry"});
const ICONS = /** @type {Partial<Record<Verb, string>>} */ ({pause: "pause", resume: "play", retry: "retry"});
const KEYS = /** @type {Partial<Record<Verb, string>>} */ ({pause: "p", resume: "p", cancel: "c", retry: "r"});

/**
 * @param {RunStore} store
 * @param {{api: any, can: (scope: string) => boolean, sendEvent: () => void, failedStep: () => string|null, explained: () => boolean, narrow: () => boolean}} around `explained`: the block that says why the run is parked has the verbs that help; `narrow`: the page has them at its foot instead
 */
export function runActions(store, around) {
  const bar = h("div", {class: "run-actions"});
  const foot = h("div", {class: "run-foot"});
  let shown = "";

  /** @param {Verb} verb */
  const allowed = (verb) => around.can("operate") && (store.detail?.actions ?? []).includes(verb);

  /** @param {Verb} verb @param {boolean} [quiet] */
  async function act(verb, quiet = false) {
    try {
      store.merge(await around.api.post(`${store.path}/${verb}`));
      const back = BACK[verb];
      if (!quiet) toast(`${DONE[verb]} ${shortId(store.id)}`, back ? {label: LABELS[back], run: () => void act(back)} : undefined);
    } catch (error) {
      problemToast(error, `Not ${verb === "pause" ? "paused" : verb === "cancel" ? "cancelled" : `${verb}${verb.endsWith("e") ? "d" : "ed"}`}.`);
    }
  }

  /** @param {Verb} verb */
  async function asked(verb) {
    if (verb === "pause" || verb === "resume" || verb === "retry") return act(verb);
    const questions = {
      cancel: {title: `Cancel ${store.id}?`, body: "No further step starts. Its undos run, the last one first, and its attached children are cancelled too.", verb: "Cancel the run"},
      terminate: {title: `Terminate ${store.id}?`, body: "It stops where it is. No undo runs. This is final.", verb: "Terminate the run"},
      restart: {title: `Restart ${store.id}?`, body: "It begins again from its first step, with the same input, as a new generation. Recorded results are not used again.", verb: "Restart the run"},
    };
    const question = questions[verb];
    if (await confirm({...question, danger: verb !== "restart"})) await act(verb);
  }

  /** @returns {Action[]} the most likely one first */
  function actions() {
    const {status} = store.detail;
    /** @type {Verb[]} */
    const order = status === "failed" || status === "parked" ? ["retry", "restart", "resume", "cancel", "terminate", "pause"] : ["resume", "pause", "cancel", "retry", "restart", "terminate"];
    const verbs = order.filter(allowed);
    const list = verbs.map((verb) => ({label: verb === "retry" ? retryLabel() : LABELS[verb], icon: ICONS[verb], key: KEYS[verb], primary: verb === "retry" && (status === "failed" || status === "parked"), danger: verb === "terminate", run: () => void asked(verb)}));
    return list;
  }

  const retryLabel = () => {
    const step = around.failedStep();
    return step && step.length <= 24 ? `Retry from ${step}` : "Retry";
  };

  /** @param {Action} each */
  const helps = (each) => each.icon === "play" || each.icon === "retry" || each.label === LABELS.restart;

  const extras = () => [
    {label: "Copy id", key: "y", run: copyId},
    {label: "Copy link", run: () => void writeText(location.href)},
    ...(around.can("execute") ? [{label: "Start another like this…", run: () => go(`/start/${encodeURIComponent(store.detail.workflow)}?from=${encodeURIComponent(store.id)}`)}] : []),
  ];

  async function copyId() {
    if (await writeText(store.id)) toast(`Copied ${shortId(store.id)}`);
  }

  const canSend = () => around.can("execute") && store.events.waiting.length > 0 && (store.detail.actions ?? []).length > 0 && !["failed", "succeeded", "cancelled", "terminated"].includes(store.detail.status);

  function tell() {
    const list = actions();
    const elsewhere = around.explained() ? list.filter(helps) : [];
    const signature = JSON.stringify([list.map((each) => each.label), canSend(), store.detail.status, elsewhere.length, around.narrow()]);
    if (signature === shown) return;
    shown = signature;
    const had = bar.contains(document.activeElement) ? document.activeElement?.textContent : null;
    /** @type {Action[]} */
    const send = canSend() ? [{label: "Send event", icon: "mail", key: "e", run: around.sendEvent}] : [];
    // The primary one stands last, beside the menu, as the end of the line.
    const direct = [...send, ...list.filter((each) => !each.danger).slice(0, 2)].sort((a, b) => Number(a.primary ?? false) - Number(b.primary ?? false));
    const above = around.narrow() ? direct : direct.filter((each) => !elsewhere.includes(each));
    const rest = [...list.filter((each) => !direct.includes(each) && (around.narrow() || !elsewhere.includes(each))), ...extras()];
    const more = {label: `More: ${rest.map((each) => each.label)}`};
    // Those that stay are left alone: a click on one is under way, perhaps.
    const named = (/** @type {{label: string, primary?: boolean}} */ action) => `${action.primary ?? false} ${action.label}`;
    const menu = () => menuButton({label: "More", items: rest.map((each) => ({label: each.label, key: each.key, danger: "danger" in each && each.danger, run: each.run}))});
    each(bar, [...above, more], named, (action) => (action === more ? menu() : button(/** @type {Action} */ (action))));
    const first = direct.filter((each) => each.primary || each.icon === "pause" || each.icon === "play" || each.icon === "mail");
    const two = [...new Set([...first, ...direct])].slice(0, 2);
    each(foot, two, named, button);
    foot.hidden = two.length === 0;
    if (had) [...bar.querySelectorAll("button")].find((each) => each.textContent === had)?.focus();
  }

  /** @param {Action} action */
  const button = (action) => h("button", {type: "button", class: action.primary ? "button primary" : "button", title: action.key ? `${action.label} (${action.key})` : null, onclick: action.run},
    action.icon ? icon(action.icon) : null, action.label);

  return {
    bar, foot, tell,
    /** what helps a parked run, as buttons */
    helpers: () => actions().filter(helps).map((each) => { const made = button(each); made.classList.remove("primary"); made.classList.add("small"); return made; }),
    /** @returns {{keys: string, does: string, run: () => void}[]} */
    keys: () => [
      {keys: "p", does: "pause or resume", run: () => void (allowed("pause") ? act("pause") : allowed("resume") ? act("resume") : null)},
      {keys: "c", does: "cancel…", run: () => void (allowed("cancel") && asked("cancel"))},
      {keys: "r", does: "retry", run: () => void (allowed("retry") && act("retry"))},
      {keys: "e", does: "send event", run: () => { if (canSend()) around.sendEvent(); }},
      {keys: "y", does: "copy id", run: () => void copyId()},
    ],
  };
}
