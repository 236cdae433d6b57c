// Elements, signals and keyed lists: all that the pages need of a framework. Text becomes text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";
/** What turns the direction of the text around it, without being seen itself. */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Attributes that people read, or hear. */
const READ = new Set(["title", "aria-label", "aria-valuetext", "aria-description", "data-tip", "placeholder", "alt", "label"]);

/** @typedef {Node|string|number|null|undefined|false|readonly Node[]|any[]} Child */

/**
 * Text as it is shown: signs that turn the direction of writing are written out (`\u202e`), since data may hold them
 * and would turn what stands beside it. Values that are sent or copied are left as they are.
 * @param {string} text
 */
export const visible = (text) => text.replace(TURNING, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);

/**
 * An HTML element. `on…` listens, `style` is an object of properties, null and false leave an attribute out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>|null} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  return /** @type {any} */ (made(document.createElement(tag), props, children));
}

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>|null} [props]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, props, ...children) {
  return /** @type {any} */ (made(document.createElementNS(SVG, tag), props, children));
}

/** @param {Element} element @param {Record<string, any>|null|undefined} props @param {Child[]} children */
function made(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) set(element, name, value);
  append(element, children);
  return element;
}

/** @param {Element} element @param {string} name @param {any} value */
function set(element, name, value) {
  if (name.startsWith("on") && typeof value === "function") element.addEventListener(name.slice(2), value);
  else if (name === "style" && value && typeof value === "object") {
    for (const [property, text] of Object.entries(value)) /** @type {HTMLElement} */ (element).style.setProperty(property, String(text));
  } else attribute(element, name, value);
}

/**
 * Sets an attribute only when it differs; null, undefined and false take it away.
 * @param {Element} element @param {string} name @param {any} value
 */
export function attribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else {
    const text = value === true ? "" : READ.has(name) ? visible(String(value)) : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** @param {Element} element @param {Child[]} children */
function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : visible(String(child)));
  }
}

/**
 * Replaces the text of an element only when it differs, so that a selection in it stays.
 * @param {Element} element @param {string} text
 */
export function say(element, text) {
  const shown = visible(text);
  if (element.textContent !== shown) element.textContent = shown;
}

// -- signals ---------------------------------------------------------------------------------------------

/** @typedef {{run: () => void, sources: Set<Set<Reader>>}} Reader */
/** @type {Reader|null} */
let reading = null;

/**
 * A value that tells effects when it changes.
 * @template T
 * @param {T} value
 */
export function signal(value) {
  /** @type {Set<Reader>} */
  const readers = new Set();
  return {
    get value() {
      if (reading) {
        readers.add(reading);
        reading.sources.add(readers);
      }
      return value;
    },
    set value(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const reader of [...readers]) reader.run();
    },
  };
}

/**
 * Runs now, and again whenever a signal that it read changes. The answer ends it.
 * @param {() => void} body
 * @returns {() => void}
 */
export function effect(body) {
  const stop = () => {
    for (const readers of reader.sources) readers.delete(reader);
    reader.sources.clear();
  };
  /** @type {Reader} */
  const reader = {
    sources: new Set(),
    run() {
      stop();
      const outer = reading;
      reading = reader;
      try {
        body();
      } finally {
        reading = outer;
      }
    },
  };
  reader.run();
  return stop;
}

// -- lists -----------------------------------------------------------------------------------------------

/** @type {WeakMap<Element, Map<string, {element: Element, update: ((item: any, index: number) => void)|undefined}>>} */
const lists = new WeakMap();

/**
 * Makes the children of a container those of the items: kept by key, moved only where the order differs.
 * `render` makes the element of an item; `update` brings one that is there up to date.
 * @template I
 * @param {Element} container whose children are all of this list
 * @param {readonly I[]} items
 * @param {(item: I, index: number) => string} key
 * @param {(item: I, index: number) => Element} render
 * @param {(element: any, item: I, index: number) => void} [update]
 */
export function each(container, items, key, render, update) {
  const before = lists.get(container) ?? new Map();
  const after = new Map();
  let place = container.firstElementChild;
  items.forEach((item, index) => {
    const name = key(item, index);
    let entry = before.get(name);
    if (entry && !after.has(name)) update?.(entry.element, item, index);
    else entry = {element: render(item, index), update: undefined};
    after.set(name, entry);
    if (place && entry.element === place) place = place.nextElementSibling;
    else container.insertBefore(entry.element, place);
  });
  for (const [name, entry] of before) if (after.get(name) !== entry) entry.element.remove();
  lists.set(container, after);
}
