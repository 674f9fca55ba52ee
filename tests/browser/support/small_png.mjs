// A PNG made small: a page has few colours, so that each pixel is a place in a palette.

import { deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOURS_MAX = 256;

/** The chunks of a PNG: type and data. */
function chunks(png) {
  const found = [];
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    found.push({ type: png.toString("latin1", at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return found;
}

const CHECKS = Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum >>> 0;
});

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const sum = body.reduce((before, byte) => CHECKS[(before ^ byte) & 0xff] ^ (before >>> 8), 0xffffffff);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE((sum ^ 0xffffffff) >>> 0);
  return Buffer.concat([length, body, check]);
}

/** What a filtered byte was predicted to be, from the bytes to its left, above, and above its left. */
const PREDICTIONS = [
  () => 0,
  (left) => left,
  (left, up) => up,
  (left, up) => (left + up) >> 1,
  (left, up, corner) => {
    const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
    return a <= b && a <= c ? left : b <= c ? up : corner;
  },
];

/** The bytes of the pixels, without the filters of their lines. */
function pixelsOf(data, width, height, depth) {
  const line = width * depth;
  const pixels = Buffer.alloc(line * height);
  for (let row = 0; row < height; row++) {
    const predict = PREDICTIONS[data[row * (line + 1)]];
    for (let column = 0; column < line; column++) {
      const at = row * line + column;
      const left = column < depth ? 0 : pixels[at - depth];
      const up = row === 0 ? 0 : pixels[at - line];
      const corner = column < depth || row === 0 ? 0 : pixels[at - line - depth];
      pixels[at] = data[row * (line + 1) + column + 1] + predict(left, up, corner);
    }
  }
  return pixels;
}

/** The colours in use, those in use most first, when only the upper bits of each tell them apart. */
function coloursOf(pixels, depth, bits) {
  const mask = (0xff << (8 - bits)) & 0xff;
  const groups = new Map();
  for (let at = 0; at < pixels.length; at += depth) {
    const [red, green, blue] = [pixels[at], pixels[at + 1], pixels[at + 2]];
    const key = ((red & mask) << 16) | ((green & mask) << 8) | (blue & mask);
    const colour = (red << 16) | (green << 8) | blue;
    const group = groups.get(key) ?? groups.set(key, new Map()).get(key);
    group.set(colour, (group.get(colour) ?? 0) + 1);
  }
  return { mask, groups };
}

/** The same picture of an opaque page, smaller. */
export function small(png) {
  const parts = chunks(png);
  const { data: head } = parts.find(({ type }) => type === "IHDR");
  const [width, height, depth] = [head.readUInt32BE(0), head.readUInt32BE(4), head[9] === 6 ? 4 : 3];
  const packed = Buffer.concat(parts.filter(({ type }) => type === "IDAT").map(({ data }) => data));
  const pixels = pixelsOf(inflateSync(packed), width, height, depth);
  let bits = 8;
  let found = coloursOf(pixels, depth, bits);
  while (found.groups.size > COLOURS_MAX) found = coloursOf(pixels, depth, --bits);
  // Of colours that are not told apart, the one that most pixels have stands for all.
  const most = (group) => [...group].reduce((one, other) => (other[1] > one[1] ? other : one))[0];
  const palette = Buffer.alloc(found.groups.size * 3);
  const places = new Map([...found.groups].map(([key, group], place) => palette.writeUIntBE(most(group), place * 3, 3) && [key, place]));
  const lines = Buffer.alloc((width + 1) * height);
  for (let at = 0, pixel = 0; at < pixels.length; at += depth, pixel++) {
    const key = ((pixels[at] & found.mask) << 16) | ((pixels[at + 1] & found.mask) << 8) | (pixels[at + 2] & found.mask);
    lines[pixel + Math.floor(pixel / width) + 1] = places.get(key);
  }
  const indexed = Buffer.from(head);
  indexed[9] = 3;
  const made = [chunk("IHDR", indexed), chunk("PLTE", palette), chunk("IDAT", deflateSync(lines, { level: 9 })), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([SIGNATURE, ...made]);
}
