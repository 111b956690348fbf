import { h, sizeText } from "./dom.js";

/**
 * A line of an image's history: `number` is its layer's from the bottom (1), 0 where it has none; `note` names the image that ends there.
 * @typedef {{ text: string, size: number, number: number, own: boolean, note: string }} Band
 */

/**
 * What stands in a layer's band: its number, the instruction, its size, the bar to the scale of the largest.
 * @param {Band} band
 * @param {number} largest
 * @returns {(HTMLElement | null)[]}
 */
export function bandParts(band, largest) {
  const bar = h("span", { class: "dl-bar", "aria-hidden": "true" });
  bar.style.width = band.size ? `max(2px, ${(100 * band.size) / largest}%)` : "0";
  return [
    h("span", { class: "dl-number" }, String(band.number)),
    h("span", { class: "dl-text" }, band.text),
    band.note ? h("span", { class: "dl-tag" }, band.note) : null,
    h("span", { class: "dl-weight" }, bar, h("span", { class: "dl-note" }, sizeText(band.size))),
  ];
}
