// How numbers, lengths and moments are written: one way for the whole dashboard.

import {serverNow} from "./servertime.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** @param {number} n */
const two = (n) => String(n).padStart(2, "0");

/** 1,204 @param {number} n */
export const number = (n) => n.toLocaleString("en");

/** 49.7 k, where there is little space. @param {number} n */
export function compact(n) {
  for (const [size, unit] of /** @type {[number, string][]} */ ([[1e9, "G"], [1e6, "M"], [1e4, "k"]])) {
    if (n < size) continue;
    const scaled = n / (unit === "k" ? 1e3 : size);
    return `${scaled >= 100 ? Math.round(scaled) : Number(scaled.toFixed(1))} ${unit}`;
  }
  return number(n);
}

/** 3 runs. @param {number} n @param {string} one @param {string} [many] */
export const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

/** 0.05 % @param {number} share of 1 */
export function percent(share) {
  const value = share * 100;
  const digits = value === 0 || value >= 10 ? 0 : value >= 1 ? 1 : 2;
  return `${value > 0 && value < 0.01 ? "< 0.01" : Number(value.toFixed(digits))} %`;
}

/** An id as it is shown: one that was made by the machine is cut in its middle. @param {string} id */
export const shortId = (id) => (/^[0-9a-f]{32}$/.test(id) ? `${id.slice(0, 8)}…${id.slice(-7)}` : id);

/** 1.2 kB @param {number} n */
export function bytes(n) {
  if (n < 1000) return `${n} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = n / 1000;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return `${value < 99.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/**
 * 120 ms, 3.1s, 1m 04s, 12h 04m, 3d 2h.
 * @param {number} seconds @param {number} [units] 1 leaves the smaller unit out
 */
export function duration(seconds, units = 2) {
  const s = Math.max(0, seconds);
  if (s < 0.9995) return `${Math.round(s * 1000)} ms`;
  if (s < 59.95) return units === 1 && s >= 9.95 ? `${Math.round(s)}s` : `${Number(s.toFixed(1))}s`;
  const whole = Math.round(s);
  const parts = whole < 3600 ? [60, "m", 1, "s"] : whole < 86400 ? [3600, "h", 60, "m"] : [86400, "d", 3600, "h"];
  const [size, unit, small, name] = /** @type {[number, string, number, string]} */ (parts);
  const rest = Math.floor((whole % size) / small);
  const big = `${number(Math.floor(whole / size))}${unit}`;
  if (units === 1) return big;
  return `${big} ${name === "h" ? rest : two(rest)}${name}`;
}

/** 1 minute 4 seconds, as it is read aloud. @param {number} seconds */
export function spokenDuration(seconds) {
  const words = /** @type {Record<string, string>} */ ({ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day"});
  return duration(seconds).replace(/([\d.,]+) ?(ms|s|m|h|d)\b/g, (_, n, unit) => `${Number(n.replace(",", ""))} ${words[unit]}${Number(n) === 1 ? "" : "s"}`);
}

/** Milliseconds of a moment as the API writes it. @param {string|null|undefined} text */
export function stamp(text) {
  if (!text) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

/** 14:35:02 @param {number} at milliseconds @param {number} [digits] of a second */
export function clockTime(at, digits = 0) {
  const t = new Date(at);
  const whole = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
  return digits ? `${whole}.${String(t.getMilliseconds()).padStart(3, "0").slice(0, digits)}` : whole;
}

/** 14:35 @param {number} at */
export const shortTime = (at) => clockTime(at).slice(0, 5);

/** 2026-11-02 @param {number} at */
export function date(at) {
  const t = new Date(at);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
}

/** today 02:30:24, Fri 14:35:02, 2026-11-02 14:35:02. @param {number} at @param {number} [now] */
export function dayTime(at, now = serverNow()) {
  if (date(at) === date(now)) return `today ${clockTime(at)}`;
  if (Math.abs(now - at) < 6 * DAY) return `${DAYS[new Date(at).getDay()]} ${clockTime(at)}`;
  return `${date(at)} ${clockTime(at)}`;
}

/** just now, 21 s ago, 3 m ago, 08:41, Fri 14:35, 2026-11-02. @param {number} at @param {number} [now] */
export function relative(at, now = serverNow()) {
  const ago = now - at;
  if (ago < 0) return ago > -5 * SECOND ? "just now" : ahead(at, now);
  if (ago < 10 * SECOND) return "just now";
  if (ago < MINUTE) return `${Math.floor(ago / SECOND)} s ago`;
  if (ago < HOUR) return `${Math.floor(ago / MINUTE)} m ago`;
  return day(at, now);
}

/** @param {number} at @param {number} now */
const ahead = (at, now) => (at - now < HOUR ? `in ${duration((at - now) / SECOND, 1)}` : day(at, now));

/** @param {number} at @param {number} now */
function day(at, now) {
  if (date(at) === date(now)) return shortTime(at);
  if (Math.abs(now - at) < 6 * DAY) return `${DAYS[new Date(at).getDay()]} ${shortTime(at)}`;
  return date(at);
}

/** Europe/Berlin */
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";

/** UTC+1 @param {number} [at] */
export function offset(at = serverNow()) {
  const minutes = -new Date(at).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `UTC${minutes ? (minutes < 0 ? "−" : "+") + Math.floor(size / 60) + (size % 60 ? `:${two(size % 60)}` : "") : ""}`;
}

/** Whole text for titles: the day, the time, the zone. @param {number} at */
export const absolute = (at) => `${date(at)} ${clockTime(at, 3)} ${offset(at)}`;
