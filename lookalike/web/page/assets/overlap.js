/** The part that a question and an image of the index have in common: in words, and as a way to lay one over the other. */

/**
 * Corners are in shares of a picture's width and height; corners of the same number show the same.
 * @typedef {[number, number]} Point
 * @typedef {{stored: Point[], question: Point[], share: number, rotation: number}} Overlap
 * @typedef {{width?: number, height?: number}} Size
 */

/** Shares from which on a part is as good as the whole: outlines end at the features that agree, not at the border. */
const WHOLE = 0.95;

/** Degrees and ratios that nobody would see. */
const SLIGHT_TURN = 1;
const SLIGHT_RATIO = 1.05;

/** The area of a polygon. @param {Point[]} corners */
const area = (corners) =>
  Math.abs(
    corners.reduce((sum, [x, y], at) => {
      const [nextX, nextY] = corners[(at + 1) % corners.length];
      return sum + (x * nextY - nextX * y) / 2;
    }, 0),
  );

/** Whether the question does not show all of the stored picture. @param {Overlap} overlap */
export const isPart = ({ share }) => share < WHOLE;

/** Whether the question shows something else, too. @param {Overlap} overlap */
const isPartOfQuestion = ({ question }) => area(question) < WHOLE;

/** Degrees clockwise, −180 to 180. @param {Overlap} overlap */
const turn = ({ rotation }) => ((((rotation + 180) % 360) + 360) % 360) - 180;

/** Whether the two differ in more than size. @param {Overlap} overlap */
export const isNotable = (overlap) =>
  isPart(overlap) || isPartOfQuestion(overlap) || Math.abs(turn(overlap)) >= SLIGHT_TURN;

/** @param {number} share */
const percent = (share) => `${Math.max(1, Math.round(share * 100))} %`;

/** How much larger the question shows the part, in pixels; 1 where that is unknown. @param {Overlap} overlap @param {Size} from @param {Size} to */
function ratio({ stored, question }, { width: w = 0, height: h = 0 }, { width = 0, height = 0 }) {
  const [asked, there] = [area(question) * w * h, area(stored) * width * height];
  return asked && there ? Math.sqrt(asked / there) : 1;
}

/**
 * `shows 52 % of it, turned by 10°, at 0.7 times the size`.
 * @param {Overlap} overlap @param {Size} from of the question's picture @param {Size} to of the stored picture
 */
export function inWords(overlap, from, to) {
  const degrees = turn(overlap);
  const size = ratio(overlap, from, to);
  return [
    `shows ${isPart(overlap) ? percent(overlap.share) : "all"} of it`,
    Math.abs(degrees) >= SLIGHT_TURN && `turned by ${Math.abs(Math.round(degrees))}°${degrees < 0 ? " counterclockwise" : ""}`,
    Math.max(size, 1 / size) >= SLIGHT_RATIO && `at ${Number(size.toPrecision(2))} times the size`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** How much of the question's own picture that is; empty where it is all. @param {Overlap} overlap */
export const ofQuestion = (overlap) => (isPartOfQuestion(overlap) ? `That is ${percent(area(overlap.question))} of your picture.` : "");

/**
 * The six numbers of `setTransform` that lay the question's picture over the stored one, so that the common parts lie on
 * each other; null where the part is too thin to tell. Families find similarities, so four corners say it twice over,
 * and the least squares of an affine transform take the rounding out.
 * @param {Overlap} overlap
 * @param {{width: number, height: number}} from the question's picture, as it is drawn
 * @param {{width: number, height: number}} to the stored picture, as it is drawn
 * @returns {[number, number, number, number, number, number]|null}
 */
export function alignment({ stored, question }, from, to) {
  const before = question.map(([x, y]) => [x * from.width, y * from.height]);
  const after = stored.map(([x, y]) => [x * to.width, y * to.height]);
  const middle = (/** @type {number[][]} */ points, /** @type {number} */ axis) =>
    points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const [x0, y0, u0, v0] = [middle(before, 0), middle(before, 1), middle(after, 0), middle(after, 1)];
  let [xx, xy, yy, ux, uy, vx, vy] = [0, 0, 0, 0, 0, 0, 0];
  before.forEach(([x, y], at) => {
    const [dx, dy, du, dv] = [x - x0, y - y0, after[at][0] - u0, after[at][1] - v0];
    xx += dx * dx;
    xy += dx * dy;
    yy += dy * dy;
    ux += du * dx;
    uy += du * dy;
    vx += dv * dx;
    vy += dv * dy;
  });
  const determinant = xx * yy - xy * xy;
  if (determinant < 1) return null;
  const [a, c] = [(ux * yy - uy * xy) / determinant, (uy * xx - ux * xy) / determinant];
  const [b, d] = [(vx * yy - vy * xy) / determinant, (vy * xx - vx * xy) / determinant];
  return [a, b, c, d, u0 - a * x0 - c * y0, v0 - b * x0 - d * y0];
}
