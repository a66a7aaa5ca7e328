/** Drawing of the eight orientations, negatives and differences. */

/** By name, the numbers of EXIF's Orientation tag (EXIF 2.32, 4.6.4). */
const NUMBERS = {
  "as is": 1,
  mirrored: 2,
  "rotated 180": 3,
  flipped: 4,
  transposed: 5,
  "rotated 90": 6,
  transversed: 7,
  "rotated 270": 8,
};

/** End of the orientation of a hit that is alike to the negative. */
export const NEGATIVE = ", negative";

/** @param {string} orientation of a hit, such as `rotated 90, negative` */
const numbered = (orientation) => NUMBERS[/** @type {keyof NUMBERS} */ (orientation.replace(NEGATIVE, ""))] ?? 1;

/** The six numbers of `setTransform` for a picture of this size. @type {Record<number, (w: number, h: number) => number[]>} */
const TRANSFORMS = {
  1: () => [1, 0, 0, 1, 0, 0],
  2: (w) => [-1, 0, 0, 1, w, 0],
  3: (w, h) => [-1, 0, 0, -1, w, h],
  4: (_, h) => [1, 0, 0, -1, 0, h],
  5: () => [0, 1, 1, 0, 0, 0],
  6: (_, h) => [0, 1, -1, 0, h, 0],
  7: (w, h) => [0, -1, -1, 0, h, w],
  8: (w) => [0, -1, 1, 0, 0, w],
};

/**
 * The picture turned to look like a hit.
 * @param {HTMLImageElement} picture
 * @param {string} orientation of a hit, such as `rotated 90, negative`
 * @param {number} longest side in pixels; larger pictures are made smaller
 * @returns {HTMLCanvasElement}
 */
export function turned(picture, orientation, longest) {
  const number = numbered(orientation);
  const scale = Math.min(1, longest / Math.max(picture.naturalWidth, picture.naturalHeight));
  const width = Math.max(1, Math.round(picture.naturalWidth * scale));
  const height = Math.max(1, Math.round(picture.naturalHeight * scale));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = number >= 5 ? [height, width] : [width, height];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.setTransform(.../** @type {[number, number, number, number, number, number]} */ (TRANSFORMS[number](width, height)));
  context.drawImage(picture, 0, 0, width, height);
  if (orientation.endsWith(NEGATIVE)) {
    context.globalCompositeOperation = "difference";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
  }
  return canvas;
}

/**
 * These corners in a picture that `turned` turned.
 * @param {import("./overlap.js").Point[]} corners in shares of the picture @param {string} orientation
 * @returns {import("./overlap.js").Point[]}
 */
export function turnedCorners(corners, orientation) {
  const [a, b, c, d, e, f] = TRANSFORMS[numbered(orientation)](1, 1);
  return corners.map(([x, y]) => [a * x + c * y + e, b * x + d * y + f]);
}

/**
 * The picture on a canvas of another size, where a transform puts it.
 * @param {HTMLCanvasElement} canvas @param {[number, number, number, number, number, number]} transform
 * @param {{width: number, height: number}} size
 * @param {string} ground colour around the picture; transparent where empty
 */
export function moved(canvas, transform, { width, height }, ground) {
  const result = document.createElement("canvas");
  Object.assign(result, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (result.getContext("2d"));
  context.imageSmoothingQuality = "high";
  if (ground) {
    context.fillStyle = ground;
    context.fillRect(0, 0, width, height);
  }
  context.setTransform(...transform);
  // a transparent picture shows what is below it, not the ground
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(canvas, 0, 0);
  return result;
}

/** A copy in another size. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
export function stretched(canvas, width, height) {
  const result = document.createElement("canvas");
  Object.assign(result, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (result.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, width, height);
  return result;
}

/** @param {HTMLCanvasElement} canvas */
export const pixelsOf = (canvas) =>
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).getImageData(0, 0, canvas.width, canvas.height);

/**
 * The difference of two pictures of one size: black where they are equal, and nothing where one of them is transparent.
 * @param {ImageData} a @param {ImageData} b
 * @param {number} gain factor of the brightness
 * @returns {{canvas: HTMLCanvasElement, mean: number}} `mean`: difference of a channel, 0 to 1, without the gain
 */
export function difference(a, b, gain) {
  const { width, height } = a;
  const result = new ImageData(width, height);
  let [total, covered] = [0, 0];
  for (let i = 0; i < result.data.length; i += 4) {
    if (a.data[i + 3] < 255 || b.data[i + 3] < 255) continue;
    covered += 3;
    for (let channel = i; channel < i + 3; channel += 1) {
      const apart = Math.abs(a.data[channel] - b.data[channel]);
      total += apart;
      result.data[channel] = apart * gain;
    }
    result.data[i + 3] = 255;
  }
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(result, 0, 0);
  return { canvas, mean: total / (Math.max(1, covered) * 255) };
}
