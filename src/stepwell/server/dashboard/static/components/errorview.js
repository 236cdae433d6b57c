// One failure: its class, what it says, the user's own frames with source, the rest folded, and what caused it.

import {copyButton} from "./copy.js";
import {icon} from "./icons.js";
import {h} from "../lib/dom.js";

/** @typedef {{file: string, line: number, function: string, own: boolean, package?: string|null, context: {line: number, text: string}[]}} Frame */
/** @typedef {{type: string, module?: string|null, awaited?: Frame|null, message: string, code: string|null, retryable: boolean|null, details: any, traceback: string|null, frames: Frame[], cause: Failure|null, group?: Failure[], notes?: string[]}} Failure */

const DEEPEST = 12;

/**
 * The class in colour and the message.
 * @param {Failure} failure
 * @param {boolean} inOneLine
 */
export const headline = (failure, inOneLine) => h("p", {class: inOneLine ? "err-head err-inline" : "err-head"},
  h("bdi", {class: "err-class"}, failure.type), inOneLine ? " " : null, h("bdi", {class: "err-text", dir: "auto"}, failure.message));

/**
 * Module, code and whether it was worth another try, in words.
 * @param {Failure} failure
 * @param {boolean} usedUp
 */
export function factsText(failure, usedUp) {
  const words = [];
  if (failure.module && failure.module !== "builtins") words.push(failure.module);
  if (failure.code) words.push(`code ${failure.code}`);
  if (failure.retryable !== null && failure.retryable !== undefined) words.push(failure.retryable ? "retryable" : "not retryable");
  if (usedUp && failure.retryable !== false) words.push("retries used up");
  return words.join(", ");
}

/**
 * Frames, folded ones and causes of a failure.
 * @param {Failure} failure
 * @param {{all?: boolean}} [options] all: library frames are shown like one's own
 * @returns {HTMLElement}
 */
export function frames(failure, {all = false} = {}) {
  return h("div", {class: "err-frames"}, ...(failure.notes ?? []).map((note) => h("p", {class: "err-note", dir: "auto"}, note)), ...groups(failure, all), ...awaited(failure), ...members(failure, all, 1), ...caused(failure, all, 1));
}

/** @param {Failure} failure where the workflow's body got the failure of its step */
const awaited = (failure) => (failure.awaited ? [fold([failure.awaited], `awaited in ${failure.awaited.function}, ${failure.awaited.file}:${failure.awaited.line}`)] : []);


/** @param {Failure} failure @param {boolean} all @returns {HTMLElement[]} */
function groups(failure, all) {
  /** @type {HTMLElement[]} */
  const parts = [];
  /** @type {Frame[]} */
  let folded = [];
  const close = () => {
    if (folded.length) parts.push(fold(folded, `${folded.length} ${folded.length === 1 ? "frame" : "frames"} in ${modules(folded)}`));
    folded = [];
  };
  for (const frame of failure.frames ?? []) {
    if (!all && !frame.own) { folded.push(frame); continue; }
    close();
    parts.push(source(frame));
  }
  close();
  return parts;
}

/** @param {Failure} failure @param {boolean} all @param {number} depth @returns {HTMLElement[]} */
function caused(failure, all, depth) {
  const {cause} = failure;
  if (!cause || depth > DEEPEST) return [];
  const library = (cause.frames ?? []).filter((frame) => !frame.own);
  const summary = h("summary", {}, icon("chevron"), h("span", {}, "caused by ", h("bdi", {class: "err-cause"}, cause.type),
    cause.message ? [": ", h("bdi", {dir: "auto"}, cause.message)] : null, library.length ? `, ${library.length} frames in ${modules(library)}` : null));
  return [h("details", {class: "err-fold", open: all}, summary, ...groups(cause, true), ...caused(cause, all, depth + 1))];
}

/** @param {Failure} failure @param {boolean} all @param {number} depth the failures that an exception group holds @returns {HTMLElement[]} */
function members(failure, all, depth) {
  if (depth > DEEPEST) return [];
  return (failure.group ?? []).map((each, index) => h("details", {class: "err-fold", open: true}, h("summary", {}, icon("chevron"), h("span", {}, `${index + 1} of ${failure.group?.length} `, h("bdi", {class: "err-cause"}, each.type), each.message ? [": ", h("bdi", {dir: "auto"}, each.message)] : null)),
    ...groups(each, all), ...members(each, all, depth + 1), ...caused(each, all, depth + 1)));
}

/** @param {Frame[]} folded @param {string} text */
const fold = (folded, text) => h("details", {class: "err-fold"}, h("summary", {}, icon("chevron"), h("bdi", {}, text)), ...folded.map(source));

/** @param {Frame[]} folded which libraries the frames are of */
function modules(folded) {
  const names = folded.map((frame) => frame.package ?? (frame.file.split(/[\\/]/).pop() || frame.file).replace(/\.py$/, ""));
  const found = [...new Set(names)];
  return found.slice(0, 3).join(", ") + (found.length > 3 ? " and others" : "");
}

/** @param {Frame} frame */
function source(frame) {
  const context = frame.context ?? [];
  const indent = Math.min(...context.filter((each) => each.text.trim()).map((each) => each.text.length - each.text.trimStart().length), 40);
  return h("figure", {class: "src"},
    h("figcaption", {}, h("bdi", {class: "src-file"}, frame.file), context.length ? null : `:${frame.line}`, " in ", h("bdi", {}, frame.function)),
    context.length ? h("div", {class: "src-lines", tabindex: "0", role: "group", "aria-label": `Source of ${frame.function}, line ${frame.line}`},
      ...context.map((each) => h("div", {class: each.line === frame.line ? "src-line src-hit" : "src-line"},
        h("span", {class: "src-n"}, String(each.line)), h("code", {}, each.text.slice(Number.isFinite(indent) ? indent : 0) || " ")))) : null);
}

/** @param {Failure} failure Python's own text, or the best that can be said without it */
export const traceback = (failure) => failure.traceback || `${failure.type}: ${failure.message}`;

/** @param {Failure} failure */
export const copyTraceback = (failure) => copyButton(() => traceback(failure), "Copy traceback");

/** @param {Failure|null|undefined} failure how many frames there are, causes included */
export function frameCount(failure) {
  let count = 0;
  for (let each = failure, depth = 0; each && depth <= DEEPEST; each = each.cause, depth++) count += (each.frames ?? []).length;
  return count;
}
