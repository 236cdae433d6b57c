// How ids and names stand where there is little room: ids are cut in their middle, names break between their words.

import {h} from "../lib/dom.js";
import {shortId} from "../lib/format.js";

const WHOLE = 18;
const END = 9;

/** Whether an id may have to be cut, so that the whole of it is told elsewhere. @param {string} id */
export const isLong = (id) => id.length > WHOLE;

/** An id that has to be cut is cut in its middle: ids differ at their ends. @param {string} id */
export function idText(id) {
  const shown = shortId(id);
  if (!isLong(shown)) return h("bdi", {dir: "auto"}, shown);
  return h("bdi", {class: "id-long", dir: "auto"}, h("span", {class: "id-head"}, shown.slice(0, -END)), h("span", {}, shown.slice(-END)));
}

/** A name that may break after the signs between its words. @param {string} name @param {string} [kind] a class */
export const nameText = (name, kind) => h("bdi", {class: kind ?? null, dir: "auto"}, name.split(/(?<=[_.:/-])(?=[^_.:/-])/).flatMap((part, index) => (index ? [h("wbr", {}), part] : [part])));
