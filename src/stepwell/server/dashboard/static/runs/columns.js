// How wide the columns of the list are: what is said now is what one reads, so the others give way to it, in this order:
// the picture of the duration, the tags, then ids and workflows.

const FIXED = {check: 46, state: 112, start: 92, menu: 44};
const TOOK = 88;
const DRAWN = 184;
const NOW = 272;
const LEAST_TAGS = 112;
const LEAST_NAME = 104;

/**
 * @typedef {object} Wanted widths that show what is there whole
 * @property {number} id
 * @property {number} flow
 * @property {number} tags 0: no run has one
 * @property {number} more of the columns that were switched on
 */

/**
 * @param {number} room the width of the table
 * @param {Wanted} wanted
 */
export function fit(room, {id, flow, tags, more}) {
  const left = room - more - Object.values(FIXED).reduce((sum, each) => sum + each, 0) - TOOK - NOW;
  const lack = Math.max(0, id + flow - left);
  const names = id + flow;
  const cut = (/** @type {number} */ whole) => Math.max(Math.min(whole, LEAST_NAME), Math.floor(whole - (lack * whole) / names));
  const found = {id: cut(id), flow: cut(flow), tags: 0, took: TOOK, drawn: false};
  const spare = left - names;
  if (spare >= Math.min(tags, LEAST_TAGS)) found.tags = Math.min(tags, spare);
  if (spare - tags >= DRAWN - TOOK) [found.took, found.drawn] = [DRAWN, true];
  return found;
}
