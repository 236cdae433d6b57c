// The timeline of a run: call tree, bars to scale, zoom, folds, and the live edge that moves through them.

import {axis, backdrop} from "./axis.js";
import {every, now as clockNow} from "./clock.js";
import {patterns} from "./draw.js";
import {notable, rows as rowsOf, tree, windowed} from "./layout.js";
import {minimap} from "./minimap.js";
import {refresh, retext, rowId, rowView} from "./rowviews.js";
import {FOLD, horizon, idle, MARGIN, scaleOf, showing, zoomed} from "./scale.js";
import {absence, busy} from "./shapes.js";
import {legend, meanings, toolbar} from "./timelinebar.js";
import {h} from "../lib/dom.js";

/** @typedef {import("./layout.js").Node} Node */
/** @typedef {import("./layout.js").Call} Call */
/** @typedef {import("./rowviews.js").RowView} RowView */

const PAD = 6;
const compactly = matchMedia("(max-width: 767px)");

/**
 * The timeline as an element, and what the page does with it.
 * @param {{onSelect: (node: Node, opened: boolean) => void, onExpand: (call: Call) => void}} hooks
 */
export function timeline(hooks) {
  const view = {zoom: 1, left: 0, follow: true, fold: true, find: "", selected: "", end: 0, version: 0};
  /** @type {Set<string>} */ const closed = new Set();
  /** @type {Set<string>} */ const opened = new Set();
  /** @type {Set<number>} */ const unfolded = new Set();
  /** @type {Map<string, RowView>} */ const views = new Map();
  /** @type {{run: any, calls: Call[]}|null} */ let data = null;
  /** @type {Node|null} */ let root = null;
  /** @type {Node[]} */ let rows = [];
  /** @type {import("./scale.js").Span[]} */ let gone = [];
  let shape = {start: 0, end: 1, folds: /** @type {import("./scale.js").Span[]} */ ([]), width: 400, fold: FOLD};
  let scale = scaleOf(shape);
  let shown = -1;

  const bar = toolbar({
    zoom: (factor) => zoom(factor),
    fit: () => fit(),
    follow: () => follow(!view.follow),
    find: (text) => { view.find = text; layout(); },
    fold: (on) => { view.fold = on; unfolded.clear(); view.version++; layout(); },
  });
  const mini = minimap((from, to) => {
    Object.assign(view, showing(shape, from, to));
    if (isLive() && clockNow() > to) follow(false);
    moved();
  });
  const top = axis((from) => unfold(from));
  const back = backdrop();
  const list = h("div", {class: "tl-list"});
  const body = h("div", {class: "tl-body", role: "treegrid", tabindex: "0", "aria-label": "Timeline"}, back.element, list);
  const key = legend();
  const element = h("div", {class: "tl"}, patterns(), h("div", {class: "tl-bar"}, bar.zoom, mini.element), h("div", {class: "tl-head"}, bar.find, top.element), body, key.element);

  /** @param {Node} node a child run has calls too, though they are not read yet */
  const hasMore = (node) => node.children.length > 0 || Boolean(node.call?.child);
  const isLive = () => root !== null && root.to === null;
  const isCompact = () => compactly.matches;
  const rowHeight = () => (isCompact() ? 50 : 28);
  const expanded = (/** @type {Node} */ node) => (node.type === "map" || node.call?.child ? opened.has(node.id) : !closed.has(node.id));

  function layout() {
    if (!data) return;
    root = tree(data.run, data.calls);
    rows = rowsOf(root, expanded, view.find);
    const now = clockNow();
    gone = absence(root, data.calls, now);
    const end = root.to ?? now;
    const least = Math.min(root.from, ...firstOf(root));
    const found = idle(busy(data.calls, now), least, end, Math.max(1, Math.floor(shape.width / 120)));
    const folds = view.fold ? found.filter((fold) => !unfolded.has(fold.from)) : [];
    const hidden = folds.reduce((sum, each) => sum + each.to - each.from, 0);
    if (view.end < end || !isLive()) view.end = isLive() ? horizon(least, view.end, end, hidden) : end;
    // A last fold ends at the live edge: nothing after it may be drawn as if it were time.
    const idleNow = isLive() && folds.length > 0 && folds[folds.length - 1].to >= end - 1;
    shape = {start: least, end: idleNow ? end : view.end, folds, width: shape.width, fold: isCompact() ? 20 : FOLD};
    key.tell(meanings(data.calls, gone.length > 0, root.began !== undefined && (root.began ?? now) > root.from));
    bar.state({count: data.calls.length, live: isLive(), follow: view.follow, fold: view.fold, foldable: found.length > 0});
    moved();
  }

  /** @param {Node} from @returns {number[]} when the first calls were opened */
  const firstOf = (from) => from.children.slice(0, 3).map((node) => node.from);

  function moved() {
    view.version++;
    scale = scaleOf({...shape, zoom: view.zoom});
    view.left = Math.max(0, Math.min(view.left, scale.width - shape.width));
    const now = clockNow();
    const edge = scale.x(now);
    if (isLive() && view.follow && (edge < view.left || edge > view.left + shape.width)) view.left = Math.max(0, Math.min(edge - shape.width * 0.8, scale.width - shape.width));
    const frame = {scale, left: view.left, width: shape.width, pad: PAD, now: isLive() ? now : null};
    top.show(frame);
    list.style.height = `${rows.length * rowHeight()}px`;
    back.show(frame, Math.max(1, Math.min(body.clientHeight, rows.length * rowHeight())));
    const whole = scaleOf(shape);
    mini.draw(rows, whole, now);
    mini.frame(scale.time(view.left), scale.time(view.left + shape.width));
    bar.zoomed(view.zoom > 1.001);
    paint();
    advance(now);
  }

  function paint() {
    if (!root || !data) return;
    const height = rowHeight();
    const now = clockNow();
    const {first, last} = windowed(rows.length, height, body.scrollTop, body.clientHeight || 600);
    const frame = {scale, left: view.left, width: shape.width, pad: PAD, now, live: isLive(), away: () => gone, compact: isCompact(), height};
    const kept = new Set();
    for (let index = first; index < last; index++) {
      const node = rows[index];
      kept.add(node.id);
      let row = views.get(node.id);
      if (!row) {
        row = rowView(node, toggle);
        views.set(node.id, row);
        list.append(row.element);
      }
      refresh(row, node, {frame, index, selected: node.id === view.selected, expandable: hasMore(node), expanded: expanded(node) || view.find !== "", version: view.version});
    }
    for (const [id, row] of views) if (!kept.has(id)) { row.element.remove(); views.delete(id); }
    body.setAttribute("aria-rowcount", String(rows.length));
    if (views.has(view.selected)) body.setAttribute("aria-activedescendant", rowId(view.selected));
    else body.removeAttribute("aria-activedescendant");
  }

  /** @param {number} now moves what lives; a new scale when the edge reaches the end */
  function advance(now) {
    if (!isLive()) return;
    if (now > shape.end && shape.end === view.end) return layout();
    const x = Math.round((scale.x(Math.min(now, shape.end)) - view.left + PAD) * 4) / 4;
    if (isLive() && view.follow && view.zoom > 1 && x > shape.width + PAD) return moved();
    if (x === shown && views.size) { for (const row of views.values()) for (const grow of row.grow) grow(x); return; }
    shown = x;
    top.edge(x);
    back.edge(x);
    for (const row of views.values()) for (const grow of row.grow) grow(x);
  }

  /** @param {number} from */
  function unfold(from) {
    unfolded.add(from);
    layout();
  }

  /** @param {number} factor @param {number} [at] */
  function zoom(factor, at = shape.width / 2) {
    const next = zoomed(shape, view, at, factor);
    if (next.zoom < 1.001) return fit();
    Object.assign(view, next);
    const edge = scaleOf({...shape, zoom: view.zoom}).x(clockNow());
    if (isLive() && (edge < view.left || edge > view.left + shape.width)) follow(false);
    moved();
  }

  function fit() {
    Object.assign(view, {zoom: 1, left: 0});
    moved();
  }

  /** @param {boolean} on */
  function follow(on) {
    if (!isLive()) return;
    view.follow = on;
    bar.followed(on);
    if (on) moved();
  }

  /** @param {number} distance in pixels */
  function pan(distance) {
    if (view.zoom <= 1.001) return;
    view.left += distance;
    const edge = scale.x(clockNow());
    if (isLive() && distance < 0 && edge > view.left + shape.width) follow(false);
    moved();
  }

  /** @param {Node} node */
  function toggle(node) {
    const set = node.type === "map" || node.call?.child ? opened : closed;
    if (node.call?.child && !set.has(node.id)) hooks.onExpand(node.call);
    if (set.has(node.id)) set.delete(node.id);
    else set.add(node.id);
    layout();
  }

  /** @param {string} id selects a step also where it is in a closed part of the tree @param {boolean} [open] */
  function reach(id, open = true) {
    if (!root) return;
    const pending = [root];
    while (pending.length) {
      const node = /** @type {Node} */ (pending.pop());
      if (node.id !== id) { pending.push(...node.children); continue; }
      for (let above = node.parent; above; above = above.parent) { closed.delete(above.id); if (above.type === "map" || above.call?.child) opened.add(above.id); }
      if (view.find) { view.find = ""; bar.clear(); }
      layout();
      select(id, open);
      return;
    }
  }

  /** @param {string} id @param {boolean} [open] */
  function select(id, open = false) {
    const index = rows.findIndex((row) => row.id === id);
    if (index < 0) return;
    view.selected = id;
    reveal(index);
    paint();
    hooks.onSelect(rows[index], open);
  }

  /** @param {number} index */
  function reveal(index) {
    const height = rowHeight();
    if (index * height < body.scrollTop) body.scrollTop = index * height;
    else if ((index + 1) * height > body.scrollTop + body.clientHeight) body.scrollTop = (index + 1) * height - body.clientHeight;
  }

  /** @param {number} by */
  function step(by) {
    const index = rows.findIndex((row) => row.id === view.selected);
    const next = rows[Math.max(0, Math.min(rows.length - 1, index + by))];
    if (next) select(next.id);
  }

  /** @param {"left"|"right"} way */
  function fork(way) {
    const node = rows.find((row) => row.id === view.selected);
    if (!node) return;
    const isOpen = hasMore(node) && expanded(node);
    if (way === "right" && hasMore(node) && !isOpen) toggle(node);
    else if (way === "right" && isOpen) step(1);
    else if (isOpen) toggle(node);
    else if (node.parent) select(node.parent.id);
  }

  list.addEventListener("click", (event) => {
    const row = /** @type {HTMLElement|null} */ (/** @type {Element} */ (event.target).closest("[data-row]"));
    if (!row) return;
    const time = event.clientX - list.getBoundingClientRect().left - treeWidth() - PAD + view.left;
    const folded = isCompact() ? undefined : scale.pieces.find((piece) => piece.fold && time >= piece.x0 + MARGIN && time <= piece.x1 - MARGIN);
    if (folded) unfold(folded.from);
    else select(row.dataset.row ?? "", true);
  });
  body.addEventListener("scroll", () => paint(), {passive: true});
  body.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * 0.004), event.clientX - list.getBoundingClientRect().left - treeWidth() - PAD);
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      if (view.zoom <= 1.001) return;
      event.preventDefault();
      pan(event.deltaX || event.deltaY);
    }
  }, {passive: false});
  body.addEventListener("keydown", (event) => {
    const actions = /** @type {Record<string, () => void>} */ ({ArrowDown: () => step(1), ArrowUp: () => step(-1), ArrowRight: () => (event.shiftKey ? pan(80) : fork("right")), ArrowLeft: () => (event.shiftKey ? pan(-80) : fork("left")),
      PageDown: () => step(12), PageUp: () => step(-12), Home: () => step(-rows.length), End: () => step(rows.length), Enter: () => select(view.selected, true)});
    if (!actions[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    actions[event.key]();
  });

  const treeWidth = () => (isCompact() ? 0 : parseFloat(getComputedStyle(element).getPropertyValue("--tree")) || 260);
  function measure() {
    const width = Math.max(120, element.clientWidth - treeWidth() - (isCompact() ? 32 : 28) - PAD);
    if (Math.abs(width - shape.width) < 1 && views.size) return moved();
    shape = {...shape, width};
    layout();
  }
  const sized = new ResizeObserver(measure);
  sized.observe(element);
  const stops = [every(advance, "frame"), every((now) => {
    if (!isLive()) return;
    for (const row of views.values()) if (row.node.to === null) retext(row, now);
    if (shape.end !== view.end) layout();
  }, "second")];

  /** @type {{id: string, open: boolean}|null} */
  let wanted = null;

  return {
    element,
    foldBox: bar.fold,
    select, step, reach,
    focus: () => body.focus({preventScroll: true}),
    /** @param {string} id the step to begin with @param {boolean} open whether somebody asked for it, so that its page is opened on a phone */
    want(id, open) { wanted = {id, open}; },
    /** the tree has another width now */
    measured() { if (element.isConnected) measure(); },
    /** @param {any} run @param {Call[]} calls */
    update(run, calls) {
      const isFirst = data === null;
      data = {run, calls};
      layout();
      if (isFirst && root) {
        if (wanted) reach(wanted.id, wanted.open);
        if (!view.selected) select(notable(root).id);
        if (!view.selected) select(root.id);
      } else {
        const node = rows.find((row) => row.id === view.selected);
        if (node) hooks.onSelect(node, false);
      }
    },
    /** @returns {{keys: string, does: string, run: () => void}[]} */
    keys: () => [
      {keys: "j", does: "next step", run: () => step(1)}, {keys: "k", does: "previous step", run: () => step(-1)},
      {keys: "ArrowDown", does: "", run: () => step(1)}, {keys: "ArrowUp", does: "", run: () => step(-1)},
      {keys: "ArrowRight", does: "expand", run: () => fork("right")}, {keys: "ArrowLeft", does: "collapse", run: () => fork("left")},
      {keys: "o", does: "open the step", run: () => select(view.selected, true)},
      {keys: "+", does: "zoom in", run: () => zoom(1.5)}, {keys: "=", does: "", run: () => zoom(1.5)}, {keys: "-", does: "zoom out", run: () => zoom(1 / 1.5)}, {keys: "−", does: "", run: () => zoom(1 / 1.5)},
      {keys: "0", does: "fit", run: fit}, {keys: "f", does: "follow the live edge", run: () => follow(true)}, {keys: "/", does: "find a step", run: () => bar.focus()},
    ],
    stop() {
      sized.disconnect();
      for (const stop of stops) stop();
    },
  };
}
