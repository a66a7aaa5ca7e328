/** The outline of a part of a picture: what is around it is darker. */

import { drawn } from "./dom.js";

/**
 * Lies over a picture that fills its box, or is contained in it.
 * @param {import("./overlap.js").Point[]} corners in shares of the picture
 * @param {{width: number, height: number}} size of the picture: only the ratio counts
 */
export function outline(corners, { width, height }) {
  const path = `M${corners.map(([x, y]) => `${(x * width).toFixed(2)} ${(y * height).toFixed(2)}`).join("L")}Z`;
  return drawn(
    "svg",
    { class: "outline", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    drawn("path", { class: "around", "fill-rule": "evenodd", d: `M0 0H${width}V${height}H0Z${path}` }),
    drawn("path", { class: "edge under", d: path }),
    drawn("path", { class: "edge", d: path }),
  );
}
