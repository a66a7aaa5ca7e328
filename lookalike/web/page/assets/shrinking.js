/** Smaller copies of pictures that are too large to send. They are enough to search by: signatures see no fine detail. */

/** Longer sides in pixels; the first that fits is taken. A signature is computed from 32 to 128 pixels. */
const SIDES = [2048, 1024, 512, 256];

const QUALITY = 0.92;

/**
 * A copy of at most `maxBytes`; null where this browser cannot read the picture.
 * @param {Blob} file @param {number} maxBytes
 * @returns {Promise<{blob: Blob, width: number, height: number}|null>} `width`, `height`: of the file's picture
 */
export async function smaller(file, maxBytes) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return null;
  }
  const { width, height } = picture;
  try {
    for (const side of SIDES) {
      // WebP keeps transparency; a browser that cannot write it makes a PNG
      const blob = await drawn(picture, side, file.type === "image/jpeg" ? "image/jpeg" : "image/webp");
      if (blob && blob.size <= maxBytes) return { blob, width, height };
    }
  } finally {
    picture.close();
  }
  return null;
}

/** @param {ImageBitmap} picture @param {number} side the longer one @param {string} type @returns {Promise<Blob|null>} */
function drawn(picture, side, type) {
  const scale = Math.min(1, side / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, type, QUALITY));
}
